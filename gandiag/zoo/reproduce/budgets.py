"""What Lin et al. 2018 (PacGAN) found, with which budget, and with which one we look again."""

from __future__ import annotations

from dataclasses import dataclass

PACKS = (1, 2, 3, 4)


@dataclass(frozen=True)
class Published:
    """Mean and standard error of 10 trials: modes found, high quality in percent, reverse KL."""

    modes: tuple[float, float]
    high_quality: tuple[float, float]
    kl: tuple[float, float]


TABLE_1 = {
    "ring": {
        1: Published((6.3, 0.5), (98.2, 0.2), (0.45, 0.09)),
        2: Published((7.9, 0.1), (95.6, 2.0), (0.07, 0.03)),
        3: Published((7.8, 0.1), (97.7, 0.3), (0.10, 0.02)),
        4: Published((7.8, 0.1), (95.9, 1.4), (0.07, 0.02)),
    },
    "grid": {
        1: Published((17.3, 0.8), (94.8, 0.7), (0.70, 0.07)),
        2: Published((23.8, 0.7), (91.3, 0.8), (0.13, 0.04)),
        3: Published((24.6, 0.4), (94.2, 0.4), (0.06, 0.02)),
        4: Published((24.8, 0.2), (93.6, 0.6), (0.04, 0.01)),
    },
}


@dataclass(frozen=True, kw_only=True)
class Budget:
    """How large the experiment is; `PAPER` is that of Lin et al. 2018.

    Attributes
    ----------
    steps : generator updates
    generator : width and depth of G
    discriminator : width of D's three maxout layers, of 5 pieces each
    lr : learning rate of both Adams, beta1 is 0.8
    spread : factor of the modes' standard deviation
    """

    steps: int
    generator: tuple[int, int]
    discriminator: int
    lr: float
    spread: float = 1.0


PAPER = Budget(steps=400_000, generator=(400, 4), discriminator=200, lr=1e-4)
REDUCED = Budget(steps=2500, generator=(64, 3), discriminator=32, lr=1e-3, spread=5.0)


def deviations(budget: Budget) -> tuple[str, ...]:
    """In what a budget departs from the paper, in words."""
    parts = {
        "steps": (f"{budget.steps:,}", f"{PAPER.steps:,}"),
        "G's width and depth": (f"{budget.generator}", f"{PAPER.generator}"),
        "D's width": (f"{budget.discriminator}", f"{PAPER.discriminator}"),
        "learning rate": (f"{budget.lr:g}", f"{PAPER.lr:g}"),
        "factor of the modes' sd": (f"{budget.spread:g}", f"{PAPER.spread:g}"),
    }
    return tuple(f"{what}: {ours}, in the paper {theirs}" for what, (ours, theirs) in parts.items() if ours != theirs)

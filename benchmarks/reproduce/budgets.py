"""What Lin et al. 2018 (PacGAN) found, with which budget, and with which one we look again."""

from __future__ import annotations

from dataclasses import dataclass, fields
from typing import TYPE_CHECKING

from benchmarks.reproduce.gaussian import GaussianDiscriminator, GaussianGenerator
from gandiag.zoo.description import describe
from gandiag.zoo.dynamics import Alternating, Dynamics, Simultaneous
from gandiag.zoo.networks.mlp import MaxoutDiscriminator, MlpDiscriminator, MlpGenerator
from gandiag.zoo.optimizers import Adam, Optimizer

if TYPE_CHECKING:
    from gandiag.zoo.networks.plans import DiscriminatorPlan, GeneratorPlan

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
    """How the experiment is made; `PAPER` is that of Lin et al. 2018.

    Attributes
    ----------
    steps : generator updates
    generator, discriminator, latent : the networks, and the length of a latent
    optimizer : of both players
    dynamics : how they move
    spread : factor of the modes' standard deviation
    """

    steps: int
    generator: GeneratorPlan
    discriminator: DiscriminatorPlan
    latent: int
    optimizer: Optimizer
    dynamics: Dynamics
    spread: float = 1.0


PAPER = Budget(
    steps=400_000,
    generator=GaussianGenerator(MlpGenerator(width=400, depth=4)),
    discriminator=GaussianDiscriminator(MaxoutDiscriminator(width=200)),
    latent=2,
    optimizer=Adam(1e-4, (0.8, 0.999)),
    dynamics=Simultaneous(),
)
REDUCED = Budget(
    steps=1500,
    generator=MlpGenerator(batch_norm=False),
    discriminator=MlpDiscriminator(),
    latent=16,
    optimizer=Adam(1e-3),
    dynamics=Alternating(),
    spread=5.0,
)
"""Seconds instead of days: the zoo's networks on the ring. Chosen on seeds below 100, which no table reports."""


def deviations(budget: Budget) -> tuple[str, ...]:
    """In what a budget departs from the paper, in words."""
    ours, theirs = ({f.name: describe(getattr(b, f.name)) for f in fields(Budget)} for b in (budget, PAPER))
    return tuple(f"{name} {ours[name]}, in the paper {theirs[name]}" for name in ours if ours[name] != theirs[name])

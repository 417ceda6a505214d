"""Table 1 of Lin et al. 2018 (PacGAN): does packing find more modes?"""

from __future__ import annotations

import math
from concurrent.futures import ProcessPoolExecutor, as_completed
from dataclasses import dataclass
from functools import cache
from multiprocessing import get_context
from typing import TYPE_CHECKING

import torch

from benchmarks.reproduce.budgets import PACKS, REDUCED, TABLE_1, Budget, Published, deviations
from benchmarks.reproduce.intervals import Estimate, chance_of_larger, estimate
from gandiag.modes.coverage import mode_coverage
from gandiag.modes.mixtures import Mixture, preset
from gandiag.zoo.data import Data, mixture
from gandiag.zoo.inputs import Pack
from gandiag.zoo.recipe import Recipe
from gandiag.zoo.training import train

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

SAMPLES = 2500  # per evaluation, from latents that are the same in all trials
FIRST_SEED = 100  # those below chose the reduced budget


@dataclass(frozen=True, kw_only=True)
class Trial:
    """What one trained generator covers: the protocol of `gandiag.modes.coverage` on 2,500 samples."""

    pack: int
    seed: int
    modes: int
    robust: int
    high_quality: float
    kl: float


@dataclass(frozen=True, kw_only=True)
class PackRow:
    """All trials of one size of pack, beside the paper's."""

    pack: int
    modes: Estimate
    robust: Estimate
    high_quality: Estimate
    kl: Estimate
    published: Published


@dataclass(frozen=True, kw_only=True)
class Comparison:
    """One size of pack against plain training: one-sided p values of Mann and Whitney's test.

    Attributes
    ----------
    modes, robust, kl : p values of "packed finds more modes", "more modes with at least a tenth of their share",
        "packed has the smaller KL"
    """

    pack: int
    modes: float
    robust: float
    kl: float


@dataclass(frozen=True, kw_only=True)
class PacganTable:
    """Plain and packed training of one mixture."""

    target: str
    budget: Budget
    deviations: tuple[str, ...]
    trials: tuple[Trial, ...]
    rows: tuple[PackRow, ...]
    comparisons: tuple[Comparison, ...]


def reproduce_pacgan(
    target: str = "ring",
    *,
    trials: int = 10,
    budget: Budget = REDUCED,
    processes: int = 2,
    tell: Callable[[int, int], None] | None = None,
) -> PacganTable:
    """Train plain and packed GANs and compare what they cover.

    Parameters
    ----------
    target : "ring" (8 modes) or "grid" (25)
    trials : trainings of each size of pack, with seeds from 100: those below chose the reduced budget
    processes : trainings at a time, each on one thread
    tell : called with how many trainings are done, and how many there are

    Raises
    ------
    ValueError
        For another target, or fewer than one trial.
    """
    if target not in TABLE_1:
        raise ValueError(f"target must be ring or grid, found {target!r}")
    if trials < 1:
        raise ValueError(f"at least one trial is needed, found {trials}")
    jobs = [(target, pack, seed, budget) for seed in range(FIRST_SEED, FIRST_SEED + trials) for pack in PACKS]
    found = []
    for result in _results(jobs, processes):
        found.append(result)
        if tell is not None:
            tell(len(found), len(jobs))
    found.sort(key=lambda trial: (trial.pack, trial.seed))
    return PacganTable(
        target=target,
        budget=budget,
        deviations=deviations(budget),
        trials=tuple(found),
        rows=tuple(_row(target, pack, found) for pack in PACKS),
        comparisons=tuple(_compare(pack, found) for pack in PACKS[1:]),
    )


def pack_recipe(target: str, pack: int, seed: int, budget: Budget) -> Recipe:
    """The training of Lin et al. 2018; as in their code, a batch has 100 packs."""
    return Recipe(
        name=f"{target} packed by {pack}" if pack > 1 else f"{target} plain",
        says="D judges several samples at once, so that a collapsed G gives itself away.",
        paper="Lin et al. 2018",
        data=lambda: target_data(target, budget.spread),
        generator=budget.generator,
        discriminator=budget.discriminator,
        latent=budget.latent,
        batch=100 * pack,
        inputs=(Pack(pack),) if pack > 1 else (),
        generator_optimizer=budget.optimizer,
        discriminator_optimizer=budget.optimizer,
        dynamics=budget.dynamics,
        steps=budget.steps,
        seed=seed,
    )


@cache
def target_data(target: str, spread: float) -> Data:
    """The ring or the grid of Lin et al. 2018, its modes widened by a factor."""
    plain = preset({"ring": "ring8_pacgan", "grid": "grid25_pacgan"}[target])
    return mixture(target, Mixture(plain.name, plain.centres, spread * plain.sigmas, plain.weights))


def trial(target: str, pack: int, seed: int, budget: Budget) -> Trial:
    """Train once and look at 2,500 samples of G in evaluation mode."""
    game = train(pack_recipe(target, pack, seed, budget))
    latents = torch.randn(SAMPLES, budget.latent, generator=torch.Generator().manual_seed(0))
    game.generator.eval()
    with torch.no_grad():
        samples = game.generator(latents).numpy()
    truth = target_data(target, budget.spread).truth
    assert isinstance(truth, Mixture)  # noqa: S101 - for the type checker
    found = mode_coverage(samples, truth)
    return Trial(
        pack=pack, seed=seed, modes=found.captured, robust=found.robust, high_quality=found.high_quality, kl=found.kl
    )


def _results(jobs: list[tuple[str, int, int, Budget]], processes: int) -> Iterator[Trial]:
    if processes == 1:
        yield from (trial(*job) for job in jobs)
        return
    with ProcessPoolExecutor(processes, get_context("spawn"), torch.set_num_threads, (1,)) as pool:
        for done in as_completed([pool.submit(trial, *job) for job in jobs]):
            yield done.result()


def _row(target: str, pack: int, trials: list[Trial]) -> PackRow:
    of = [t for t in trials if t.pack == pack]
    return PackRow(
        pack=pack,
        modes=estimate([t.modes for t in of]),
        robust=estimate([t.robust for t in of]),
        high_quality=estimate([100 * t.high_quality for t in of]),
        kl=estimate([t.kl for t in of]),
        published=TABLE_1[target][pack],
    )


def _compare(pack: int, trials: list[Trial]) -> Comparison:
    plain, packed = ([t for t in trials if t.pack == m] for m in (1, pack))
    # no recognised sample at all is the worst KL there can be
    worst = [[math.inf if math.isnan(t.kl) else t.kl for t in of] for of in (plain, packed)]
    return Comparison(
        pack=pack,
        modes=chance_of_larger([t.modes for t in packed], [t.modes for t in plain]),
        robust=chance_of_larger([t.robust for t in packed], [t.robust for t in plain]),
        kl=chance_of_larger(worst[0], worst[1]),
    )

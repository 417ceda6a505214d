"""Configurations that are meant to fail: by their nature, or by something that is done to them at a known step."""

from __future__ import annotations

from dataclasses import replace
from functools import partial
from typing import TYPE_CHECKING

from benchmarks.corpus.configurations import Configuration
from benchmarks.corpus.healthy import TABULAR_R1
from gandiag.zoo import losses
from gandiag.zoo.dynamics import Alternating, Simultaneous
from gandiag.zoo.events import (
    Change,
    Clip,
    DeadLayer,
    DropClasses,
    DuplicateLatents,
    FewSamples,
    LearningRates,
    Move,
    NewLoss,
    RestartGenerator,
    WeightsNotFinite,
    at,
)
from gandiag.zoo.networks.analytic import ShiftGenerator
from gandiag.zoo.networks.mlp import MlpDiscriminator
from gandiag.zoo.optimizers import Adam, RmsProp
from gandiag.zoo.recipes import analytic, digits, points

if TYPE_CHECKING:
    from gandiag.zoo.recipe import Recipe

SEEDS = 5
EARLY = 0.4  # of the training, when faults are injected

_DIGITS = replace(digits.HEALTHY, steps=1200)
_RING, _RING_LSGAN, _GRID, _SWISS = (
    replace(r, steps=1500) for r in (points.R1_RING, points.LSGAN, points.GRID25, points.SWISS_ROLL)
)
_G_RUNS_AWAY = LearningRates(generator=5e-3, discriminator=2e-5)
_D_IS_OPTIMAL = (
    NewLoss(losses.MINIMAX),
    LearningRates(generator=1e-5, discriminator=2e-3),
    Move(Alternating(n_critic=3)),
)


def _hurt(recipe: Recipe, name: str, *changes: Change) -> Recipe:
    return replace(recipe, name=name, says="", paper="", events=at(EARLY, *changes))


_VANISHING = (
    _hurt(_DIGITS, "digits-minimax-optimal-d", *_D_IS_OPTIMAL),
    replace(
        _DIGITS, name="digits-minimax-strong-d", steps=1000, loss=losses.MINIMAX,
        discriminator_optimizer=Adam(5e-3), generator_optimizer=Adam(2e-5),
    ),
    _hurt(TABULAR_R1, "tabular-minimax-restarted-g", RestartGenerator(), *_D_IS_OPTIMAL),
    _hurt(_RING, "ring8-minimax-restarted-g", RestartGenerator(), *_D_IS_OPTIMAL),
)  # fmt: skip
_COLLAPSING = (
    replace(digits.COLLAPSING, steps=1200),
    _hurt(replace(_DIGITS, loss=losses.LEAST_SQUARES), "digits-lsgan-runaway-g", _G_RUNS_AWAY),
    replace(points.RING, name="ring8-simultaneous", dynamics=Simultaneous()),
    _hurt(_RING_LSGAN, "ring8-lsgan-runaway-g", _G_RUNS_AWAY),
    _hurt(_GRID, "grid25-runaway-g", _G_RUNS_AWAY),
    _hurt(_SWISS, "swiss-roll-runaway-g", _G_RUNS_AWAY),
    replace(TABULAR_R1, name="tabular-lsgan", loss=losses.LEAST_SQUARES, penalties=()),
    replace(TABULAR_R1, name="tabular-hinge", loss=losses.HINGE),
    replace(
        points.RING,
        name="ring8-spectral-norm",
        loss=losses.HINGE,
        discriminator=MlpDiscriminator(spectral_norm=True),
    ),
    points.UNDERTRAINED,
    _hurt(_DIGITS, "digits-dropped-classes", DropClasses((5, 6, 7, 8, 9))),
    _hurt(_RING, "ring8-dropped-modes", DropClasses((0, 1, 2))),
)
_ALIKE = (
    _hurt(_DIGITS, "digits-duplicate-latents", DuplicateLatents(2)),
    _hurt(TABULAR_R1, "tabular-duplicate-latents", DuplicateLatents(2)),
)


_CIRCLING = (
    *(
        replace(analytic.started_anywhere(recipe), batch=1)
        for recipe in (
            analytic.DIRAC,
            analytic.DIRAC_SIMULTANEOUS,
            analytic.DIRAC_FIVE,
            analytic.DIRAC_WGAN,
            analytic.DIRAC_WGAN_GP,
        )
    ),
    replace(analytic.GAUSSIAN, generator=ShiftGenerator()),
)
_DIVERGING = (
    _hurt(_RING, "ring8-learning-rate-spike", LearningRates(generator=0.3, discriminator=0.3)),
    _hurt(_DIGITS, "digits-learning-rate-spike", LearningRates(generator=0.1, discriminator=0.1)),
    replace(_DIGITS, name="digits-wgan-unconstrained", loss=losses.WASSERSTEIN, steps=1000),
)
_NOT_FINITE = (
    _hurt(_DIGITS, "digits-nan", WeightsNotFinite()),
    _hurt(_RING_LSGAN, "ring8-nan", WeightsNotFinite()),
)
_OTHER = (
    (_hurt(_DIGITS, "digits-dead-layer", DeadLayer()), "dead-layer"),
    (
        _hurt(replace(points.WGAN, batch=128, generator_optimizer=RmsProp(5e-4)), "ring8-extreme-clip", Clip(1e-4)),
        "critic-constraint",
    ),
    (_hurt(_DIGITS, "digits-few-samples", FewSamples(0.01)), "discriminator-overfitting"),
    (_hurt(_DIGITS, "digits-d-stopped", LearningRates(discriminator=0.0)), "discriminator-too-weak"),
)

_failing = partial(Configuration, seeds=SEEDS)

FAILING = (
    *(_failing(recipe=r, meant=("vanishing-gradients",)) for r in _VANISHING),
    *(_failing(recipe=r, meant=("mode-collapse",)) for r in _COLLAPSING),
    *(_failing(recipe=r, meant=("sample-collapse",)) for r in _ALIKE),
    *(_failing(recipe=r, meant=("oscillation",)) for r in _CIRCLING),
    *(_failing(recipe=r, meant=("divergence",)) for r in _DIVERGING),
    *(_failing(recipe=r, meant=("non-finite",)) for r in _NOT_FINITE),
    *(_failing(recipe=r, meant=(code,)) for r, code in _OTHER),
)

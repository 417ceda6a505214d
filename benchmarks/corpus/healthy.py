"""Configurations that are meant to work: nine kinds of loss and penalty on seven data sets."""

from __future__ import annotations

from dataclasses import replace

from benchmarks.corpus.configurations import Configuration
from gandiag.zoo import data, losses
from gandiag.zoo.networks.analytic import ShiftGenerator
from gandiag.zoo.networks.mlp import MlpDiscriminator, MlpGenerator
from gandiag.zoo.penalties import R1, Dragan
from gandiag.zoo.recipes import analytic, digits, points

SEEDS = 10

_DIGITS = replace(digits.HEALTHY, steps=1200)
_SWISS, _GRID = (replace(r, steps=1500) for r in (points.SWISS_ROLL, points.GRID25))
TABULAR_R1 = replace(
    points.R1_RING,
    name="tabular-r1",
    says="A table of numbers and categories in six segments; gandiag works without labels.",
    paper="Xu et al. 2019",
    data=data.tabular,
    generator=MlpGenerator(batch_norm=False, categories=data.TABULAR),
    steps=1500,
)

_RECIPES = (
    points.R1_RING,
    replace(points.R1_RING, name="ring8-r1-strong", penalties=(R1(1.0),)),
    points.R2_RING,
    points.LSGAN,
    replace(points.LSGAN, name="ring8-lsgan-r1", penalties=(R1(0.1),)),
    points.HINGE,
    points.DRAGAN,
    replace(points.WGAN_GP, steps=1200),
    points.INSTANCE_NOISE,
    points.PACKED[0],
    points.PACKED[1],
    points.AVERAGED,
    replace(points.TTUR, name="ring8-ttur-r1", penalties=(R1(0.1),)),
    _GRID,
    replace(_GRID, name="grid25-lsgan-r1", penalties=(R1(0.1),)),
    replace(_GRID, name="grid25-r1", loss=losses.NON_SATURATING, penalties=(R1(0.1),)),
    _SWISS,
    replace(_SWISS, name="swiss-roll-r1-strong", penalties=(R1(1.0),)),
    replace(_SWISS, name="swiss-roll-lsgan", loss=losses.LEAST_SQUARES, penalties=()),
    replace(TABULAR_R1, name="tabular-r1-strong", penalties=(R1(1.0),)),
    replace(TABULAR_R1, name="tabular-ragan", loss=losses.RELATIVISTIC_AVERAGE),
    replace(TABULAR_R1, name="tabular-dragan", penalties=(Dragan(1.0),)),
    replace(_DIGITS, name="digits-non-saturating"),
    replace(_DIGITS, name="digits-r1", penalties=(R1(1.0),)),
    replace(_DIGITS, name="digits-lsgan", loss=losses.LEAST_SQUARES),
    replace(_DIGITS, name="digits-hinge", loss=losses.HINGE, penalties=(R1(0.1),)),
    replace(_DIGITS, name="digits-ragan", loss=losses.RELATIVISTIC_AVERAGE, penalties=(R1(0.1),)),
    replace(_DIGITS, name="digits-dragan", penalties=(Dragan(1.0),)),
    replace(_DIGITS, name="digits-minibatch-std", discriminator=MlpDiscriminator(minibatch_std=True)),
    replace(digits.DIGITS_WGAN_GP, steps=1000),
    *(
        replace(analytic.started_anywhere(r), batch=1)
        for r in (analytic.DIRAC_R1, analytic.DIRAC_CRITICAL, analytic.DIRAC_CONSENSUS)
    ),
    replace(analytic.GAUSSIAN_OPTIMISTIC, generator=ShiftGenerator()),
    replace(analytic.GAUSSIAN_R1, generator=ShiftGenerator(), loss=losses.WASSERSTEIN, penalties=(R1(0.5),)),
)

HEALTHY = tuple(Configuration(recipe=recipe, seeds=SEEDS) for recipe in _RECIPES)

"""What people train, on many kinds of data: recorded as one line of code does, without labels or held-out samples.

No threshold of gandiag was ever fitted on these data sets, but for the 8x8 digits. `cause` names what went wrong, as in
`benchmarks.bench.causes`.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from itertools import zip_longest
from typing import TYPE_CHECKING

from benchmarks.corpus import kinds_of_data as kinds
from benchmarks.corpus import mistaken
from benchmarks.corpus.configurations import Configuration
from benchmarks.corpus.translating import Completing
from gandiag.zoo import losses
from gandiag.zoo.dynamics import Alternating
from gandiag.zoo.events import (
    Change,
    DuplicateLatents,
    Event,
    LearningRates,
    Move,
    NewLoss,
    RestartGenerator,
    WeightsNotFinite,
    at,
)
from gandiag.zoo.games.conditional import Conditional
from gandiag.zoo.networks.convolutional import DcganDiscriminator, DcganGenerator
from gandiag.zoo.networks.labelled import ConditionalDiscriminator, ConditionalGenerator
from gandiag.zoo.networks.mlp import MlpGenerator
from gandiag.zoo.optimizers import Adam, RmsProp
from gandiag.zoo.penalties import R1, GradientPenalty
from gandiag.zoo.recipes import digits, points

if TYPE_CHECKING:
    from collections.abc import Callable

    from gandiag.zoo.game import Game
    from gandiag.zoo.recipe import Recipe

SEEDS = 5
HURT = 0.4  # of the training, where something goes wrong at a known step
BEFORE, AFTER = 0.5, 50  # benign events: the share of the training at which they begin, and the steps that they last


@dataclass(frozen=True)
class ScaleRates:
    """Both learning rates times a factor."""

    factor: float

    def __call__(self, game: Game) -> None:
        for optimizer in (game.optimizer_g, game.optimizer_d):
            for group in optimizer.param_groups:
                group["lr"] *= self.factor


_POINTS = replace(points.R1_RING, batch=64, steps=1500)
_TABLE = replace(_POINTS, penalties=(R1(0.3),), generator_optimizer=Adam(5e-4), discriminator_optimizer=Adam(5e-4))
_IMAGES = replace(digits.HEALTHY, penalties=(R1(0.5),), steps=1500)
_LARGE = replace(_IMAGES, batch=64, latent=64, steps=1500, penalties=(R1(1.0),))
_DCGAN = replace(
    _LARGE, batch=32, steps=1000, generator=DcganGenerator(width=16), discriminator=DcganDiscriminator(width=16),
    penalties=(),
)  # fmt: skip

KINDS: dict[str, Recipe] = {
    "unequal-1d": replace(_POINTS, data=kinds.unequal_1d),
    "unequal-2d": replace(_POINTS, data=kinds.unequal_2d, batch=256),
    "mixture-8d": replace(_POINTS, data=kinds.mixture_8d, steps=2000),
    "breast-cancer": replace(_TABLE, data=kinds.breast_cancer, steps=2000),
    "wine": replace(_TABLE, data=kinds.wine, batch=32),
    "mixed-table": replace(
        _TABLE, data=kinds.mixed_table, generator=MlpGenerator(batch_norm=False, categories=kinds.MIXED), steps=2000
    ),
    "sines": replace(_IMAGES, data=kinds.sines, steps=2500),
    "digits": replace(_IMAGES, data=kinds.digits, batch=16, steps=3000),
    "eight-digits": replace(_IMAGES, data=kinds.eight_digits),
    "threes": replace(_LARGE, data=kinds.threes),
    "mnist": replace(_LARGE, data=kinds.mnist, steps=2000),
    "mnist-dcgan": replace(_DCGAN, data=kinds.mnist),
    "completing": replace(_IMAGES, data=kinds.digits, game=Completing, latent=64),
}
"""By name what works on each kind of data: a logistic loss with R1, but for the DCGAN."""


def _hurt(recipe: Recipe, *changes: Change) -> Recipe:
    return replace(recipe, events=at(HURT, *changes))


def _lsgan(recipe: Recipe) -> Recipe:
    return replace(recipe, loss=losses.LEAST_SQUARES)


def _wgan_gp(recipe: Recipe) -> Recipe:
    return replace(recipe, loss=losses.WASSERSTEIN, penalties=(GradientPenalty(1.0),), dynamics=Alternating(n_critic=2))


def _slow_d(recipe: Recipe) -> Recipe:
    return replace(recipe, generator_optimizer=Adam(1e-3), discriminator_optimizer=Adam(2e-5))


def _optimal_d(recipe: Recipe) -> Recipe:
    strong = LearningRates(generator=1e-5, discriminator=2e-3)
    return _hurt(recipe, RestartGenerator(), NewLoss(losses.MINIMAX), strong, Move(Alternating(n_critic=3)))


def _wgan_unbound(recipe: Recipe) -> Recipe:
    return replace(recipe, loss=losses.WASSERSTEIN, penalties=())


RUNAWAY = LearningRates(generator=5e-3, discriminator=2e-5)
_COLLAPSE = ("mode-collapse",)
_FAILING: dict[str, tuple[Callable[[Recipe], Recipe], tuple[str, ...], str]] = {
    "runaway-g": (lambda r: _hurt(r, RUNAWAY), _COLLAPSE, "G outruns D"),
    "slow-d": (_slow_d, _COLLAPSE, "G outruns D"),
    "optimal-d": (_optimal_d, ("vanishing-gradients",), "saturating loss"),
    "nan": (lambda r: _hurt(r, WeightsNotFinite()), ("non-finite",), "a weight not finite"),
    "d-stopped": (lambda r: _hurt(r, LearningRates(discriminator=0.0)), ("discriminator-too-weak",), "D stopped"),
    "rate-spike": (lambda r: _hurt(r, ScaleRates(200.0)), ("divergence",), "rates too high"),
    "two-latents": (lambda r: _hurt(r, DuplicateLatents(2)), ("sample-collapse",), "few latents"),
    "unbound-critic": (_wgan_unbound, ("penalty-error",), "critic without a bound"),
}
_EACH = ("runaway-g", "optimal-d")
_SOME = {
    "unequal-1d": ("slow-d", "nan"), "unequal-2d": ("d-stopped", "two-latents"), "mixture-8d": ("rate-spike",),
    "breast-cancer": ("slow-d",), "wine": ("unbound-critic",), "mixed-table": ("two-latents", "slow-d"),
    "sines": ("rate-spike", "slow-d"), "digits": ("slow-d",), "eight-digits": ("d-stopped", "nan"),
    "threes": ("two-latents",), "mnist": ("slow-d", "rate-spike"), "mnist-dcgan": (), "completing": ("d-stopped",),
}  # fmt: skip

_CONDITIONAL = replace(
    _IMAGES, data=kinds.digits, generator=ConditionalGenerator(), discriminator=ConditionalDiscriminator(),
    game=Conditional,
)  # fmt: skip
_FIRST, _SECOND = KINDS["eight-digits"], KINDS["mixture-8d"]


def _wrong(code: str, group: str, recipe: Recipe) -> Configuration:
    return _configuration(group, code, replace(recipe, steps=1000), (code,), code)


TOGETHER = {
    "eight-digits": "digits", "completing": "digits", "images": "digits", "conditional": "digits", "threes": "mnist",
    "mnist-dcgan": "mnist", "mixture": "mixture-8d",
}  # fmt: skip
"""Groups of configurations whose data another group has, too: both are held out at once."""


def _configuration(
    group: str, what: str, recipe: Recipe, meant: tuple[str, ...] = (), cause: str = ""
) -> Configuration:
    named = replace(recipe, name=f"{group}-{what}", says="", paper="", fails=())
    kind = TOGETHER.get(group, group)
    return Configuration(recipe=named, seeds=SEEDS, meant=meant, cause=cause, plain=True, kind=kind)


_MISTAKES = (
    *(
        _wrong(code, name, wrong)
        for name, recipe in (("images", _FIRST), ("mixture", _SECOND))
        for code, wrong in (
            ("not-learning", replace(recipe, dynamics=mistaken.GeneratorNeverStepped())),
            ("stale-copy", replace(recipe, game=mistaken.StaleDiscriminator)),
            ("same-direction", replace(recipe, loss=mistaken.WRONG_TARGET)),
            ("shared-update", replace(recipe, dynamics=mistaken.GradientsLeft())),
            ("repeated-latents", replace(recipe, game=mistaken.OneNoise)),
            ("double-sigmoid", replace(recipe, discriminator=mistaken.WithSigmoid(recipe.discriminator))),
            ("learning-rates", replace(recipe, discriminator_optimizer=Adam(1e-7))),
            ("update-ratio", replace(recipe, dynamics=Alternating(n_critic=25))),
        )
    ),
    _wrong("input-mismatch", "images", replace(_FIRST, data=mistaken.unscaled(kinds.digits))),
    _wrong("input-mismatch", "threes", replace(KINDS["threes"], data=mistaken.unscaled(kinds.threes))),
    _wrong("mode-switch", "images", replace(_FIRST, dynamics=mistaken.EvalForDiscriminator())),
    _wrong("mode-switch", "sines", replace(KINDS["sines"], dynamics=mistaken.EvalForDiscriminator())),
    _wrong("label-mismatch", "conditional", replace(_CONDITIONAL, game=mistaken.OtherLabels, penalties=())),
    _wrong("penalty-error", "images", replace(_wgan_gp(_FIRST), penalties=(mistaken.NormOverChannels(),))),
)


def without_mistake(name: str) -> Recipe | None:
    """What a configuration with a mistake in the loop would be without it; None for any other."""
    if name not in {mistake.name for mistake in _MISTAKES}:
        return None
    right = {"images": _FIRST, "mixture": _SECOND, "conditional": _CONDITIONAL}
    group, _, code = name.partition("-")
    recipe = right.get(group) or KINDS[group]
    return _wgan_gp(recipe) if code == "penalty-error" else recipe


def _for_a_while(recipe: Recipe, first: Change, back: Change) -> Recipe:
    return replace(recipe, events=(Event(BEFORE, first), Event(BEFORE + AFTER / recipe.steps, back)))


def _benign(recipe: Recipe) -> dict[str, Recipe]:
    rate = recipe.discriminator_optimizer.lr
    return {
        "rates-tripled": _for_a_while(recipe, ScaleRates(3.0), ScaleRates(1 / 3)),
        "d-frozen": _for_a_while(recipe, LearningRates(discriminator=0.0), LearningRates(discriminator=rate)),
        "decay": replace(recipe, events=tuple(Event(share / 10, ScaleRates(0.75)) for share in range(4, 10))),
        "average": replace(recipe, average=0.995),
        "rmsprop": replace(recipe, generator_optimizer=RmsProp(5e-4), discriminator_optimizer=RmsProp(5e-4)),
    }


WORKING = (
    *(_configuration(name, "r1", recipe) for name, recipe in KINDS.items()),
    *(_configuration(name, "lsgan", _lsgan(recipe)) for name, recipe in KINDS.items() if name != "mnist-dcgan"),
    *(_configuration(name, "wgan-gp", _wgan_gp(recipe)) for name, recipe in KINDS.items() if name != "mnist-dcgan"),
    _configuration("conditional", "r1", _CONDITIONAL),
    *(
        _configuration(name, what, recipe)
        for name in ("unequal-2d", "breast-cancer", "eight-digits")
        for what, recipe in _benign(KINDS[name]).items()
    ),
)
_HURT = tuple(
    _configuration(name, how, _FAILING[how][0](recipe), *_FAILING[how][1:])
    for name, recipe in KINDS.items()
    for how in (*_EACH, *_SOME[name])
)
BROKEN = (*_HURT, *_MISTAKES)
OF_KINDS = tuple(c for some in zip_longest(WORKING, _HURT, _MISTAKES) for c in some if c is not None)
"""In turn what works, what fails and what is mistaken."""

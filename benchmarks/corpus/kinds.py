"""What goes wrong on many kinds of data: failures by nature or at a known step, and mistakes in the loop.

`cause` names what went wrong, as in `benchmarks.bench.causes`.
"""

from __future__ import annotations

from dataclasses import replace
from itertools import zip_longest
from typing import TYPE_CHECKING

from benchmarks.corpus import kinds_of_data as kinds
from benchmarks.corpus import mistaken
from benchmarks.corpus.working_kinds import CONDITIONAL, KINDS, WORKING, ScaleRates, configuration, wgan_gp
from gandiag.zoo import losses
from gandiag.zoo.dynamics import Alternating
from gandiag.zoo.events import (
    Change,
    DeadLayer,
    DuplicateLatents,
    FewSamples,
    LearningRates,
    Move,
    NewLoss,
    RestartGenerator,
    WeightsNotFinite,
    at,
)
from gandiag.zoo.optimizers import Adam

if TYPE_CHECKING:
    from collections.abc import Callable

    from benchmarks.corpus.configurations import Configuration
    from gandiag.zoo.recipe import Recipe

HURT = 0.4  # of the training, where something goes wrong at a known step


def _hurt(recipe: Recipe, *changes: Change) -> Recipe:
    return replace(recipe, events=at(HURT, *changes))


def _slow_d(recipe: Recipe) -> Recipe:
    return replace(recipe, generator_optimizer=Adam(1e-3), discriminator_optimizer=Adam(2e-5))


def _optimal_d(recipe: Recipe) -> Recipe:
    strong = LearningRates(generator=1e-5, discriminator=2e-3)
    return _hurt(recipe, RestartGenerator(), NewLoss(losses.MINIMAX), strong, Move(Alternating(n_critic=3)))


def _dead_d(recipe: Recipe) -> Recipe:
    relu = mistaken.WithRelu(recipe.discriminator)
    return _hurt(replace(recipe, discriminator=relu), DeadLayer(player="discriminator"))


def _too_slow(recipe: Recipe) -> Recipe:
    return replace(recipe, generator_optimizer=Adam(2e-7), discriminator_optimizer=Adam(2e-7))


def _strong_d(recipe: Recipe) -> Recipe:
    return replace(recipe, penalties=(), generator_optimizer=Adam(2e-5), discriminator_optimizer=Adam(5e-3))


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
    "dead-g": (lambda r: _hurt(r, DeadLayer()), ("dead-layer",), "dead layer"),
    "dead-d": (_dead_d, ("dead-layer",), "dead layer"),
    "too-slow": (_too_slow, ("stagnation",), "rates too low"),
    "strong-d": (_strong_d, ("discriminator-dominance",), "D outruns G"),
    "few-samples": (lambda r: _hurt(r, FewSamples(0.01)), ("discriminator-overfitting",), "too few samples"),
    "unbound-critic": (_wgan_unbound, ("penalty-error",), "critic without a bound"),
}
_EACH = ("runaway-g", "optimal-d")
_SOME = {
    "unequal-1d": ("slow-d", "nan"),
    "unequal-2d": ("d-stopped", "two-latents"),
    "mixture-8d": ("rate-spike", "dead-g"),
    "breast-cancer": ("slow-d", "dead-g", "strong-d"),
    "wine": ("unbound-critic",),
    "mixed-table": ("two-latents", "slow-d"),
    "sines": ("rate-spike", "slow-d", "dead-d", "too-slow"),
    "digits": ("slow-d", "few-samples", "too-slow"),
    "eight-digits": ("d-stopped", "nan", "strong-d"),
    "threes": ("two-latents", "dead-d"),
    "mnist": ("slow-d", "rate-spike", "few-samples", "strong-d"),
    "mnist-dcgan": ("dead-g",),
    "mnist-resnet": (),
    "completing": ("d-stopped", "too-slow"),
}

_FIRST, _SECOND = KINDS["eight-digits"], KINDS["mixture-8d"]


def _wrong(code: str, group: str, recipe: Recipe) -> Configuration:
    return configuration(group, code, replace(recipe, steps=1000), (code,), code)


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
    _wrong("label-mismatch", "conditional", replace(CONDITIONAL, game=mistaken.OtherLabels, penalties=())),
    configuration(
        "conditional", "still", replace(CONDITIONAL, game=mistaken.OneClassStill), ("class-collapse",), "no noise"
    ),
    _wrong("penalty-error", "images", replace(wgan_gp(_FIRST), penalties=(mistaken.NormOverChannels(),))),
)


def without_mistake(name: str) -> Recipe | None:
    """What a configuration with a mistake in the loop would be without it; None for any other."""
    if name not in {mistake.name for mistake in _MISTAKES}:
        return None
    right = {"images": _FIRST, "mixture": _SECOND, "conditional": CONDITIONAL}
    group, _, code = name.partition("-")
    recipe = right.get(group) or KINDS[group]
    return wgan_gp(recipe) if code == "penalty-error" else recipe


_HURT = tuple(
    configuration(name, how, _FAILING[how][0](recipe), *_FAILING[how][1:], held_out=how == "few-samples")
    for name, recipe in KINDS.items()
    for how in (*_EACH, *_SOME[name])
)
_COPIED = tuple(
    configuration(name, "copied", few, ("memorisation",), "too few samples", copying=True)
    for name, few in (
        ("digits", replace(KINDS["digits"], data=kinds.few_digits, penalties=())),
        ("threes", replace(KINDS["threes"], data=kinds.few_threes, penalties=(), steps=3000)),
    )
)
BROKEN = (*_HURT, *_COPIED, *_MISTAKES)
OF_KINDS = tuple(c for some in zip_longest(WORKING, (*_HURT, *_COPIED), _MISTAKES) for c in some if c is not None)
"""In turn what works, what fails and what is mistaken."""

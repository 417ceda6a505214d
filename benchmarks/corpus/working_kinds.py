"""What works on many kinds of data that people train on, and on which no threshold was fitted but for the 8x8 digits.

Recorded as one line of code does, without labels or held-out samples.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from benchmarks.corpus import kinds_of_data as kinds
from benchmarks.corpus.configurations import Configuration
from benchmarks.corpus.translating import Completing
from gandiag.zoo import losses
from gandiag.zoo.dynamics import Alternating
from gandiag.zoo.events import Change, Event, LearningRates
from gandiag.zoo.games.conditional import Conditional
from gandiag.zoo.networks.convolutional import DcganDiscriminator, DcganGenerator
from gandiag.zoo.networks.labelled import ConditionalDiscriminator, ConditionalGenerator
from gandiag.zoo.networks.mlp import MlpGenerator
from gandiag.zoo.networks.residual import ResidualDiscriminator, ResidualGenerator
from gandiag.zoo.optimizers import Adam, RmsProp, Sgd
from gandiag.zoo.penalties import R1, GradientPenalty
from gandiag.zoo.recipes import digits, points

if TYPE_CHECKING:
    from gandiag.zoo.game import Game
    from gandiag.zoo.recipe import Recipe

WORK, FAIL, SLOW = 4, 3, 2
"""Seeds of what works, of what fails, and of the convolutional networks, which take minutes."""
BEFORE, AFTER = 0.5, 50  # benign events: the share of the training at which they begin, and the steps that they last


@dataclass(frozen=True)
class ScaleRates:
    """Both learning rates times a factor."""

    factor: float

    def __call__(self, game: Game) -> None:
        for optimizer in (game.optimizer_g, game.optimizer_d):
            for group in optimizer.param_groups:
                group["lr"] *= self.factor


@dataclass(frozen=True)
class Resumed:
    """Optimizers without a past, as after a restart from a checkpoint that holds the networks alone."""

    def __call__(self, game: Game) -> None:
        for optimizer in (game.optimizer_g, game.optimizer_d):
            optimizer.state.clear()


_POINTS = replace(points.R1_RING, batch=64, steps=1500)
_TABLE = replace(_POINTS, penalties=(R1(0.3),), generator_optimizer=Adam(5e-4), discriminator_optimizer=Adam(5e-4))
_IMAGES = replace(digits.HEALTHY, penalties=(R1(0.5),), steps=1500)
_LARGE = replace(_IMAGES, batch=64, latent=64, steps=1500, penalties=(R1(1.0),))
_DCGAN = replace(
    _LARGE, batch=32, steps=1000, generator=DcganGenerator(width=16), discriminator=DcganDiscriminator(width=16),
    penalties=(),
)  # fmt: skip
_RESNET = replace(
    _DCGAN, loss=losses.HINGE, steps=600, generator=ResidualGenerator(), discriminator=ResidualDiscriminator(),
    dynamics=Alternating(n_critic=2),
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
    "mnist-resnet": replace(_RESNET, data=kinds.mnist),
    "completing": replace(_IMAGES, data=kinds.digits, game=Completing, latent=64),
}
"""By name what works on each kind of data: a logistic loss with R1, but for the convolutional ones."""
_AS_PUBLISHED = ("mnist-dcgan", "mnist-resnet")


def lsgan(recipe: Recipe) -> Recipe:
    return replace(recipe, loss=losses.LEAST_SQUARES)


def wgan_gp(recipe: Recipe) -> Recipe:
    return replace(recipe, loss=losses.WASSERSTEIN, penalties=(GradientPenalty(1.0),), dynamics=Alternating(n_critic=2))


CONDITIONAL = replace(
    _IMAGES, data=kinds.digits, generator=ConditionalGenerator(), discriminator=ConditionalDiscriminator(),
    game=Conditional,
)  # fmt: skip
TOGETHER = {
    "eight-digits": "digits", "completing": "digits", "images": "digits", "conditional": "digits", "threes": "mnist",
    "mnist-dcgan": "mnist", "mnist-resnet": "mnist", "mixture": "mixture-8d",
}  # fmt: skip
"""Groups of configurations whose data another group has, too: both are held out at once."""


def configuration(
    group: str, what: str, recipe: Recipe, meant: tuple[str, ...] = (), cause: str = "", **recorded: bool
) -> Configuration:
    """A recipe under the name `group`-`what`; `meant`, `cause` and how it is recorded as in `Configuration`."""
    few = SLOW if group in _AS_PUBLISHED else FAIL
    return Configuration(
        recipe=replace(recipe, name=f"{group}-{what}", says="", paper="", fails=()),
        seeds=few if meant or TOGETHER.get(group, group) == "mnist" else WORK,
        meant=meant,
        cause=cause,
        plain=True,
        **recorded,
        kind=TOGETHER.get(group, group),
    )


def _for_a_while(recipe: Recipe, first: Change, back: Change) -> Recipe:
    return replace(recipe, events=(Event(BEFORE, first), Event(BEFORE + AFTER / recipe.steps, back)))


_RESTARTS = {3: 0.5, 4: 0.5, 5: 4.0, 6: 0.5, 7: 0.5, 8: 4.0}


def _benign(recipe: Recipe) -> dict[str, Recipe]:
    rate = recipe.discriminator_optimizer.lr
    return {
        "rates-tripled": _for_a_while(recipe, ScaleRates(3.0), ScaleRates(1 / 3)),
        "d-frozen": _for_a_while(recipe, LearningRates(discriminator=0.0), LearningRates(discriminator=rate)),
        "decay": replace(recipe, events=tuple(Event(share / 10, ScaleRates(0.75)) for share in range(4, 10))),
        "warm-restarts": replace(recipe, events=tuple(Event(s / 10, ScaleRates(_RESTARTS[s])) for s in _RESTARTS)),
        "resumed": replace(recipe, events=(Event(BEFORE, Resumed()),)),
        "average": replace(recipe, average=0.995),
        "rmsprop": replace(recipe, generator_optimizer=RmsProp(5e-4), discriminator_optimizer=RmsProp(5e-4)),
    }


WORKING = (
    *(configuration(n, "usual" if n in _AS_PUBLISHED else "r1", recipe) for n, recipe in KINDS.items()),
    *(configuration(n, "lsgan", lsgan(recipe)) for n, recipe in KINDS.items() if n not in _AS_PUBLISHED),
    *(configuration(n, "wgan-gp", wgan_gp(recipe)) for n, recipe in KINDS.items() if n not in _AS_PUBLISHED),
    configuration("conditional", "r1", CONDITIONAL),
    configuration("digits", "compared", KINDS["digits"], copying=True),
    *(
        configuration(name, what, recipe)
        for name in ("unequal-2d", "breast-cancer", "eight-digits")
        for what, recipe in _benign(KINDS[name]).items()
    ),
    *(
        configuration(name, "long", replace(KINDS[name], steps=steps))
        for name, steps in (("unequal-2d", 8000), ("breast-cancer", 6000), ("mnist", 5000))
    ),
    configuration(
        "unequal-2d",
        "sgd",
        replace(KINDS["unequal-2d"], generator_optimizer=Sgd(0.05), discriminator_optimizer=Sgd(0.05), steps=4000),
    ),
)

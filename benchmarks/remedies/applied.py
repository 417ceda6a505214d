"""Remedies as changes to a recipe."""

from __future__ import annotations

from collections import deque
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

import torch
from torch import Tensor, nn

from benchmarks.bench.causes import CAUSES
from benchmarks.corpus.kinds import without_mistake
from benchmarks.corpus.working_kinds import ScaleRates
from gandiag.zoo import losses
from gandiag.zoo.dynamics import Alternating, Unrolled
from gandiag.zoo.events import (
    Clip,
    DeadLayer,
    DuplicateLatents,
    Event,
    LearningRates,
    Move,
    NewLoss,
    RestartGenerator,
    WeightsNotFinite,
)
from gandiag.zoo.game import Game
from gandiag.zoo.inputs import InstanceNoise, Pack
from gandiag.zoo.networks.mlp import MlpDiscriminator
from gandiag.zoo.optimizers import Adam, Optimistic, Sgd
from gandiag.zoo.penalties import R1, GradientPenalty

if TYPE_CHECKING:
    from collections.abc import Callable

    from gandiag.zoo.events import Change
    from gandiag.zoo.recipe import Recipe

    Edit = Callable[[Recipe], Recipe]


def applied(remedy: str, recipe: Recipe, cause: str, onset: int = 1) -> Recipe | None:
    """The recipe after a remedy; None where the remedy is no change of this training, or none that is known here.

    `onset` is the step from which something was found; a training that is rolled back goes on from before it with
    other random numbers. What happens in the middle of a training happens all the same, but for what the remedy sets
    right. Against a mistake in the loop a remedy that fits is the same training without the mistake, any other leaves
    the mistake where it is.
    """
    mended = without_mistake(recipe.name)
    if mended is not None and remedy in CAUSES[cause].remedies:
        return replace(mended, name=recipe.name, seed=recipe.seed, steps=recipe.steps)
    if remedy == ROLL_BACK:
        return _rolled_back(recipe, onset)
    changed = EDITS[remedy](recipe) if remedy in EDITS else recipe
    return None if changed == recipe else changed


@dataclass(frozen=True)
class Leaky:
    """A network of a plan with LeakyReLU (0.2) in place of each ReLU."""

    plan: Callable[..., nn.Module]

    def __call__(self, *sizes: Any) -> nn.Module:
        network = self.plan(*sizes)
        for name, module in list(network.named_modules()):
            if isinstance(module, nn.ReLU):
                network.set_submodule(name, nn.LeakyReLU(0.2))
        return network


class Replaying(Game):
    """D sees old samples of G in half of each batch, from up to fifty earlier steps (Shrivastava et al. 2017)."""

    def __init__(self, recipe: Recipe) -> None:
        super().__init__(recipe)
        self._seen: deque[Tensor] = deque(maxlen=50)
        self._for_d = False

    def discriminator_loss(self, *, detach: bool = True) -> Tensor:
        """As ever, on generated samples of which half are old."""
        self._for_d = True
        try:
            return super().discriminator_loss(detach=detach)
        finally:
            self._for_d = False

    def fake(self, labels: Tensor) -> Tensor:
        """Generated samples; for D every second one from a batch of some earlier step."""
        samples = super().fake(labels)
        if not self._for_d:
            return samples
        self._seen.append(samples.detach())
        old = self._seen[int(torch.randint(len(self._seen), ()))]
        return torch.cat([samples[::2], old[1::2]])


def _leaky(recipe: Recipe) -> Recipe:
    networks: dict[str, Any] = {"generator": Leaky(recipe.generator), "discriminator": Leaky(recipe.discriminator)}
    return replace(recipe, **networks)


def _events(recipe: Recipe, change: Callable[[Change], Change | None]) -> Recipe:
    """The recipe with each of its events changed, or left out where the change is None."""
    kept = [(event, change(event.change)) for event in recipe.events]
    return replace(recipe, events=tuple(replace(event, change=new) for event, new in kept if new is not None))


def _without(*kinds: type) -> Edit:
    return lambda recipe: _events(recipe, lambda change: None if isinstance(change, kinds) else change)


def _rates(generator: float, discriminator: float) -> Edit:
    """Both learning rates, from the start and from each event on that sets them."""

    def edit(recipe: Recipe) -> Recipe:
        def set_again(change: Change) -> Change:
            return LearningRates(generator, discriminator) if isinstance(change, LearningRates) else change

        begun = replace(recipe, generator_optimizer=Adam(generator), discriminator_optimizer=Adam(discriminator))
        return _events(begun, set_again)

    return edit


def _halved(*, generator: bool) -> Edit:
    """D's learning rate halved, and G's too."""

    def edit(recipe: Recipe) -> Recipe:
        def half(change: Change) -> Change:
            if isinstance(change, ScaleRates):
                return ScaleRates(change.factor / 2)
            if not isinstance(change, LearningRates):
                return change
            rates = change.generator, change.discriminator
            less = [None if rate is None else rate / 2 for rate in rates]
            return LearningRates(less[0] if generator else rates[0], less[1])

        slower = replace(recipe, discriminator_optimizer=Adam(recipe.discriminator_optimizer.lr / 2))
        if generator:
            slower = replace(slower, generator_optimizer=Adam(recipe.generator_optimizer.lr / 2))
        return _events(slower, half)

    return edit


def _loss(loss: losses.Loss, *penalties: GradientPenalty) -> Edit:
    def edit(recipe: Recipe) -> Recipe:
        later = _events(recipe, lambda change: None if isinstance(change, NewLoss) else change)
        return replace(later, loss=loss, penalties=penalties or recipe.penalties)

    return edit


def _without_momentum(recipe: Recipe) -> Recipe:
    g, d = recipe.generator_optimizer, recipe.discriminator_optimizer
    if not isinstance(g, Adam) or not isinstance(d, Adam):
        return recipe
    return replace(
        recipe, generator_optimizer=replace(g, betas=NO_PAST), discriminator_optimizer=replace(d, betas=NO_PAST)
    )


def _optimistic(recipe: Recipe) -> Recipe:
    g, d = recipe.generator_optimizer, recipe.discriminator_optimizer
    if not isinstance(g, Sgd) or not isinstance(d, Sgd):  # only beside plain gradient descent is it this optimizer
        return recipe
    return replace(recipe, generator_optimizer=Optimistic(g.lr), discriminator_optimizer=Optimistic(d.lr))


def _wider(recipe: Recipe) -> Recipe:
    wider = _events(recipe, lambda change: BOUND if isinstance(change, Clip) else change)
    return replace(wider, constraint=BOUND.constrain)


@dataclass(frozen=True)
class OtherNumbers:
    """The stream of random numbers of another seed from here on."""

    seed: int

    def __call__(self, _game: Game, /) -> None:
        torch.manual_seed(self.seed)


def _rolled_back(recipe: Recipe, onset: int) -> Recipe:
    """The same up to a step before the onset, then other random numbers; an accident happens once."""
    spared = _without(WeightsNotFinite, RestartGenerator, DeadLayer)(recipe)
    again = Event((onset - 1) / recipe.steps, OtherNumbers(recipe.seed + 1))
    return replace(spared, events=(*spared.events, again))


def _less_d(recipe: Recipe) -> Recipe:
    slower = _events(_halved(generator=False)(recipe), lambda change: None if isinstance(change, Move) else change)
    return replace(slower, dynamics=Alternating())


ROLL_BACK = "roll-back"
NO_PAST = (0.0, 0.999)  # betas of Adam
BOUND = Clip(0.03)

EDITS: dict[str, Edit] = {
    "rates-of-one-scale": _rates(2e-4, 2e-4),
    "set-rate": _rates(2e-4, 2e-4),
    "faster-discriminator": _rates(1e-4, 4e-4),
    "lower-learning-rates": _halved(generator=True),
    "train-d-less": _less_d,
    "more-discriminator-steps": lambda recipe: replace(recipe, dynamics=Alternating(n_critic=3)),
    "non-saturating-loss": _loss(losses.NON_SATURATING),
    "wgan-gp": _loss(losses.WASSERSTEIN, GradientPenalty(1.0)),
    "r1-penalty": lambda recipe: replace(recipe, penalties=(*recipe.penalties, R1(1.0))),
    "spectral-norm": lambda recipe: replace(recipe, discriminator=MlpDiscriminator(spectral_norm=True)),
    "minibatch-stddev": lambda recipe: replace(recipe, discriminator=MlpDiscriminator(minibatch_std=True)),
    "instance-noise": lambda recipe: replace(recipe, inputs=(InstanceNoise(0.5),)),
    "packing": lambda recipe: replace(recipe, inputs=(Pack(2),)),
    "unrolled-gan": lambda recipe: replace(recipe, dynamics=Unrolled(k=5, lr=0.01)),
    "raise-learning-rate": _rates(5e-4, 5e-4),
    "leaky-relu": _leaky,
    "bound-the-critic": lambda recipe: replace(recipe, constraint=BOUND.constrain),
    "clip-bound": _wider,
    "lower-beta1": _without_momentum,
    "optimistic-gradients": _optimistic,
    "experience-replay": lambda recipe: replace(recipe, game=Replaying),
    "fresh-layer": _without(DeadLayer),
    "fresh-latents": _without(DuplicateLatents),
    "rates-as-before": _without(ScaleRates, LearningRates),
}
"""By name of a remedy; those that are no change of a training (test-d-alone, early-stop) are not among them."""
KNOWN = (*EDITS, ROLL_BACK)
"""All that can be tried: where a training is rolled back to is known of the run alone."""

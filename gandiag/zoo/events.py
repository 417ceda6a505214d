"""What goes wrong on purpose, at a known step: faults that happen to people's trainings."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal, Protocol

import torch
from torch import nn

if TYPE_CHECKING:
    from gandiag.zoo.dynamics import Dynamics
    from gandiag.zoo.game import Game
    from gandiag.zoo.losses import Loss


class Change(Protocol):
    """Something that is done to a game between two steps."""

    def __call__(self, game: Game, /) -> None:
        """Change the game in place."""
        ...


@dataclass(frozen=True)
class Event:
    """A change that happens before the first step after the share `at` of the training."""

    at: float
    change: Change

    def step(self, steps: int) -> int:
        """The first step that it affects, from 1."""
        return int(self.at * steps + 1e-9) + 1  # 0.29 * 100 is a little below 29


@dataclass(frozen=True)
class LearningRates:
    """New learning rates; None leaves one as it is."""

    generator: float | None = None
    discriminator: float | None = None

    def __call__(self, game: Game) -> None:
        for optimizer, lr in ((game.optimizer_g, self.generator), (game.optimizer_d, self.discriminator)):
            if lr is not None:
                for group in optimizer.param_groups:
                    group["lr"] = lr


@dataclass(frozen=True)
class NewLoss:
    """Another loss, and no penalty beside it."""

    loss: Loss

    def __call__(self, game: Game) -> None:
        game.loss, game.penalties = self.loss, ()


@dataclass(frozen=True)
class Move:
    """Another way of moving, for instance many steps of D for one of G."""

    dynamics: Dynamics

    def __call__(self, game: Game) -> None:
        game.dynamics = self.dynamics


@dataclass(frozen=True)
class DropClasses:
    """A data loader that no longer finds some classes."""

    labels: tuple[int, ...]

    def __call__(self, game: Game) -> None:
        game.data = game.data.without(*self.labels)


@dataclass(frozen=True)
class FewSamples:
    """A data loader that sees only the first part of the data set."""

    share: float = 0.01

    def __call__(self, game: Game) -> None:
        game.data = game.data.first(max(1, round(self.share * len(game.data.samples))))


@dataclass(frozen=True)
class DuplicateLatents:
    """A seed that is set anew in every step: each batch has the same few latents."""

    distinct: int = 2

    def __call__(self, game: Game) -> None:
        few = game.latents(self.distinct)
        game.latents = lambda n: few[torch.arange(n) % len(few)]  # type: ignore[method-assign]


@dataclass(frozen=True)
class RestartGenerator:
    """G starts from scratch while D goes on: a checkpoint of which only one half was loaded."""

    def __call__(self, game: Game) -> None:
        fresh = game.recipe.generator(game.recipe.latent, game.data.shape)
        game.generator.load_state_dict(fresh.state_dict())


@dataclass(frozen=True)
class WeightsNotFinite:
    """A NaN in one weight of G, as a bad batch or a broken kernel leaves it."""

    def __call__(self, game: Game) -> None:
        with torch.no_grad():
            next(game.generator.parameters()).view(-1)[0] = float("nan")


@dataclass(frozen=True)
class DeadLayer:
    """The last hidden layer of a player gets a bias so negative that its ReLU is off, and no gradient passes it."""

    bias: float = -1e3
    player: Literal["generator", "discriminator"] = "generator"

    def __call__(self, game: Game) -> None:
        modules = getattr(game, self.player).modules()
        shifting = [m for m in modules if isinstance(m, nn.BatchNorm1d | nn.BatchNorm2d | nn.Linear)]
        hidden = shifting[-2]
        with torch.no_grad():
            hidden.bias.fill_(self.bias)


@dataclass(frozen=True)
class Clip:
    """All weights of the critic in [-bound, bound] (Arjovsky et al. 2017); as an event, from then on."""

    bound: float = 0.01

    def __call__(self, game: Game) -> None:
        game.constraint = self.constrain

    def constrain(self, critic: nn.Module) -> None:
        """Clip the weights of a critic."""
        clip_weights(critic, self.bound)


@torch.no_grad()
def clip_weights(critic: nn.Module, bound: float) -> None:
    """Clip every weight of a critic to [-bound, bound], in place."""
    for weight in critic.parameters():
        weight.clamp_(-bound, bound)


def at(share: float, *changes: Change) -> tuple[Event, ...]:
    """Several changes at once."""
    return tuple(Event(share, change) for change in changes)

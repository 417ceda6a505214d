"""What is added to D's loss so that D stays smooth. Each is called with the game and one batch of each kind."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Protocol

import torch
from torch import Tensor

if TYPE_CHECKING:
    from gandiag.zoo.game import Game


class Penalty(Protocol):
    """A term of D's loss."""

    def __call__(self, game: Game, real: Tensor, fake: Tensor, labels: Tensor) -> Tensor:
        """A scalar, from real and generated samples (B, ...) and the labels (B,) of both."""
        ...


def input_gradients(game: Game, points: Tensor, labels: Tensor) -> Tensor:
    """Gradient of D's output with respect to each of its input samples, (B, D), itself differentiable.

    The outputs are summed: where samples do not influence each other's outputs, each row is that sample's gradient.
    """
    points = points.detach().requires_grad_()
    (gradients,) = torch.autograd.grad(game.judge(points, labels).sum(), points, create_graph=True)
    flat: Tensor = gradients.flatten(1)
    return flat


@dataclass(frozen=True)
class GradientPenalty:
    """weight * E (|grad f| - target)^2 on lines between real and generated samples (Gulrajani et al. 2017)."""

    weight: float = 10.0
    target: float = 1.0

    def __call__(self, game: Game, real: Tensor, fake: Tensor, labels: Tensor) -> Tensor:
        share = torch.rand(len(real), *[1] * (real.ndim - 1), device=real.device)
        between = share * real + (1 - share) * fake.detach()
        norms = input_gradients(game, between, labels).norm(dim=1)
        penalty: Tensor = self.weight * (norms - self.target).square().mean()
        return penalty


@dataclass(frozen=True)
class Dragan:
    """weight * E (|grad D| - 1)^2 around real samples, moved by noise of half their spread (Kodali et al. 2017)."""

    weight: float = 10.0

    def __call__(self, game: Game, real: Tensor, fake: Tensor, labels: Tensor) -> Tensor:
        spread = real.std() if real.numel() > 1 else real.new_zeros(())
        around = real + 0.5 * spread * torch.rand_like(real)
        norms = input_gradients(game, around, labels).norm(dim=1)
        penalty: Tensor = self.weight * (norms - 1).square().mean()
        return penalty


@dataclass(frozen=True)
class R1:
    """gamma / 2 * E |grad D|^2 on real samples (Mescheder et al. 2018)."""

    gamma: float = 1.0

    def __call__(self, game: Game, real: Tensor, fake: Tensor, labels: Tensor) -> Tensor:
        return self.gamma / 2 * input_gradients(game, real, labels).square().sum(dim=1).mean()


@dataclass(frozen=True)
class R2:
    """gamma / 2 * E |grad D|^2 on generated samples (Mescheder et al. 2018)."""

    gamma: float = 1.0

    def __call__(self, game: Game, real: Tensor, fake: Tensor, labels: Tensor) -> Tensor:
        return self.gamma / 2 * input_gradients(game, fake, labels).square().sum(dim=1).mean()


@dataclass(frozen=True)
class WeightPenalty:
    """weight / 2 * sum of squares of D's weights: weight decay as a term of the loss (Brock et al. 2017)."""

    weight: float = 1e-3

    def __call__(self, game: Game, real: Tensor, fake: Tensor, labels: Tensor) -> Tensor:
        squares = [w.square().sum() for w in game.discriminator.parameters() if w.ndim > 1]
        return self.weight / 2 * torch.stack(squares).sum()

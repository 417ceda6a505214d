"""Loops with one mistake each, as changes to a recipe: every mistake in the loop that gandiag names.

A recipe with a mistake is the same training, wrong in one place from its first step on.
"""

from __future__ import annotations

import copy
from dataclasses import dataclass, replace
from functools import partial
from typing import TYPE_CHECKING

import torch
from torch import Tensor, nn
from torch.nn.functional import softplus

from gandiag.zoo import losses
from gandiag.zoo.dynamics import discriminator_step, generator_step
from gandiag.zoo.game import Game
from gandiag.zoo.games.conditional import Conditional
from gandiag.zoo.penalties import input_gradients

if TYPE_CHECKING:
    from collections.abc import Callable

    from gandiag.zoo.data import Data
    from gandiag.zoo.dynamics import Losses
    from gandiag.zoo.networks.plans import DiscriminatorPlan, Shape
    from gandiag.zoo.recipe import Recipe


@dataclass(frozen=True)
class GeneratorNeverStepped:
    """G's loss is computed and sent back, and nobody steps G's optimizer."""

    def __call__(self, game: Game) -> Losses:
        loss_d = discriminator_step(game)
        game.optimizer_g.zero_grad()
        loss_g = game.generator_loss()
        loss_g.backward()
        return loss_d, loss_g


@dataclass(frozen=True)
class GradientsLeft:
    """D's gradients are not cleared: each update holds those of G's loss and of all steps before."""

    def __call__(self, game: Game) -> Losses:
        loss_d = game.discriminator_loss()
        loss_d.backward()
        game.optimizer_d.step()
        return loss_d, generator_step(game)


@dataclass(frozen=True)
class EvalForDiscriminator:
    """G makes what D is trained on in evaluation mode, and trains itself in training mode."""

    def __call__(self, game: Game) -> Losses:
        game.generator.eval()
        loss_d = discriminator_step(game)
        game.generator.train()
        return loss_d, generator_step(game)


class StaleDiscriminator(Game):
    """G is trained against a copy of D that was made before the training."""

    def __init__(self, recipe: Recipe) -> None:
        super().__init__(recipe)
        self.copy = copy.deepcopy(self.discriminator)

    def generator_loss(self) -> Tensor:
        _, labels = self.data.batch(self.recipe.batch)
        on_fake: Tensor = self.copy(self.seen(self.fake(labels)))
        return self.loss.generator(on_fake, on_fake)


class OneNoise(Game):
    """The noise is drawn once."""

    def latents(self, n: int) -> Tensor:
        if not hasattr(self, "noise"):
            self.noise = super().latents(n)
        return self.noise[:n]


class OtherLabels(Conditional):
    """D is told labels of generated samples that are drawn anew."""

    def discriminator_loss(self, *, detach: bool = True) -> Tensor:
        real, labels = self.data.batch(self.recipe.batch)
        fake = self.fake(labels).detach() if detach else self.fake(labels)
        told = labels[torch.randperm(len(labels))]
        return self.loss.discriminator(self.judge(real, labels), self.judge(fake, told))


def _away(_real: Tensor, fake: Tensor) -> Tensor:
    return softplus(fake).mean()


WRONG_TARGET = replace(losses.NON_SATURATING, name="non-saturating, G's target wrong", generator=_away)


@dataclass(frozen=True)
class WithSigmoid:
    """A discriminator that ends in a sigmoid, under a loss on logits."""

    plan: DiscriminatorPlan

    def __call__(self, shape: Shape) -> nn.Module:
        return nn.Sequential(self.plan(shape), nn.Sigmoid())


@dataclass(frozen=True)
class WithRelu:
    """A discriminator whose activations pass nothing below 0."""

    plan: DiscriminatorPlan

    def __call__(self, shape: Shape) -> nn.Module:
        layers = self.plan(shape).children()
        return nn.Sequential(*(nn.ReLU() if isinstance(layer, nn.LeakyReLU) else layer for layer in layers))


class OneClassStill(Conditional):
    """G gets no noise for one class: it knows one picture of it."""

    still = 3

    def fake(self, labels: Tensor) -> Tensor:
        noise = torch.where((labels == self.still).unsqueeze(1), 0.0, self.latents(len(labels)))
        samples: Tensor = self.generator(noise, labels)
        return samples


@dataclass(frozen=True)
class NormOverChannels:
    """A gradient penalty whose norm is taken over the one channel of grey images, pixel by pixel."""

    weight: float = 1.0

    def __call__(self, game: Game, real: Tensor, fake: Tensor, labels: Tensor) -> Tensor:
        share = torch.rand(len(real), *[1] * (real.ndim - 1))
        slopes = input_gradients(game, share * real + (1 - share) * fake.detach(), labels).abs()
        return self.weight * (slopes - 1).square().mean()


def unscaled(source: Callable[[], Data]) -> Callable[[], Data]:
    """Data in 0 to 255 for a G that ends in tanh; the truth goes on to see -1 to 1."""
    return partial(_unscaled, source)


def _unscaled(source: Callable[[], Data]) -> Data:
    whole = source()
    return replace(whole, name=f"{whole.name}-unscaled", samples=(whole.samples + 1) * 127.5, truth=None)

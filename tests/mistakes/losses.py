"""Loops with losses that do not oppose each other, and with a sigmoid too many."""

from __future__ import annotations

from typing import TYPE_CHECKING

import torch
from loops.parts import BATCH, Game, adam, loss_of_d, loss_of_g, mlp, noise, reals
from torch import nn
from torch.nn.functional import softplus

from .cases import case

if TYPE_CHECKING:
    from collections.abc import Iterator

    from .cases import Attach


# same-direction


@case("same-direction", "G's Wasserstein loss has the wrong sign", "generator-target")
def wrong_sign(attach: Attach) -> Iterator[None]:
    return _wasserstein(attach, 1)


@case("same-direction", "D's loss has one target for everything", "discriminator-targets")
def one_target(attach: Attach) -> Iterator[None]:
    game = Game()
    attach(game.generator, game.discriminator)
    while True:
        on_real, on_fake = game.discriminator(reals()), game.discriminator(game.generator(noise()).detach())
        game.step_d(softplus(-on_real).mean() + softplus(-on_fake).mean())
        game.update_g()
        yield


@case("same-direction", "the terms of D's hinge loss are swapped, and satisfied after some steps", "generator-target")
def hinge_swapped(attach: Attach) -> Iterator[None]:
    game = Game()
    game.adam_d = adam(game.discriminator, lr=5e-3)
    attach(game.generator, game.discriminator)
    while True:
        on_real, on_fake = game.discriminator(reals() + 2), game.discriminator(game.generator(noise()).detach())
        game.step_d(torch.relu(1 + on_real).mean() + torch.relu(1 - on_fake).mean())
        game.step_g(-game.discriminator(game.generator(noise())).mean())
        yield


@case("same-direction", "real is low and generated is high, in both losses")
def flipped(attach: Attach) -> Iterator[None]:
    game = Game()
    attach(game.generator, game.discriminator)
    while True:
        on_real, on_fake = game.discriminator(reals()), game.discriminator(game.generator(noise()).detach())
        game.step_d(softplus(on_real).mean() + softplus(-on_fake).mean())
        game.step_g(softplus(game.discriminator(game.generator(noise()))).mean())
        yield


@case("same-direction", "Wasserstein losses, which are negative")
def wasserstein(attach: Attach) -> Iterator[None]:
    return _wasserstein(attach, -1)


def _wasserstein(attach: Attach, sign: float) -> Iterator[None]:
    game = Game()
    attach(game.generator, game.discriminator)
    while True:
        on_real, on_fake = game.discriminator(reals()), game.discriminator(game.generator(noise()).detach())
        game.step_d(on_fake.mean() - on_real.mean())
        with torch.no_grad():
            for parameter in game.discriminator.parameters():
                parameter.clamp_(-0.3, 0.3)
        game.step_g(sign * game.discriminator(game.generator(noise())).mean())
        yield


@case("same-direction", "least squares")
def least_squares(attach: Attach) -> Iterator[None]:
    game = Game()
    attach(game.generator, game.discriminator)
    while True:
        on_real, on_fake = game.discriminator(reals()), game.discriminator(game.generator(noise()).detach())
        game.step_d((on_real - 1).square().mean() + on_fake.square().mean())
        game.step_g((game.discriminator(game.generator(noise())) - 1).square().mean())
        yield


# double-sigmoid


def _sigmoid(attach: Attach, *, twice: bool) -> Iterator[None]:
    game = Game(discriminator=nn.Sequential(*mlp(2, 1), nn.Sigmoid()))
    game.adam_d, game.adam_g = adam(game.discriminator, lr=1e-2), adam(game.generator, lr=1e-3)
    attach(game.generator, game.discriminator)
    loss = nn.BCEWithLogitsLoss() if twice else nn.BCELoss()
    while True:
        on_real, on_fake = game.discriminator(reals()), game.discriminator(game.generator(noise()).detach())
        game.step_d(loss(on_real, torch.ones_like(on_real)) + loss(on_fake, torch.zeros_like(on_fake)))
        on_fake = game.discriminator(game.generator(noise()))
        game.step_g(loss(on_fake, torch.ones_like(on_fake)))
        yield


@case("double-sigmoid", "D ends in a sigmoid, under BCELoss")
def sigmoid_with_its_loss(attach: Attach) -> Iterator[None]:
    return _sigmoid(attach, twice=False)


class Mapped(nn.Module):
    """A D that returns features, in [0, 1], and a map of judgements."""

    def __init__(self) -> None:
        super().__init__()
        self.features, self.end = nn.Sequential(nn.Linear(2, 12), nn.Sigmoid()), nn.Linear(12, 3)

    def forward(self, batch: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
        found = self.features(batch)
        return found, self.end(found)


@case("double-sigmoid", "D returns features in [0, 1] beside a map of logits")
def features_and_map(attach: Attach) -> Iterator[None]:
    game = Game(discriminator=Mapped())
    game.adam_d = adam(game.discriminator, lr=1e-2)
    attach(game.generator, game.discriminator)
    while True:
        game.step_d(loss_of_d(game.discriminator(reals())[1], game.discriminator(game.generator(noise()).detach())[1]))
        game.step_g(loss_of_g(game.discriminator(game.generator(noise()))[1]))
        yield


@case("double-sigmoid", "data of one point, by which D's outputs rise from 0 to 1")
def one_point(attach: Attach) -> Iterator[None]:
    game = Game(discriminator=nn.Linear(2, 1))
    attach(game.generator, game.discriminator)
    while True:
        game.update_d(real=torch.ones(BATCH, 2))
        game.update_g()
        yield

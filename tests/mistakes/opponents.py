"""Loops in which an opponent is not what it seems: in another mode, or a copy."""

from __future__ import annotations

import copy
import itertools
from typing import TYPE_CHECKING

import torch
from loops.parts import Game, adam, loss_of_d, loss_of_g, noise, reals
from torch import nn

from .cases import case

if TYPE_CHECKING:
    from collections.abc import Iterator

    from .cases import Attach


# mode-switch


def _with_batch_norm() -> Game:
    layers = [nn.Linear(4, 12), nn.BatchNorm1d(12), nn.LeakyReLU(0.2), nn.Linear(12, 2)]
    return Game(generator=nn.Sequential(*layers))


@case(
    "mode-switch",
    "G is left in evaluation mode after pictures, and set to training mode after its own update only",
    "same-mode",
)
def g_left_in_evaluation(attach: Attach) -> Iterator[None]:
    game = _with_batch_norm()
    attach(game.generator, game.discriminator)
    while True:
        game.update_d()
        game.generator.eval()
        game.update_g()
        game.generator.train()
        yield


@case(
    "mode-switch", "G is left in evaluation mode after its first pictures, in step 40", "same-mode", severity="warning"
)
def g_left_for_good(attach: Attach) -> Iterator[None]:
    game = _with_batch_norm()
    attach(game.generator, game.discriminator)
    for step in itertools.count():
        game.update_d()
        game.update_g()
        if step == 40:
            game.generator.eval()
        yield


@case("mode-switch", "G makes pictures in evaluation mode in every step, beside updates in training mode")
def pictures_in_evaluation(attach: Attach) -> Iterator[None]:
    game = _with_batch_norm()
    attach(game.generator, game.discriminator)
    while True:
        game.update_d()
        game.update_g()
        game.generator.eval()
        with torch.no_grad():
            game.discriminator(game.generator(noise()))
        game.generator.train()
        yield


@case("mode-switch", "G's BatchNorm is in evaluation mode throughout, as for fine-tuning")
def evaluation_throughout(attach: Attach) -> Iterator[None]:
    game = _with_batch_norm()
    game.generator.eval()
    attach(game.generator, game.discriminator)
    while True:
        game.update_d()
        game.update_g()
        yield


@case("mode-switch", "eval() and train() of networks in which nothing depends on them")
def modes_without_effect(attach: Attach) -> Iterator[None]:
    game = Game()
    attach(game.generator, game.discriminator)
    while True:
        game.generator.eval()
        game.update_d()
        game.generator.train()
        game.update_g()
        yield


# stale-copy


def _averaged(average: nn.Module, network: nn.Module, keep: float) -> None:
    for mean, now in zip(average.parameters(), network.parameters(), strict=True):
        mean.data.lerp_(now.data, 1 - keep)


@case("stale-copy", "D is trained on the samples of a copy of G that was made before the loop", "one-instance")
def copy_of_g(attach: Attach) -> Iterator[None]:
    game = Game()
    old = copy.deepcopy(game.generator)
    attach(game.generator, game.discriminator)
    while True:
        game.update_d(fake=old(noise()).detach())
        game.update_g()
        yield


@case("stale-copy", "a copy of D is trained, and G is trained against D", "one-instance", also=("not-learning",))
def copy_trained(attach: Attach) -> Iterator[None]:
    game = Game()
    trained = copy.deepcopy(game.discriminator)
    game.adam_d = adam(trained)
    attach(game.generator, game.discriminator)
    while True:
        game.step_d(loss_of_d(trained(reals()), trained(game.generator(noise()).detach())))
        game.update_g()
        yield


@case("stale-copy", "D is trained on the samples of a running mean of G", "one-instance", severity="warning")
def mean_of_g_for_d(attach: Attach) -> Iterator[None]:
    game = Game()
    mean = copy.deepcopy(game.generator)
    attach(game.generator, game.discriminator)
    while True:
        with torch.no_grad():
            fake = mean(noise())
        game.update_d(fake=fake)
        game.update_g()
        _averaged(mean, game.generator, 0.99)
        yield


@case("stale-copy", "G is trained against a running mean of D's weights, on purpose")
def target_network(attach: Attach) -> Iterator[None]:
    game = Game()
    mean = copy.deepcopy(game.discriminator)
    attach(game.generator, game.discriminator)
    while True:
        game.update_d()
        _averaged(mean, game.discriminator, 0.9)
        game.step_g(loss_of_g(mean(game.generator(noise()))))
        yield


@case("stale-copy", "a running mean of G's weights (EMA) makes pictures, which D is shown")
def mean_of_g(attach: Attach) -> Iterator[None]:
    game = Game()
    mean = copy.deepcopy(game.generator)
    attach(game.generator, game.discriminator)
    while True:
        game.update_d()
        game.update_g()
        _averaged(mean, game.generator, 0.99)
        with torch.no_grad():
            game.discriminator(mean(noise()))
        yield


@case("stale-copy", "D is unrolled on a new copy for each update of G")
def unrolled(attach: Attach) -> Iterator[None]:
    game = Game()
    attach(game.generator, game.discriminator)
    while True:
        game.update_d()
        ahead = copy.deepcopy(game.discriminator)
        loss_of_d(ahead(reals()), ahead(game.generator(noise()).detach())).backward()
        adam(ahead).step()
        game.step_g(loss_of_g(ahead(game.generator(noise()))))
        yield

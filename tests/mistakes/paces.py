"""Loops whose networks learn at two paces: by their rates, or by how often they are updated."""

from __future__ import annotations

import itertools
from typing import TYPE_CHECKING

import torch
from loops.parts import Game, adam

from .cases import case

if TYPE_CHECKING:
    from collections.abc import Iterator

    from .cases import Attach


# learning-rates


def _rates(attach: Attach, of_g: float, of_d: float) -> Iterator[None]:
    game = Game()
    game.adam_g, game.adam_d = adam(game.generator, lr=of_g), adam(game.discriminator, lr=of_d)
    attach(game.generator, game.discriminator)
    while True:
        game.update_d()
        game.update_g()
        yield


@case("learning-rates", "G has a rate of 1e-7 in place of 1e-3", "rates-of-one-scale")
def slow_g(attach: Attach) -> Iterator[None]:
    return _rates(attach, 1e-7, 1e-3)


@case("learning-rates", "two time scales: rates ten times apart")
def ten_times_apart(attach: Attach) -> Iterator[None]:
    return _rates(attach, 1e-4, 1e-3)


@case("learning-rates", "SGD for D, whose rates are other ones than Adam's for G")
def other_kinds(attach: Attach) -> Iterator[None]:
    game = Game()
    game.adam_g, game.adam_d = adam(game.generator, lr=1e-4), torch.optim.SGD(game.discriminator.parameters(), lr=0.1)
    attach(game.generator, game.discriminator)
    while True:
        game.update_d()
        game.update_g()
        yield


# update-ratio


def _in_turn(attach: Attach, *, d_every: int = 1, g_every: int = 1) -> Iterator[None]:
    """Batches, in every so many of which each network is updated; a step is an update of G."""
    game = Game()
    attach(game.generator, game.discriminator)
    for batch in itertools.count():
        if batch % d_every == 0:
            game.update_d()
        if batch % g_every == 0:
            game.update_g()
            yield


@case(
    "update-ratio", "G is updated once in an epoch of 30 batches, D in each batch", "count-updates", severity="warning"
)
def g_once_in_an_epoch(attach: Attach) -> Iterator[None]:
    return _in_turn(attach, g_every=30)


@case("update-ratio", "five updates of D for each of G")
def five_of_d(attach: Attach) -> Iterator[None]:
    return _in_turn(attach, g_every=5)


@case("update-ratio", "D is left out of most steps, as long as it is too good")
def d_left_out(attach: Attach) -> Iterator[None]:
    game, at = Game(), 0
    attach(game.generator, game.discriminator)
    for step in itertools.count():
        if step >= at:
            game.update_d()
            at = step + int(torch.randint(6, 24, ()))
        game.update_g()
        yield

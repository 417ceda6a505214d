"""Loops whose networks are given what does not fit: data out of reach, the same noise in every step."""

from __future__ import annotations

from typing import TYPE_CHECKING

import torch
from loops.parts import BATCH, Game, adam, loss_of_d, loss_of_g, mlp, noise, reals
from torch import nn

from .cases import case

if TYPE_CHECKING:
    from collections.abc import Iterator

    from .cases import Attach


# input-mismatch


def _images(attach: Attach, last: nn.Module, scale: float, shift: float, bad_at: int = 0) -> Iterator[None]:
    """Data in [-1, 1] times scale plus shift, a G with a bounded end."""
    game = Game(generator=nn.Sequential(*mlp(4, 2), last))
    game.adam_g = adam(game.generator, lr=1e-2)
    attach(game.generator, game.discriminator)
    step = 0
    while True:
        step += 1
        real = torch.tanh(reals()) * scale + shift
        if bad_at and step >= bad_at and not step % 20:  # once in each epoch
            real[0, 0] = float("nan")
        game.update_d(real=real)
        game.update_g()
        yield


@case("input-mismatch", "one sample with NaN in the data", "finite-data")
def nan_in_the_data(attach: Attach) -> Iterator[None]:
    return _images(attach, nn.Tanh(), 1.0, 0.0, bad_at=60)


def _table(attach: Attach, *, scaled: bool) -> Iterator[None]:
    """Two numbers, one of them an income, and a category."""
    game = Game(generator=mlp(4, 5), discriminator=mlp(5, 1))
    attach(game.generator, game.discriminator)
    middle, spread = torch.tensor([[45.0, 38_000.0], [12.0, 9_000.0]])
    while True:
        numbers = torch.randn(BATCH, 2)
        kinds = nn.functional.one_hot(torch.randint(0, 3, (BATCH,)), 3)
        game.update_d(real=torch.cat([numbers if scaled else numbers * spread + middle, kinds], dim=1))
        game.update_g()
        yield


@case("input-mismatch", "a table with a column in its own unit", "scale-data")
def table_unscaled(attach: Attach) -> Iterator[None]:
    return _table(attach, scaled=False)


@case("input-mismatch", "the same table, standardised")
def table_scaled(attach: Attach) -> Iterator[None]:
    return _table(attach, scaled=True)


@case("input-mismatch", "images in [-1, 1], a G that ends in tanh")
def images_and_tanh(attach: Attach) -> Iterator[None]:
    return _images(attach, nn.Tanh(), 1.0, 0.0)


@case("input-mismatch", "data in [0, 1], a G that ends in tanh and can learn it")
def unit_and_tanh(attach: Attach) -> Iterator[None]:
    return _images(attach, nn.Tanh(), 0.5, 0.5)


@case("input-mismatch", "a G without a bound that starts near 0")
def unbounded(attach: Attach) -> Iterator[None]:
    return _images(attach, nn.Identity(), 5.0, 0.0)


class Conditional(nn.Module):
    """A G that is given a class beside its noise, and a D that is given one beside each sample."""

    def __init__(self, inputs: int, outputs: int, classes: int = 4) -> None:
        super().__init__()
        self.classes, self.body = nn.Embedding(classes, 8), nn.Sequential(*mlp(inputs + 8, outputs))

    def forward(self, given: torch.Tensor, label: torch.Tensor) -> torch.Tensor:
        return self.body(torch.cat([given, self.classes(label)], dim=1))


@case("input-mismatch", "data of ten times the usual size, a conditional G without a bound that starts near 0")
def tenfold(attach: Attach) -> Iterator[None]:
    game = Game(generator=Conditional(4, 2), discriminator=Conditional(2, 1))
    with torch.no_grad():
        for parameter in game.generator.body[-1].parameters():
            parameter.mul_(0.3)
    attach(game.generator, game.discriminator)
    while True:
        label = torch.randint(0, 4, (BATCH,))
        real = torch.randn(BATCH, 2) * 5 + torch.stack([label * 10.0, label * -10.0], dim=1)
        fake = game.generator(noise(), label)
        game.step_d(loss_of_d(game.discriminator(real, label), game.discriminator(fake.detach(), label)))
        game.step_g(loss_of_g(game.discriminator(fake, label)))
        yield


# repeated-latents


@case("repeated-latents", "a fixed batch of noise for pictures, beside new noise for each step")
def noise_for_pictures(attach: Attach) -> Iterator[None]:
    game, z = Game(), noise()
    attach(game.generator, game.discriminator)
    while True:
        game.update_d()
        game.update_g()
        game.generator(z)
        yield


@case("repeated-latents", "two updates of G on each batch of noise")
def noise_used_twice(attach: Attach) -> Iterator[None]:
    game = Game()
    attach(game.generator, game.discriminator)
    while True:
        game.update_d()
        z = noise()
        for _ in range(2):
            game.step_g(loss_of_g(game.discriminator(game.generator(z))))
            yield

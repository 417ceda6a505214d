"""Order and count of updates."""

from __future__ import annotations

from itertools import count
from typing import TYPE_CHECKING

import torch

from .matrix import loop
from .parts import Game, adam, judged, loss_of_d, loss_of_g, mean, noise, norm, reals

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    Attach = Callable[..., object]
    Steps = Iterator[dict[str, float]]

GROUP = "updates"


@loop(GROUP, "D, then G")
def d_then_g(attach: Attach) -> Steps:
    game = Game()
    attach(game.generator, game.discriminator)
    while True:
        yield game.update_d() | game.update_g()


@loop(GROUP, "G, then D")
def g_then_d(attach: Attach) -> Steps:
    game = Game()
    callback = attach(game.generator, game.discriminator)
    for step in count(1):
        values = game.update_g() | game.update_d()
        callback.log(loss_generator=step)
        yield values | {"loss/generator": step}


def _simultaneous(name: str, feature: str, *, generator_first: bool) -> None:
    def training(attach: Attach) -> Steps:
        game = Game()
        attach(game.generator, game.discriminator)
        optimizers = [game.adam_g, game.adam_d] if generator_first else [game.adam_d, game.adam_g]
        while True:
            fake = game.generator(noise())
            fake.retain_grad()
            on_real, on_fake = game.discriminator(reals()), game.discriminator(fake.detach())
            loss_g = loss_of_g(game.discriminator(fake))
            game.adam_g.zero_grad()
            loss_g.backward()
            game.adam_d.zero_grad()
            loss_of_d(on_real, on_fake).backward()
            norms = {"grad/generator/norm": norm(game.generator), "grad/discriminator/norm": norm(game.discriminator)}
            for optimizer in optimizers:
                optimizer.step()
            yield norms | judged(on_real, on_fake) | {"feedback/norm": mean(fake.grad.norm(dim=1))}

    training.__name__ = name
    loop(GROUP, feature)(training)


_simultaneous("simultaneous", "both losses first, then both updates (simultaneous)", generator_first=False)
_simultaneous("simultaneous_g_first", "both losses first, then both updates, G's first", generator_first=True)


@loop(GROUP, "simultaneous, G's optimizer first, D's loss backpropagated last")
def simultaneous_generator_first(attach: Attach) -> Steps:
    game = Game()
    attach(game.generator, game.discriminator)
    while True:
        fake = game.generator(noise())
        on_real, on_fake = game.discriminator(reals()), game.discriminator(fake.detach())
        game.step_g(loss_of_g(game.discriminator(fake)))
        values = {"grad/generator/norm": norm(game.generator)}
        game.adam_d.zero_grad()
        loss_of_d(on_real, on_fake).backward()
        game.adam_d.step()
        yield values | {"grad/discriminator/norm": norm(game.discriminator)} | judged(on_real, on_fake)


def _critic_steps(number: int) -> None:
    def training(attach: Attach) -> Steps:
        game = Game()
        attach(game.generator, game.discriminator)
        while True:
            values = [game.update_d() for _ in range(number)]
            yield values[-1] | game.update_g()

    training.__name__ = f"n_critic_{number}"
    loop(GROUP, f"{number} updates of D per update of G")(training)


for _number in (2, 3, 4, 5):
    _critic_steps(_number)


@loop(GROUP, "warm-up with 100 updates of D")
def warm_up(attach: Attach) -> Steps:
    game = Game()
    attach(game.generator, game.discriminator)
    for step in count():
        values = [game.update_d() for _ in range(100 if step == 0 else 1)]
        yield values[-1] | game.update_g()


@loop(GROUP, "two updates of G per update of D")
def g_twice(attach: Attach) -> Steps:
    game = Game()
    attach(game.generator, game.discriminator)
    while True:
        yield game.update_d() | game.update_g()
        fake = game.generator(noise())
        fake.retain_grad()
        on_fake = game.discriminator(fake)
        game.step_g(loss_of_g(on_fake))
        norms = {"grad/generator/norm": norm(game.generator), "feedback/norm": mean(fake.grad.norm(dim=1))}
        yield norms | {"d/fake/mean": mean(on_fake)}  # of G's own loss: D was not trained in this step


@loop(GROUP, "two time-scale update rule")
def two_time_scales(attach: Attach) -> Steps:
    game = Game()
    game.adam_g, game.adam_d = adam(game.generator, lr=1e-4), adam(game.discriminator, lr=4e-4)
    attach(game.generator, game.discriminator)
    while True:
        yield game.update_d() | game.update_g()


@loop(GROUP, "one optimizer that holds both networks in two groups")
def joint_optimizer(attach: Attach) -> Steps:
    game = Game()
    groups = [{"params": m.parameters(), "lr": lr} for m, lr in ((game.generator, 1e-3), (game.discriminator, 2e-3))]
    both = torch.optim.SGD(groups, lr=1e-3)
    attach(game.generator, game.discriminator)
    while True:
        fake = game.generator(noise())
        on_real, on_fake = game.discriminator(reals()), game.discriminator(fake.detach())
        game.discriminator.requires_grad_(False)
        loss_g = loss_of_g(game.discriminator(fake))
        game.discriminator.requires_grad_(True)
        both.zero_grad()
        (loss_of_d(on_real, on_fake) + loss_g).backward()
        norms = {"grad/generator/norm": norm(game.generator), "grad/discriminator/norm": norm(game.discriminator)}
        both.step()
        yield norms | judged(on_real, on_fake)


@loop(GROUP, "two optimizers for the layers of one G")
def split_generator(attach: Attach) -> Steps:
    game = Game()
    first, last = torch.optim.SGD(game.generator[0].parameters(), lr=1e-2), adam(game.generator[2])
    attach(game.generator, game.discriminator)
    while True:
        values = game.update_d()
        game.generator.zero_grad()
        loss_of_g(game.discriminator(game.generator(noise()))).backward()
        values["grad/generator/norm"] = norm(game.generator)
        first.step()
        last.step()
        yield values


@loop(
    GROUP,
    "D updated on reals and on generated samples by separate optimizer steps",
)
def separate_batches(attach: Attach) -> Steps:
    game = Game()
    attach(game.generator, game.discriminator)
    while True:
        on_real = game.discriminator(reals())
        game.step_d(loss_of_g(on_real))
        on_fake = game.discriminator(game.generator(noise()).detach())
        game.step_d(-loss_of_g(on_fake))
        values = {"grad/discriminator/norm": norm(game.discriminator)} | judged(on_real, on_fake)
        yield values | game.update_g()

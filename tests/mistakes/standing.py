"""Loops in which a network stands still, by mistake or on purpose."""

from __future__ import annotations

from typing import TYPE_CHECKING

import torch
from loops.parts import Game, adam, loss_of_d, loss_of_g, mlp, noise, reals

from .cases import STEPS, case

if TYPE_CHECKING:
    from collections.abc import Iterator

    from .cases import Attach


class Staged(torch.nn.Module):
    """A network with an input layer for each stage, of which one is in use."""

    def __init__(self, first: torch.nn.Module, second: torch.nn.Module, trunk: torch.nn.Module) -> None:
        super().__init__()
        self.inputs, self.trunk, self.stage = torch.nn.ModuleList([first, second]), trunk, 0

    def forward(self, batch: torch.Tensor) -> torch.Tensor:
        return self.trunk(self.inputs[self.stage](batch))


@case("not-learning", "G's optimizer is never stepped", "step-each-optimizer")
def g_never_stepped(attach: Attach) -> Iterator[None]:
    game = Game()
    attach(game.generator, game.discriminator)
    while True:
        game.update_d()
        game.adam_g.zero_grad()
        loss_of_g(game.discriminator(game.generator(noise()))).backward()
        yield


@case("not-learning", "G's optimizer is stepped in D's place", "step-each-optimizer")
def d_never_stepped(attach: Attach) -> Iterator[None]:
    game = Game()
    attach(game.generator, game.discriminator)
    while True:
        game.adam_d.zero_grad()
        loss_of_d(game.discriminator(reals()), game.discriminator(game.generator(noise()).detach())).backward()
        game.adam_g.step()
        game.update_g()
        yield


@case("not-learning", "G's optimizer was given D's parameters", "step-each-optimizer")
def wrong_parameters(attach: Attach) -> Iterator[None]:
    game = Game()
    game.adam_g = adam(game.discriminator)
    attach(game.generator, game.discriminator)
    while True:
        game.update_d()
        game.update_g()
        yield


@case("not-learning", "a learning rate of 0", "set-rate")
def rate_zero(attach: Attach) -> Iterator[None]:
    game = Game()
    game.adam_d = adam(game.discriminator, lr=0.0)
    attach(game.generator, game.discriminator)
    while True:
        game.update_d()
        game.update_g()
        yield


@case("not-learning", "a learning rate of 0 for G", "set-rate")
def rate_zero_of_g(attach: Attach) -> Iterator[None]:
    game = Game()
    game.adam_g = adam(game.generator, lr=0.0)
    attach(game.generator, game.discriminator)
    while True:
        game.update_d()
        game.update_g()
        yield


@case("not-learning", "D is frozen (requires_grad) for G's update, and never again set free", "unfreeze")
def d_frozen_for_good(attach: Attach) -> Iterator[None]:
    game = Game()
    attach(game.generator, game.discriminator)
    while True:
        game.step_d(loss_of_d(game.discriminator(reals()), game.discriminator(game.generator(noise()))))
        game.discriminator.requires_grad_(False)
        game.update_g()
        yield


@case("not-learning", "D is called under no_grad in G's update, whose loss has another term", "detach-for-d-only")
def no_grad_for_g(attach: Attach) -> Iterator[None]:
    game = Game()
    attach(game.generator, game.discriminator)
    while True:
        game.update_d()
        fake = game.generator(noise())
        with torch.no_grad():
            score = loss_of_g(game.discriminator(fake))
        game.step_g(score + 0.01 * fake.square().mean())
        yield


@case("not-learning", "D's first layer is replaced after its optimizer was made", "whole-network", severity="warning")
def layer_replaced(attach: Attach) -> Iterator[None]:
    game = Game()
    game.discriminator[0] = torch.nn.Linear(2, 12)
    attach(game.generator, game.discriminator)
    while True:
        game.update_d()
        game.update_g()
        yield


@case("not-learning", "the ordinary loop")
def ordinary(attach: Attach) -> Iterator[None]:
    game = Game()
    attach(game.generator, game.discriminator)
    while True:
        game.update_d()
        game.update_g()
        yield


@case("not-learning", "D's samples are made by a G in inference mode")
def inference(attach: Attach) -> Iterator[None]:
    game = Game()
    attach(game.generator, game.discriminator)
    while True:
        with torch.inference_mode():
            fake = game.generator(noise())
        game.update_d(fake=fake.clone())
        game.update_g()
        yield


@case("not-learning", "D is trained ahead for a hundred steps, G's samples not detached")
def d_ahead(attach: Attach) -> Iterator[None]:
    game = Game()
    attach(game.generator, game.discriminator)
    for _ in range(100):
        game.update_d(fake=game.generator(noise()))
        yield
    while True:
        game.update_d()
        game.update_g()
        yield


@case("not-learning", "D is frozen (requires_grad) while G warms up")
def frozen_d(attach: Attach) -> Iterator[None]:
    game = Game()
    attach(game.generator, game.discriminator)
    game.discriminator.requires_grad_(False)
    for _ in range(120):
        game.update_g()
        yield
    game.discriminator.requires_grad_(True)
    while True:
        game.update_d()
        game.update_g()
        yield


@case("not-learning", "D is left as it is while G warms up: its loss is not computed")
def d_not_played(attach: Attach) -> Iterator[None]:
    game = Game()
    attach(game.generator, game.discriminator)
    for _ in range(120):
        game.update_g()
        yield
    while True:
        game.update_d()
        game.update_g()
        yield


@case("not-learning", "G is frozen (requires_grad) while D warms up")
def frozen_g(attach: Attach) -> Iterator[None]:
    game = Game()
    attach(game.generator, game.discriminator)
    game.generator.requires_grad_(False)
    for _ in range(100):
        game.update_d(fake=game.generator(noise()))
    game.generator.requires_grad_(True)
    while True:
        game.update_d()
        game.update_g()
        yield


@case("not-learning", "D's rate is 0 by hand while G warms up")
def rate_zero_at_first(attach: Attach) -> Iterator[None]:
    game = Game()
    attach(game.generator, game.discriminator)
    for step in range(STEPS):
        game.adam_d.param_groups[0]["lr"] = 0.0 if step < 120 else 1e-3
        game.update_d()
        game.update_g()
        yield


@case("not-learning", "rates of a millionth, with plain gradient descent")
def small_rates(attach: Attach) -> Iterator[None]:
    game = Game()
    game.adam_g, game.adam_d = (torch.optim.SGD(n.parameters(), 1e-6) for n in (game.generator, game.discriminator))
    attach(game.generator, game.discriminator)
    while True:
        game.update_d()
        game.update_g()
        yield


@case("not-learning", "the first layer of G is frozen, as for fine-tuning")
def frozen_layer(attach: Attach) -> Iterator[None]:
    game = Game()
    game.generator[0].requires_grad_(False)
    attach(game.generator, game.discriminator)
    while True:
        game.update_d()
        game.update_g()
        yield


@case("not-learning", "D grows: a stage leaves its first input layer for another, with a new optimizer of what it uses")
def stages(attach: Attach) -> Iterator[None]:
    first, second, trunk = mlp(2, 8), mlp(2, 8), mlp(8, 1)
    game = Game(discriminator=Staged(first, second, trunk))
    game.adam_d = adam(first, trunk)
    attach(game.generator, game.discriminator)
    for step in range(STEPS):
        if step == STEPS // 4:
            game.discriminator.stage, game.adam_d = 1, adam(second, trunk)
        game.update_d()
        game.update_g()
        yield


@case("not-learning", "D's last layer has an optimizer of its own, which steps in every seventh step")
def seldom_stepped(attach: Attach) -> Iterator[None]:
    game = Game()
    game.adam_d, last = adam(game.discriminator[0]), adam(game.discriminator[2])
    attach(game.generator, game.discriminator)
    for step in range(STEPS):
        last.zero_grad()
        game.update_d()
        if step % 7 == 6:
            last.step()
        game.update_g()
        yield


@case("not-learning", "a schedule brings both rates to 0 at the end")
def scheduled(attach: Attach) -> Iterator[None]:
    game = Game()
    decay = [
        torch.optim.lr_scheduler.LambdaLR(o, lambda step: max(0.0, 1 - step / 60)) for o in (game.adam_g, game.adam_d)
    ]
    attach(game.generator, game.discriminator)
    while True:
        game.update_d()
        game.update_g()
        for each in decay:
            each.step()
        yield

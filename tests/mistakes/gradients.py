"""Loops in which a network follows its opponent's loss, or old gradients."""

from __future__ import annotations

from typing import TYPE_CHECKING

import torch
from loops.parts import Game, adam, loss_of_d, loss_of_g, noise, reals
from torch.nn.functional import softplus

from .cases import case

if TYPE_CHECKING:
    from collections.abc import Iterator

    from .cases import Attach


@case("shared-update", "D's optimizer holds the parameters of G as well", "one-optimizer-each")
def d_holds_both(attach: Attach) -> Iterator[None]:
    game = Game()
    game.adam_d = adam(game.generator, game.discriminator)
    attach(game.generator, game.discriminator)
    while True:
        game.step_d(loss_of_d(game.discriminator(reals()), game.discriminator(game.generator(noise()))))
        game.update_g()
        yield


@case("shared-update", "D's gradients of passes over real and over generated are never cleared", "clear-gradients")
def never_cleared_apart(attach: Attach) -> Iterator[None]:
    game = Game()
    attach(game.generator, game.discriminator)
    while True:
        softplus(-game.discriminator(reals())).mean().backward()
        fake = game.generator(noise())
        softplus(game.discriminator(fake.detach())).mean().backward()
        game.adam_d.step()
        game.step_g(loss_of_g(game.discriminator(fake)))
        yield


@case("shared-update", "D's gradients are never cleared", "clear-gradients")
def never_cleared(attach: Attach) -> Iterator[None]:
    game = Game()
    attach(game.generator, game.discriminator)
    while True:
        loss_of_d(game.discriminator(reals()), game.discriminator(game.generator(noise()).detach())).backward()
        game.adam_d.step()
        game.update_g()
        yield


@case(
    "shared-update",
    "D's gradients are cleared after its step, and G's loss adds to them before the next",
    "clear-gradients",
)
def cleared_too_early(attach: Attach) -> Iterator[None]:
    game = Game()
    attach(game.generator, game.discriminator)
    while True:
        loss_of_d(game.discriminator(reals()), game.discriminator(game.generator(noise()).detach())).backward()
        game.adam_d.step()
        game.adam_d.zero_grad()
        game.update_g()
        yield


@case("shared-update", "one optimizer with two groups, stepped once on the losses of both")
def joint(attach: Attach) -> Iterator[None]:
    game = Game()
    both = torch.optim.Adam([{"params": n.parameters(), "lr": 1e-3} for n in (game.generator, game.discriminator)])
    attach(game.generator, game.discriminator)
    while True:
        both.zero_grad()
        loss_of_d(game.discriminator(reals()), game.discriminator(game.generator(noise()).detach())).backward()
        game.discriminator.requires_grad_(False)
        loss_of_g(game.discriminator(game.generator(noise()))).backward()
        game.discriminator.requires_grad_(True)
        both.step()
        yield


@case("shared-update", "a third optimizer for a loss that both networks have in common (InfoGAN)")
def third(attach: Attach) -> Iterator[None]:
    game = Game()
    common = adam(game.generator, game.discriminator)
    attach(game.generator, game.discriminator)
    while True:
        game.update_d()
        game.update_g()
        common.zero_grad()
        game.discriminator(game.generator(noise())).square().mean().mul(0.01).backward()
        common.step()
        yield


@case("shared-update", "samples are not detached in D's step, with an optimizer for each network")
def not_detached(attach: Attach) -> Iterator[None]:
    game = Game()
    attach(game.generator, game.discriminator)
    while True:
        game.update_d(fake=game.generator(noise()))
        game.update_g()
        yield


@case("shared-update", "gradients are zeroed in place, also by .data")
def zeroed_in_place(attach: Attach) -> Iterator[None]:
    game = Game()
    attach(game.generator, game.discriminator)
    while True:
        game.adam_d.zero_grad(set_to_none=False)
        loss_of_d(game.discriminator(reals()), game.discriminator(game.generator(noise()).detach())).backward()
        game.adam_d.step()
        for parameter in game.generator.parameters():
            if parameter.grad is not None:
                parameter.grad.data.zero_()
        loss_of_g(game.discriminator(game.generator(noise()))).backward()
        game.adam_g.step()
        yield


@case("shared-update", "gradients of three batches are added before each step")
def accumulated(attach: Attach) -> Iterator[None]:
    game = Game()
    attach(game.generator, game.discriminator)
    while True:
        game.adam_d.zero_grad()
        for _ in range(3):
            loss_of_d(game.discriminator(reals()), game.discriminator(game.generator(noise()).detach())).backward()
        game.adam_d.step()
        game.adam_g.zero_grad()
        for _ in range(3):
            loss_of_g(game.discriminator(game.generator(noise()))).backward()
        game.adam_g.step()
        yield


@case("shared-update", "G's gradients of two batches are added while D steps on each")
def accumulated_across(attach: Attach) -> Iterator[None]:
    game = Game()
    attach(game.generator, game.discriminator)
    while True:
        game.adam_g.zero_grad()
        for _ in range(2):
            game.update_d()
            loss_of_g(game.discriminator(game.generator(noise()))).backward()
        game.adam_g.step()
        yield


@case("shared-update", "samples are not detached in D's step, and G's gradients of it are kept", "clear-gradients")
def leaked(attach: Attach) -> Iterator[None]:
    game = Game()
    attach(game.generator, game.discriminator)
    while True:
        game.adam_d.zero_grad()
        game.adam_g.zero_grad()
        loss_of_d(game.discriminator(reals()), game.discriminator(game.generator(noise()))).backward()
        game.adam_d.step()
        loss_of_g(game.discriminator(game.generator(noise()))).backward()
        game.adam_g.step()
        yield


@case("shared-update", "a penalty takes D's gradient before D's gradients are zeroed in place")
def penalty_before_zeroing(attach: Attach) -> Iterator[None]:
    game = Game()
    attach(game.generator, game.discriminator)
    while True:
        between = (reals() + game.generator(noise()).detach()).requires_grad_()
        (slope,) = torch.autograd.grad(game.discriminator(between).sum(), between, create_graph=True)
        loss = loss_of_d(game.discriminator(reals()), game.discriminator(game.generator(noise()).detach()))
        game.adam_d.zero_grad(set_to_none=False)
        (loss + (slope.norm(dim=1) - 1).square().mean()).backward()
        game.adam_d.step()
        game.update_g()
        yield

"""Gradient penalties and other terms that need second derivatives."""

from __future__ import annotations

import copy
from typing import TYPE_CHECKING

import torch
from torch import nn

from .matrix import PLAIN, loop
from .parts import BATCH, Game, adam, judged, length, loss_of_d, loss_of_g, mean, mlp, noise, norm, reals

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    Attach = Callable[..., object]
    Steps = Iterator[dict[str, float]]

GROUP = "penalties"
D_ALONE = PLAIN[:1]
ONE_PENALTY = ("1 real, 1 generated, 1 penalty", PLAIN[1])


def _slope(inputs: torch.Tensor, outputs: torch.Tensor) -> torch.Tensor:
    (gradient,) = torch.autograd.grad(outputs.sum(), inputs, create_graph=True)
    return gradient.norm(dim=1)


def _penalised(name: str, feature: str, points: Callable[[torch.Tensor, torch.Tensor], torch.Tensor]) -> None:
    """A critic with a penalty on its slope at `points(real, fake)`, which it is given in a third call."""

    def training(attach: Attach) -> Steps:
        game = Game()
        attach(game.generator, game.discriminator)
        while True:
            real, fake = reals(), game.generator(noise())
            at = points(real, fake)
            slope = _slope(at, game.discriminator(at))
            on_real, on_fake = game.discriminator(real), game.discriminator(fake.detach())
            game.step_d(on_fake.mean() - on_real.mean() + 10 * (slope - 1).square().mean())
            values = {"grad/discriminator/norm": norm(game.discriminator)} | judged(on_real, on_fake)
            fake = game.generator(noise())
            game.step_g(-game.discriminator(fake).mean())
            yield values | {"grad/generator/norm": norm(game.generator)}

    training.__name__ = name
    loop(GROUP, feature, saw=ONE_PENALTY)(training)


_penalised(
    "wgan_gp",
    "WGAN-GP: at interpolates",
    lambda real, fake: torch.lerp(real, fake.detach(), torch.rand(BATCH, 1)).requires_grad_(),
)
_penalised(
    "wgan_gp_connected",
    "WGAN-GP: at interpolates that autograd connects to G",
    lambda real, fake: torch.lerp(real, fake, torch.rand(BATCH, 1)),
)
_penalised(
    "dragan",
    "DRAGAN: at perturbed reals",
    lambda real, _: (real + 0.5 * real.std() * torch.rand(BATCH, 2)).requires_grad_(),
)


@loop(GROUP, "R1: at the reals, which require grad")
def r1(attach: Attach) -> Steps:
    game = Game()
    attach(game.generator, game.discriminator)
    while True:
        real = reals().requires_grad_()
        on_real, on_fake = game.discriminator(real), game.discriminator(game.generator(noise()).detach())
        game.step_d(loss_of_d(on_real, on_fake) + 5 * _slope(real, on_real).square().mean())
        values = {"grad/discriminator/norm": norm(game.discriminator)} | judged(on_real, on_fake)
        yield values | game.update_g()


class Labelled(nn.Module):
    """A network that is told a number with each sample."""

    def __init__(self, inputs: int, outputs: int) -> None:
        super().__init__()
        self.body = mlp(inputs + 1, outputs)

    def forward(self, batch: torch.Tensor, labels: torch.Tensor) -> torch.Tensor:
        return self.body(torch.cat([batch, labels[:, None].to(batch.dtype)], dim=1))


@loop(GROUP, "R1: at the reals of a D that is given labels, too, with a backward pass of its own")
def r1_conditional(attach: Attach) -> Steps:
    game = Game(Labelled(4, 2), Labelled(2, 1))
    attach(game.generator, game.discriminator)
    while True:
        labels, real = torch.randint(3, (BATCH,)), reals().requires_grad_()
        on_real = game.discriminator(real, labels)
        on_fake = game.discriminator(game.generator(noise(), labels).detach(), labels)
        game.adam_d.zero_grad()
        loss_of_d(on_real, on_fake).backward(retain_graph=True)
        _slope(real, on_real).square().mean().backward()
        values = {"grad/discriminator/norm": norm(game.discriminator)} | judged(on_real, on_fake)
        game.adam_d.step()
        game.step_g(loss_of_g(game.discriminator(game.generator(noise(), labels), labels)))
        yield values | {"grad/generator/norm": norm(game.generator)}


@loop(GROUP, "zero-centred: at reals and generated samples")
def zero_centred(attach: Attach) -> Steps:
    game = Game()
    attach(game.generator, game.discriminator)
    while True:
        real, fake = reals().requires_grad_(), game.generator(noise()).detach().requires_grad_()
        on_real, on_fake = game.discriminator(real), game.discriminator(fake)
        penalty = _slope(real, on_real).square().mean() + _slope(fake, on_fake).square().mean()
        game.step_d(loss_of_d(on_real, on_fake) + penalty)
        values = {"grad/discriminator/norm": norm(game.discriminator)} | judged(on_real, on_fake)
        yield values | game.update_g()


@loop(GROUP, "lazy regularisers of D and G with optimizer steps of their own (StyleGAN2)")
def lazy(attach: Attach) -> Steps:
    game = Game()
    attach(game.generator, game.discriminator)
    step = 0
    while True:
        values = game.update_d() | game.update_g()
        if step % 4 == 3:
            real = reals().requires_grad_()
            game.step_d(_slope(real, game.discriminator(real)).square().mean())
            game.step_g(game.generator(noise()).square().mean())
        step += 1
        yield values


@loop(GROUP, "consensus optimization, one pass for both losses", saw=D_ALONE)
def consensus(attach: Attach) -> Steps:
    game = Game()
    attach(game.generator, game.discriminator)
    networks = list(game.generator.parameters()), list(game.discriminator.parameters())
    while True:
        fake = game.generator(noise())
        on_real, on_fake = game.discriminator(reals()), game.discriminator(fake)
        losses = loss_of_g(on_fake), loss_of_d(on_real, on_fake)
        fields = [
            torch.autograd.grad(loss, parameters, create_graph=True)
            for loss, parameters in zip(losses, networks, strict=True)
        ]
        size = 0.5 * sum(g.square().sum() for field in fields for g in field)
        for parameters, field in zip(networks, fields, strict=True):
            extra = torch.autograd.grad(size, parameters, retain_graph=True, allow_unused=True)
            for parameter, gradient, more in zip(parameters, field, extra, strict=True):
                parameter.grad = gradient.detach() if more is None else gradient.detach() + 0.1 * more
        values = {f"grad/{n}/norm": norm(getattr(game, n)) for n in ("generator", "discriminator")}
        game.adam_d.step()
        game.adam_g.step()
        yield values | judged(on_real, on_fake)


@loop(
    GROUP,
    "unrolled: D's inner steps on a copy of it",
    saw=PLAIN[:1],
)
def unrolled_copy(attach: Attach) -> Steps:
    game = Game()
    attach(game.generator, game.discriminator)
    while True:
        values = game.update_d()
        ahead = copy.deepcopy(game.discriminator)
        inner = adam(ahead)
        for _ in range(3):
            inner.zero_grad()
            loss_of_d(ahead(reals()), ahead(game.generator(noise()).detach())).backward()
            inner.step()
        fake = game.generator(noise())
        fake.retain_grad()
        game.step_g(loss_of_g(ahead(fake)))
        feedback = {"feedback/norm": mean(fake.grad.norm(dim=1))}
        yield values | feedback | {"grad/generator/norm": norm(game.generator)}


@loop(GROUP, "unrolled: D's inner steps undone afterwards")
def unrolled_restored(attach: Attach) -> Steps:
    game = Game()
    attach(game.generator, game.discriminator)
    while True:
        game.update_d()
        kept = copy.deepcopy((game.discriminator.state_dict(), game.adam_d.state_dict()))
        values = [game.update_d() for _ in range(3)][-1]
        values |= game.update_g()
        game.discriminator.load_state_dict(kept[0])
        game.adam_d.load_state_dict(kept[1])
        yield values


@loop(GROUP, "gradients clipped before the update")
def clipped(attach: Attach) -> Steps:
    game = Game()
    attach(game.generator, game.discriminator)
    while True:
        values = game.update_d()
        game.adam_g.zero_grad()
        loss_of_g(game.discriminator(game.generator(noise()))).backward()
        torch.nn.utils.clip_grad_norm_(game.generator.parameters(), 0.01)
        before = [p.detach().clone() for p in game.generator.parameters()]
        used = norm(game.generator)
        game.adam_g.step()
        moved = length(p - b for p, b in zip(game.generator.parameters(), before, strict=True))
        ratio = moved / length(game.generator.parameters())
        yield values | {"grad/generator/norm": used, "update/generator/ratio": ratio}


@loop(GROUP, "R1 at every fourth step, in a call of its own that is tied in with + 0 * output")
def lazy_r1(attach: Attach) -> Steps:
    game = Game()
    attach(game.generator, game.discriminator)
    step = 0
    while True:
        on_real, on_fake = game.discriminator(reals()), game.discriminator(game.generator(noise()).detach())
        game.step_d(loss_of_d(on_real, on_fake))
        values = {"grad/discriminator/norm": norm(game.discriminator)} | judged(on_real, on_fake)
        if step % 4 == 3:
            real = reals().requires_grad_()
            again = game.discriminator(real)
            game.step_d(10 * _slope(real, again).square().mean() + 0 * again[0].sum())
        step += 1
        yield values | game.update_g()


@loop(GROUP, "R1 at every fourth step, at the reals as they are judged")
def r1_at_times(attach: Attach) -> Steps:
    game = Game()
    attach(game.generator, game.discriminator)
    step = 0
    while True:
        real = reals().requires_grad_(step % 4 == 3)
        on_real, on_fake = game.discriminator(real), game.discriminator(game.generator(noise()).detach())
        loss = loss_of_d(on_real, on_fake)
        game.step_d(loss + 5 * _slope(real, on_real).square().mean() if real.requires_grad else loss)
        step += 1
        values = {"grad/discriminator/norm": norm(game.discriminator)} | judged(on_real, on_fake)
        yield values | game.update_g()

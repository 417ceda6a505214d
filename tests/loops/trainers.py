"""Trainers that keep their networks to themselves, ones that pass by the hooks, and a D that is trained no more."""

from __future__ import annotations

from itertools import count
from typing import TYPE_CHECKING

import torch
from torch import nn

from gandiag.probes.watching import Meeting

from .matrix import PLAIN, loop
from .parts import Game, adam, auc, judged, loss_of_d, loss_of_g, mean, mlp, noise, norm, reals

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    Attach = Callable[..., object]
    Steps = Iterator[dict[str, float]]

GROUP = "trainers"


class Generator(nn.Module):
    """G of a trainer."""

    def __init__(self) -> None:
        super().__init__()
        self.body = mlp(4, 2)

    def forward(self, latents: torch.Tensor) -> torch.Tensor:
        return self.body(latents)


class Critic(Generator):
    """D of a trainer."""

    def __init__(self) -> None:
        super().__init__()
        self.body = mlp(2, 1)


def _fitted() -> Steps:
    """A `fit` that keeps G and D in local variables."""
    generator, critic = Generator(), Critic()
    adam_g, adam_d = adam(generator), adam(critic)
    while True:
        fake = generator(noise())
        on_fake, on_real = critic(fake.detach()), critic(reals())
        adam_d.zero_grad()
        loss_of_d(on_real, on_fake).backward()
        values = {"grad/discriminator/norm": norm(critic)} | judged(on_real, on_fake)
        adam_d.step()
        adam_g.zero_grad()
        loss_of_g(critic(fake)).backward()
        values["grad/generator/norm"] = norm(generator)
        adam_g.step()
        yield values


@loop(
    GROUP,
    "networks in local variables of a trainer, found with gandiag.watch_modules",
    saw=(PLAIN[0], "0.04 real, 0.96 generated, 0 penalty"),  # G's first call came before D was met
)
def kept_local(attach: Attach) -> Steps:
    Meeting(lambda module: type(module) is Generator, Critic, attach)
    return _fitted()


def _called_directly(
    name: str, feature: str, sentence: str, absent: tuple[str, ...], saw: tuple[str, ...], **direct: bool
) -> None:
    """`.forward()` called in place of the module: no hook runs."""

    def training(attach: Attach) -> Steps:
        game = Game()
        attach(game.generator, game.discriminator)
        make = game.generator.forward if direct.get("generator") else game.generator
        judge = game.discriminator.forward if direct.get("discriminator") else game.discriminator
        while True:
            game.step_d(loss_of_d(judge(reals()), judge(make(noise()).detach())))
            values = {"grad/discriminator/norm": norm(game.discriminator)}
            game.step_g(loss_of_g(judge(make(noise()))))
            yield values | {"grad/generator/norm": norm(game.generator)}

    training.__name__ = name
    loop(GROUP, feature, sentence=sentence, absent=absent, saw=saw)(training)


_called_directly(
    "d_forward",
    "D.forward(x) called, not D(x)",
    "call D(x) itself, not D.forward(x)",
    ("d/real/mean", "d/fake/mean", "d/auc"),
    (),
    discriminator=True,
)
_called_directly(
    "g_forward",
    "G.forward(z) called, not G(z)",
    "call G(z) itself, not G.forward(z)",
    ("d/real/mean", "d/fake/mean", "d/auc"),
    ("0 real, 0 generated, 0 penalty, 2 not told apart", "1 real, 0 generated, 0 penalty"),
    generator=True,
)


def _frozen(name: str, feature: str, *, graph: bool) -> None:
    """D is trained for ten steps, then only shown reals."""

    def training(attach: Attach) -> Steps:
        game = Game()
        attach(game.generator, game.discriminator)
        for step in count():
            values = {}
            if step < 10:
                values = game.update_d()
            else:
                with torch.set_grad_enabled(graph):
                    on_real = game.discriminator(reals())
            on_fake = game.discriminator(game.generator(noise()))
            game.step_g(loss_of_g(on_fake))
            if step >= 10:
                values = judged(on_real, on_fake)
            yield values | {"grad/generator/norm": norm(game.generator)}

    training.__name__ = name
    loop(GROUP, feature, steps=40)(training)


_frozen("frozen", "D trained no more from step 11 on, still shown reals under no_grad", graph=False)
_frozen("frozen_with_graph", "D trained no more from step 11 on, still shown reals, without a loss", graph=True)


@loop(GROUP, "three updates of G per update of D")
def g_thrice(attach: Attach) -> Steps:
    game = Game()
    attach(game.generator, game.discriminator)
    while True:
        yield game.update_d() | game.update_g()
        for _ in range(2):
            fake = game.generator(noise())
            fake.retain_grad()
            on_fake = game.discriminator(fake)
            game.step_g(loss_of_g(on_fake))
            values = {"grad/generator/norm": norm(game.generator), "feedback/norm": mean(fake.grad.norm(dim=1))}
            yield values | {"d/fake/mean": mean(on_fake)}


@loop(GROUP, "D shown a validation batch at every step, for an accuracy, before it is trained")
def validated(attach: Attach) -> Steps:
    game = Game()
    attach(game.generator, game.discriminator)
    while True:
        with torch.no_grad():
            auc(game.discriminator(reals() + 5), game.discriminator(game.generator(noise())))
        yield game.update_d() | game.update_g()

"""How the generated batch reaches D."""

from __future__ import annotations

from typing import TYPE_CHECKING

import torch
from torch import nn

from .matrix import loop
from .parts import BATCH, Game, judged, loss_of_d, loss_of_g, mlp, noise, norm, reals

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    Attach = Callable[..., object]
    Steps = Iterator[dict[str, float]]

GROUP = "the generated batch"


def _passed_on(name: str, feature: str, change: Callable[[torch.Tensor], torch.Tensor], **options: object) -> None:
    """A loop in which D's step is given what `change` makes of G's output."""

    def training(attach: Attach) -> Steps:
        game = Game()
        attach(game.generator, game.discriminator)
        while True:
            values = game.update_d(fake=change(game.generator(noise())))
            yield values | game.update_g()

    training.__name__ = name
    loop(GROUP, feature, **options)(training)


_passed_on("as_it_is", "as G returns it (D's loss flows back into G)", lambda fake: fake)
_passed_on("detached", ".detach()", lambda fake: fake.detach())
_passed_on("data", ".data", lambda fake: fake.data)
_passed_on("view", "a view of it", lambda fake: fake.detach().view(2, -1).reshape(BATCH, 2))
_passed_on("rows", "some of its rows", lambda fake: fake.detach()[: BATCH // 2])
_passed_on("requires_grad", "detached, and made to require grad", lambda fake: fake.detach().requires_grad_())
_passed_on("connected_copy", "a copy that autograd follows", lambda fake: fake * 1.0)


@loop(GROUP, "made under no_grad for D's step")
def made_under_no_grad(attach: Attach) -> Steps:
    game = Game()
    attach(game.generator, game.discriminator)
    while True:
        with torch.no_grad():
            fake = game.generator(noise())
        yield game.update_d(fake=fake) | game.update_g()


@loop(GROUP, "one batch for D's and for G's step")
def one_batch(attach: Attach) -> Steps:
    game = Game()
    attach(game.generator, game.discriminator)
    while True:
        fake = game.generator(noise())
        values = game.update_d(fake=fake.detach())
        game.step_g(loss_of_g(game.discriminator(fake)))
        yield values | {"grad/generator/norm": norm(game.generator)}


@loop(GROUP, "augmented in G's step, as G made it in D's", tolerance=1e-4)
def augmented_for_g(attach: Attach) -> Steps:
    game = Game()
    attach(game.generator, game.discriminator)
    while True:
        values = game.update_d()
        game.step_g(loss_of_g(game.discriminator(game.generator(noise()).flip(1) + 0.1)))
        yield values | {"grad/generator/norm": norm(game.generator)}


@loop(
    GROUP,
    "augmented after .detach() in D's step (not connected)",
)
def augmented_for_d(attach: Attach) -> Steps:
    game = Game()
    attach(game.generator, game.discriminator)
    while True:
        fake = game.generator(noise()).detach() + 0.1 * torch.randn(BATCH, 2)
        yield game.update_d(real=reals() + 0.1 * torch.randn(BATCH, 2), fake=fake) | game.update_g()


@loop(
    GROUP,
    "augmented after .detach(), D's outputs passed with observe",
)
def augmented_and_observed(attach: Attach) -> Steps:
    game = Game()
    callback = attach(game.generator, game.discriminator)
    while True:
        fake = game.generator(noise()).detach() + 0.1 * torch.randn(BATCH, 2)
        on_real, on_fake = game.discriminator(reals()), game.discriminator(fake)
        game.step_d(loss_of_d(on_real, on_fake))
        callback.observe(real=on_real, fake=on_fake)
        yield judged(on_real, on_fake) | game.update_g()


@loop(GROUP, "its memory freed and used again for reals")
def address_reused(attach: Attach) -> Steps:
    game = Game()
    attach(game.generator, game.discriminator)
    while True:
        fake = game.generator(noise()).detach()
        address = fake.data_ptr()
        values = game.update_d(fake=fake) | game.update_g()
        del fake
        taken = [torch.empty(BATCH, 2) for _ in range(64)]
        reused = next((t for t in taken if t.data_ptr() == address), taken[0]).copy_(reals())
        yield values
        yield game.update_d(real=reused) | game.update_g()


@loop(GROUP, "G in eval mode and under no_grad for a grid of samples, an EMA of G judged by D")
def viewed(attach: Attach) -> Steps:
    game = Game(mlp(4, 2), nn.Sequential(mlp(2, 4), nn.Dropout(0.2), nn.Linear(4, 1)))
    average = mlp(4, 2)
    average.load_state_dict(game.generator.state_dict())
    attach(game.generator, game.discriminator)
    while True:
        with torch.no_grad():
            game.discriminator(game.generator(noise(64)) + 100)
            game.discriminator(average(noise(64)))
        game.generator.eval()
        game.discriminator.eval()
        game.discriminator(game.generator(noise(8)))  # without no_grad, but no loss
        game.discriminator(reals() - 50)
        game.generator.train()
        game.discriminator.train()
        yield game.update_d() | game.update_g()


@loop(
    GROUP,
    "gradients accumulated over three batches",
    saw=("3 real, 3 generated, 0 penalty", "0 real, 3 generated, 0 penalty"),
)
def accumulated(attach: Attach) -> Steps:
    game = Game()
    attach(game.generator, game.discriminator)
    while True:
        outputs = []
        game.adam_d.zero_grad()
        for _ in range(3):
            on_real = game.discriminator(reals())
            on_fake = game.discriminator(game.generator(noise()).detach())
            (loss_of_d(on_real, on_fake) / 3).backward()
            outputs.append((on_real, on_fake))
        norm_d = norm(game.discriminator)
        game.adam_d.step()
        game.adam_g.zero_grad()
        for _ in range(3):
            (loss_of_g(game.discriminator(game.generator(noise()))) / 3).backward()
        game.adam_g.step()
        norms = {"grad/generator/norm": norm(game.generator), "grad/discriminator/norm": norm_d}
        yield norms | judged(*(torch.cat(parts) for parts in zip(*outputs, strict=True)))


_passed_on("cast", "cast to another type after .detach()", lambda fake: fake.detach().double().float())
_passed_on("copied", "copied after .detach()", lambda fake: fake.detach().clone())


def _concatenated(name: str, feature: str, *, detach: bool) -> None:
    def training(attach: Attach) -> Steps:
        game = Game()
        attach(game.generator, game.discriminator)
        while True:
            fake = game.generator(noise())
            both = game.discriminator(torch.cat([reals(), fake.detach() if detach else fake]))
            on_real, on_fake = both[:BATCH], both[BATCH:]
            game.step_d(loss_of_d(on_real, on_fake))
            values = {"grad/discriminator/norm": norm(game.discriminator)} | judged(on_real, on_fake)
            yield values | game.update_g()

    training.__name__ = name
    loop(GROUP, feature)(training)


_concatenated("concatenated", "concatenated with reals after .detach()", detach=True)
_concatenated("concatenated_connected", "concatenated with reals, connected to G", detach=False)


@loop(GROUP, "concatenated with what it was made from, then .detach(): pix2pix")
def pix2pix(attach: Attach) -> Steps:
    game = Game(mlp(3, 2), mlp(5, 1))
    attach(game.generator, game.discriminator)
    while True:
        source, target = torch.randn(BATCH, 3), reals()
        fake = game.generator(source)
        pair = torch.cat([source, fake], dim=1)
        on_fake = game.discriminator(pair.detach())
        on_real = game.discriminator(torch.cat([source, target], dim=1))
        game.step_d(loss_of_d(on_real, on_fake))
        values = {"grad/discriminator/norm": norm(game.discriminator)} | judged(on_real, on_fake)
        game.step_g(loss_of_g(game.discriminator(torch.cat([source, fake], dim=1))))
        yield values | {"grad/generator/norm": norm(game.generator)}


@loop(
    GROUP,
    "mixed with older ones from a pool (CycleGAN)",
)
def pool(attach: Attach) -> Steps:
    game = Game()
    kept = [reals() for _ in range(8)]
    attach(game.generator, game.discriminator)
    while True:
        kept.append(game.generator(noise()).detach())
        fake = torch.where(torch.arange(BATCH)[:, None] % 2 == 0, kept[-1], kept.pop(0))
        yield game.update_d(fake=fake) | game.update_g()

"""Several discriminators or generators, encoders, networks called in parts."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import torch
from torch import nn

from .matrix import PLAIN, loop
from .parts import Game, adam, judged, loss_of_d, loss_of_g, mlp, noise, norm, reals

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    Attach = Callable[..., object]
    Steps = Iterator[dict[str, float]]

GROUP = "several networks"


def _of(name: str, values: dict[str, float]) -> dict[str, float]:
    """Signals of one of several discriminators: d/auc becomes d.<name>/auc."""
    return {key.replace("d/", f"d.{name}/", 1): value for key, value in values.items()}


def _means(*several: dict[str, float]) -> dict[str, float]:
    return {key: float(np.mean([values[key] for values in several])) for key in several[0]}


@loop(
    GROUP,
    'two discriminators: discriminator={"patch": D1, "global": D2}, an optimizer for each',
    saw=(PLAIN[0], PLAIN[0], "0 real, 2 generated, 0 penalty"),
)
def two_discriminators(attach: Attach) -> Steps:
    generator, patch, whole = mlp(4, 2), mlp(2, 1), mlp(2, 1, hidden=7)
    adam_g, adams = adam(generator), [adam(patch), adam(whole)]
    attach(generator, {"patch": patch, "global": whole})
    while True:
        real, fake = reals(), generator(noise()).detach()
        judgements = []
        for discriminator in (patch, whole):
            on_real, on_fake = discriminator(real), discriminator(fake)
            discriminator.zero_grad()
            loss_of_d(on_real, on_fake).backward()
            judgements.append(judged(on_real, on_fake))
        values = {"grad/discriminator/norm": norm(patch, whole), "grad/discriminator.patch/norm": norm(patch)}
        for optimizer in adams:
            optimizer.step()
        fake = generator(noise())
        adam_g.zero_grad()
        (loss_of_g(patch(fake)) + loss_of_g(whole(fake))).backward()
        adam_g.step()
        values |= _of("patch", judgements[0]) | _of("global", judgements[1]) | _means(*judgements)
        yield values | {"grad/generator/norm": norm(generator)}


class Cycle:
    """Two generators and two discriminators between the domains a and b, as in CycleGAN."""

    def __init__(self) -> None:
        self.a2b, self.b2a, self.on_a, self.on_b = mlp(2, 2), mlp(2, 2), mlp(2, 1), mlp(2, 1)

    def attach(self, attach: Attach) -> None:
        attach({"a2b": self.a2b, "b2a": self.b2a}, {"a": self.on_a, "b": self.on_b})

    def loss_of_generators(self, a: torch.Tensor, b: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor, torch.Tensor]:
        fake_b, fake_a = self.a2b(a), self.b2a(b)
        cycles = (self.b2a(fake_b) - a).abs().mean() + (self.a2b(fake_a) - b).abs().mean()
        return loss_of_g(self.on_b(fake_b)) + loss_of_g(self.on_a(fake_a)) + cycles, fake_a.detach(), fake_b.detach()

    def norms(self, *names: str) -> dict[str, float]:
        role = "generator" if names[0] in ("a2b", "b2a") else "discriminator"
        nets = [getattr(self, n) for n in names]
        return {f"grad/{role}/norm": norm(*nets)} | {
            f"grad/{role}.{n.removeprefix('on_')}/norm": norm(net) for n, net in zip(names, nets, strict=True)
        }


@loop(
    GROUP,
    "two generators and two discriminators, G first: CycleGAN",
    saw=(PLAIN[0], PLAIN[0], "0 real, 2 generated, 0 penalty"),
)
def cycle(attach: Attach) -> Steps:
    gan = Cycle()
    adam_g, adam_d = adam(gan.a2b, gan.b2a), adam(gan.on_a, gan.on_b)
    gan.attach(attach)
    while True:
        a, b = reals(), reals() - 4
        loss, fake_a, fake_b = gan.loss_of_generators(a, b)
        adam_g.zero_grad()
        loss.backward()
        values = gan.norms("a2b", "b2a")
        adam_g.step()
        outputs = [(gan.on_a(a), gan.on_a(fake_a)), (gan.on_b(b), gan.on_b(fake_b))]
        adam_d.zero_grad()
        sum(loss_of_d(*pair) for pair in outputs).backward()
        values |= gan.norms("on_a", "on_b")
        adam_d.step()
        judgements = [judged(*pair) for pair in outputs]
        yield values | _of("a", judgements[0]) | _of("b", judgements[1]) | _means(*judgements)


@loop(
    GROUP,
    "two generators updated one after the other by optimizers of their own",
    saw=(PLAIN[0], PLAIN[0], "0 real, 2 generated, 0 penalty"),
)
def two_generators(attach: Attach) -> Steps:
    gan = Cycle()
    adams = {name: adam(getattr(gan, name)) for name in ("a2b", "b2a", "on_a", "on_b")}
    gan.attach(attach)
    while True:
        values = {}
        judgements = []
        squares = {"generator": 0.0, "discriminator": 0.0}
        for g, d, real in (("a2b", "on_b", reals() - 4), ("b2a", "on_a", reals())):
            generator, discriminator = getattr(gan, g), getattr(gan, d)
            on_real, on_fake = discriminator(real), discriminator(generator(reals()).detach())
            adams[d].zero_grad()
            loss_of_d(on_real, on_fake).backward()
            squares["discriminator"] += norm(discriminator) ** 2
            adams[d].step()
            adams[g].zero_grad()
            loss_of_g(discriminator(generator(reals()))).backward()
            values[f"grad/generator.{g}/norm"] = norm(generator)
            squares["generator"] += norm(generator) ** 2
            adams[g].step()
            judgements.append(judged(on_real, on_fake))
        values |= _of("b", judgements[0]) | _of("a", judgements[1])
        yield values | {f"grad/{role}/norm": square**0.5 for role, square in squares.items()}


@loop(GROUP, "an encoder beside G, trained with it: VAE-GAN")
def vae_gan(attach: Attach) -> Steps:
    game, encoder = Game(), mlp(2, 4)
    both = adam(encoder, game.generator)
    attach(game.generator, game.discriminator)
    while True:
        real = reals()
        values = game.update_d(real=real, fake=game.generator(encoder(real)).detach())
        rebuilt = game.generator(encoder(real))
        both.zero_grad()
        (loss_of_g(game.discriminator(rebuilt)) + (rebuilt - real).square().mean()).backward()
        both.step()
        yield values | {"grad/generator/norm": norm(game.generator)}


@loop(GROUP, "an adversarial autoencoder: G is the encoder, its reconstruction phase has an optimizer of its own")
def adversarial_autoencoder(attach: Attach) -> Steps:
    encoder, decoder, discriminator = mlp(2, 4), mlp(4, 2), mlp(4, 1)
    rebuilding, fooling, adam_d = adam(encoder, decoder), adam(encoder), adam(discriminator)
    attach(encoder, discriminator)
    first = True
    while True:
        if not first:  # until the game has been seen, an update of G counts as a step
            rebuilding.zero_grad()
            real = reals()
            (decoder(encoder(real)) - real).square().mean().backward()
            rebuilding.step()
        first = False
        on_real, on_fake = discriminator(noise()), discriminator(encoder(reals()).detach())
        adam_d.zero_grad()
        loss_of_d(on_real, on_fake).backward()
        values = {"grad/discriminator/norm": norm(discriminator)} | judged(on_real, on_fake)
        adam_d.step()
        fooling.zero_grad()
        loss_of_g(discriminator(encoder(reals()))).backward()
        fooling.step()
        yield values | {"grad/generator/norm": norm(encoder)}


class Pairs(nn.Module):
    """D of a BiGAN: judges a sample together with its code."""

    def __init__(self) -> None:
        super().__init__()
        self.body = mlp(6, 1)

    def forward(self, sample: torch.Tensor, code: torch.Tensor) -> torch.Tensor:
        return self.body(torch.cat([sample, code], dim=1))


@loop(GROUP, "D judges pairs of sample and code: BiGAN", saw=(PLAIN[0], PLAIN[0]))
def bigan(attach: Attach) -> Steps:
    generator, encoder, discriminator = mlp(4, 2), mlp(2, 4), Pairs()
    both, adam_d = adam(generator, encoder), adam(discriminator)
    attach(generator, discriminator)
    while True:
        real, code = reals(), noise()
        on_real, on_fake = discriminator(real, encoder(real).detach()), discriminator(generator(code).detach(), code)
        adam_d.zero_grad()
        loss_of_d(on_real, on_fake).backward()
        values = {"grad/discriminator/norm": norm(discriminator)} | judged(on_real, on_fake)
        adam_d.step()
        both.zero_grad()
        (loss_of_g(-discriminator(real, encoder(real))) + loss_of_g(discriminator(generator(code), code))).backward()
        both.step()
        yield values | {"grad/generator/norm": norm(generator)}


class Styled(nn.Module):
    """G of which loops call the parts: a mapping and a synthesis, as in StyleGAN."""

    def __init__(self) -> None:
        super().__init__()
        self.mapping, self.synthesis = mlp(4, 3), mlp(3, 2)


def _styled(attach: Attach, generator: Styled, watched: object) -> Steps:
    game = Game(generator)
    attach(watched, game.discriminator)
    while True:
        on_real = game.discriminator(reals())
        on_fake = game.discriminator(generator.synthesis(generator.mapping(noise())).detach())
        game.step_d(loss_of_d(on_real, on_fake))
        values = {"grad/discriminator/norm": norm(game.discriminator)} | judged(on_real, on_fake)
        game.step_g(loss_of_g(game.discriminator(generator.synthesis(generator.mapping(noise())))))
        yield values | {"grad/generator/norm": norm(generator)}


@loop(
    GROUP,
    'G called in parts, attached as generator={"mapping": G.mapping, "synthesis": G.synthesis}: StyleGAN',
    saw=PLAIN,
)
def styled_parts(attach: Attach) -> Steps:
    generator = Styled()
    return _styled(attach, generator, {"mapping": generator.mapping, "synthesis": generator.synthesis})


@loop(
    GROUP,
    "G called in parts, attached as a whole",
    saw=("0 real, 0 generated, 0 penalty, 2 not told apart", "1 real, 0 generated, 0 penalty"),
    sentence="if the loop calls parts of G",
    absent=("d/real/mean", "d/auc"),
)
def styled_whole(attach: Attach) -> Steps:
    generator = Styled()
    for values in _styled(attach, generator, generator):
        yield {name: value for name, value in values.items() if not name.startswith("d/")}

"""What D takes and returns, what G takes and returns."""

from __future__ import annotations

from typing import TYPE_CHECKING

import torch
from torch import nn
from torch.nn.functional import cross_entropy

from .conventions import LOW
from .matrix import PLAIN, loop
from .parts import BATCH, Game, adam, auc, judged, loss_of_d, loss_of_g, mean, mlp, noise, norm, reals

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    Attach = Callable[..., object]
    Steps = Iterator[dict[str, float]]

GROUP = "inputs and outputs"


class Heads(nn.Module):
    """D with a validity and a class, as `wrap` arranges them."""

    def __init__(self, wrap: Callable[[torch.Tensor, torch.Tensor], object]) -> None:
        super().__init__()
        self.body, self.validity, self.classes = mlp(2, 8), nn.Linear(8, 1), nn.Linear(8, 5)
        self.wrap = wrap

    def forward(self, batch: torch.Tensor) -> object:
        hidden = self.body(batch)
        return self.wrap(self.validity(hidden), self.classes(hidden))


def _several_outputs(name: str, feature: str, wrap: Callable[..., object], pick: Callable[..., torch.Tensor]) -> None:
    def training(attach: Attach) -> Steps:
        game = Game(discriminator=Heads(wrap))
        attach(game.generator, game.discriminator)
        while True:
            on_real = pick(game.discriminator(reals()))
            on_fake = pick(game.discriminator(game.generator(noise()).detach()))
            game.step_d(loss_of_d(on_real, on_fake))
            values = {"grad/discriminator/norm": norm(game.discriminator)} | judged(on_real, on_fake)
            game.step_g(loss_of_g(pick(game.discriminator(game.generator(noise())))))
            yield values | {"grad/generator/norm": norm(game.generator)}

    training.__name__ = name
    loop(GROUP, feature)(training)


_several_outputs("acgan", "D returns a tuple (validity, class): ACGAN", lambda v, c: (v, c), lambda out: out[0])
_several_outputs("class_first", "D returns a tuple (class, validity)", lambda v, c: (c, v), lambda out: out[1])
_several_outputs(
    "infogan",
    "D returns a dictionary of validity and codes: InfoGAN",
    lambda v, c: {"validity": v.squeeze(1), "codes": (c[:, :3], c[:, 3:])},
    lambda out: out["validity"],
)


def _two_classes(name: str, feature: str, real: int, *, logarithms: bool) -> None:
    """D as a classifier of two classes, of which one is real; what counts is how far its logits are apart."""

    def training(attach: Attach) -> Steps:
        game = Game(mlp(4, 3), mlp(3, 2))
        if logarithms:
            game.discriminator.append(nn.LogSoftmax(dim=1))
        attach(game.generator, game.discriminator)

        def loss(answers: torch.Tensor, label: int) -> torch.Tensor:
            return cross_entropy(answers, torch.full((BATCH,), label))  # of logarithms it is their likelihood

        while True:
            on_real = game.discriminator(torch.randn(BATCH, 3) + 2)
            on_fake = game.discriminator(game.generator(noise()).detach())
            game.step_d(loss(on_real, real) + loss(on_fake, 1 - real))
            values = {"grad/discriminator/norm": norm(game.discriminator)}
            values |= judged(*(out[:, real] - out[:, 1 - real] for out in (on_real, on_fake)))
            game.step_g(loss(game.discriminator(game.generator(noise())), real))
            yield values | {"grad/generator/norm": norm(game.generator)}

    training.__name__ = name
    loop(GROUP, feature, saw=PLAIN if real else (*PLAIN, LOW))(training)


_two_classes("two_classes", "D is a classifier of generated and real: two logits, cross-entropy", 1, logarithms=False)
_two_classes("two_logarithms", "D returns the logarithms of P(real) and P(generated)", 0, logarithms=True)


@loop(GROUP, "D returns a patch map (N, 1, h, w), G makes images")
def patches(attach: Attach) -> Steps:
    generator = nn.Sequential(nn.Linear(4, 3 * 8 * 8), nn.Unflatten(1, (3, 8, 8)), nn.Tanh())
    game = Game(generator, nn.Sequential(nn.Conv2d(3, 4, 3), nn.LeakyReLU(0.2), nn.Conv2d(4, 1, 3)))
    attach(game.generator, game.discriminator)
    while True:
        on_real, on_fake = game.discriminator(torch.rand(8, 3, 8, 8)), game.discriminator(generator(noise(8)).detach())
        game.step_d(loss_of_d(on_real, on_fake))
        values = {"grad/discriminator/norm": norm(game.discriminator)}
        by_image = [out.detach().mean(dim=(1, 2, 3)) for out in (on_real, on_fake)]
        values |= {"d/real/mean": mean(on_real), "d/fake/mean": mean(on_fake), "d/auc": auc(*by_image)}
        game.step_g(loss_of_g(game.discriminator(generator(noise(8)))))
        yield values | {"grad/generator/norm": norm(generator)}


def _energy(output: torch.Tensor, batch: torch.Tensor) -> torch.Tensor:
    return -(output - batch).square().mean(dim=1)


def _autoencoder(attach: Attach, **options: object) -> Steps:
    game = Game(discriminator=mlp(2, 2))
    attach(game.generator, game.discriminator, **options)
    while True:
        real, fake = reals(), game.generator(noise()).detach()
        on_real, on_fake = (_energy(game.discriminator(batch), batch) for batch in (real, fake))
        game.step_d(torch.relu(1 + on_fake).mean() - on_real.mean())
        values = {"grad/discriminator/norm": norm(game.discriminator)}
        fake = game.generator(noise())
        game.step_g(-_energy(game.discriminator(fake), fake).mean())
        yield judged(on_real, on_fake) | values | {"grad/generator/norm": norm(game.generator)}


@loop(GROUP, "D returns a reconstruction (EBGAN, BEGAN), its energy with score=")
def energy(attach: Attach) -> Steps:
    return _autoencoder(attach, score=_energy)


@loop(
    GROUP,
    "D returns a reconstruction, without score=",
    sentence="attach(..., score=",
    absent=("d/real/mean", "d/auc"),
    saw=(),
)
def reconstruction(attach: Attach) -> Steps:
    for values in _autoencoder(attach):
        yield {name: value for name, value in values.items() if not name.startswith("d/")}


@loop(GROUP, "D sees packs of two samples: PacGAN")
def packed(attach: Attach) -> Steps:
    game = Game(discriminator=mlp(4, 1))
    attach(game.generator, game.discriminator)
    while True:
        values = game.update_d(real=reals().view(-1, 4), fake=game.generator(noise()).detach().view(-1, 4))
        game.step_g(loss_of_g(game.discriminator(game.generator(noise()).view(-1, 4))))
        yield values | {"grad/generator/norm": norm(game.generator)}


@loop(GROUP, "packs of two made by concatenation along the channels: PacGAN")
def packed_connected(attach: Attach) -> Steps:
    game = Game(discriminator=mlp(4, 1))
    attach(game.generator, game.discriminator)
    while True:
        pack = torch.cat([game.generator(noise()), game.generator(noise())], dim=1)
        values = game.update_d(real=torch.cat([reals(), reals()], dim=1), fake=pack)
        pack = torch.cat([game.generator(noise()), game.generator(noise())], dim=1)
        game.step_g(loss_of_g(game.discriminator(pack)))
        yield values | {"grad/generator/norm": norm(game.generator)}


@loop(
    GROUP, "relativistic losses, which use both batches in both steps", saw=(PLAIN[0], "1 real, 1 generated, 0 penalty")
)
def relativistic(attach: Attach) -> Steps:
    game = Game()
    attach(game.generator, game.discriminator)
    while True:
        real = reals()
        on_real, on_fake = game.discriminator(real), game.discriminator(game.generator(noise()).detach())
        game.step_d(nn.functional.softplus(on_fake.mean() - on_real).mean())
        values = {"grad/discriminator/norm": norm(game.discriminator)} | judged(on_real, on_fake)
        on_real, on_fake = game.discriminator(real), game.discriminator(game.generator(noise()))
        game.step_g(nn.functional.softplus(on_real.mean() - on_fake).mean())
        yield values | {"grad/generator/norm": norm(game.generator)}


@loop(GROUP, "D ends in a sigmoid")
def sigmoid(attach: Attach) -> Steps:
    game = Game(discriminator=nn.Sequential(mlp(2, 1), nn.Sigmoid(), nn.Flatten(0)))
    attach(game.generator, game.discriminator)
    bce = nn.BCELoss()
    while True:
        on_real, on_fake = game.discriminator(reals()), game.discriminator(game.generator(noise()).detach())
        game.step_d(bce(on_real, torch.ones(BATCH)) + bce(on_fake, torch.zeros(BATCH)))
        values = {"grad/discriminator/norm": norm(game.discriminator)} | judged(on_real, on_fake)
        game.step_g(bce(game.discriminator(game.generator(noise())), torch.ones(BATCH)))
        yield values | {"grad/generator/norm": norm(game.generator)}


@loop(GROUP, "a critic, its weights clipped after each update")
def clipped_critic(attach: Attach) -> Steps:
    game = Game()
    attach(game.generator, game.discriminator)
    while True:
        on_real, on_fake = game.discriminator(reals()), game.discriminator(game.generator(noise()).detach())
        game.step_d(on_fake.mean() - on_real.mean())
        values = {"grad/discriminator/norm": norm(game.discriminator)} | judged(on_real, on_fake)
        with torch.no_grad():
            for parameter in game.discriminator.parameters():
                parameter.clamp_(-0.1, 0.1)
        game.step_g(-game.discriminator(game.generator(noise())).mean())
        yield values | {"grad/generator/norm": norm(game.generator)}


class Conditional(nn.Module):
    """A network that is given labels beside its batch, and returns its output in a tuple if told to."""

    def __init__(self, inputs: int, outputs: int, *, in_tuple: bool = False) -> None:
        super().__init__()
        self.labels, self.body, self.in_tuple = nn.Embedding(3, 2), mlp(inputs + 2, outputs), in_tuple

    def forward(self, batch: torch.Tensor, labels: torch.Tensor) -> object:
        out = self.body(torch.cat([batch, self.labels(labels)], dim=1))
        return (out, {"labels": labels}) if self.in_tuple else out


@loop(GROUP, "conditional G and D with labels as a further argument; G returns a tuple")
def conditional(attach: Attach) -> Steps:
    generator, discriminator = Conditional(4, 2, in_tuple=True), Conditional(2, 1)
    adam_g, adam_d = adam(generator), adam(discriminator)
    attach(generator, discriminator)
    while True:
        labels = torch.randint(3, (BATCH,))
        on_real = discriminator(reals(), labels=labels)
        on_fake = discriminator(generator(noise(), labels)[0].detach(), labels)
        adam_d.zero_grad()
        loss_of_d(on_real, on_fake).backward()
        values = {"grad/discriminator/norm": norm(discriminator)} | judged(on_real, on_fake)
        adam_d.step()
        adam_g.zero_grad()
        loss_of_g(discriminator(batch=generator(noise(), labels=labels)[0], labels=labels)).backward()
        adam_g.step()
        yield values | {"grad/generator/norm": norm(generator)}

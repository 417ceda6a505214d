"""Loops with labels or penalties that are not what they are meant to be."""

from __future__ import annotations

import itertools
from typing import TYPE_CHECKING

import torch
from loops.parts import BATCH, Game, adam, loss_of_d, loss_of_g, mlp, noise, reals
from torch import nn

from .cases import case

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from .cases import Attach


# label-mismatch


class Conditional(nn.Module):
    """A network that is given one of three labels beside its batch."""

    def __init__(self, inputs: int, outputs: int) -> None:
        super().__init__()
        self.body = nn.Sequential(*mlp(inputs + 3, outputs))

    def forward(self, batch: torch.Tensor, labels: torch.Tensor) -> torch.Tensor:
        known = labels if labels.dim() > 1 else nn.functional.one_hot(labels, 3)
        return self.body(torch.cat([batch, known.to(batch.dtype)], dim=1))


def _drawn(count: int = BATCH) -> torch.Tensor:
    return torch.randint(3, (count,))


def _conditional(
    attach: Attach,
    of_g: Callable[[torch.Tensor], torch.Tensor],
    of_d: Callable[[torch.Tensor], torch.Tensor] = lambda given: given,
    shares: tuple[float, ...] = (1.0, 1.0, 1.0),
) -> Iterator[None]:
    """Labels of real samples with these shares; G is given `of_g` of them, D `of_d` of these with its samples."""
    game = Game(generator=Conditional(4, 2), discriminator=Conditional(2, 1))
    attach(game.generator, game.discriminator)
    while True:
        labels = torch.multinomial(torch.tensor(shares), BATCH, replacement=True)
        real, given = reals() + labels[:, None], of_g(labels)
        on_fake = game.discriminator(game.generator(noise(), given).detach(), of_d(given))
        game.step_d(loss_of_d(game.discriminator(real, labels), on_fake))
        given = of_g(labels)
        game.step_g(loss_of_g(game.discriminator(game.generator(noise(), given), of_d(given))))
        yield


@case("label-mismatch", "the last class is left out of the labels that are drawn for G", "labels-of-the-data")
def last_left_out(attach: Attach) -> Iterator[None]:
    return _conditional(attach, lambda labels: torch.randint(2, labels.shape))


@case("label-mismatch", "D is given labels that are drawn again with G's samples", "same-labels")
def drawn_again(attach: Attach) -> Iterator[None]:
    return _conditional(attach, lambda _: _drawn(), lambda _: _drawn())


@case("label-mismatch", "D is told the next class with each generated sample", "same-labels")
def shifted(attach: Attach) -> Iterator[None]:
    return _conditional(attach, lambda labels: labels, lambda given: (given + 1) % 3)


@case("label-mismatch", "G is given labels of its own, D the same with G's samples")
def labels_of_its_own(attach: Attach) -> Iterator[None]:
    return _conditional(attach, lambda _: _drawn())


@case("label-mismatch", "labels as one-hot rows")
def one_hot_labels(attach: Attach) -> Iterator[None]:
    return _conditional(attach, lambda labels: nn.functional.one_hot(labels, 3).float())


@case("label-mismatch", "balanced labels for data of which one class makes up 95 %")
def balanced_labels(attach: Attach) -> Iterator[None]:
    return _conditional(attach, lambda _: _drawn(), shares=(0.95, 0.03, 0.02))


# penalty-error


def _penalised(
    attach: Attach, penalty: Callable[[torch.Tensor], torch.Tensor], *, whole: bool = True
) -> Iterator[None]:
    """WGAN-GP on images of 4 x 4, `penalty` of D's gradient at interpolates; with the loss itself, or without it."""
    shape = (1, 4, 4)
    game = Game(
        generator=nn.Sequential(*mlp(4, 16), nn.Unflatten(1, shape)),
        discriminator=nn.Sequential(nn.Flatten(), *mlp(16, 1)),
    )
    game.adam_d = adam(game.discriminator, lr=1e-2)
    attach(game.generator, game.discriminator)
    while True:
        real, fake = torch.randn(BATCH, *shape) + 1, game.generator(noise()).detach()
        at = torch.lerp(real, fake, torch.rand(BATCH, 1, 1, 1)).requires_grad_()
        (slopes,) = torch.autograd.grad(game.discriminator(at).sum(), at, create_graph=True)
        loss = game.discriminator(fake).mean() - game.discriminator(real).mean()
        game.step_d(penalty(slopes) + (loss if whole else loss.detach()))
        game.step_g(-game.discriminator(game.generator(noise())).mean())
        yield


def _two_sided(slope: torch.Tensor) -> torch.Tensor:
    return 10 * (slope - 1).square().mean()


@case("penalty-error", "a backward pass of the penalty alone", "whole-loss")
def penalty_alone(attach: Attach) -> Iterator[None]:
    return _penalised(
        attach, lambda slopes: _two_sided((slopes.flatten(1).square().sum(1) + 1e-12).sqrt()), whole=False
    )


@case(
    "penalty-error",
    "D's loss is computed beside the penalty's, D ends in a sigmoid, and the penalty alone goes back",
    "whole-loss",
)
def loss_forgotten(attach: Attach) -> Iterator[None]:
    game = Game(discriminator=nn.Sequential(*mlp(2, 1), nn.Sigmoid()))
    attach(game.generator, game.discriminator)
    while True:
        real, fake = reals(), game.generator(noise())
        game.step_g(-game.discriminator(fake).log().mean())
        -(game.discriminator(real).log() + (1 - game.discriminator(fake.detach())).log()).mean()
        at = (real + torch.rand(BATCH, 2)).requires_grad_()
        (slopes,) = torch.autograd.grad(game.discriminator(at).sum(), at, create_graph=True)
        game.step_d(_two_sided(slopes.norm(dim=1)))
        yield


@case("penalty-error", "the root of 0 without a small constant, once D's gradient is 0 somewhere", "safe-norm")
def root_of_zero(attach: Attach) -> Iterator[None]:
    steps = itertools.count(1)
    return _penalised(
        attach, lambda slopes: _two_sided((slopes * float(next(steps) != 120)).flatten(1).square().sum(1).sqrt())
    )


@case("penalty-error", "a WGAN in which G's weights are clipped, and not the critic's", "bound-the-critic")
def wrong_network_clipped(attach: Attach) -> Iterator[None]:
    game = Game(discriminator=mlp(2, 1, hidden=48))
    game.adam_d = adam(game.discriminator, lr=5e-2)
    attach(game.generator, game.discriminator)
    while True:
        fake = game.generator(noise())
        game.step_d(game.discriminator(fake.detach()).mean() - game.discriminator(reals()).mean())
        with torch.no_grad():
            for parameter in game.generator.parameters():
                parameter.clamp_(-0.1, 0.1)
        game.step_g(-game.discriminator(game.generator(noise())).mean())
        yield


@case("penalty-error", "the norm per sample, WGAN-GP")
def norm_per_sample(attach: Attach) -> Iterator[None]:
    return _penalised(attach, lambda slopes: _two_sided(slopes.flatten(1).norm(dim=1)))


@case("penalty-error", "a one-sided penalty on the norm per sample")
def one_sided(attach: Attach) -> Iterator[None]:
    return _penalised(attach, lambda slopes: 10 * torch.relu(slopes.flatten(1).norm(dim=1) - 1).square().mean())


@case("penalty-error", "the square of the norm, pulled towards 0 (R1, Mescheder et al.)")
def square_of_norm(attach: Attach) -> Iterator[None]:
    return _penalised(attach, lambda slopes: slopes.square().sum() / BATCH)


@case("penalty-error", "R1 on the reals beside a Wasserstein loss")
def r1_of_a_critic(attach: Attach) -> Iterator[None]:
    game = Game()
    attach(game.generator, game.discriminator)
    while True:
        real = reals().requires_grad_()
        on_real = game.discriminator(real)
        (slopes,) = torch.autograd.grad(on_real.sum(), real, create_graph=True)
        loss = game.discriminator(game.generator(noise()).detach()).mean() - on_real.mean()
        game.step_d(loss + slopes.square().sum() / BATCH)
        game.step_g(-game.discriminator(game.generator(noise())).mean())
        yield


@case("penalty-error", "a norm of what a mask leaves of D's gradient, as for inpainting")
def masked_norm(attach: Attach) -> Iterator[None]:
    mask = (torch.arange(16).reshape(1, 1, 4, 4) > 7).float()
    return _penalised(attach, lambda slopes: _two_sided((slopes * mask).flatten(1).norm(dim=1)))

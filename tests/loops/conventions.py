"""Which of D's outputs mean real: losses in both conventions."""

from __future__ import annotations

from typing import TYPE_CHECKING

import torch
from torch.nn.functional import softplus

from .matrix import PLAIN, loop
from .parts import BATCH, Game, adam, judged, loss_of_d, loss_of_g, mlp, noise, norm, reals

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    Attach = Callable[..., object]
    Steps = Iterator[dict[str, float]]
    LossOfD = Callable[[torch.Tensor, torch.Tensor], torch.Tensor]
    LossOfG = Callable[[torch.Tensor], torch.Tensor]

GROUP = "which way is up"
LOW = "a low output means real: its outputs change their signs before they are used"
BOTH_IN_G = "1 real, 1 generated, 0 penalty"


def _up(name: str, feature: str, of_d: LossOfD, of_g: LossOfG, **options: object) -> None:
    """A loop with high for real."""
    _played(name, feature, 1, of_d, of_g, saw=PLAIN, **options)


def _down(name: str, feature: str, of_d: LossOfD, of_g: LossOfG, **options: object) -> None:
    """A loop with low for real: D's outputs are expected with the other sign."""
    _played(name, f"low means real: {feature}", -1, of_d, of_g, saw=(*PLAIN, LOW), **options)


def _played(name: str, feature: str, sign: int, of_d: LossOfD, of_g: LossOfG, **options: object) -> None:
    def training(attach: Attach) -> Steps:
        game = Game()
        game.adam_d = adam(game.discriminator, lr=1e-2)
        attach(game.generator, game.discriminator)
        while True:
            on_real, on_fake = game.discriminator(reals()), game.discriminator(game.generator(noise()).detach())
            game.step_d(of_d(on_real, on_fake))
            values = {"grad/discriminator/norm": norm(game.discriminator)} | judged(sign * on_real, sign * on_fake)
            game.step_g(of_g(game.discriminator(game.generator(noise()))))
            yield values | {"grad/generator/norm": norm(game.generator)}

    training.__name__ = name
    loop(GROUP, feature, **options)(training)


def _towards(outputs: torch.Tensor, target: float | torch.Tensor) -> torch.Tensor:
    return (outputs - target).square().mean()


def _hinge(real: torch.Tensor, fake: torch.Tensor) -> torch.Tensor:
    return torch.relu(1 - real).mean() + torch.relu(1 + fake).mean()


def _some_swapped(on_real: torch.Tensor, on_fake: torch.Tensor) -> torch.Tensor:
    """Cross-entropy in which each label is turned round with a probability of 5 %."""
    flips = [torch.where(torch.rand(BATCH, 1) < 0.05, -1.0, 1.0) for _ in range(2)]
    return softplus(-flips[0] * on_real).mean() + softplus(flips[1] * on_fake).mean()


def _smoothed(on_real: torch.Tensor, on_fake: torch.Tensor) -> torch.Tensor:
    loss = torch.nn.functional.binary_cross_entropy_with_logits
    return loss(on_real, torch.full_like(on_real, 0.9)) + loss(on_fake, torch.zeros_like(on_fake))


_up("hinge", "hinge loss", _hinge, lambda f: -f.mean())
_up(
    "least_squares",
    "least squares towards 1 and 0",
    lambda r, f: _towards(r, 1) + _towards(f, 0),
    lambda f: _towards(f, 1),
)
_up(
    "least_squares_centred",
    "least squares towards 1 and -1, of G towards 0",
    lambda r, f: _towards(r, 1) + _towards(f, -1),
    lambda f: _towards(f, 0),
)
_up("saturating", "the minimax loss, which saturates", loss_of_d, lambda f: -softplus(f).mean())
_up("smoothed", "labels of 0.9", _smoothed, loss_of_g)
_up("some_swapped", "labels swapped now and then", _some_swapped, loss_of_g)
_up(
    "relativistic_average",
    "relativistic average, of D alone",
    lambda r, f: softplus(f.mean() - r).mean() + softplus(f - r.mean()).mean(),
    loss_of_g,
)
_down("low_bce", "cross-entropy with swapped labels", lambda r, f: loss_of_d(f, r), lambda f: softplus(f).mean())
_down("low_hinge", "hinge loss", lambda r, f: _hinge(-r, -f), lambda f: f.mean())
_down("low_critic", "a critic that falls on reals (Arjovsky's)", lambda r, f: r.mean() - f.mean(), lambda f: f.mean())
_down(
    "low_least_squares",
    "least squares towards 0 and 1",
    lambda r, f: _towards(r, 0) + _towards(f, 1),
    lambda f: _towards(f, 0),
)


@loop(GROUP, "low means real: softmax over all samples of both batches", saw=(PLAIN[0], BOTH_IN_G, LOW))
def softmax_gan(attach: Attach) -> Steps:
    game = Game()
    attach(game.generator, game.discriminator)
    while True:
        real = reals()
        on_real, on_fake = game.discriminator(real), game.discriminator(game.generator(noise()).detach())
        partition = torch.logsumexp(-torch.cat([on_real, on_fake]), dim=0)
        game.step_d(on_real.mean() + partition.sum())
        values = {"grad/discriminator/norm": norm(game.discriminator)} | judged(-on_real, -on_fake)
        again, on_fake = game.discriminator(real), game.discriminator(game.generator(noise()))
        partition = torch.logsumexp(-torch.cat([again, on_fake]), dim=0)
        game.step_g((again.mean() + on_fake.mean()) / 2 + partition.sum())
        yield values | {"grad/generator/norm": norm(game.generator)}


@loop(GROUP, "relativistic average, of D and of G", saw=(PLAIN[0], BOTH_IN_G))
def relativistic_both(attach: Attach) -> Steps:
    def loss(up: torch.Tensor, down: torch.Tensor) -> torch.Tensor:
        return softplus(down.mean() - up).mean() + softplus(down - up.mean()).mean()

    game = Game()
    attach(game.generator, game.discriminator)
    while True:
        real = reals()
        on_real, on_fake = game.discriminator(real), game.discriminator(game.generator(noise()).detach())
        game.step_d(loss(on_real, on_fake))
        values = {"grad/discriminator/norm": norm(game.discriminator)} | judged(on_real, on_fake)
        game.step_g(loss(game.discriminator(game.generator(noise())), game.discriminator(real)))
        yield values | {"grad/generator/norm": norm(game.generator)}


@loop(GROUP, "a critic without .detach(), whose gradients in G are cleared before G's update")
def critic_attached(attach: Attach) -> Steps:
    game = Game()
    attach(game.generator, game.discriminator)
    while True:
        on_real, on_fake = game.discriminator(reals()), game.discriminator(game.generator(noise()))
        game.step_d(on_fake.mean() - on_real.mean())
        values = {"grad/discriminator/norm": norm(game.discriminator)} | judged(on_real, on_fake)
        game.step_g(-game.discriminator(game.generator(noise())).mean())
        yield values | {"grad/generator/norm": norm(game.generator)}


@loop(GROUP, "low means real: WGAN-GP", saw=("1 real, 1 generated, 1 penalty", PLAIN[1], LOW))
def low_wgan_gp(attach: Attach) -> Steps:
    game = Game(discriminator=mlp(2, 1))
    attach(game.generator, game.discriminator)
    while True:
        real, fake = reals(), game.generator(noise()).detach()
        on_fake, on_real = game.discriminator(fake), game.discriminator(real)
        between = torch.lerp(real, fake, torch.rand(BATCH, 1)).requires_grad_()
        (slope,) = torch.autograd.grad(game.discriminator(between).sum(), between, create_graph=True)
        game.step_d(on_real.mean() - on_fake.mean() + 10 * (slope.norm(dim=1) - 1).square().mean())
        values = {"grad/discriminator/norm": norm(game.discriminator)} | judged(-on_real, -on_fake)
        game.step_g(game.discriminator(game.generator(noise())).mean())
        yield values | {"grad/generator/norm": norm(game.generator)}

"""How the two players move: from their losses to one update of G, and what D does meanwhile."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Protocol

import torch
from torch import Tensor, nn
from torch.func import functional_call

if TYPE_CHECKING:
    from collections.abc import Sequence

    from gandiag.zoo.game import Game

Losses = tuple[Tensor, Tensor]


class Dynamics(Protocol):
    """One step of a training."""

    def __call__(self, game: Game) -> Losses:
        """Update G once, D as often as it takes; D's and G's last loss, scalars."""
        ...


@dataclass(frozen=True)
class Alternating:
    """D takes `n_critic` steps, then G takes one that sees the new D (Goodfellow et al. 2014, algorithm 1)."""

    n_critic: int = 1
    generator_first: bool = False

    def __call__(self, game: Game) -> Losses:
        if self.generator_first:
            loss_g = generator_step(game)
        for _ in range(self.n_critic):
            loss_d = discriminator_step(game)
        if not self.generator_first:
            loss_g = generator_step(game)
        return loss_d, loss_g


@dataclass(frozen=True)
class Simultaneous:
    """Both players move at once, each from where the other one was."""

    def __call__(self, game: Game) -> Losses:
        loss_d, loss_g = game.discriminator_loss(), game.generator_loss()
        move(game, gradients(loss_d, game.discriminator), gradients(loss_g, game.generator))
        return loss_d, loss_g


@dataclass(frozen=True)
class Consensus:
    """Both players also descend weight / 2 * |v|^2, v being both gradients (Mescheder et al. 2017).

    It damps the rotation of the game, at the price of a second backward pass.
    """

    weight: float = 1.0
    generator_first: bool = False
    alternating: bool = False

    def __call__(self, game: Game) -> Losses:
        if self.alternating:
            first, second = (True, False) if self.generator_first else (False, True)
            losses = [self._move(game, generator=first, discriminator=not first)]
            losses.append(self._move(game, generator=second, discriminator=not second))
            return losses[-1]
        return self._move(game, generator=True, discriminator=True)

    def _move(self, game: Game, *, generator: bool, discriminator: bool) -> Losses:
        loss_d, loss_g = game.discriminator_loss(detach=False), game.generator_loss()
        of_d = gradients(loss_d, game.discriminator, create_graph=True)
        of_g = gradients(loss_g, game.generator, create_graph=True)
        disagreement = self.weight / 2 * torch.stack([g.square().sum() for g in (*of_d, *of_g)]).sum()
        more_d = gradients(disagreement, game.discriminator, retain_graph=True)
        more_g = gradients(disagreement, game.generator)
        move(
            game,
            [(a + b).detach() for a, b in zip(of_d, more_d, strict=True)] if discriminator else None,
            [(a + b).detach() for a, b in zip(of_g, more_g, strict=True)] if generator else None,
        )
        return loss_d, loss_g


@dataclass(frozen=True)
class Extragradient:
    """Look one step ahead, come back, and move by the gradients found there (Korpelevich 1976; Gidel et al. 2019)."""

    def __call__(self, game: Game) -> Losses:
        weights = [*game.discriminator.parameters(), *game.generator.parameters()]
        here = [w.detach().clone() for w in weights]
        ahead = (
            gradients(game.discriminator_loss(), game.discriminator),
            gradients(game.generator_loss(), game.generator),
        )
        rates = (rate(game.optimizer_d), rate(game.optimizer_g))
        steps = [lr * g for lr, of_player in zip(rates, ahead, strict=True) for g in of_player]
        with torch.no_grad():
            for weight, step in zip(weights, steps, strict=True):
                weight.sub_(step)
        loss_d, loss_g = game.discriminator_loss(), game.generator_loss()
        of_d, of_g = gradients(loss_d, game.discriminator), gradients(loss_g, game.generator)
        with torch.no_grad():
            for weight, value in zip(weights, here, strict=True):
                weight.copy_(value)
        move(game, of_d, of_g)
        return loss_d, loss_g


@dataclass(frozen=True)
class Unrolled:
    """G is judged by the D that would answer it: D after k steps of gradient descent (Metz et al. 2017).

    G's gradient runs through these steps. D itself then takes one ordinary step.
    """

    k: int = 5
    lr: float = 0.1  # of the k steps

    def __call__(self, game: Game) -> Losses:
        loss_d = discriminator_step(game)
        discriminator = game.discriminator
        answering = _Answering(discriminator)
        game.discriminator = answering
        try:
            for _ in range(self.k):
                answering.descend(game.discriminator_loss(detach=False), self.lr)
            loss_g = game.generator_loss()
        finally:
            game.discriminator = discriminator
        game.optimizer_g.zero_grad()
        loss_g.backward()
        game.optimizer_g.step()
        game.moved_generator()
        return loss_d, loss_g


class _Answering(nn.Module):
    """A discriminator with weights of its own, each a differentiable function of the generator's samples."""

    def __init__(self, discriminator: nn.Module) -> None:
        super().__init__()
        self.network = discriminator
        self.weights: dict[str, Tensor] = dict(discriminator.named_parameters())

    def forward(self, *inputs: Tensor) -> Tensor:
        outputs: Tensor = functional_call(self.network, self.weights, inputs)
        return outputs

    def descend(self, loss: Tensor, lr: float) -> None:
        moves = torch.autograd.grad(loss, list(self.weights.values()), create_graph=True)
        self.weights = {name: w - lr * m for (name, w), m in zip(self.weights.items(), moves, strict=True)}


def discriminator_step(game: Game) -> Tensor:
    """One ordinary update of D; its loss."""
    loss = game.discriminator_loss()
    game.optimizer_d.zero_grad()
    loss.backward()
    game.optimizer_d.step()
    game.moved_discriminator()
    return loss


def generator_step(game: Game) -> Tensor:
    """One ordinary update of G; its loss."""
    loss = game.generator_loss()
    game.optimizer_g.zero_grad()
    loss.backward()
    game.optimizer_g.step()
    game.moved_generator()
    return loss


def gradients(
    loss: Tensor, network: nn.Module, *, create_graph: bool = False, retain_graph: bool | None = None
) -> Sequence[Tensor]:
    """Gradients of a loss with respect to the weights of one network, zero where it does not depend on them."""
    return torch.autograd.grad(
        loss,
        list(network.parameters()),
        create_graph=create_graph,
        retain_graph=retain_graph,
        allow_unused=True,
        materialize_grads=True,
    )


def move(game: Game, of_d: Sequence[Tensor] | None, of_g: Sequence[Tensor] | None) -> None:
    """Let the optimizers of the players for whom gradients are given use them."""
    if of_d is not None:
        _use(game.optimizer_d, game.discriminator, of_d)
        game.moved_discriminator()
    if of_g is not None:
        _use(game.optimizer_g, game.generator, of_g)
        game.moved_generator()


def rate(optimizer: torch.optim.Optimizer) -> float:
    """The learning rate that an optimizer has now."""
    return float(optimizer.param_groups[0]["lr"])


def _use(optimizer: torch.optim.Optimizer, network: nn.Module, values: Sequence[Tensor]) -> None:
    for weight, gradient in zip(network.parameters(), values, strict=True):
        weight.grad = gradient.detach()
    optimizer.step()

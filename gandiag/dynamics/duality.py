"""How much each player could still gain while the other one stays (Grnarova et al. 2019; Sidheekh et al. 2021)."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING, Any

import torch

from gandiag.dynamics.field import GameField, Players

if TYPE_CHECKING:
    from torch import Tensor

    from gandiag.dynamics.checkpoints import Checkpoint, States

MakeOptimizer = Callable[[Any], torch.optim.Optimizer]
ADAM = partial(torch.optim.Adam, lr=1e-3)  # our choice; gaps are comparable at one optimizer and rate only


@dataclass(frozen=True, kw_only=True)
class DualityGap:
    """The estimate at a checkpoint (u, v) of G and D, with M(u, v) = -L_D(u, v).

    Attributes
    ----------
    gap
        worst_discriminator - worst_generator: at least 0 up to the error of the estimate, near 0 at an equilibrium.
    worst_discriminator
        M(u, v') of the v' found, the estimate of max over v'.
    worst_generator
        M(u', v) of the u' found, the estimate of min over u'.
    value
        M(u, v).
    steps, lr, optimizer, perturbation
        k, the learning rate, the optimizer's name and the standard deviation: gaps with others are not comparable.
    """

    gap: float
    worst_discriminator: float
    worst_generator: float
    value: float
    steps: int
    lr: float
    optimizer: str
    perturbation: float


def duality_gap(
    field: GameField,
    checkpoint: Checkpoint | None = None,
    *,
    steps: int = 500,
    optimizer: MakeOptimizer = ADAM,
    perturbation: float = 0.0,
    measured_on: GameField | None = None,
) -> DualityGap:
    """max over v' of M(u, v') - min over u' of M(u', v), by k steps of a fresh optimizer from copies of each player.

    M = -L_D is what D maximises. G's own loss plays no part: the gap is that of the zero-sum game, also where G is
    trained by another loss. Where D's loss holds a penalty, so does M.

    Parameters
    ----------
    field
        The game with losses on held-out data. Its seed is that of the perturbation, too.
    checkpoint
        Weights of both players; None: as they are now.
    steps
        k, of each of the two searches. 2 k evaluations of the losses in all.
    optimizer
        Makes a fresh one from a list of weights: `lambda weights: torch.optim.SGD(weights, lr=0.1)`.
    perturbation
        Standard deviation of normal noise on each weight of the copy that is to move, before its first step: helps
        to leave saddle points that are no equilibria, where gradients are 0 (Sidheekh et al. 2021). 0: none. The
        player that stays is left as it is.
    measured_on
        The same networks with losses on data that neither training nor search saw: the search overfits its own.
        None: both terms are measured where they were searched.

    Raises
    ------
    ValueError
        When steps or perturbation is negative, the checkpoint does not fit the networks, the losses are not two
        finite numbers, loss_d does not depend on the generator, or a search diverges.

    References
    ----------
    Grnarova et al. 2019, "A Domain Agnostic Measure for Monitoring and Evaluating GANs"; Sidheekh et al. 2021, "On
    Duality Gap as a Measure for Monitoring GAN Training".
    """
    if steps < 1:
        raise ValueError(f"steps must be at least 1, found {steps}")
    if not perturbation >= 0:
        raise ValueError(f"perturbation must be at least 0, found {perturbation}")
    states = field.states(checkpoint, "checkpoint")
    judge = Players(measured_on or field, states)
    value = _value(judge, states, "at the checkpoint")
    terms = []
    for discriminator in (True, False):
        search = _Search(Players(field, states), discriminator, optimizer)
        search.perturb(perturbation, field.seed)
        search.run(steps)
        terms.append(_value(judge, search.states(), f"after {steps} steps of the {search.player}"))
    return DualityGap(
        gap=terms[0] - terms[1],
        worst_discriminator=terms[0],
        worst_generator=terms[1],
        value=value,
        steps=steps,
        lr=float(search.optimizer.param_groups[0]["lr"]),
        optimizer=type(search.optimizer).__name__,
        perturbation=perturbation,
    )


class _Search:
    """One player's way to its best answer: D minimises L_D, G maximises it."""

    def __init__(self, players: Players, discriminator: bool, optimizer: MakeOptimizer) -> None:
        self.players = players
        self.discriminator = discriminator
        self.player = "discriminator" if discriminator else "generator"
        self.weights = players.weights_d if discriminator else players.weights_g
        self.optimizer = optimizer(self.weights)

    def perturb(self, deviation: float, seed: int) -> None:
        random = torch.Generator().manual_seed(seed)
        with torch.no_grad():
            for weight in self.weights:
                noise = torch.randn(weight.shape, generator=random, dtype=torch.float32)
                weight.add_(deviation * noise.to(weight))

    def run(self, steps: int) -> None:
        for step in range(steps):
            rate = self.optimizer.param_groups[0]["lr"]
            loss_d, _ = self.players.losses(f"after {step} steps of the {self.player} at a rate of {rate:g}")
            if not step:
                self.players.check_coupled(loss_d)
            self._move(loss_d if self.discriminator else -loss_d)

    def _move(self, loss: Tensor) -> None:
        found = torch.autograd.grad(loss, self.weights, allow_unused=True, materialize_grads=True)
        for weight, gradient in zip(self.weights, found, strict=True):
            weight.grad = gradient
        self.optimizer.step()
        clip = self.players.field.clip
        if self.discriminator and clip is not None:
            with torch.no_grad():
                for weight in self.weights:
                    weight.clamp_(-clip, clip)

    def states(self) -> States:
        return self.players.generator.state_dict(), self.players.discriminator.state_dict()


def _value(judge: Players, states: States, where: str) -> float:
    """M = -L_D."""
    judge.load(states)
    loss_d, _ = judge.losses(where)
    return -float(loss_d.detach())

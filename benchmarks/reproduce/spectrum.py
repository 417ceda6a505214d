"""The eigenvalues that decide whether a GAN converges near its equilibrium (Mescheder et al. 2018, section 3)."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

import numpy as np
import torch
from torch import Tensor

from benchmarks.reproduce.intervals import Estimate, estimate
from benchmarks.reproduce.methods import WAYS
from gandiag.dynamics.field import joint_gradient
from gandiag.dynamics.jacobian import Jacobian, all_eigenvalues

if TYPE_CHECKING:
    from collections.abc import Sequence

    from benchmarks.reproduce.methods import Method
    from gandiag.zoo.game import Game

TOLERANCE = 1e-6  # of eigenvalues without noise; a double eigenvalue has half of a float64's digits
DRAWS, SAMPLES = 20, 100_000  # of the noise, and samples in each


@dataclass(frozen=True, kw_only=True)
class Spectrum:
    """What a method's field does at the equilibrium.

    Attributes
    ----------
    method : its name
    found, expected : the two eigenvalues by autograd and in closed form, the one with the larger imaginary (else
        real) part first; None where the field jumps
    real, imaginary : of the first one, over draws of the noise; None where nothing is random
    jump, expected_jump : the step of D's part of the field where psi goes from below 0 to above
    same : whether both agree: to 1e-6, or within a 99 % interval
    """

    method: str
    found: tuple[complex, complex] | None
    expected: tuple[complex, complex] | None
    real: Estimate | None
    imaginary: Estimate | None
    jump: float
    expected_jump: float
    same: bool


def spectrum(method: Method) -> Spectrum:
    """Eigenvalues of a method at (theta, psi) = (0, 0), beside their closed form."""
    jump = field_jump(method)
    same = abs(jump - method.jump) < TOLERANCE
    if method.eigenvalues is None or jump > TOLERANCE:
        return _spectrum(method, None, None, jump, same and method.eigenvalues is None)
    expected = _ordered(method.eigenvalues)
    if method.noisy:
        method = replace(method, batch=SAMPLES)
    draws = [eigenvalues(method, seed) for seed in range(DRAWS if method.noisy else 1)]
    if not method.noisy:
        close = bool(np.abs(np.subtract(draws[0], expected)).max() < TOLERANCE)
        return _spectrum(method, draws[0], None, jump, same and close)
    firsts = np.array([draw[0] for draw in draws])
    parts = estimate(firsts.real, level=0.99), estimate(firsts.imag, level=0.99)
    close = all(p.low <= e <= p.high for p, e in zip(parts, (expected[0].real, expected[0].imag), strict=True))
    mean = np.array(draws).mean(axis=0)
    return _spectrum(method, (complex(mean[0]), complex(mean[1])), parts, jump, same and close)


def eigenvalues(method: Method, seed: int = 0) -> tuple[complex, complex]:
    """Eigenvalues of the Jacobian of the field at the equilibrium, by automatic differentiation."""
    game = _game(method, seed)
    v = field(game, method.consensus)
    first, second = all_eigenvalues(Jacobian(v.split(1), _weights(game)))
    return _ordered((complex(first), complex(second)))


def field(game: Game, consensus: float = 0.0) -> Tensor:
    """Where both players of Dirac-GAN move from here, per unit of learning rate: (2,), G's part first.

    It is (-dL_G / dtheta, -dL_D / dpsi), of the losses as a training computes them, and itself differentiable.
    """
    loss_g, loss_d = game.generator_loss(), game.discriminator_loss(detach=False)
    of_g, of_d = list(game.generator.parameters()), list(game.discriminator.parameters())
    both = -torch.cat([g.flatten() for g in joint_gradient(loss_d, loss_g, of_d, of_g, create_graph=True)])
    if consensus:
        more = torch.autograd.grad(consensus / 2 * both.square().sum(), _weights(game), create_graph=True)
        both = both - torch.cat([g.flatten() for g in more])
    return both


def field_jump(method: Method) -> float:
    """The step of D's part of the field between psi = 0 and a psi just above and below it."""
    tiny = 1e-12
    above, below = (float(field(_game(method, 0, psi), method.consensus)[1].detach()) for psi in (tiny, -tiny))
    return above - below


def _game(method: Method, seed: int, psi: float = 0.0) -> Game:
    """The game in float64, at theta = 0 and the given psi."""
    torch.manual_seed(seed)
    recipe = method.recipe(WAYS[0])
    game = recipe.game(recipe)
    game.data = replace(game.data, samples=game.data.samples.double())
    for network, value in ((game.generator, 0.0), (game.discriminator, psi)):
        network.double()
        for weight in network.parameters():
            torch.nn.init.constant_(weight, value)
    return game


def _weights(game: Game) -> list[Tensor]:
    return [*game.generator.parameters(), *game.discriminator.parameters()]


def _ordered(pair: Sequence[complex]) -> tuple[complex, complex]:
    low, high = sorted(pair, key=lambda value: (round(value.imag, 9), value.real))
    return high, low


def _spectrum(
    method: Method,
    found: tuple[complex, complex] | None,
    parts: tuple[Estimate, Estimate] | None,
    jump: float,
    same: bool,
) -> Spectrum:
    real, imaginary = parts if parts is not None else (None, None)
    return Spectrum(
        method=method.name,
        found=found,
        expected=None if method.eigenvalues is None else _ordered(method.eigenvalues),
        real=real,
        imaginary=imaginary,
        jump=jump,
        expected_jump=method.jump,
        same=same,
    )

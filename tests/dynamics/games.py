"""Games whose behaviour is known, in float64."""

from __future__ import annotations

import math

import torch
from torch import nn
from torch.nn.functional import softplus

from gandiag.dynamics import GameField


class Weights(nn.Module):
    """A player that is nothing but a vector of numbers."""

    def __init__(self, *values: float) -> None:
        super().__init__()
        self.w = nn.Parameter(torch.tensor(values, dtype=torch.float64))


def state(*values: float) -> dict[str, torch.Tensor]:
    """The state dict of `Weights`."""
    return {"w": torch.tensor(values, dtype=torch.float64)}


def point(x: float, y: float) -> tuple[dict[str, torch.Tensor], dict[str, torch.Tensor]]:
    """A checkpoint of a game with one number for each player."""
    return state(x), state(y)


def game(losses, x: float = 0.0, y: float = 0.0, **options) -> GameField:
    """Two players with one number each; losses of (x, y) return (loss_d, loss_g)."""
    return GameField(Weights(x), Weights(y), lambda g, d: losses(g.w[0], d.w[0]), **options)


def bilinear(x, y):
    """M = x y: a pure rotation about 0, of speed 1."""
    return -x * y, x * y


def quadratic(x, y):
    """Each player descends into its own bowl; the term without effect on gradients ties loss_d to x."""
    return y**2 / 2 + 0 * x, x**2 / 2 + 0 * y


def mixed(attraction: float, rotation: float):
    """Jacobian [[attraction, rotation], [-rotation, attraction]]."""

    def losses(x, y):
        return attraction * y**2 / 2 - rotation * x * y, attraction * x**2 / 2 + rotation * x * y

    return losses


def dirac(kind: str = "minimax", gamma: float = 0.0, noise: float = 0.0):
    """Dirac-GAN of Mescheder et al. 2018 at x = theta, y = psi, D(x) = psi x, real samples at 0.

    Instance noise is +-noise with equal chances: its second moment is all that counts at the equilibrium.
    """
    seen = torch.tensor([noise, -noise] if noise else [0.0], dtype=torch.float64)

    def losses(theta, psi):
        on_real, on_fake = psi * seen, psi * (theta + seen)
        if kind == "wgan":
            loss_d, loss_g = on_fake.mean() - on_real.mean(), -on_fake.mean()
        else:
            loss_d = softplus(-on_real).mean() + softplus(on_fake).mean()
            loss_g = softplus(-on_fake).mean() if kind == "non-saturating" else -softplus(on_fake).mean()
        return loss_d + gamma / 2 * psi**2, loss_g  # the gradient of D for its input is psi everywhere

    return losses


def consensus(losses, gamma: float):
    """Both players also descend gamma / 2 |v|^2 (Mescheder et al. 2017)."""

    def more(x, y):
        loss_d, loss_g = losses(x, y)
        (of_g,) = torch.autograd.grad(loss_g, x, create_graph=True)
        (of_d,) = torch.autograd.grad(loss_d, y, create_graph=True)
        both = gamma / 2 * (of_g**2 + of_d**2)
        return loss_d + both, loss_g + both

    return more


def passing(distance: float, length: float = 1.0):
    """First and last checkpoint of a path that passes 0 at a distance, ending beside it."""
    return point(length, distance), point(0.0, distance)


def cosine_of_linear_game(a, attraction: float, rotation: float, distance: float):
    """The path-angle of `mixed` on the path of `passing`, in closed form: t = 1 - a before the centre."""
    t = 1 - a
    # v = (attraction t + rotation d, attraction d - rotation t), the path's direction is (1, 0)
    return (attraction * t + rotation * distance) / (math.hypot(attraction, rotation) * (t**2 + distance**2) ** 0.5)

"""Players so simple that their dynamics can be written down."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import torch
from torch import Tensor, nn

if TYPE_CHECKING:
    from gandiag.zoo.networks.plans import Shape


@dataclass(frozen=True)
class PointGenerator:
    """One parameter, theta: all samples lie there (Dirac-GAN: Mescheder et al. 2018).

    `start` is where theta begins; `jitter` moves it by up to so much, so that seeds differ.
    """

    start: float = 1.0
    jitter: float = 0.0

    def __call__(self, latent: int, shape: Shape) -> nn.Module:
        return Point(shape, self.start + self.jitter * (2 * float(torch.rand(())) - 1))


class Point(nn.Module):
    """Every latent becomes the same sample."""

    def __init__(self, shape: Shape, start: float) -> None:
        super().__init__()
        self.theta = nn.Parameter(torch.full(shape, start))

    def forward(self, latents: Tensor) -> Tensor:
        return self.theta.expand(len(latents), *self.theta.shape)


@dataclass(frozen=True)
class ShiftGenerator:
    """The latent plus a learned mean, which starts on a sphere of radius `start` (Daskalakis et al. 2018)."""

    start: float = 2.0

    def __call__(self, latent: int, shape: Shape) -> nn.Module:
        return Shift(latent, self.start)


class Shift(nn.Module):
    """z becomes z + mean."""

    def __init__(self, size: int, start: float) -> None:
        super().__init__()
        direction = torch.randn(size)
        self.mean = nn.Parameter(start * direction / direction.norm())

    def forward(self, latents: Tensor) -> Tensor:
        return latents + self.mean


@dataclass(frozen=True)
class LinearDiscriminator:
    """f(x) = <psi, x>, with psi starting at `start` in every direction.

    Dirac-GAN of Mescheder et al. 2018 starts at (theta, psi) = (1, 1) with the sign of D turned around: here D takes
    what is real for positive, and psi starts at -1.
    """

    start: float = -1.0

    def __call__(self, shape: Shape) -> nn.Module:
        layer = nn.Linear(shape[0], 1, bias=False)
        nn.init.constant_(layer.weight, self.start)
        return layer

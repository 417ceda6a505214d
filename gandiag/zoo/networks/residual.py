"""Residual networks with spectral normalisation in D (Miyato et al. 2018, table 3 of the supplement), made small."""

from __future__ import annotations

from dataclasses import dataclass
from itertools import pairwise
from typing import TYPE_CHECKING

from torch import Tensor, nn
from torch.nn.functional import avg_pool2d, interpolate, relu
from torch.nn.utils.parametrizations import spectral_norm

from gandiag.zoo.networks.convolutional import channels, sides

if TYPE_CHECKING:
    from gandiag.zoo.networks.plans import Shape


@dataclass(frozen=True)
class ResidualGenerator:
    """A latent grows by residual blocks with batch normalisation; each doubles the side.

    Parameters
    ----------
    width : channels of all feature maps
    """

    width: int = 32

    def __call__(self, latent: int, shape: Shape) -> nn.Module:
        first, *rest = sides(shape)
        layers: list[nn.Module] = [
            nn.Linear(latent, self.width * first**2),
            nn.Unflatten(1, (self.width, first, first)),
        ]
        layers += [ResidualUp(self.width) for _ in rest]
        layers += [nn.BatchNorm2d(self.width), nn.ReLU(), nn.Conv2d(self.width, shape[0], 3, 1, 1), nn.Tanh()]
        return nn.Sequential(*layers)


@dataclass(frozen=True)
class ResidualDiscriminator:
    """Residual blocks that halve the side, one at the smallest side, and a sum over what is left of the picture.

    Parameters
    ----------
    width : channels of the first feature map; twice as many at each smaller side
    """

    width: int = 16

    def __call__(self, shape: Shape) -> nn.Module:
        sizes = channels(shape, self.width)[::-1]
        blocks = [
            ResidualDown(before, after, first=not number) for number, (before, after) in enumerate(pairwise(sizes))
        ]
        return nn.Sequential(*blocks, nn.ReLU(), SumOverPixels(), spectral_norm(nn.Linear(sizes[-1], 1)))


class ResidualUp(nn.Module):
    """Twice the side, (B, C, S, S) to (B, C, 2 S, 2 S)."""

    def __init__(self, width: int) -> None:
        super().__init__()
        self.first_norm, self.second_norm = nn.BatchNorm2d(width), nn.BatchNorm2d(width)
        self.first, self.second = nn.Conv2d(width, width, 3, 1, 1), nn.Conv2d(width, width, 3, 1, 1)

    def forward(self, maps: Tensor) -> Tensor:
        grown = self.first(interpolate(relu(self.first_norm(maps)), scale_factor=2.0))
        added: Tensor = self.second(relu(self.second_norm(grown))) + interpolate(maps, scale_factor=2.0)
        return added


class ResidualDown(nn.Module):
    """Half the side, (B, C, S, S) to (B, C', S / 2, S / 2); the block that sees the picture has no ReLU before it."""

    def __init__(self, before: int, after: int, *, first: bool) -> None:
        super().__init__()
        self.opening = nn.Identity() if first else nn.ReLU()
        self.first = spectral_norm(nn.Conv2d(before, after, 3, 1, 1))
        self.second = spectral_norm(nn.Conv2d(after, after, 3, 1, 1))
        self.shortcut = spectral_norm(nn.Conv2d(before, after, 1))

    def forward(self, maps: Tensor) -> Tensor:
        shrunk = avg_pool2d(self.second(relu(self.first(self.opening(maps)))), 2)
        added: Tensor = shrunk + self.shortcut(avg_pool2d(maps, 2))
        return added


class SumOverPixels(nn.Module):
    """(B, C, S, S) to (B, C)."""

    def forward(self, maps: Tensor) -> Tensor:
        return maps.sum(dim=(2, 3))

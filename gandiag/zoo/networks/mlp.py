"""Fully connected networks: all that points in the plane and 8x8 digits take."""

from __future__ import annotations

from dataclasses import dataclass
from itertools import pairwise
from math import prod
from typing import TYPE_CHECKING

import torch
from torch import Tensor, nn
from torch.nn.functional import softmax
from torch.nn.utils.parametrizations import spectral_norm

if TYPE_CHECKING:
    from gandiag.zoo.networks.plans import Shape


@dataclass(frozen=True)
class MlpGenerator:
    """Linear layers and ReLU; images get a final tanh, points none.

    Parameters
    ----------
    width, depth : units of a hidden layer, and how many of them
    batch_norm : whether hidden layers are normalised
    categories : for tables, sizes of the one-hot columns at the end: they get a softmax each
    """

    width: int = 128
    depth: int = 2
    batch_norm: bool = True
    categories: tuple[int, ...] = ()

    def __call__(self, latent: int, shape: Shape) -> nn.Module:
        layers: list[nn.Module] = []
        sizes = [latent, *[self.width] * self.depth]
        for before, after in pairwise(sizes):
            layers += [nn.Linear(before, after)]
            layers += [nn.BatchNorm1d(after)] * self.batch_norm
            layers += [nn.ReLU()]
        layers += [nn.Linear(sizes[-1], prod(shape))]
        if self.categories:
            layers += [Categories(self.categories)]
        if len(shape) > 1:
            layers += [nn.Tanh(), nn.Unflatten(1, shape)]
        return nn.Sequential(*layers)


@dataclass(frozen=True)
class MlpDiscriminator:
    """Linear layers and LeakyReLU, one output.

    Parameters
    ----------
    width, depth : units of a hidden layer, and how many of them
    spectral_norm : whether each layer's largest singular value is kept at 1 (Miyato et al. 2018)
    minibatch_std : whether the last hidden layer sees how much the batch varies (Karras et al. 2018)
    """

    width: int = 128
    depth: int = 2
    spectral_norm: bool = False
    minibatch_std: bool = False

    def __call__(self, shape: Shape) -> nn.Module:
        def linear(before: int, after: int) -> nn.Module:
            layer = nn.Linear(before, after)
            return spectral_norm(layer) if self.spectral_norm else layer

        layers: list[nn.Module] = [nn.Flatten()]
        size = prod(shape)
        for _ in range(self.depth):
            layers += [linear(size, self.width), nn.LeakyReLU(0.2)]
            size = self.width
        if self.minibatch_std:
            layers += [MinibatchStd()]
            size += 1
        return nn.Sequential(*layers, linear(size, 1))


class MinibatchStd(nn.Module):
    """Appends the batch's standard deviation, averaged over features, as one more feature (Karras et al. 2018).

    (B, D) becomes (B, D + 1), (B, C, H, W) becomes (B, C + 1, H, W). A batch of samples that are all alike shows 0.
    """

    def forward(self, features: Tensor) -> Tensor:
        spread = (features.var(dim=0, unbiased=False) + 1e-8).sqrt().mean()
        return torch.cat([features, spread.expand_as(features[:, :1])], dim=1)


class Categories(nn.Module):
    """A softmax over each group of the last columns; those before stay as they are."""

    def __init__(self, sizes: tuple[int, ...]) -> None:
        super().__init__()
        self.sizes = sizes

    def forward(self, columns: Tensor) -> Tensor:
        numbers = columns.shape[1] - sum(self.sizes)
        plain, *groups = columns.split([numbers, *self.sizes], dim=1)
        return torch.cat([plain, *[softmax(group, dim=1) for group in groups]], dim=1)


@dataclass(frozen=True)
class MaxoutDiscriminator:
    """Three layers of maxout units, as in the ring and grid experiments of Lin et al. 2018 (PacGAN)."""

    width: int = 200
    depth: int = 3
    pieces: int = 5

    def __call__(self, shape: Shape) -> nn.Module:
        sizes = [prod(shape), *[self.width] * self.depth]
        layers = [Maxout(before, after, self.pieces) for before, after in pairwise(sizes)]
        return nn.Sequential(nn.Flatten(), *layers, nn.Linear(sizes[-1], 1))


class Maxout(nn.Module):
    """Each unit is the largest of several linear functions (Goodfellow et al. 2013)."""

    def __init__(self, before: int, after: int, pieces: int) -> None:
        super().__init__()
        self.linear, self.pieces = nn.Linear(before, after * pieces), pieces

    def forward(self, inputs: Tensor) -> Tensor:
        units: Tensor = self.linear(inputs).unflatten(1, (-1, self.pieces)).amax(dim=2)
        return units

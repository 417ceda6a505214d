"""Self-attention: each position of an image looks at all others (SAGAN: Zhang et al. 2019)."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import torch
from torch import Tensor, nn
from torch.nn.utils.parametrizations import spectral_norm

from gandiag.zoo.networks.convolutional import sides

if TYPE_CHECKING:
    from gandiag.zoo.networks.plans import Shape


class SelfAttention(nn.Module):
    """x + gamma * what each position gathers from all positions; (B, C, H, W) stays (B, C, H, W).

    gamma is learned and starts at 0: at first the block changes nothing, later it adds what is far away.
    """

    def __init__(self, size: int) -> None:
        super().__init__()
        inner = max(1, size // 8)
        self.key, self.query, self.value = (spectral_norm(nn.Conv2d(size, inner, 1)) for _ in range(3))
        self.output = spectral_norm(nn.Conv2d(inner, size, 1))
        self.gamma = nn.Parameter(torch.zeros(()))

    def attention(self, features: Tensor) -> Tensor:
        """How much each position (row) looks at each other one (column): (B, H W, H W), rows sum to 1."""
        key, query = self.key(features).flatten(2), self.query(features).flatten(2)
        weights: Tensor = (query.transpose(1, 2) @ key).softmax(dim=2)
        return weights

    def forward(self, features: Tensor) -> Tensor:
        value = self.value(features).flatten(2)
        gathered = (value @ self.attention(features).transpose(1, 2)).unflatten(2, features.shape[2:])
        changed: Tensor = features + self.gamma * self.output(gathered)
        return changed


@dataclass(frozen=True)
class SaganGenerator:
    """Spectrally normalised layers that double the side, and self-attention at the image's full size."""

    width: int = 32

    def __call__(self, latent: int, shape: Shape) -> nn.Module:
        start, *larger = sides(shape)
        size = self.width * 2 ** len(larger)
        layers: list[nn.Module] = [nn.Unflatten(1, (latent, 1, 1))]
        layers += [spectral_norm(nn.ConvTranspose2d(latent, size, start)), nn.BatchNorm2d(size), nn.ReLU()]
        for _ in larger:
            size //= 2
            layers += [spectral_norm(nn.ConvTranspose2d(2 * size, size, 4, 2, 1)), nn.BatchNorm2d(size), nn.ReLU()]
        return nn.Sequential(
            *layers, SelfAttention(size), spectral_norm(nn.Conv2d(size, shape[0], 3, padding=1)), nn.Tanh()
        )


@dataclass(frozen=True)
class SaganDiscriminator:
    """The mirror image: self-attention at full size, then spectrally normalised layers that halve the side."""

    width: int = 32

    def __call__(self, shape: Shape) -> nn.Module:
        start, *larger = sides(shape)
        size = self.width
        layers: list[nn.Module] = [spectral_norm(nn.Conv2d(shape[0], size, 3, padding=1)), nn.LeakyReLU(0.1)]
        layers += [SelfAttention(size)]
        for _ in larger:
            layers += [spectral_norm(nn.Conv2d(size, 2 * size, 4, 2, 1)), nn.LeakyReLU(0.1)]
            size *= 2
        return nn.Sequential(*layers, spectral_norm(nn.Conv2d(size, 1, start)), nn.Flatten())

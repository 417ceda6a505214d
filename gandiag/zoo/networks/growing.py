"""Networks that start with small images and grow a layer in the middle of the training (Karras et al. 2018)."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import torch
from torch import Tensor, nn
from torch.nn.functional import avg_pool2d, interpolate

from gandiag.zoo.networks.convolutional import sides
from gandiag.zoo.networks.mlp import MinibatchStd

if TYPE_CHECKING:
    from collections.abc import Callable

    from gandiag.zoo.networks.plans import Shape


@dataclass(frozen=True)
class GrowingGenerator:
    """Makes images of half the side first; see `Grower`."""

    width: int = 32

    def __call__(self, latent: int, shape: Shape) -> nn.Module:
        return Grower(latent, shape, self.width)


@dataclass(frozen=True)
class GrowingDiscriminator:
    """Looks at images of half the side first; see `Shrinker`."""

    width: int = 32

    def __call__(self, shape: Shape) -> nn.Module:
        return Shrinker(shape, self.width)


class Growing(nn.Module):
    """A network with an old path at half the side and a new one at full side.

    `alpha` is the share of the new path: 0 before the network has grown, 1 when it is fully grown. The old path's
    images are shown enlarged, two pixels by two for one, so that images have the same shape at any alpha.
    """

    alpha: Tensor

    def __init__(self) -> None:
        super().__init__()
        self.register_buffer("alpha", torch.zeros(()))

    def fade(self, share: float) -> None:
        """Set the share of the new path."""
        self.alpha.fill_(share)

    def blend(self, old: Callable[[], Tensor], new: Callable[[], Tensor]) -> Tensor:
        """(1 - alpha) old + alpha new; at the ends the one or the other alone, and its path is all that learns."""
        share = float(self.alpha)
        if share in (0.0, 1.0):
            return new() if share else old()
        return torch.lerp(old(), new(), share)


class Grower(Growing):
    """From latents (B, latent) to images (B, *shape)."""

    def __init__(self, latent: int, shape: Shape, width: int) -> None:
        super().__init__()
        self.low = nn.Sequential(
            nn.Unflatten(1, (latent, 1, 1)), nn.ConvTranspose2d(latent, 2 * width, sides(shape)[-2]), *_rectified()
        )
        self.high = nn.Sequential(nn.Upsample(scale_factor=2), nn.Conv2d(2 * width, width, 3, padding=1), *_rectified())
        self.low_image = nn.Sequential(nn.Conv2d(2 * width, shape[0], 1), nn.Tanh())
        self.high_image = nn.Sequential(nn.Conv2d(width, shape[0], 1), nn.Tanh())

    def forward(self, latents: Tensor) -> Tensor:
        features = self.low(latents)
        return self.blend(
            lambda: interpolate(self.low_image(features), scale_factor=2),
            lambda: self.high_image(self.high(features)),
        )


class Shrinker(Growing):
    """From images (B, *shape) to outputs (B, 1)."""

    def __init__(self, shape: Shape, width: int) -> None:
        super().__init__()
        self.low_image = nn.Sequential(nn.Conv2d(shape[0], 2 * width, 1), nn.LeakyReLU(0.2))
        self.high_image = nn.Sequential(nn.Conv2d(shape[0], width, 1), nn.LeakyReLU(0.2))
        self.high = nn.Sequential(nn.Conv2d(width, 2 * width, 3, padding=1), nn.LeakyReLU(0.2), nn.AvgPool2d(2))
        self.low = nn.Sequential(
            *[MinibatchStd(), nn.Conv2d(2 * width + 1, 2 * width, 3, padding=1), nn.LeakyReLU(0.2)],
            *[nn.Conv2d(2 * width, 1, sides(shape)[-2]), nn.Flatten()],
        )

    def forward(self, images: Tensor) -> Tensor:
        features = self.blend(lambda: self.low_image(avg_pool2d(images, 2)), lambda: self.high(self.high_image(images)))
        outputs: Tensor = self.low(features)
        return outputs


class PixelNorm(nn.Module):
    """Each position's features divided by their root mean square."""

    def forward(self, features: Tensor) -> Tensor:
        scaled: Tensor = features * (features.square().mean(dim=1, keepdim=True) + 1e-8).rsqrt()
        return scaled


def _rectified() -> list[nn.Module]:
    return [nn.LeakyReLU(0.2), PixelNorm()]

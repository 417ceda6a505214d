"""DCGAN: strided convolutions, batch normalisation, no pooling, no hidden linear layer (Radford et al. 2016)."""

from __future__ import annotations

from dataclasses import dataclass
from itertools import pairwise
from typing import TYPE_CHECKING

from torch import nn
from torch.nn.utils.parametrizations import spectral_norm

if TYPE_CHECKING:
    from gandiag.zoo.networks.plans import Shape


def sides(shape: Shape) -> list[int]:
    """Heights of the feature maps from G's first to the image (C, S, S): halved down to an odd number or 4.

    >>> sides((1, 8, 8)), sides((3, 28, 28))
    ([4, 8], [7, 14, 28])
    """
    if len(shape) != 3 or shape[1] != shape[2] or shape[1] % 2 or shape[1] <= 4:
        raise ValueError(f"convolutional networks take square images whose side is even and above 4, found {shape}")
    found = [shape[1]]
    while found[0] % 2 == 0 and found[0] > 4:
        found.insert(0, found[0] // 2)
    return found


def channels(shape: Shape, width: int) -> list[int]:
    """Channels of these feature maps: the image's at the end, `width` before it, twice as many at each smaller one.

    >>> channels((1, 28, 28), 16)
    [32, 16, 1]
    """
    stages = len(sides(shape)) - 1
    return [*[width * 2**stage for stage in reversed(range(stages))], shape[0]]


@dataclass(frozen=True)
class DcganGenerator:
    """A latent grows by transposed convolutions; each layer doubles the side.

    Parameters
    ----------
    width : channels of the last feature map before the image
    spectral_norm : whether each layer's largest singular value is kept at 1 (Zhang et al. 2019)
    """

    width: int = 32
    spectral_norm: bool = False

    def __call__(self, latent: int, shape: Shape) -> nn.Module:
        sizes = [latent, *channels(shape, self.width)]
        layers: list[nn.Module] = [nn.Unflatten(1, (latent, 1, 1))]
        for number, (before, after) in enumerate(pairwise(sizes)):
            arguments = (4, 2, 1) if number else (sides(shape)[0], 1, 0)
            layer = initialised(nn.ConvTranspose2d(before, after, *arguments))
            layers += [spectral_norm(layer) if self.spectral_norm else layer]
            layers += [initialised(nn.BatchNorm2d(after)), nn.ReLU()] if number < len(sizes) - 2 else [nn.Tanh()]
        return nn.Sequential(*layers)


@dataclass(frozen=True)
class DcganDiscriminator:
    """Convolutions that halve the side, the last one over all that is left; no normalisation in the first layer.

    Parameters
    ----------
    width : channels of the first feature map
    spectral_norm : normalise by spectral norm instead of batch statistics (Miyato et al. 2018)
    """

    width: int = 32
    spectral_norm: bool = False

    def __call__(self, shape: Shape) -> nn.Module:
        sizes = channels(shape, self.width)[::-1]
        layers: list[nn.Module] = []
        for number, (before, after) in enumerate(pairwise(sizes)):
            layer = initialised(nn.Conv2d(before, after, 4, 2, 1))
            layers += [spectral_norm(layer) if self.spectral_norm else layer]
            layers += [initialised(nn.BatchNorm2d(after))] * (number > 0 and not self.spectral_norm)
            layers += [nn.LeakyReLU(0.2)]
        last = initialised(nn.Conv2d(sizes[-1], 1, sides(shape)[0]))
        return nn.Sequential(*layers, spectral_norm(last) if self.spectral_norm else last, nn.Flatten())


def initialised(layer: nn.Module) -> nn.Module:
    """The layer with weights from N(0, 0.02), or N(1, 0.02) for the gain of a normalisation, and biases 0."""
    weight, bias = layer.parameters()
    nn.init.normal_(weight, float(isinstance(layer, nn.BatchNorm2d)), 0.02)
    nn.init.zeros_(bias)
    return layer

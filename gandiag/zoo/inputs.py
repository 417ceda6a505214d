"""What happens to samples, real and generated alike, before D sees them."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Protocol

import torch
from torch import Tensor

Shape = tuple[int, ...]


class Input(Protocol):
    """One change to D's input."""

    def shape(self, shape: Shape) -> Shape:
        """The shape of one input of D, from that of one sample."""
        ...

    def __call__(self, samples: Tensor, progress: float) -> Tensor:
        """The changed batch; `progress` is the share of the training that is over, 0 to 1."""
        ...


@dataclass(frozen=True)
class InstanceNoise:
    """Gaussian noise, faded out linearly by `until` of the training (Sonderby et al. 2017; Arjovsky & Bottou 2017).

    It makes the real and the generated distribution overlap, so that D cannot tell them apart without error.
    With `until=None` it stays.
    """

    sigma: float = 0.5
    until: float | None = 1.0

    def shape(self, shape: Shape) -> Shape:
        return shape

    def __call__(self, samples: Tensor, progress: float) -> Tensor:
        left = 1.0 if self.until is None else max(0.0, 1 - progress / self.until)
        return samples + self.sigma * left * torch.randn_like(samples)


@dataclass(frozen=True)
class Pack:
    """D judges m samples at once, joined along features or channels (PacGAN: Lin et al. 2018).

    A pack of generated samples that are all alike gives G away. A batch of B samples becomes B / m inputs.
    """

    m: int = 2

    def shape(self, shape: Shape) -> Shape:
        return (self.m * shape[0], *shape[1:])

    def __call__(self, samples: Tensor, progress: float) -> Tensor:
        if len(samples) % self.m:
            raise ValueError(f"packs of {self.m} need a batch size that is a multiple of it, found {len(samples)}")
        return samples.reshape(len(samples) // self.m, self.m * samples.shape[1], *samples.shape[2:])

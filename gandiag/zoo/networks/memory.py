"""A discriminator with a memory of what it has seen (MemoryGAN: Kim et al. 2018)."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

import torch
from torch import Tensor, nn
from torch.nn.functional import normalize

from gandiag.zoo.networks.labelled import parts
from gandiag.zoo.networks.mlp import MlpGenerator

if TYPE_CHECKING:
    from gandiag.zoo.networks.plans import GeneratorPlan, Shape

SIZE = 32  # length of a key


@dataclass(frozen=True)
class MemoryDiscriminator:
    """Judges a sample by the remembered ones that it is like.

    Parameters
    ----------
    width, depth : of the hidden layers
    slots, size : memories, half of them real and half generated, and length of each
    sharpness : how much more a nearer memory counts
    """

    width: int = 128
    depth: int = 2
    slots: int = 256
    size: int = SIZE
    sharpness: float = 10.0

    def __call__(self, shape: Shape) -> nn.Module:
        body, _ = parts(shape, self.width, self.depth)
        return Memory(nn.Sequential(body, nn.Linear(self.width, self.size)), self.slots, self.size, self.sharpness)


@dataclass(frozen=True)
class RecallingGenerator:
    """Any generator, with a remembered key of length `size` beside its latent."""

    plan: GeneratorPlan = field(default_factory=MlpGenerator)
    size: int = SIZE

    def __call__(self, latent: int, shape: Shape) -> nn.Module:
        return self.plan(latent + self.size, shape)


class Memory(nn.Module):
    """Two tables of unit vectors, keys of real and of generated samples, and a network that makes such a vector.

    A sample's logit is log(weight of the real keys) - log(weight of the generated ones), where a key weighs
    exp(sharpness * cosine): the posterior of a mixture of von Mises-Fisher distributions with equal shares.
    """

    keys: Tensor
    ages: Tensor

    def __init__(self, network: nn.Module, slots: int, size: int, sharpness: float) -> None:
        super().__init__()
        self.network, self.sharpness = network, sharpness
        self.register_buffer("keys", normalize(torch.randn(2, slots // 2, size), dim=2))  # generated, real
        self.register_buffer("ages", torch.zeros(2, slots // 2, dtype=torch.int64))

    def query(self, samples: Tensor) -> Tensor:
        """(B, size) vectors of length 1."""
        return normalize(self.network(samples), dim=1)

    def forward(self, samples: Tensor) -> Tensor:
        generated, real = (self.sharpness * self.query(samples) @ self.keys.transpose(1, 2)).logsumexp(dim=2)
        logits: Tensor = (real - generated).unsqueeze(1)
        return logits

    @torch.no_grad()
    def remember(self, samples: Tensor, *, real: bool, rate: float = 0.1) -> None:
        """Write samples (B, ...) to memory.

        A sample whose nearest key is of its own kind moves that key towards itself; any other takes the place of the
        key of its kind that has been of no use for longest.
        """
        query, kind, slots = self.query(samples), int(real), self.keys.shape[1]
        nearest = (query @ self.keys.flatten(0, 1).T).argmax(dim=1)
        own = nearest // slots == kind
        used = nearest[own] % slots
        keys, ages = self.keys[kind], self.ages[kind]
        keys.index_add_(0, used, rate * query[own])
        keys.copy_(normalize(keys, dim=1))
        ages += 1
        ages[used] = 0
        surprising = query[~own][:slots]
        oldest = ages.topk(len(surprising)).indices
        keys[oldest], ages[oldest] = surprising, 0

    def recall(self, n: int) -> Tensor:
        """(n, size) keys of real samples, drawn at random."""
        keys: Tensor = self.keys[1]
        return keys[torch.randint(len(keys), (n,))]

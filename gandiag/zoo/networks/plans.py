"""What a recipe needs to know about a network: how to build it."""

from __future__ import annotations

from typing import TYPE_CHECKING, Protocol

if TYPE_CHECKING:
    from torch import nn

Shape = tuple[int, ...]


class GeneratorPlan(Protocol):
    """Builds a generator."""

    def __call__(self, latent: int, shape: Shape) -> nn.Module:
        """From latents (B, latent) to samples (B, *shape)."""
        ...


class DiscriminatorPlan(Protocol):
    """Builds a discriminator."""

    def __call__(self, shape: Shape) -> nn.Module:
        """From inputs (B, *shape) to one output each, (B, 1)."""
        ...

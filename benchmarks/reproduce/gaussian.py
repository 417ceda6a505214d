"""The initial weights of Lin et al. 2018 (PacGAN)."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from torch import nn

if TYPE_CHECKING:
    from gandiag.zoo.networks.plans import DiscriminatorPlan, GeneratorPlan, Shape

SPREAD = 0.02


@dataclass(frozen=True)
class GaussianGenerator:
    """A generator whose linear layers start at N(0, 0.02^2), with biases of 0."""

    plan: GeneratorPlan

    def __call__(self, latent: int, shape: Shape) -> nn.Module:
        return gaussian_weights(self.plan(latent, shape))


@dataclass(frozen=True)
class GaussianDiscriminator:
    """A discriminator that starts in the same way."""

    plan: DiscriminatorPlan

    def __call__(self, shape: Shape) -> nn.Module:
        return gaussian_weights(self.plan(shape))


def gaussian_weights(network: nn.Module) -> nn.Module:
    """Draw the weights of all linear layers from N(0, 0.02^2) and set their biases to 0, in place."""
    for layer in network.modules():
        if isinstance(layer, nn.Linear):
            nn.init.normal_(layer.weight, std=SPREAD)
            nn.init.zeros_(layer.bias)
    return network

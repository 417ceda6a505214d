"""Generators on top of each other: classes become features, features become images (SGAN: Huang et al. 2017)."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import torch
from torch import Tensor, nn
from torch.nn.functional import cross_entropy

from gandiag.zoo.networks.labelled import ConditionalGenerator
from gandiag.zoo.networks.mlp import MlpDiscriminator, MlpGenerator

if TYPE_CHECKING:
    from gandiag.zoo.data import Data
    from gandiag.zoo.networks.plans import Shape

FEATURES = 32  # of the encoder, which the upper generator makes and the lower one draws


@dataclass(frozen=True)
class StackedGenerator:
    """Two generators, each with a latent of its own; see `Stack`."""

    width: int = 128

    def __call__(self, latent: int, shape: Shape) -> nn.Module:
        plan = MlpGenerator(self.width)
        return Stack(ConditionalGenerator(plan)(latent, (FEATURES,)), plan(FEATURES + latent, shape))


class Stack(nn.Module):
    """The upper generator makes features of a class, the lower one an image of features."""

    def __init__(self, features: nn.Module, image: nn.Module) -> None:
        super().__init__()
        self.features, self.image = features, image

    def forward(self, latents: Tensor, labels: Tensor) -> Tensor:
        features = self.features(latents, labels)
        image: Tensor = self.image(torch.cat([features, torch.randn_like(latents)], dim=1))
        return image


@dataclass(frozen=True)
class StackedDiscriminators:
    """One discriminator for images and one for features."""

    width: int = 128

    def __call__(self, shape: Shape) -> nn.Module:
        plan = MlpDiscriminator(self.width)
        return nn.ModuleDict({"image": plan(shape), "features": plan((FEATURES,))})


class Encoder(nn.Module):
    """A classifier in two parts: images (B, ...) to features (B, 32) in [-1, 1], features to class logits (B, 10)."""

    def __init__(self, pixels: int, classes: int = 10) -> None:
        super().__init__()
        self.features = nn.Sequential(
            nn.Flatten(), nn.Linear(pixels, 64), nn.ReLU(), nn.Linear(64, FEATURES), nn.Tanh()
        )
        self.classify = nn.Linear(FEATURES, classes)

    def learn(self, data: Data, steps: int = 300) -> None:
        """Train on the data's labels, then stay as it is."""
        adam = torch.optim.Adam(self.parameters(), lr=3e-3)
        for _ in range(steps):
            images, labels = data.batch(128)
            adam.zero_grad()
            cross_entropy(self.classify(self.features(images)), labels).backward()
            adam.step()
        adam.zero_grad()
        self.requires_grad_(requires_grad=False)

"""Stacked GAN: a generator and a discriminator for each level of an encoder's features (SGAN: Huang et al. 2017)."""

from __future__ import annotations

from math import prod
from typing import TYPE_CHECKING, Any

import torch
from torch.nn.functional import cross_entropy, mse_loss

from gandiag.zoo.games.conditional import Conditional
from gandiag.zoo.networks.stacked import Encoder

if TYPE_CHECKING:
    from torch import Tensor, nn

    from gandiag.zoo.networks.stacked import Stack
    from gandiag.zoo.recipe import Recipe


class Stacked(Conditional):
    """The upper generator turns a class into features, the lower one features into an image.

    Each has a discriminator. The conditional loss asks that the encoder, trained on the labels beforehand, finds the
    class in the features and the features in the image. Both are trained at once but apart, the lower one on
    features of real images: the first phase of the paper. Its second phase (on each other's output) and its entropy
    loss are left out. Samples come from the whole stack.
    """

    generator: Stack
    discriminator: nn.ModuleDict

    def __init__(self, recipe: Recipe) -> None:
        super().__init__(recipe)
        self.encoder = Encoder(prod(self.data.shape))
        self.encoder.learn(self.data)

    def watched(self) -> tuple[Any, Any]:
        generators = {"image": self.generator.image, "features": self.generator.features}
        return generators, dict(self.discriminator.items())

    def judge(self, samples: Tensor, labels: Tensor) -> Tensor:
        outputs: Tensor = self.discriminator["image"](self.seen(samples))
        return outputs

    def judge_features(self, features: Tensor) -> Tensor:
        """The other discriminator's outputs on features (B, 32)."""
        outputs: Tensor = self.discriminator["features"](features)
        return outputs

    def levels(self, features: Tensor, labels: Tensor) -> tuple[Tensor, Tensor]:
        """Images generated of features, and features generated of labels."""
        image = self.generator.image(torch.cat([features, self.latents(len(labels))], dim=1))
        return image, self.generator.features(self.latents(len(labels)), labels)

    def discriminator_loss(self, *, detach: bool = True) -> Tensor:
        real, labels = self.data.batch(self.recipe.batch)
        features = self.encoder.features(real)
        image, made = self.levels(features, labels)
        if detach:
            image, made = image.detach(), made.detach()
        loss = self.loss.discriminator
        total = loss(self.judge(real, labels), self.judge(image, labels))
        for penalty in self.penalties:
            total = total + penalty(self, real, image, labels)
        return total + loss(self.judge_features(features), self.judge_features(made))

    def generator_loss(self) -> Tensor:
        real, labels = self.data.batch(self.recipe.batch)
        features = self.encoder.features(real)
        image, made = self.levels(features, labels)
        adversarial = self.loss.generator(self.judge(real, labels), self.judge(image, labels))
        adversarial = adversarial + self.loss.generator(self.judge_features(features), self.judge_features(made))
        return adversarial + self.conditional_loss(features, image) + cross_entropy(self.encoder.classify(made), labels)

    def conditional_loss(self, features: Tensor, image: Tensor) -> Tensor:
        """How far the encoder's features of the image are from those that it was made of."""
        return mse_loss(self.encoder.features(image), features)

"""VAE-GAN: the decoder of a variational autoencoder is the generator of a GAN (Larsen et al. 2016)."""

from __future__ import annotations

from math import prod
from typing import TYPE_CHECKING

import torch
from torch import Tensor, nn
from torch.nn.functional import mse_loss

from gandiag.zoo.game import Game

if TYPE_CHECKING:
    from gandiag.zoo.recipe import Recipe


class VaeGan(Game):
    """An encoder finds codes of real samples, G decodes them, and D's features say how well.

    D(x) returns a judgement and its features. D tells real samples from generated and from reconstructed ones. G also
    minimises `weight` times the distance of features; the encoder minimises that distance and the divergence of its
    codes from the prior, with an optimizer of its own, after each update of G.
    """

    weight = 5.0
    variance = 0.05  # of a feature around its reconstruction; 1 in the paper, whose features are far more

    def __init__(self, recipe: Recipe) -> None:
        super().__init__(recipe)
        self.encoder = encoder(prod(self.data.shape), recipe.latent)
        self.optimizer_e = recipe.generator_optimizer(self.encoder.parameters())

    def judge(self, samples: Tensor, labels: Tensor) -> Tensor:
        judgement: Tensor = self.discriminator(self.seen(samples))[0]
        return judgement

    def encode(self, samples: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        """Codes drawn for samples, and the means and logarithms of the variances that they were drawn with."""
        mean, log_variance = self.encoder(samples).chunk(2, dim=1)
        return mean + (log_variance / 2).exp() * torch.randn_like(mean), mean, log_variance

    def discriminator_loss(self, *, detach: bool = True) -> Tensor:
        real, labels = self.data.batch(self.recipe.batch)
        fake = self.generator(torch.cat([self.latents(len(real)), self.encode(real)[0].detach()]))
        if detach:
            fake = fake.detach()
        loss = self.loss.discriminator(self.judge(real, labels), self.judge(fake, labels))
        for penalty in self.penalties:
            loss = loss + penalty(self, real, fake[: len(real)], labels)
        return loss

    def generator_loss(self) -> Tensor:
        real, _ = self.data.batch(self.recipe.batch)
        fake = self.generator(torch.cat([self.latents(len(real)), self.encode(real)[0].detach()]))
        on_fake, features = self.discriminator(self.seen(fake))
        on_real, wanted = self.discriminator(self.seen(real))
        distance = mse_loss(features[len(real) :], wanted.detach())
        return self.loss.generator(on_real, on_fake) + self.weight * distance

    def encoder_loss(self) -> Tensor:
        """Divergence from the prior minus the Gaussian log-likelihood of D's features, in nats."""
        real, _ = self.data.batch(self.recipe.batch)
        codes, mean, log_variance = self.encode(real)
        _, features = self.discriminator(self.seen(self.generator(codes)))
        _, wanted = self.discriminator(self.seen(real))
        likelihood = -(features - wanted).square().sum(dim=1) / (2 * self.variance)
        loss: Tensor = (divergence(mean, log_variance) - likelihood).mean()
        return loss

    def moved_generator(self) -> None:
        super().moved_generator()
        weights = list(self.encoder.parameters())
        for weight, gradient in zip(weights, torch.autograd.grad(self.encoder_loss(), weights), strict=True):
            weight.grad = gradient
        self.optimizer_e.step()


def encoder(pixels: int, latent: int, width: int = 128) -> nn.Module:
    """From samples to the mean and the logarithm of the variance of their codes, (B, 2 latent)."""
    return nn.Sequential(nn.Flatten(), nn.Linear(pixels, width), nn.ReLU(), nn.Linear(width, 2 * latent))


def divergence(mean: Tensor, log_variance: Tensor) -> Tensor:
    """Kullback-Leibler divergence of N(mean, variance) from N(0, 1), in nats: (B, D) to (B,).

    >>> divergence(torch.tensor([[0.0, 3.0]]), torch.zeros(1, 2))
    tensor([4.5000])
    """
    return (mean.square() + log_variance.exp() - 1 - log_variance).sum(dim=1) / 2

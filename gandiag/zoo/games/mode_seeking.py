"""MSGAN: different latents must give different samples (Mao et al. 2019)."""

from __future__ import annotations

from typing import TYPE_CHECKING

import torch

from gandiag.zoo.games.conditional import Conditional

if TYPE_CHECKING:
    from torch import Tensor


class ModeSeeking(Conditional):
    """A conditional GAN whose G draws each label twice and is charged `weight` / (r + 1e-5), r how much they differ."""

    weight = 1.0

    def generator_loss(self) -> Tensor:
        real, labels = self.data.batch(self.recipe.batch)
        latents, twice = self.latents(2 * len(labels)), torch.cat([labels, labels])
        samples = self.generator(latents, twice)
        on_fake = self.judge(samples, twice)
        on_real = self.judge(real, labels) if self.loss.relativistic else on_fake
        ratio = sensitivity(*samples.chunk(2), *latents.chunk(2))
        return self.loss.generator(on_real, on_fake) + self.weight / (ratio + 1e-5)


def sensitivity(first: Tensor, second: Tensor, first_latents: Tensor, second_latents: Tensor) -> Tensor:
    """r = mean |G(z1) - G(z2)| / mean |z1 - z2|, from samples (B, ...) and their latents (B, D); a scalar.

    >>> sensitivity(*torch.tensor([[3.0], [1.0]]), *torch.tensor([[0.0], [4.0]]))
    tensor(0.5000)
    """
    return (first - second).abs().mean() / (first_latents - second_latents).abs().mean()

"""MemoryGAN: what D has seen is kept in a memory, which G draws from (Kim et al. 2018)."""

from __future__ import annotations

from typing import TYPE_CHECKING

import torch

from gandiag.zoo.game import Game

if TYPE_CHECKING:
    from torch import Tensor, nn

    from gandiag.zoo.networks.memory import Memory


class MemoryGame(Game):
    """D judges by its memories; G gets a remembered real key beside its latent, and so a cluster of the data to draw.

    Simpler than the paper: keys follow their samples by a moving average instead of incremental EM, all keys count
    alike instead of by how often they are used, each kind has half of the memory, and G has no loss on mutual
    information.
    """

    discriminator: Memory

    def latents(self, n: int) -> Tensor:
        return torch.cat([super().latents(n), self.discriminator.recall(n)], dim=1)

    def drawn(self, generator: nn.Module, n: int) -> Tensor:
        samples: Tensor = generator(self.latents(n))
        return samples

    @torch.no_grad()
    def moved_discriminator(self) -> None:
        super().moved_discriminator()
        real, labels = self.data.batch(self.recipe.batch)
        for samples, kind in ((real, True), (self.fake(labels), False)):
            self.discriminator.remember(self.seen(samples), real=kind)

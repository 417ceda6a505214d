"""Conditional GANs: both players are told the class."""

from __future__ import annotations

from typing import TYPE_CHECKING

import torch

from gandiag.zoo.game import Game

if TYPE_CHECKING:
    from torch import Tensor, nn


class Conditional(Game):
    """G(z, y) and D(x, y): G draws what it is asked for, D judges whether it is a good one (Mirza & Osindero 2014)."""

    def fake(self, labels: Tensor) -> Tensor:
        samples: Tensor = self.generator(self.latents(len(labels)), labels)
        return samples

    def drawn(self, generator: nn.Module, n: int) -> Tensor:
        _, labels = self.data.batch(n)
        samples: Tensor = generator(torch.randn(n, self.recipe.latent), labels)
        return samples

    def judge(self, samples: Tensor, labels: Tensor) -> Tensor:
        seen = self.seen(samples)
        if len(seen) != len(labels):
            raise ValueError(f"a conditional discriminator needs a label per input: {len(seen)} for {len(labels)}")
        outputs: Tensor = self.discriminator(seen, labels)
        return outputs

"""Image to image: G completes pictures whose lower half is missing, and hardly varies for a given one."""

from __future__ import annotations

from typing import TYPE_CHECKING

from gandiag.zoo.game import Game

if TYPE_CHECKING:
    from torch import Tensor, nn


class Completing(Game):
    """G(upper half of a picture, the rest 0), with an L1 loss beside D's judgement (pix2pix: Isola et al. 2017).

    The length of a latent is the number of pixels.
    """

    weight = 5.0

    def latents(self, n: int) -> Tensor:
        return self.halves(self.data.batch(n)[0])

    @staticmethod
    def halves(pictures: Tensor) -> Tensor:
        """Flat pictures (B, pixels) without their lower half."""
        seen = pictures.clone()
        seen[:, :, pictures.shape[2] // 2 :] = 0.0
        return seen.flatten(1)

    def drawn(self, generator: nn.Module, n: int) -> Tensor:
        pictures: Tensor = generator(self.latents(n))
        return pictures

    def generator_loss(self) -> Tensor:
        real, labels = self.data.batch(self.recipe.batch)
        fake = self.generator(self.halves(real))
        on_fake = self.judge(fake, labels)
        loss: Tensor = self.loss.generator(on_fake, on_fake) + self.weight * (fake - real).abs().mean()
        return loss

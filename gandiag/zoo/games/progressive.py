"""Progressive growing: both networks gain a layer in the middle of the training (Karras et al. 2018)."""

from __future__ import annotations

from typing import TYPE_CHECKING

from gandiag.zoo.game import Game

if TYPE_CHECKING:
    from torch import Tensor

    from gandiag.zoo.networks.growing import Growing


class Progressive(Game):
    """Images of half the side for the first 40 % of the training, a fade to full side over the next 20 %.

    Before they have grown, D looks at all images at half the side, so that G can make no others.
    """

    generator: Growing
    discriminator: Growing
    start, fully = 0.4, 0.6

    @property
    def alpha(self) -> float:
        """The share of the new layers at this point of the training."""
        return min(1.0, max(0.0, (self.progress - self.start) / (self.fully - self.start)))

    def grow(self) -> None:
        """Bring both networks to where they should be by now."""
        self.generator.fade(self.alpha)
        self.discriminator.fade(self.alpha)

    def discriminator_loss(self, *, detach: bool = True) -> Tensor:
        self.grow()
        return super().discriminator_loss(detach=detach)

    def generator_loss(self) -> Tensor:
        self.grow()
        return super().generator_loss()

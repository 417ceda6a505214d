"""ADA: augment all that D sees, just as often as it overfits without (Karras et al. 2020)."""

from __future__ import annotations

from typing import TYPE_CHECKING

import torch
from torch import Tensor
from torch.nn.functional import pad

from gandiag.zoo.game import Game

if TYPE_CHECKING:
    from gandiag.zoo.recipe import Recipe


class AdaptiveAugmentation(Game):
    """D sees real and generated images through random changes, also when G learns; each happens with probability p.

    r = E sign(D(real)) is 1 for a D that is sure of every real image: it knows them by heart. After each batch, p
    moves up where r is above `target` and down where it is below, from 0 to 1 in no fewer than `span` images. While
    p stays well below 1, D can still tell what unchanged images look like, and G does not learn to make changed ones.

    The changes (shift, contrast, a hole) suit small grey images; the paper has a longer list for photographs.
    """

    target = 0.6
    span = 50_000

    def __init__(self, recipe: Recipe) -> None:
        super().__init__(recipe)
        self.p = 0.0

    def seen(self, samples: Tensor) -> Tensor:
        return augment(super().seen(samples), self.p)

    @property
    def changes_inputs(self) -> bool:
        return True

    def judged(self, on_real: Tensor, on_fake: Tensor) -> None:
        super().judged(on_real, on_fake)
        self.adapt(on_real.detach())

    def adapt(self, on_real: Tensor) -> None:
        """Move p by what D makes of real images: outputs (B, 1), positive for real."""
        direction = torch.sign(on_real.sign().mean() - self.target)
        self.p = min(1.0, max(0.0, self.p + float(direction) * len(on_real) / self.span))


def augment(images: Tensor, p: float) -> Tensor:
    """Images (B, C, S, S) in [-1, 1], each changed in each way with probability p; differentiable.

    Shift by up to an eighth of the side, contrast between half and full, and a hole of a quarter of the side. An image
    that is not changed stays the same bit by bit.
    """
    for change in (shift, contrast, hole):
        chosen = torch.rand(len(images), 1, 1, 1, device=images.device) < p
        images = torch.where(chosen, change(images), images)
    return images


def shift(images: Tensor) -> Tensor:
    """Each image moved by up to an eighth of its side; what comes in is background, -1."""
    n, colours, side, _ = images.shape
    most = max(1, side // 8)
    across, down = torch.randint(2 * most + 1, (2, n, 1), device=images.device)
    here = torch.arange(side, device=images.device)
    rows, columns = (down + here)[:, None, :, None], (across + here)[:, None, None, :]
    image, channel = torch.arange(n)[:, None, None, None], torch.arange(colours)[:, None, None]
    moved: Tensor = pad(images, [most] * 4, value=-1.0)[image, channel, rows, columns]
    return moved


def contrast(images: Tensor) -> Tensor:
    """Each image's strokes made weaker, by up to a half, before the background -1."""
    share = 0.5 + 0.5 * torch.rand(len(images), 1, 1, 1, device=images.device)
    return (images + 1) * share - 1


def hole(images: Tensor) -> Tensor:
    """A square of background somewhere in each image."""
    side = images.shape[-1]
    size = max(1, side // 4)
    top, left = torch.randint(side - size + 1, (2, len(images), 1), device=images.device)
    here = torch.arange(side, device=images.device)
    rows, columns = ((here >= start) & (here < start + size) for start in (top, left))
    inside = (rows[:, :, None] & columns[:, None, :])[:, None]
    return torch.where(inside, -1.0, images)

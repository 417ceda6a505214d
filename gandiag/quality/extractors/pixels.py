"""Pixels as features: what needs no network, no weights and no download."""

from __future__ import annotations

from typing import Literal

import torch
from torch import Tensor
from torch.nn.functional import adaptive_avg_pool2d

from gandiag.quality.extractors.base import Features, plain, usable_device, weights_hash

SIDE = 32  # pixels; larger images are averaged down to it


class PixelsExtractor:
    """Images as rows of pixels in [0, 1], averaged down to 32 × 32 where they are larger; (B, D) float32."""

    name = "pixels"
    resize = f"averaged to at most {SIDE}x{SIDE}"
    takes: Literal["images", "vectors"] = "images"
    channels: int | None = None
    classifies: bool | None = False
    passive = True

    def __init__(self, device: torch.device | str = "cpu") -> None:
        self.device = usable_device(device)
        self.hash = weights_hash(self.name, {})
        self.dimensions = 0

    def __call__(self, samples: Tensor) -> Features:
        """Features of images (B, C, H, W) uint8.

        Raises ValueError when the images are others, or of another size than before.
        """
        if samples.dtype != torch.uint8 or samples.ndim != 4:
            found = f"{tuple(samples.shape)} {samples.dtype}"
            raise ValueError(f"images for the extractor pixels must be (B, C, H, W) uint8, found {found}")
        with plain(self.device):
            values = samples.to(self.device, torch.float32) / 255
            sides = min(SIDE, values.shape[2]), min(SIDE, values.shape[3])
            rows = (values if sides == tuple(values.shape[2:]) else adaptive_avg_pool2d(values, sides)).flatten(1)
        if self.dimensions not in (0, rows.shape[1]):
            raise ValueError(f"pixels gave {rows.shape[1]} features per sample, {self.dimensions} in earlier batches")
        self.dimensions = rows.shape[1]
        return Features(rows)

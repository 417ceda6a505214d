"""Two ways of bringing images to Inception's size: TensorFlow 1's, which FIDs are published with, and clean-fid's."""

from __future__ import annotations

from functools import lru_cache

import numpy as np
import torch
from torch import Tensor

from gandiag.quality.measures.products import product


def tf1_bilinear(images: Tensor, side: int) -> Tensor:
    """TensorFlow 1's bilinear resize with align_corners=False of (B, C, H, W) floats to (B, C, side, side).

    Equals torch-fidelity's `interpolate_bilinear_2d_like_tensorflow1x` bit by bit. It blurs nothing before it
    shrinks, which is wrong and what published FIDs were measured with.

    >>> tf1_bilinear(torch.tensor([[[[0.0, 4.0]]]]), 4)[0, 0, 0]
    tensor([0., 2., 4., 4.])
    """
    low, high, part = _neighbours(images.shape[3], side, images.device)
    left = images.index_select(3, low)
    rows = left + (images.index_select(3, high) - left) * part
    low, high, part = _neighbours(images.shape[2], side, images.device)
    top = rows.index_select(2, low)
    return top + (rows.index_select(2, high) - top) * part[:, None]


def _neighbours(size: int, side: int, device: torch.device) -> tuple[Tensor, Tensor, Tensor]:
    places = torch.arange(side, dtype=torch.float32, device=device) * torch.tensor(size / side, dtype=torch.float32)
    low = places.long()
    return low, (low + 1).clamp_max(size - 1), places - low.float()


def pillow_bicubic(images: Tensor, side: int) -> Tensor:
    """Pillow's bicubic resize of (B, C, H, W) to (B, C, side, side) float32 in [0, 255], as clean-fid uses it.

    Each axis in turn, the last one first; the filter is stretched where an image shrinks, so that nothing aliases
    (Parmar et al. 2022). Equal to `PIL.Image.resize` of each channel in mode F to the rounding of float32.

    >>> pillow_bicubic(torch.full((1, 1, 4, 4), 7.0), 2)[0, 0].round(decimals=3).tolist()
    [[7.0, 7.0], [7.0, 7.0]]
    """
    rows = _along(images.float(), side)
    return _along(rows.transpose(2, 3), side).transpose(2, 3).clamp(0, 255)


def _along(images: Tensor, side: int) -> Tensor:
    """The last axis resized."""
    size = images.shape[3]
    if size == side:
        return images
    weights = torch.from_numpy(_bicubic(size, side)).to(images.device, non_blocking=True)
    return product(images.reshape(-1, size).contiguous(), weights).reshape(*images.shape[:3], side)


@lru_cache(maxsize=8)
def _bicubic(size: int, side: int) -> np.ndarray:
    """Weights (side, size) float32 of the pixels of an axis in each of those after it: Keys' cubic with a = -1/2."""
    scale = size / side
    stretch = max(scale, 1.0)
    centres = (np.arange(side) + 0.5) * scale
    first = np.maximum((centres - 2 * stretch + 0.5).astype(int), 0)
    last = np.minimum((centres + 2 * stretch + 0.5).astype(int), size)
    place = np.arange(size)
    distance = np.abs((place - centres[:, None] + 0.5) / stretch)
    near = (1.5 * distance - 2.5) * distance**2 + 1
    far = ((-0.5 * distance + 2.5) * distance - 4) * distance + 2
    weights = np.where(distance < 1, near, np.where(distance < 2, far, 0.0))
    weights = np.where((place >= first[:, None]) & (place < last[:, None]), weights, 0.0)
    normalised: np.ndarray = (weights / weights.sum(axis=1, keepdims=True)).astype(np.float32)
    return normalised

"""Snapshots of generated samples: image grids as PNG, anything else as points in an .npz."""

from __future__ import annotations

import io
import math

import numpy as np

MAX_SAMPLES = 64
"""Samples kept in one snapshot."""
FIXED = "fixed latents"
"""What run.json says of its snapshots where G made all of them from the same inputs."""


def encode(samples: np.ndarray, image_shape: tuple[int, ...] | None = None) -> tuple[bytes, str]:
    """Encode a batch as the content and suffix of a file.

    Parameters
    ----------
    samples : (B, C, H, W), (B, H, W, C), (B, H, W) with both sides at least 4, or (B, ...) of any other shape
        1, 3 or 4 channels that come first, or 1 or 3 that come last, make a PNG grid, everything else is stored as
        points of shape (B, d).
    image_shape : shape of one sample when G returns flat vectors, for example (1, 28, 28)
    """
    if image_shape is not None:
        samples = samples.reshape(len(samples), *image_shape)
    if samples.ndim == 3 and min(samples.shape[1:]) >= 4:
        samples = samples[:, None]
    if samples.ndim == 4 and samples.shape[1] not in (1, 3, 4) and samples.shape[3] in (1, 3):
        samples = samples.transpose(0, 3, 1, 2)
    if samples.ndim == 4 and samples.shape[1] in (1, 3, 4) and samples[0].size:
        return _png(grid(to_bytes(samples))), ".png"
    sink = io.BytesIO()
    np.savez_compressed(sink, points=samples.reshape(len(samples), -1).astype(np.float32))
    return sink.getvalue(), ".npz"


def to_bytes(samples: np.ndarray) -> np.ndarray:
    """Map values to 0..255 uint8. Integers are taken as 0..255, floats as [-1, 1] or [0, 1] when they fit.

    Floats outside both ranges are stretched between their 1st and 99th percentile; values that are not finite become 0.
    """
    if np.issubdtype(samples.dtype, np.integer):
        return samples.clip(0, 255).astype(np.uint8)
    values = samples.astype(np.float32)
    values = np.where(np.isfinite(values), values, 0)
    low, high = (float(values.min()), float(values.max())) if values.size else (0.0, 1.0)
    if low >= 0 and high <= 1.05:
        low, high = 0.0, 1.0
    elif low >= -1.05 and high <= 1.05:
        low, high = -1.0, 1.0
    else:
        low, high = (float(q) for q in np.percentile(values, (1, 99)))
    return ((values - low) / max(high - low, 1e-12) * 255).round().clip(0, 255).astype(np.uint8)


def grid(images: np.ndarray) -> np.ndarray:
    """Tile (B, C, H, W) into one picture (rows, columns, C), as square as B allows, a pixel of grey between tiles."""
    images = np.pad(images, ((0, 0), (0, 0), (0, 1), (0, 1)), constant_values=128)
    count, channels, height, width = images.shape
    columns = math.ceil(math.sqrt(count))
    rows = math.ceil(count / columns)
    blank = np.full((rows * columns - count, channels, height, width), 128, images.dtype)
    tiles = np.concatenate([images, blank]).reshape(rows, columns, channels, height, width)
    return tiles.transpose(0, 3, 1, 4, 2).reshape(rows * height, columns * width, channels)[:-1, :-1]


def _png(picture: np.ndarray) -> bytes:
    from PIL import Image

    sink = io.BytesIO()
    Image.fromarray(picture[:, :, 0] if picture.shape[2] == 1 else picture).save(sink, format="PNG")
    return sink.getvalue()


def following(last: int) -> int:
    """When a snapshot is due again: at steps 1, 2, 4, ... 32, 64, 96, ..., then an eighth apart (some 60 by 100,000).

    >>> following(0), following(8), following(32), following(800)
    (1, 16, 64, 900)
    """
    return last + max(1, min(last, max(32, last // 8)))

"""Do generated images resemble each other? MS-SSIM of random pairs, or SSIM where images are too small for scales."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
import torch
from torch.nn import functional

if TYPE_CHECKING:
    from torch import Tensor

WINDOW, SIGMA = 11, 1.5  # pixels: Wang et al. 2004
K1, K2 = 0.01, 0.03  # also
BETAS = (0.0448, 0.2856, 0.3001, 0.2363, 0.1333)  # weight of each scale, finest first: Wang et al. 2003
CELLS = 2**21  # numbers of a chunk of filtered images: 16 MiB in float64


@dataclass(frozen=True)
class Similarity:
    """How alike two random images are.

    Attributes
    ----------
    name
        "ms-ssim" of five scales, "ms-ssim (3 scales)" of fewer, "ssim" of one. Only values of one name compare.
    value
        Mean over pairs, 1 where all images are equal.
    standard_error
        Of the mean, as if pairs were independent; None of a single pair.
    pairs
        Number of different pairs, all there are where they are fewer than asked for.
    """

    name: str
    value: float
    standard_error: float | None
    pairs: int


def pair_similarity(
    images: Tensor,
    *,
    pairs: int = 100,
    labels: Tensor | None = None,
    value_range: tuple[float, float] | None = None,
    seed: int = 0,
) -> Similarity:
    """Mean MS-SSIM of random pairs of images (Odena et al. 2017): near 1 for collapse, to be compared with real images.

    Five scales need 176 pixels in height and width, where the window still fits the coarsest. Each halving costs a
    scale; the weights of those left are divided by their sum, so that with one scale it is SSIM. Otherwise as
    torchmetrics: edges reflected, and negative structure counts as 0 (not in plain SSIM).

    Parameters
    ----------
    images
        (N, C, H, W), uint8 or floating.
    pairs
        Number of pairs, drawn without repetition.
    labels
        (N,) integers: pairs are of one class. Each such pair is as likely, so larger classes weigh more.
    value_range
        Black and white of floating images, such as (-1.0, 1.0).
    seed
        Of the pairs.

    Raises
    ------
    TypeError, ValueError
        When the images are of another type or shape, smaller than 11 x 11 pixels, not finite or outside their range,
        or when there are no two of them (of any class).

    >>> pair_similarity(torch.zeros(3, 1, 28, 28, dtype=torch.uint8))
    Similarity(name='ms-ssim (2 scales)', value=1.0, standard_error=0.0, pairs=3)
    """
    low, high = _checked_range(images, value_range)
    if pairs < 1:
        raise ValueError(f"pairs must be at least 1, found {pairs}")
    height, width = images.shape[2:]
    if min(height, width) < WINDOW:
        raise ValueError(f"images must have at least {WINDOW} x {WINDOW} pixels for SSIM, found {height} x {width}")
    scales = sum(min(height, width) >> scale >= WINDOW for scale in range(len(BETAS)))
    first, second = (
        torch.from_numpy(index).to(images.device, non_blocking=True) for index in _pairs(images, labels, pairs, seed)
    )
    chunk = max(1, CELLS // (5 * images[0].numel()))
    values = torch.cat(
        [
            _ms_ssim((images[a].double() - low) / (high - low), (images[b].double() - low) / (high - low), scales)
            for a, b in zip(first.split(chunk), second.split(chunk), strict=True)
        ]
    )
    names = {len(BETAS): "ms-ssim", 1: "ssim"}
    mean, spread = torch.stack([values.mean(), values.std(correction=min(1, len(values) - 1))]).tolist()
    error = spread / len(values) ** 0.5 if len(values) > 1 else None
    return Similarity(names.get(scales, f"ms-ssim ({scales} scales)"), mean, error, len(values))


def _checked_range(images: Tensor, value_range: tuple[float, float] | None) -> tuple[float, float]:
    if not isinstance(images, torch.Tensor) or not (images.dtype == torch.uint8 or images.is_floating_point()):
        found = getattr(images, "dtype", type(images).__name__)
        raise TypeError(f"images must be a tensor of uint8 or floating numbers, found {found}")
    if images.ndim != 4 or not images.shape[1]:
        raise ValueError(f"images must have shape (N, C, H, W), found {tuple(images.shape)}")
    if images.dtype == torch.uint8:
        if value_range not in (None, (0, 255)):
            raise ValueError(f"value_range of uint8 images is (0, 255), found {value_range}")
        return 0, 255
    if value_range is None or not value_range[0] < value_range[1]:
        raise ValueError(f"value_range of floating images must be (low, high) such as (-1, 1), found {value_range}")
    low, high = value_range
    slack = 1e-3 * (high - low)  # of rounding in half precision
    unusable = int((~((images >= low - slack) & (images <= high + slack)).flatten(1).all(dim=1)).sum())
    if unusable:
        raise ValueError(f"images must lie in {value_range}, found {unusable} of {len(images)} outside or not finite")
    return low, high


def _pairs(images: Tensor, labels: Tensor | None, pairs: int, seed: int) -> tuple[np.ndarray, np.ndarray]:
    """Indices of the first and the second images of different pairs, each pair of one class as likely."""
    known = torch.zeros(len(images), dtype=torch.int64) if labels is None else labels
    if known.shape != (len(images),) or known.is_floating_point():
        found = f"{known.dtype} of shape {tuple(known.shape)}"
        raise ValueError(f"labels must be integers of shape ({len(images)},), found {found}")
    classes = known.cpu().numpy()
    order = np.argsort(classes, kind="stable")
    sizes = np.unique(classes, return_counts=True)[1]
    ends = np.cumsum(sizes * (sizes - 1) // 2)
    if not len(ends) or not ends[-1]:
        kind = "" if labels is None else " of one class"
        raise ValueError(f"images must hold at least two{kind}, found {len(images)} images")
    drawn = np.random.default_rng(seed).choice(int(ends[-1]), min(pairs, int(ends[-1])), replace=False)
    which = np.searchsorted(ends, drawn, side="right")
    within = drawn - (ends - sizes * (sizes - 1) // 2)[which]
    later = ((1 + np.sqrt(1 + 8 * within)) // 2).astype(np.int64)  # later (later - 1) / 2 pairs come before its own
    start = (np.cumsum(sizes) - sizes)[which]
    return order[start + within - later * (later - 1) // 2], order[start + later]


def _ms_ssim(x: Tensor, y: Tensor, scales: int) -> Tensor:
    """MS-SSIM (B,) of images (B, C, H, W) in [0, 1]."""
    parts = []
    for _ in range(scales - 1):
        parts.append(_similarity(x, y)[1])
        x, y = functional.avg_pool2d(x, 2), functional.avg_pool2d(y, 2)
    parts.append(_similarity(x, y)[0])
    if scales == 1:
        return parts[0]
    weights = torch.tensor(BETAS[:scales], dtype=x.dtype).to(x.device, non_blocking=True)
    return (torch.stack(parts).relu() ** (weights / weights.sum())[:, None]).prod(dim=0)


def _similarity(x: Tensor, y: Tensor) -> tuple[Tensor, Tensor]:
    """Mean SSIM (B,) over all pixels, edges reflected, and mean contrast and structure (B,) where the window fits."""
    edge = WINDOW // 2
    steps = torch.arange(-edge, edge + 1, dtype=x.dtype, device=x.device) / SIGMA
    window = torch.softmax(-steps.square() / 2, 0)
    padded = [functional.pad(image, [edge] * 4, mode="reflect") for image in (x, y)]
    a, b = (image.flatten(0, 1)[:, None] for image in padded)
    stack = torch.cat([a, b, a * a, b * b, a * b])
    stack = functional.conv2d(functional.conv2d(stack, window[None, None, None]), window[None, None, :, None])
    mean_x, mean_y, square_x, square_y, product = stack.view(5, *x.shape).unbind()
    variances = (square_x - mean_x**2).clamp(min=0) + (square_y - mean_y**2).clamp(min=0)
    contrast = (2 * (product - mean_x * mean_y) + K2**2) / (variances + K2**2)
    ssim = contrast * (2 * mean_x * mean_y + K1**2) / (mean_x**2 + mean_y**2 + K1**2)
    return ssim.flatten(1).mean(dim=1), contrast[..., edge:-edge, edge:-edge].flatten(1).mean(dim=1)

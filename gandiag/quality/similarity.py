"""Diversity by structural similarity: how alike are two random images of the same class?"""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor
from torch.nn.functional import avg_pool2d, conv2d, pad

WINDOW, SIGMA = 11, 1.5  # pixels, Wang et al. 2004
WEIGHTS = (0.0448, 0.2856, 0.3001, 0.2363, 0.1333)  # of the scales, fine to coarse, Wang et al. 2003
FEWEST_SCALES = 3  # below, plain SSIM: two scales are hardly several
PAIRS = 100  # Odena et al. 2017
BATCH = 50  # pairs at a time


@dataclass(frozen=True)
class Similarity:
    """Mean similarity of random pairs of images; near 1 means collapsed.

    Compare it with the value of as many real images: an even background, as in MNIST, raises it by itself, and pairs
    across classes say little about a class.

    Attributes
    ----------
    name
        "ms-ssim", "ms-ssim (3 scales)" or "ms-ssim (4 scales)" where five do not fit, "ssim" where not even three do.
        Values under different names are not comparable.
    value
        Mean over the pairs, at most 1.
    standard_error
        Of the mean; NaN for one pair.
    pairs
        Number of pairs.
    same_class
        Whether both images of a pair have the same label.
    """

    name: str
    value: float
    standard_error: float
    pairs: int
    same_class: bool


def similarity(
    images: Tensor,
    labels: Tensor | None = None,
    *,
    data_range: float | None = None,
    pairs: int = PAIRS,
    seed: int = 0,
) -> Similarity:
    """Mean MS-SSIM of random pairs of images (Odena et al. 2017), on their device.

    Parameters
    ----------
    images
        (N, C, H, W), uint8 or floating point. A window of 11 pixels must fit the coarsest scale: five scales
        need 176 pixels, four 88, three 44; smaller images get plain SSIM, from 11 pixels.
    labels
        (N,) classes; pairs are then drawn within a class. Without them pairs may cross classes.
    data_range
        Largest less smallest value that pixels can have, for floating point images: 2 for [-1, 1]. uint8 has 255.
    pairs
        How many to draw, with replacement; the two images of a pair are never one image.
    seed
        Of the draw.

    Raises
    ------
    TypeError, ValueError
        When the images are no finite (N, C, H, W), too small or without a range, or no class has two images.

    >>> rng = torch.Generator().manual_seed(0)
    >>> found = similarity(torch.rand(20, 1, 28, 28, generator=rng), data_range=1.0)
    >>> found.name, found.pairs, round(found.value, 1)
    ('ssim', 100, 0.0)
    """
    span = _checked_range(images, data_range)
    if pairs < 1:
        raise ValueError(f"pairs must be at least 1, found {pairs}")
    size = min(images.shape[2:])
    if size < WINDOW:
        raise ValueError(f"images must be at least {WINDOW} pixels high and wide for SSIM, found {tuple(images.shape)}")
    scales = next((s for s in range(len(WEIGHTS), FEWEST_SCALES - 1, -1) if size >> (s - 1) >= WINDOW), 1)
    first, second = _drawn(len(images), labels, pairs, torch.Generator().manual_seed(seed))
    first, second = first.to(images.device), second.to(images.device)
    values = [
        ms_ssim(images[a], images[b], span, scales)
        for a, b in zip(first.split(BATCH), second.split(BATCH), strict=True)
    ]
    found = torch.cat(values)
    if not found.isfinite().all():
        raise ValueError("images must be finite, found a NaN or an infinity")
    error = float(found.std() / pairs**0.5) if pairs > 1 else float("nan")
    return Similarity(_name(scales), float(found.mean()), error, pairs, labels is not None)


def ms_ssim(x: Tensor, y: Tensor, data_range: float, scales: int = 5) -> Tensor:
    """MS-SSIM (B,) float64 of images x and y (B, C, H, W); SSIM for one scale.

    A Gaussian window of 11 pixels, borders reflected, negative factors taken as 0, and the weights of the scales
    (Wang et al. 2003) made to sum to 1 where there are fewer than five: the conventions of torchmetrics.
    """
    x, y = x.double(), y.double()
    weights = torch.tensor(WEIGHTS[:scales], dtype=x.dtype)
    weights = weights / weights.sum() if scales < len(WEIGHTS) else weights
    factors = []
    for scale in range(scales):
        if scale:
            x, y = avg_pool2d(x, 2), avg_pool2d(y, 2)
        whole, contrast = _ssim(x, y, data_range)
        factors.append(whole if scale == scales - 1 else contrast)
    if scales == 1:
        return factors[0]
    return torch.stack([f.clamp(min=0) ** float(w) for f, w in zip(factors, weights, strict=True)]).prod(dim=0)


def _ssim(x: Tensor, y: Tensor, data_range: float) -> tuple[Tensor, Tensor]:
    """Mean similarity (B,), and mean contrast and structure (B,), the latter where no border is reflected."""
    c1, c2 = (0.01 * data_range) ** 2, (0.03 * data_range) ** 2
    half, channels = WINDOW // 2, x.shape[1]
    offsets = torch.arange(-half, half + 1, dtype=x.dtype, device=x.device)
    line = torch.softmax(-(offsets**2) / (2 * SIGMA**2), dim=0)
    parts = torch.cat([x, y, x * x, y * y, x * y])
    for shape, border in (((WINDOW, 1), (0, 0, half, half)), ((1, WINDOW), (half, half, 0, 0))):
        kernel = line.reshape(1, 1, *shape).expand(channels, 1, *shape)
        parts = conv2d(pad(parts, border, mode="reflect"), kernel, groups=channels)
    mean_x, mean_y, square_x, square_y, product = parts.split(len(x))
    spread = (square_x - mean_x**2).clamp(min=0) + (square_y - mean_y**2).clamp(min=0)
    contrast = (2 * (product - mean_x * mean_y) + c2) / (spread + c2)
    whole = contrast * (2 * mean_x * mean_y + c1) / (mean_x**2 + mean_y**2 + c1)
    inner = contrast[..., half:-half, half:-half]
    return whole.flatten(1).mean(dim=1), inner.flatten(1).mean(dim=1)


def _name(scales: int) -> str:
    if scales == 1:
        return "ssim"
    return "ms-ssim" if scales == len(WEIGHTS) else f"ms-ssim ({scales} scales)"


def _checked_range(images: Tensor, data_range: float | None) -> float:
    if not isinstance(images, Tensor):
        raise TypeError(f"images must be a torch tensor (N, C, H, W), found {type(images).__name__}")
    if images.ndim != 4 or not (images.is_floating_point() or images.dtype == torch.uint8):
        found = f"{images.dtype} of shape {tuple(images.shape)}"
        raise ValueError(f"images must be uint8 or floating point of shape (N, C, H, W), found {found}")
    if images.dtype == torch.uint8:
        if data_range not in (None, 255):
            raise ValueError(f"data_range of uint8 images is 255, found {data_range}")
        return 255.0
    if data_range is None or not 0 < data_range < float("inf"):
        example = "2 for pixels in [-1, 1]"
        raise ValueError(f"data_range must be given for floating point images, {example}, found {data_range}")
    return float(data_range)


def _drawn(n: int, labels: Tensor | None, pairs: int, rng: torch.Generator) -> tuple[Tensor, Tensor]:
    """Indices (P,) of two different images each, of one class where labels are given."""
    classes = torch.zeros(n, dtype=torch.int64) if labels is None else labels.cpu()
    if classes.shape != (n,):
        raise ValueError(f"labels must have shape ({n},), one per image, found {tuple(classes.shape)}")
    _, inverse, counts = classes.unique(return_inverse=True, return_counts=True)
    able = (counts[inverse] > 1).nonzero().squeeze(1)
    if not len(able):
        raise ValueError(f"images must hold two of one class to compare, found {n} images in {len(counts)} classes")
    first = able[torch.randint(len(able), (pairs,), generator=rng)]
    order = inverse.argsort(stable=True)
    start, place = counts.cumsum(0) - counts, torch.empty_like(order)
    place[order] = torch.arange(n)
    kind = inverse[first]
    step = 1 + (torch.rand(pairs, generator=rng, dtype=torch.float64) * (counts[kind] - 1)).long()
    second = order[start[kind] + (place[first] - start[kind] + step) % counts[kind]]
    return first, second

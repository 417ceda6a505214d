"""Diversity by (MS-)SSIM against torchmetrics, and how its pairs are drawn."""

from __future__ import annotations

import math

import pytest
import torch
from torchmetrics.functional.image import (
    multiscale_structural_similarity_index_measure as reference_ms_ssim,
)
from torchmetrics.functional.image import structural_similarity_index_measure as reference_ssim

from gandiag.quality.similarity import WEIGHTS, _drawn, ms_ssim, similarity


def _images(n: int, size: int, seed: int, channels: int = 3) -> torch.Tensor:
    """Smooth random images in [0, 1]."""
    rng = torch.Generator().manual_seed(seed)
    coarse = torch.rand(n, channels, 6, 6, generator=rng)
    return torch.nn.functional.interpolate(coarse, (size, size + 4), mode="bicubic").clamp(0, 1)


def test_equals_torchmetrics_at_every_number_of_scales() -> None:
    """SSIM on small images, MS-SSIM on large ones, with negative contrasts among them."""
    x, y = _images(4, 180, 0), _images(4, 180, 1)
    y[0] = 1 - x[0]
    y[1] = (x[1] + 0.05 * y[1]).clamp(0, 1)
    for scales in (5, 4, 3):
        weights = WEIGHTS if scales == 5 else tuple(w / sum(WEIGHTS[:scales]) for w in WEIGHTS[:scales])
        expected = reference_ms_ssim(
            x.double(), y.double(), data_range=1.0, betas=weights, normalize="relu", reduction="none"
        )
        assert ms_ssim(x, y, 1.0, scales).tolist() == pytest.approx(expected.tolist(), abs=1e-6)
    small = x[..., :28, :28], y[..., :28, :28]
    expected = reference_ssim(small[0].double(), small[1].double(), data_range=1.0, reduction="none")
    assert ms_ssim(*small, 1.0, 1).tolist() == pytest.approx(expected.tolist(), abs=1e-6)


@pytest.mark.parametrize(
    ("size", "name"),
    [(176, "ms-ssim"), (175, "ms-ssim (4 scales)"), (64, "ms-ssim (3 scales)"), (43, "ssim"), (11, "ssim")],
)
def test_the_name_says_how_many_scales_fit(size: int, name: str) -> None:
    """The smaller side decides."""
    found = similarity(_images(3, size, 0, 1), data_range=1.0, pairs=2)
    assert found.name == name
    assert found.pairs == 2


def test_a_collapsed_set_is_more_alike_than_a_diverse_one() -> None:
    """And identical images have similarity 1, whatever the dtype or the range they come in."""
    diverse = _images(30, 28, 0)
    tight = (diverse[:1] + 0.05 * _images(30, 28, 1)).clamp(0, 1)
    alike = similarity(tight, data_range=1.0)
    assert similarity(diverse, data_range=1.0).value < 0.5
    assert alike.value > 0.9
    same = similarity(diverse[:1].repeat(5, 1, 1, 1), data_range=1.0)
    assert (same.value, same.standard_error) == pytest.approx((1, 0))
    bytes_ = (diverse * 255).round().byte()
    assert similarity(bytes_).value == pytest.approx(similarity(bytes_ / 255, data_range=1).value, abs=1e-6)


def test_pairs_are_of_one_class_and_of_two_images() -> None:
    """Every pair of a class comes up; images alone in their class never do; the seed decides."""
    labels = torch.tensor([3, 1, 3, 7, 1, 3])
    first, second = _drawn(6, labels, 2000, torch.Generator().manual_seed(0))
    assert (labels[first] == labels[second]).all()
    pairs = set(zip(first.tolist(), second.tolist(), strict=True))
    assert pairs == {(a, b) for a in range(6) for b in range(6) if a != b and labels[a] == labels[b]}
    first, second = _drawn(4, None, 500, torch.Generator().manual_seed(0))
    assert len(set(zip(first.tolist(), second.tolist(), strict=True))) == 12
    images = _images(6, 28, 0)
    assert similarity(images, labels, data_range=1.0) == similarity(images, labels, data_range=1.0)
    assert similarity(images, labels, data_range=1.0).same_class


def test_same_class_pairs_see_the_collapse_of_classes() -> None:
    """Two constant classes: alike within, unlike across."""
    images = _images(2, 28, 5).repeat_interleave(10, dim=0)
    labels = torch.arange(2).repeat_interleave(10)
    assert similarity(images, labels, data_range=1.0).value == pytest.approx(1)
    assert similarity(images, data_range=1.0).value < 0.8


@pytest.mark.parametrize(
    ("images", "labels", "options", "message"),
    [
        (torch.rand(3, 1, 10, 40), None, {"data_range": 1.0}, "at least 11 pixels high and wide for SSIM"),
        (torch.rand(3, 1, 20, 20), None, {}, r"data_range must be given .* 2 for pixels in \[-1, 1\], found None"),
        (torch.rand(3, 1, 20, 20).byte(), None, {"data_range": 1.0}, "data_range of uint8 images is 255, found 1.0"),
        (torch.rand(3, 20, 20), None, {"data_range": 1.0}, r"of shape \(N, C, H, W\), found torch.float32"),
        (torch.rand(1, 1, 20, 20), None, {"data_range": 1.0}, "two of one class to compare, found 1 images"),
        (torch.rand(2, 1, 20, 20), torch.arange(2), {"data_range": 1.0}, "found 2 images in 2 classes"),
        (torch.rand(2, 1, 20, 20), torch.arange(3), {"data_range": 1.0}, r"shape \(2,\), one per image, found \(3,\)"),
        (torch.full((2, 1, 20, 20), math.nan), None, {"data_range": 1.0}, "images must be finite"),
        (torch.rand(2, 1, 20, 20), None, {"data_range": 1.0, "pairs": 0}, "pairs must be at least 1, found 0"),
    ],
)
def test_bad_input_is_named(
    images: torch.Tensor, labels: torch.Tensor | None, options: dict[str, float], message: str
) -> None:
    """One sentence each."""
    with pytest.raises(ValueError, match=message):
        similarity(images, labels, **options)

"""Similarity of pairs: torchmetrics' numbers, pairs of one class where there are classes, and names that tell."""

from __future__ import annotations

from itertools import combinations

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torchmetrics.functional.image import (
    multiscale_structural_similarity_index_measure,
    structural_similarity_index_measure,
)

from gandiag.quality.measures.ms_ssim import BETAS, pair_similarity


def images(n: int, size: tuple[int, int], channels: int = 3, seed: int = 0) -> torch.Tensor:
    """Smooth and alike enough for scores between 0 and 1, and above SSIM's rounding."""
    rng = torch.Generator().manual_seed(seed)
    coarse = torch.rand(1, channels, 6, 6, generator=rng) + 0.6 * torch.rand(n, channels, 6, 6, generator=rng)
    smooth = torch.nn.functional.interpolate(coarse, size, mode="bilinear")
    return (130 * smooth + 40 * torch.rand(smooth.shape, generator=rng)).to(torch.uint8)


def theirs(found: torch.Tensor, scales: int) -> list[float]:
    """Of torchmetrics, by pair, in float64."""
    weights = tuple(beta / sum(BETAS[:scales]) for beta in BETAS[:scales])
    values = []
    for i, j in combinations(range(len(found)), 2):
        x, y = found[i : i + 1].double(), found[j : j + 1].double()
        if scales == 1:
            value = structural_similarity_index_measure(x, y, data_range=255.0)
        else:
            value = multiscale_structural_similarity_index_measure(x, y, data_range=255.0, betas=weights)
        values.append(float(value))
    return values


@pytest.mark.parametrize(
    ("size", "channels", "scales", "name"),
    [
        ((176, 180), 1, 5, "ms-ssim"),
        ((175, 120), 3, 4, "ms-ssim (4 scales)"),
        ((45, 64), 3, 3, "ms-ssim (3 scales)"),
        ((28, 28), 1, 2, "ms-ssim (2 scales)"),
        ((21, 40), 3, 1, "ssim"),
        ((11, 11), 1, 1, "ssim"),
    ],
)
def test_values_equal_those_of_torchmetrics(size: tuple[int, int], channels: int, scales: int, name: str) -> None:
    """Mean and error over all pairs, at each number of scales, odd sizes too."""
    found = images(3, size, channels)
    expected = torch.tensor(theirs(found, scales), dtype=torch.float64)
    similarity = pair_similarity(found)
    assert 0.05 < expected.mean() < 0.95
    assert similarity.value == pytest.approx(float(expected.mean()), abs=1e-5)
    assert similarity.standard_error == pytest.approx(float(expected.std()) / 3**0.5, abs=1e-5)
    assert (similarity.name, similarity.pairs) == (name, 3)


def test_the_published_weights_are_torchmetrics_default() -> None:
    """They sum to 1 but for rounding."""
    found = images(2, (176, 176))
    value = multiscale_structural_similarity_index_measure(*found.double()[:, None], data_range=255.0)
    assert pair_similarity(found).value == pytest.approx(float(value), abs=1e-4)


def test_equal_images_are_wholly_similar_and_noise_is_not() -> None:
    """Both ends."""
    assert pair_similarity(images(1, (64, 64)).expand(5, -1, -1, -1)).value == pytest.approx(1, abs=1e-12)
    noise = torch.rand(20, 1, 64, 64, generator=torch.Generator().manual_seed(0))
    assert pair_similarity(noise, value_range=(0, 1)).value < 0.1


def test_collapsed_images_are_more_similar_than_diverse_ones() -> None:
    """The direction: half of the images the same."""
    diverse = images(30, (32, 32))
    collapsed = diverse.clone()
    collapsed[:15] = diverse[0]
    assert pair_similarity(collapsed).value > pair_similarity(diverse).value + 0.05


@settings(max_examples=10, deadline=None)
@given(low=st.floats(-5, 5), width=st.floats(0.1, 300), seed=st.integers(0, 100))
def test_the_value_range_changes_nothing(low: float, width: float, seed: int) -> None:
    """Floating images of any range equal those of bytes."""
    found = images(5, (30, 30), seed=seed)
    moved = low + width * found.double() / 255
    expected = pair_similarity(found).value
    assert pair_similarity(moved, value_range=(low, low + width)).value == pytest.approx(expected, abs=1e-9)


def test_chunks_change_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    """One pair at a time."""
    expected = pair_similarity(images(9, (32, 32)))
    monkeypatch.setattr("gandiag.quality.measures.ms_ssim.CELLS", 1)
    assert pair_similarity(images(9, (32, 32))).value == pytest.approx(expected.value, rel=1e-12)


def test_pairs_are_of_one_class_and_none_comes_twice() -> None:
    """Equal images within a class, another image in the next: similarity 1 says that no pair crosses, also unsorted."""
    labels = torch.tensor([2, 0, 2, 7, 0, 2, 0, 9])
    found = images(10, (24, 24))[labels]
    within = pair_similarity(found, labels=labels)
    assert within.value == pytest.approx(1, abs=1e-12)
    assert within.pairs == 3 + 3
    crossing = pair_similarity(found)
    assert crossing.value < 0.99
    assert crossing.pairs == 28


def test_pairs_are_drawn_by_seed_and_estimate_the_mean_of_all() -> None:
    """Different seeds differ by their errors; the same one repeats."""
    found = images(40, (12, 12))
    everything = pair_similarity(found, pairs=10_000)
    assert everything.pairs == 40 * 39 // 2
    some = [pair_similarity(found, pairs=150, seed=seed) for seed in range(5)]
    assert all(abs(each.value - everything.value) < 4 * (each.standard_error or 0) for each in some)
    assert len({each.value for each in some}) == 5
    assert some[0] == pair_similarity(found, pairs=150, seed=0)
    assert pair_similarity(found, pairs=1).standard_error is None


def test_unusable_images_are_named() -> None:
    """One sentence each."""
    found = images(4, (12, 12))
    floating = found.float() / 255
    for message, given_images, options in (
        ("at least 11 x 11 pixels for SSIM, found 8 x 8", found[..., :8, :8], {}),
        ("at least 11 x 11 pixels for SSIM, found 12 x 10", found[..., :10], {}),
        (r"images must have shape \(N, C, H, W\), found \(3, 12, 12\)", found[0], {}),
        ("images must hold at least two, found 1 images", found[:1], {}),
        ("images must hold at least two, found 0 images", found[:0], {}),
        ("images must hold at least two of one class, found 4 images", found, {"labels": torch.arange(4)}),
        (
            r"labels must be integers of shape \(4,\), found torch.int64 of shape \(3,\)",
            found,
            {"labels": torch.arange(3)},
        ),
        (r"value_range of floating images must be \(low, high\) such as \(-1, 1\), found None", floating, {}),
        (r"value_range of uint8 images is \(0, 255\), found \(-1, 1\)", found, {"value_range": (-1, 1)}),
        (r"lie in \(0, 1\), found 4 of 4 outside or not finite", floating * 2 - 3, {"value_range": (0, 1)}),
        (r"lie in \(0, 1\), found 4 of 4 outside or not finite", floating * torch.nan, {"value_range": (0, 1)}),
        ("pairs must be at least 1, found 0", found, {"pairs": 0}),
    ):
        with pytest.raises(ValueError, match=message):
            pair_similarity(given_images, **options)
    with pytest.raises(TypeError, match=r"uint8 or floating numbers, found torch\.int64"):
        pair_similarity(found.long())

"""Kernel distances: equal to other tools' where they are the same, unbiased, and with an honest error where named."""

from __future__ import annotations

import math
from fractions import Fraction

import numpy as np
import pytest
import torch
from cleanfid.fid import kernel_distance as clean_fid
from torch_fidelity.defaults import DEFAULTS
from torch_fidelity.metric_kid import KEY_METRIC_KID_MEAN, KEY_METRIC_KID_STD, kid_features_to_metric
from torchmetrics.image.kid import poly_mmd

from gandiag.quality.measures import kernel, kernel_sums
from gandiag.quality.measures.kernel import block_kernel_distance, cmmd, kernel_distance


def features(n: int, d: int = 64, seed: int = 0) -> torch.Tensor:
    """Non-negative and correlated, as pooled activations are."""
    rng = torch.Generator().manual_seed(seed)
    mixing = torch.randn(d, d, generator=torch.Generator().manual_seed(99), dtype=torch.float64)
    return (torch.randn(n, d, generator=rng, dtype=torch.float64) @ mixing / d**0.5).relu()


def gram(x: torch.Tensor, y: torch.Tensor) -> torch.Tensor:
    return (x @ y.T / x.shape[1] + 1) ** 3


def naive(x: torch.Tensor, y: torch.Tensor) -> float:
    """Unbiased squared MMD from whole kernel matrices, for sets of any two sizes."""
    m, n = len(x), len(y)
    xx, yy, xy = gram(x, x), gram(y, y), gram(x, y)
    within = (xx.sum() - xx.trace()) / (m * (m - 1)) + (yy.sum() - yy.trace()) / (n * (n - 1))
    return float(within - 2 * xy.mean())


@pytest.mark.parametrize(
    ("n", "m", "subset_size", "seed"), [(300, 200, 100, 2020), (90, 700, 90, 3), (600, 600, 400, 0)]
)
def test_the_published_protocol_equals_torch_fidelity(n: int, m: int, subset_size: int, seed: int) -> None:
    """Mean and spread over the same subsets, to 1e-6 relative in float64; in float32 to what its rounding leaves."""
    x, y = features(n, seed=1) * 1.05, features(m, seed=2)
    options = {"kid_subsets": 7, "kid_subset_size": subset_size, "rng_seed": seed, "verbose": False}
    for dtype, tolerance in ((torch.float64, 1e-12), (torch.float32, 1e-5)):
        expected = kid_features_to_metric(x.to(dtype), y.to(dtype), **options)
        found = kernel_distance(x.to(dtype), y.to(dtype), subsets=7, subset_size=subset_size, seed=seed)
        assert found.value == pytest.approx(expected[KEY_METRIC_KID_MEAN], rel=1e-6, abs=tolerance)
        assert found.standard_deviation == pytest.approx(expected[KEY_METRIC_KID_STD], rel=1e-6, abs=tolerance)
        assert (found.subsets, found.subset_size) == (7, subset_size)


def test_the_defaults_are_torch_fidelitys() -> None:
    """100 subsets of 1000 by seed 2020, cubed, with 1 added."""
    keys = ("kid_subsets", "kid_subset_size", "rng_seed", "kid_kernel_poly_degree", "kid_kernel_poly_coef0")
    assert [DEFAULTS[key] for key in keys] == [kernel.SUBSETS, kernel.SUBSET_SIZE, kernel.SEED, 3, 1]
    x, y = features(1100, 2, seed=1), features(1050, 2, seed=2)
    assert kernel_distance(x, y) == kernel_distance(x, y, subsets=100, subset_size=1000, seed=2020)


def test_one_subset_of_all_samples_equals_torchmetrics_and_clean_fid() -> None:
    """Where the draw of subsets does not matter, all tools have the same number."""
    x, y = features(200, seed=1) + 0.1, features(200, seed=2)
    found = kernel_distance(x, y, subsets=1, subset_size=200).value
    assert found == pytest.approx(float(poly_mmd(y, x)), rel=1e-6)
    assert found == pytest.approx(clean_fid(x.numpy(), y.numpy(), num_subsets=1, max_subset_size=200), rel=1e-6)
    assert found == pytest.approx(naive(x, y), rel=1e-9)


def test_sizes_beyond_the_blocks_of_the_kernel_matrix_change_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    """Chunking is exact, for any number of rows at a time, with one subset of all and subset by subset."""
    x, y = features(601, 5, seed=1), features(640, 5, seed=2)
    expected = naive(x[:601], y[:601])
    for rows, entries, gathered in ((256, 2**22, 0), (7, 2**22, 2), (256, 1000, 0), (601, 10**9, 2)):
        monkeypatch.setattr(kernel_sums, "ROWS", rows)
        monkeypatch.setattr(kernel_sums, "TILE", rows)
        monkeypatch.setattr(kernel_sums, "ENTRIES", entries)
        monkeypatch.setattr(kernel_sums, "GATHERED", gathered)  # at 0 subset by subset
        assert kernel_distance(x, y[:601], subsets=1, subset_size=601).value == pytest.approx(expected, rel=1e-9)


def test_like_sets_score_around_zero_on_both_sides() -> None:
    """Unbiased and never cut at 0: of 40 pairs of one law about half are below, and the mean is 0 within its error."""
    found = [
        kernel_distance(features(60, 8, 2 * i), features(60, 8, 2 * i + 1), subsets=1, subset_size=60)
        for i in range(40)
    ]
    values = np.array([f.value for f in found])
    assert 8 <= (values < 0).sum() <= 38
    assert abs(values.mean()) < 3 * values.std() / math.sqrt(40)
    assert kernel_distance(features(60), features(60), subsets=1, subset_size=60).value < 0


def test_worse_samples_are_farther() -> None:
    """Directions: a shift, noise and a collapse to one sample all raise both estimates above chance."""
    real, fresh = features(600, 16, seed=1), features(600, 16, seed=2)
    noise = torch.randn(600, 16, generator=torch.Generator().manual_seed(3), dtype=torch.float64)
    null = block_kernel_distance(fresh, real, block_size=100)
    assert abs(null.value) < 5 * null.standard_error
    for worse in (fresh + 1, fresh + 2 * noise, fresh[:1].repeat(600, 1)):
        block = block_kernel_distance(worse, real, block_size=100)
        assert block.value > 5 * block.standard_error
        assert kernel_distance(worse, real, subsets=5, subset_size=200).value > 5 * null.standard_error


def test_blocks_hold_every_sample_once() -> None:
    """Sets of different sizes that no block size divides: as many blocks of either, none left out, none twice."""
    x, y = features(107, 4, seed=1), features(61, 4, seed=2)
    rng = np.random.default_rng(11)
    ours, theirs = (np.array_split(rng.permutation(len(z)), 5) for z in (x, y))
    assert sorted(np.concatenate(ours)) == list(range(107))
    values = [naive(x[a], y[b]) for a, b in zip(ours, theirs, strict=True)]
    found = block_kernel_distance(x, y, block_size=20, seed=11)
    assert found.blocks == 5
    assert found.value == pytest.approx(np.mean(values), rel=1e-9)
    assert found.standard_error == pytest.approx(np.std(values, ddof=1) / math.sqrt(5), rel=1e-9)


@pytest.mark.parametrize("shift", [0.0, 0.2])
def test_the_blocks_standard_error_is_the_spread_over_draws(shift: float) -> None:
    """Over 200 pairs of sets; and the mean is that of all pairs of samples, for it is unbiased."""
    pairs = [(features(200, 6, 2 * i) + shift, features(240, 6, 2 * i + 1)) for i in range(200)]
    found = [block_kernel_distance(x, y, block_size=20) for x, y in pairs]
    values = np.array([f.value for f in found])
    assert np.mean([f.standard_error**2 for f in found]) == pytest.approx(values.var(), rel=0.3)
    large = naive(features(4000, 6, 1001) + shift, features(4000, 6, 1002))
    assert values.mean() == pytest.approx(large, abs=4 * values.std() / math.sqrt(200) + 1e-4)


def test_cmmd_is_that_of_all_pairs() -> None:
    """1000 times the biased squared MMD with exp(-|x - y|^2 / 200), of sets of different sizes; 0 for the same set."""
    x, y = 3 * features(70, 32, seed=1), 3 * features(50, 32, seed=2) + 0.5
    xx, yy, xy = (torch.exp(-(torch.cdist(a, b) ** 2) / 200).mean() for a, b in ((x, x), (y, y), (x, y)))
    assert cmmd(x, y) == pytest.approx(1000 * float(xx + yy - 2 * xy), rel=1e-9)
    assert cmmd(x, x) == pytest.approx(0, abs=1e-9)
    assert cmmd(x, y) == pytest.approx(cmmd(y, x), rel=1e-12)
    assert cmmd(y, y + 1) < cmmd(y, y + 2)


def test_coarse_float32_products_are_not_used() -> None:
    """Where torch may multiply with fewer bits, the value stays, to the last bit."""
    x, y = features(200, seed=1).float(), features(200, seed=2).float()
    before = kernel_distance(x, y, subsets=2, subset_size=150).value
    torch.set_float32_matmul_precision("medium")
    try:
        after = kernel_distance(x, y, subsets=2, subset_size=150).value
    finally:
        torch.set_float32_matmul_precision("highest")
    assert after == before
    assert after == pytest.approx(kernel_distance(x.double(), y.double(), subsets=2, subset_size=150).value, rel=1e-6)


def exactly(x: torch.Tensor, y: torch.Tensor) -> float:
    """The unbiased distance in rational numbers, which round nothing."""
    ours, theirs = ([[Fraction(value) for value in row] for row in z.tolist()] for z in (x, y))

    def mean(a: list[list[Fraction]], b: list[list[Fraction]], *, within: bool) -> Fraction:
        kernel = [
            (sum(p * q for p, q in zip(u, v, strict=True)) / x.shape[1] + 1) ** 3
            for i, u in enumerate(a)
            for j, v in enumerate(b)
            if not within or i != j
        ]
        return sum(kernel, Fraction(0)) / len(kernel)

    return float(
        mean(ours, ours, within=True) + mean(theirs, theirs, within=True) - 2 * mean(ours, theirs, within=False)
    )


@pytest.mark.parametrize("offset", [0.0, 0.5, 1e3, 1e6])
@pytest.mark.parametrize("scale", [1e-6, 1e-3, 1.0, 1e3, 1e6])
def test_float32_features_of_any_offset_and_scale_keep_six_digits(offset: float, scale: float) -> None:
    """Where direct products of float32, and at large offsets of float64, too, are left with none."""
    random = torch.Generator().manual_seed(0)
    x, y = (torch.randn(24, 4, generator=random) * scale + shift * scale + offset for shift in (0.0, 1.0))
    expected = exactly(x, y)
    if len(x.unique(dim=0)) == 1:  # nothing is left of the scale in float32
        assert kernel_distance(x, y, subsets=1, subset_size=24).value == pytest.approx(expected, abs=1e-9)
        return
    found = kernel_distance(x, y, subsets=1, subset_size=24)
    assert found.value == pytest.approx(expected, rel=1e-6)


def test_half_precision_features_are_widened() -> None:
    """float16 and bfloat16 features give what the same numbers give in float32."""
    for dtype in (torch.float16, torch.bfloat16):
        x, y = features(80, seed=1).to(dtype), features(80, seed=2).to(dtype)
        found = kernel_distance(x, y, subsets=2, subset_size=50)
        assert found == kernel_distance(x.float(), y.float(), subsets=2, subset_size=50)


def test_the_global_random_state_is_left_alone() -> None:
    """Subsets and blocks come from their seed."""
    before = np.random.get_state()[1].copy()  # noqa: NPY002 - is it untouched?
    kernel_distance(features(20), features(20), subsets=2, subset_size=10)
    block_kernel_distance(features(20), features(20), block_size=5)
    assert np.array_equal(before, np.random.get_state()[1])  # noqa: NPY002


def test_bad_input_is_named() -> None:
    """Sizes, dimensions and non-finite rows, with the side that has them."""
    x, y = features(30, 4), features(20, 4)
    with pytest.raises(
        ValueError, match=r"subset_size must lie in \[2, 20\], the smaller number of samples, found 1000"
    ):
        kernel_distance(x, y)
    with pytest.raises(ValueError, match="subsets must be at least 1, found 0"):
        kernel_distance(x, y, subsets=0, subset_size=5)
    with pytest.raises(ValueError, match=r"reference must have shape \(N, 4\), found \(20, 3\)"):
        kernel_distance(x, y[:, :3], subset_size=5)
    y[3] = float("inf")
    with pytest.raises(ValueError, match="reference must be finite, found NaN or infinity in 1 of 20 rows"):
        block_kernel_distance(x, y)
    with pytest.raises(ValueError, match="block_size 1000 makes 0 blocks of 30 and 30 samples"):
        block_kernel_distance(x, x)
    with pytest.raises(ValueError, match="block_size 10 makes 3 blocks of 30 and 5 samples"):
        block_kernel_distance(x, x[:5], block_size=10)
    with pytest.raises(ValueError, match="block_size must be at least 2, found 1"):
        block_kernel_distance(x, x, block_size=1)
    with pytest.raises(ValueError, match="cmmd needs samples on both sides, found 30 and 0"):
        cmmd(x, x[:0])
    with pytest.raises(TypeError, match="generated must be a tensor of floating numbers, found int64"):
        kernel_distance(np.zeros((3, 2), dtype=np.int64), x)  # type: ignore[arg-type]


@pytest.mark.parametrize("dtype", [torch.float64, torch.float32])
def test_both_ways_to_the_subsets_give_the_same(dtype: torch.dtype, monkeypatch: pytest.MonkeyPatch) -> None:
    """From the kernel of all pairs, or subset by subset: that is a matter of time alone."""
    random = torch.Generator().manual_seed(0)
    x, y = (torch.randn(n, 12, generator=random, dtype=dtype) for n in (150, 190))
    few = kernel_distance(x, y, subsets=9, subset_size=100)
    monkeypatch.setattr("gandiag.quality.measures.kernel_sums.from_all_pairs", kernel_sums.one_by_one)
    same = kernel_distance(x, y, subsets=9, subset_size=100)
    tolerance = 1e-12 if dtype == torch.float64 else 1e-5
    assert few.value == pytest.approx(same.value, abs=tolerance)
    assert few.standard_deviation == pytest.approx(same.standard_deviation, abs=tolerance)

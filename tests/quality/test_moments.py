"""Streamed moments: exact in float64, the same however samples are split over batches, parts and processes."""

from __future__ import annotations

import pickle
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from gandiag.quality.measures.features import checked_features
from gandiag.quality.measures.moments import ROWS, Moments, Statistics


def normal(n: int, d: int, seed: int = 0) -> torch.Tensor:
    return torch.randn(n, d, generator=torch.Generator().manual_seed(seed), dtype=torch.float64)


def moments_of(*batches: torch.Tensor) -> Moments:
    moments = Moments(batches[0].shape[1])
    for batch in batches:
        moments.update(batch)
    return moments


def same(found: Statistics, expected: Statistics, rtol: float = 1e-9) -> None:
    assert found.n == expected.n
    scale = float(expected.covariance.abs().max())
    torch.testing.assert_close(found.mean, expected.mean, rtol=rtol, atol=rtol * scale**0.5)
    torch.testing.assert_close(found.covariance, expected.covariance, rtol=rtol, atol=rtol * scale)


@pytest.mark.parametrize(("n", "d"), [(2, 1), (5, 3), (ROWS, 4), (ROWS + 1, 300), (1000, 257)])
def test_moments_are_those_of_numpy(n: int, d: int) -> None:
    """Mean and np.cov of all samples at once, for sizes around the sizes of the blocks."""
    samples = normal(n, d) * 3 + 7
    found = moments_of(*samples.split(37)).statistics()
    expected = torch.from_numpy(np.cov(samples.numpy(), rowvar=False).reshape(d, d))
    same(found, Statistics(samples.mean(dim=0), expected, n))
    assert torch.equal(found.covariance, found.covariance.T)
    assert found.trace == pytest.approx(float(expected.trace()))


@settings(max_examples=40, deadline=None)
@given(st.integers(0, 2**31), st.lists(st.integers(0, 300), min_size=1, max_size=5), st.floats(-1e4, 1e4))
def test_neither_batches_nor_merging_change_the_result(seed: int, sizes: list[int], offset: float) -> None:
    """Any split into batches, and any split into moments merged afterwards, gives what one pass gives."""
    samples = normal(sum(sizes) + 2, 3, seed) + offset
    whole = moments_of(samples).statistics()
    parts = samples.split([*sizes, 2])
    same(moments_of(*parts).statistics(), whole)
    merged = Moments(3)
    for part in parts:
        merged.merge(moments_of(part))
    same(merged.statistics(), whole)


def test_merging_leaves_the_other_as_it_was_and_can_be_undone() -> None:
    """Parts far apart, with a different shift each; more samples may follow."""
    parts = [normal(300, 5, seed) + 100 * seed for seed in range(3)]
    ours, theirs = moments_of(parts[0]), moments_of(parts[1])
    before = theirs.statistics()
    ours.merge(theirs)
    ours.update(parts[2])
    same(theirs.statistics(), before)
    same(ours.statistics(), moments_of(*parts).statistics())
    same(ours.without(theirs).statistics(), moments_of(parts[0], parts[2]).statistics())
    same(ours.statistics(), moments_of(*parts).statistics())
    assert ours.without(ours).n == 0


def test_a_small_variance_beside_a_large_mean_is_kept() -> None:
    """Variance 1e-4 at mean 10 in float32: the one-pass formula in float32 gives -6e-5 to 6e-4 for it."""
    samples = (10 + 0.01 * normal(5000, 64)).float()
    one_pass = (samples.T @ samples / 5000 - samples.mean(dim=0)[:, None] * samples.mean(dim=0)).diagonal()
    assert float((one_pass - 1e-4).abs().max()) > 2e-5, "the trap is there"
    found = moments_of(*samples.split(64)).statistics().covariance
    assert float((found - torch.cov(samples.double().T)).abs().max()) < 1e-15
    assert float((found.diagonal() - 1e-4).abs().max()) < 1.5e-5


@pytest.mark.parametrize("dtype", [torch.float16, torch.bfloat16, torch.float32])
def test_features_of_any_floating_dtype_are_summed_in_float64(dtype: torch.dtype) -> None:
    """The result is that of the same numbers in float64."""
    samples = (normal(500, 4) + 50).to(dtype)
    same(moments_of(samples).statistics(), moments_of(samples.double()).statistics())


def test_finite_features_whose_sum_overflows_are_taken() -> None:
    """The quick check for NaN looks at the sum, which is infinite here."""
    samples = torch.full((8, 2), 60_000.0, dtype=torch.float16)
    samples[0] = -60_000
    assert torch.isinf(samples[1:].sum())
    assert float(moments_of(samples[1:]).statistics().mean[0]) == float(samples[1, 0])


def test_a_constant_feature_has_no_variance_below_zero() -> None:
    """Rounding leaves some 1e-17 on either side; a covariance with a negative variance would be refused."""
    samples = normal(900, 3)
    samples[:, 1] = 0.1
    found = moments_of(samples[:300] + 0.7, samples[300:] + 0.7).statistics().covariance
    assert torch.equal(found, found.T)
    assert 0 <= float(found[1, 1]) < 1e-25


def test_what_overflows_is_said() -> None:
    """Finite features whose squares are not."""
    with pytest.raises(ValueError, match=r"covariance must be finite, found NaN or infinity in 1 places"):
        moments_of(torch.tensor([[1e200, 0.0], [-1e200, 0.0]], dtype=torch.float64)).statistics()


def test_memory_does_not_grow_with_the_number_of_samples() -> None:
    """What is kept after many samples has the size of what was kept after few."""
    few, many = moments_of(normal(10, 8)), moments_of(*normal(20_000, 8).split(100))
    assert len(pickle.dumps(many)) == pytest.approx(len(pickle.dumps(few)), abs=64)


def test_sums_made_in_inference_mode_are_updated_outside() -> None:
    """Whoever collects features without gradients hands the sums on; both sides may add and take away."""
    first, second = normal(300, 3), normal(40, 3)
    with torch.inference_mode():
        moments, part = moments_of(first.clone()), moments_of(second.clone())
    moments.merge(part)
    moments.update(second)
    same(moments.without(part).statistics(), moments_of(first, second).statistics())


def test_batches_keep_their_values_and_no_graph() -> None:
    """Input is not modified, and features with a gradient are taken without it."""
    samples = normal(400, 3).requires_grad_()
    before = samples.detach().clone()
    assert not moments_of(samples).statistics().covariance.requires_grad
    assert torch.equal(samples, before)


@pytest.mark.parametrize(
    ("features", "error", "message"),
    [
        (np.zeros((3, 2)), TypeError, "features must be a tensor of floating numbers, found float64"),
        (torch.zeros(3, 2, dtype=torch.uint8), TypeError, "floating numbers, found torch.uint8"),
        (torch.zeros(3), ValueError, r"shape \(N, 2\), found \(3,\)"),
        (torch.zeros(3, 4), ValueError, r"shape \(N, 2\), found \(3, 4\)"),
        (torch.tensor([[1.0, float("nan")], [float("inf"), 0.0], [0.0, 0.0]]), ValueError, "infinity in 2 of 3 rows"),
    ],
)
def test_bad_batches_are_refused_whole(features: object, error: type[Exception], message: str) -> None:
    """Type, shape and non-finite rows are named; the moments are as before."""
    moments = moments_of(normal(10, 2))
    before = moments.statistics()
    with pytest.raises(error, match=message):
        moments.update(features)  # type: ignore[arg-type]
    same(moments.statistics(), before, rtol=0)


def test_misuse_is_named() -> None:
    """Too few samples, other dimensions, taking out what is not there."""
    with pytest.raises(ValueError, match="at least 2 samples, found 1"):
        moments_of(normal(1, 2)).statistics()
    with pytest.raises(ValueError, match="dimensions must be at least 1, found 0"):
        Moments(0)
    with pytest.raises(ValueError, match="2 dimensions, found 3"):
        moments_of(normal(4, 2)).merge(moments_of(normal(4, 3)))
    with pytest.raises(ValueError, match="a part of these 4 samples, found 5"):
        moments_of(normal(4, 2)).without(moments_of(normal(5, 2)))
    with pytest.raises(ValueError, match=r"logits must have shape \(N, D\), found \(3, 0\)"):
        checked_features(torch.zeros(3, 0), "logits")


def test_without_a_process_group_all_reduce_changes_nothing() -> None:
    """One process is all there is."""
    moments = moments_of(normal(30, 2))
    before = moments.statistics()
    moments.all_reduce()
    same(moments.statistics(), before, rtol=0)


def test_every_rank_gets_the_moments_of_all(tmp_path: Path) -> None:
    """Two processes under gloo, with different shifts, with one empty, and with both: as one process to 1e-9."""
    script = Path(__file__).with_name("reduced.py")
    commands = [[sys.executable, str(script), str(tmp_path), str(rank)] for rank in range(2)]
    processes = [subprocess.Popen(command, stderr=subprocess.PIPE) for command in commands]
    errors = [process.communicate(timeout=120)[1].decode() for process in processes]
    assert [process.returncode for process in processes] == [0, 0], errors
    samples = torch.load(tmp_path / "samples.pt")
    for case, parts in samples.items():
        expected = moments_of(*parts)
        for rank in range(2):
            if expected.n == 0:
                assert not (tmp_path / f"{case} {rank}.npz").exists()
            else:
                same(Statistics.load(tmp_path / f"{case} {rank}.npz"), expected.statistics())

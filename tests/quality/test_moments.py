"""Streamed moments: exact in float64, the same however samples are split, kept in files of several tools."""

from __future__ import annotations

import pickle
import re
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch_fidelity.metric_fid import fid_features_to_statistics
from torch_fidelity.utils_torch import torch_atomic_save

from gandiag.quality.moments import ROWS, Moments, Statistics, checked_features


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


def test_memory_does_not_grow_with_the_number_of_samples() -> None:
    """What is kept after many samples has the size of what was kept after few."""
    few, many = moments_of(normal(10, 8)), moments_of(*normal(20_000, 8).split(100))
    assert len(pickle.dumps(many)) == pytest.approx(len(pickle.dumps(few)), abs=64)


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


@pytest.mark.parametrize("n", [None, 50])
def test_saved_statistics_are_read_back_exactly(tmp_path: Path, n: int | None) -> None:
    """Also without a number of samples, and under a name of any ending."""
    found = moments_of(normal(50, 3)).statistics()
    protocol = {"extractor": "identity", "resize": "none"}
    Statistics(found.mean, found.covariance, n, protocol).save(tmp_path / "reference.stats")
    back = Statistics.load(tmp_path / "reference.stats")
    assert torch.equal(back.mean, found.mean)
    assert torch.equal(back.covariance, found.covariance)
    assert (back.n, back.protocol) == (n, protocol)


def test_files_of_other_tools_are_read(tmp_path: Path) -> None:
    """pytorch-fid's and clean-fid's .npz, torch-fidelity's as .npz and as its cache writes it."""
    samples = normal(50, 3).float()
    theirs = fid_features_to_statistics(samples)
    np.savez_compressed(tmp_path / "fid.npz", **theirs)
    torch_atomic_save(theirs, str(tmp_path / "cached-stat-fid-2048.pt"))
    torch.save({k: torch.from_numpy(v) for k, v in theirs.items()}, tmp_path / "tensors.pt")
    torch.save(theirs, tmp_path / "old.pt", _use_new_zipfile_serialization=False)
    for name in ("fid.npz", "cached-stat-fid-2048.pt", "tensors.pt", "old.pt"):
        found = Statistics.load(tmp_path / name)
        assert found.n is None
        assert np.array_equal(found.mean.numpy(), theirs["mu"].astype(np.float64)), name
        assert np.array_equal(found.covariance.numpy(), theirs["sigma"]), name


class Command:
    """A pickle that would run a command."""

    def __reduce__(self) -> tuple[object, tuple[str]]:
        return (print, ("ran",))


EYE = np.eye(2)
BROKEN = {
    "no sigma": ({"mu": np.zeros(2)}, "holds no sigma, found mu"),
    "features": ({"feats": np.zeros((4, 2))}, "holds no mu and no sigma, found feats"),
    "shapes": ({"mu": np.zeros(3), "sigma": EYE}, r"covariance must have shape \(3, 3\), found \(2, 2\)"),
    "mean": ({"mu": np.zeros((1, 2)), "sigma": EYE}, r"mean must have shape \(2,\), found \(1, 2\)"),
    "nan": ({"mu": np.zeros(2), "sigma": EYE * np.nan}, "covariance must be finite, found NaN or infinity in 4 places"),
    "asymmetric": ({"mu": np.zeros(2), "sigma": np.triu(np.ones((2, 2)))}, "covariance must be symmetric"),
    "negative": ({"mu": np.zeros(2), "sigma": -EYE}, "variances from 0, found -1"),
    "one": ({"mu": np.zeros(2), "sigma": EYE, "n": 1}, "n must be at least 2 for a covariance, found 1"),
    "text": ({"mu": np.array(["a", "b"]), "sigma": EYE}, "no sound statistics"),
}


@pytest.mark.parametrize("case", BROKEN)
def test_unsound_statistics_are_refused_by_the_name_of_their_file(tmp_path: Path, case: str) -> None:
    """Missing keys, wrong shapes and impossible covariances."""
    entries, message = BROKEN[case]
    np.savez(tmp_path / "bad.npz", **entries)
    with pytest.raises(ValueError, match=f"{re.escape(str(tmp_path / 'bad.npz'))} .*{message}"):
        Statistics.load(tmp_path / "bad.npz")


@pytest.mark.parametrize("name", ["bad.npz", "bad.pt"])
def test_damaged_files_are_refused_by_name(tmp_path: Path, name: str) -> None:
    """Cut short, no archive at all, or not there."""
    path = tmp_path / name
    with pytest.raises(FileNotFoundError, match=name):
        Statistics.load(path)
    path.write_bytes(b"no archive")
    with pytest.raises(ValueError, match=f"{name} is damaged or no file of statistics"):
        Statistics.load(path)
    if name.endswith("npz"):
        np.savez(path, mu=np.zeros(2), sigma=EYE)
    else:
        torch.save({"mu": np.zeros(2), "sigma": EYE}, path)
    path.write_bytes(path.read_bytes()[:-200])
    with pytest.raises(ValueError, match=f"{name} is damaged or no file of statistics"):
        Statistics.load(path)


def test_a_pickle_that_calls_anything_else_is_not_run(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """Statistics come from strangers: only arrays and tensors are built."""
    torch.save({"mu": np.zeros(2), "sigma": Command()}, tmp_path / "bad.pt")
    with pytest.raises(ValueError, match=r"bad.pt .* it asks for \w+.print"):
        Statistics.load(tmp_path / "bad.pt")
    torch.save([1, 2], tmp_path / "bad.pt")
    with pytest.raises(ValueError, match=r"it holds a list, expected a dictionary"):
        Statistics.load(tmp_path / "bad.pt")
    assert "ran" not in capsys.readouterr().out

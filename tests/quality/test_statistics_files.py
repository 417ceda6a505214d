"""Files of statistics: ours come back exactly, those of other tools are read, unsound ones are refused by name."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

import numpy as np
import pytest
import torch
from torch_fidelity.metric_fid import fid_features_to_statistics
from torch_fidelity.utils_torch import torch_atomic_save

from gandiag.quality.measures.moments import Moments, Statistics

if TYPE_CHECKING:
    from pathlib import Path


def statistics() -> Statistics:
    moments = Moments(3)
    moments.update(torch.randn(50, 3, generator=torch.Generator().manual_seed(0)))
    return moments.statistics()


@pytest.mark.parametrize("n", [None, 50])
def test_saved_statistics_are_read_back_exactly(tmp_path: Path, n: int | None) -> None:
    """Also without a number of samples, and under a name of any ending."""
    found = statistics()
    protocol = {"extractor": "identity", "resize": "none"}
    Statistics(found.mean, found.covariance, n, protocol).save(tmp_path / "reference.stats")
    back = Statistics.load(tmp_path / "reference.stats")
    assert torch.equal(back.mean, found.mean)
    assert torch.equal(back.covariance, found.covariance)
    assert (back.n, back.protocol) == (n, protocol)


def test_files_of_other_tools_are_read(tmp_path: Path) -> None:
    """pytorch-fid's and clean-fid's .npz, torch-fidelity's as .npz and as its cache writes it."""
    samples = torch.randn(50, 3, generator=torch.Generator().manual_seed(1))
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

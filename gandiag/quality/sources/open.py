"""Where samples come from: arrays, tensors, files, folders, datasets and runs, read in order and in batches."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any, Protocol, runtime_checkable

import numpy as np
import torch
from torch import Tensor

from gandiag.files import Npz, check_header, told
from gandiag.modes import idx
from gandiag.nets.files import MAX_BYTES, check_expansion
from gandiag.quality.sources.arrays import ArraySource, DatasetSource
from gandiag.quality.sources.errors import SourceError
from gandiag.quality.sources.images import SUFFIXES, FolderSource
from gandiag.quality.sources.tiles import is_run, run_samples

if TYPE_CHECKING:
    from collections.abc import Iterator

    from numpy.typing import NDArray
    from torch.utils.data import Dataset

__all__ = ["ArraySource", "DatasetSource", "FolderSource", "Source", "SourceError", "open_source"]

SAMPLE_KEYS = ("images", "samples", "points", "x", "X", "data", "arr_0")
"""Names of an .npz file's array of samples, one of which may be there beside arrays of other names."""


@runtime_checkable
class Source(Protocol):
    """An ordered set of samples of known size that can be read in batches, also from the middle.

    Attributes
    ----------
    name
        The path, or "array", "tensor" or the dataset's class.
    labels
        (N,) int64 where known, else None.
    """

    name: str
    labels: Tensor | None

    def __len__(self) -> int:
        """Number of samples."""

    def batches(self, batch_size: int, start: int = 0, stop: int | None = None) -> Iterator[Tensor]:
        """Samples [start, stop) in order: images (B, C, H, W) or vectors (B, D)."""

    def content_hash(self) -> str:
        """16 hex digits of what the samples are."""


def open_source(
    spec: str | Path | NDArray[Any] | Tensor | Dataset[Any] | Source,
    *,
    key: str | None = None,
    skip_corrupt: bool = False,
    step: int | None = None,
) -> Source:
    """Open samples.

    Parameters
    ----------
    spec
        A folder of images; an .npz, .npy or IDX file; a run directory, of which a snapshot is read; an array or a
        tensor (N, C, H, W), (N, H, W, C), (N, H, W) of images or (N, D) of vectors; a torch dataset with a length,
        whose samples are tensors, arrays or images, alone or first in a tuple.
    key
        The array of an .npz file that holds several. Labels are read from "labels", or "y" in place of "x".
    skip_corrupt
        Leave out images that cannot be decoded, see `FolderSource`.
    step
        The run's snapshot, by default the latest.

    Raises
    ------
    SourceError
        When there are no samples, or they cannot be read as such.
    TypeError
        When `spec` is nothing of this.

    >>> len(open_source(np.zeros((5, 2))))
    5
    """
    if isinstance(spec, (str, Path)):
        return _open_path(Path(spec).expanduser(), key, skip_corrupt=skip_corrupt, step=step)
    if isinstance(spec, (np.ndarray, Tensor)):
        return ArraySource(spec, "tensor" if isinstance(spec, Tensor) else "array")
    if isinstance(spec, Source):
        return spec
    other: object = spec
    if isinstance(other, torch.utils.data.Dataset):
        return DatasetSource(other)
    kinds = "a path, an array, a tensor, a torch Dataset or a Source"
    raise TypeError(f"samples must be {kinds}, found {type(other).__name__}")


def _open_path(path: Path, key: str | None, *, skip_corrupt: bool, step: int | None) -> Source:
    if path.is_dir():
        if is_run(path):
            return ArraySource(run_samples(path, step), str(path))
        return FolderSource(path, skip_corrupt=skip_corrupt)
    if not path.is_file():
        raise SourceError(f"there is no file or folder {path}")
    try:
        if path.suffix == ".npz":
            return _open_npz(path, key)
        if path.suffix == ".npy":
            return ArraySource(_mapped(path), str(path))
    except SourceError:
        raise
    except (ValueError, OSError) as error:
        raise SourceError(f"{path} cannot be read: {error}") from error
    if not idx.is_idx(path):
        hint = "; for images name their folder" if path.suffix.lower() in SUFFIXES else ""
        raise SourceError(f"{path} is none of: a folder of images, .npz, .npy, IDX, a run directory{hint}")
    beside = idx.labels_beside(path)
    return ArraySource(idx.read_idx(path), str(path), None if beside is None else idx.read_idx(beside))


def _mapped(path: Path) -> NDArray[Any]:
    """The array of an .npy file, which stays on disk."""
    with told("not a readable .npy"):
        with path.open("rb") as file:
            check_header(file, path.stat().st_size)
        found: NDArray[Any] = np.load(path, mmap_mode="r", allow_pickle=False)
    return found


def _open_npz(path: Path, key: str | None) -> ArraySource:
    check_expansion(path)
    with path.open("rb") as file:
        data = Npz(file, MAX_BYTES)
        keys = ", ".join(data.names)
        samples = [name for name in data.names if name not in ("labels", "label", "y")]
        if {"mu", "sigma"} <= set(data.names) and key is None:
            raise SourceError(f"{path} holds statistics ({keys}), no samples")
        preferred = [name for name in samples if name in SAMPLE_KEYS]
        candidates = [key] if key is not None else samples if len(samples) == 1 else preferred
        if len(candidates) != 1 or candidates[0] not in data.names:
            wanted = "which one holds the samples is unclear, pass key" if key is None else f"found no {key!r}"
            raise SourceError(f"{path} holds the arrays {keys or '(none)'}: {wanted}")
        name = candidates[0]
        beside = ("labels", "label", "y" + name[1:] if name[0] in "xX" else "y")
        labels = next((data[other] for other in beside if other in data.names), None)
        return ArraySource(data[name], str(path), labels)

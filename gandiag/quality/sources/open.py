"""Where samples come from: memory, files, folders, archives, datasets and runs, read in order and in batches."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any, Protocol, runtime_checkable

import numpy as np
import torch
from torch import Tensor

from gandiag.files import Npz, check_header, told
from gandiag.modes import idx
from gandiag.nets.files import MAX_BYTES, CodeError, check_expansion, read_weights
from gandiag.quality.sources.arrays import LABEL_KEYS, SAMPLE_KEYS, ArraySource, DatasetSource
from gandiag.quality.sources.errors import SourceError
from gandiag.quality.sources.images import ImageSource
from gandiag.quality.sources.members import is_archive
from gandiag.quality.sources.pictures import SUFFIXES
from gandiag.quality.sources.streams import gathered
from gandiag.quality.sources.tiles import is_run, run_samples
from gandiag.wording import listed

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from numpy.typing import NDArray
    from torch.utils.data import Dataset

__all__ = ["ArraySource", "DatasetSource", "ImageSource", "Source", "SourceError", "open_source"]

TENSORS = (".pt", ".pth", ".safetensors")

FILES = "a folder of images, .zip, .tar, .parquet, .npz, .npy, .pt, .safetensors, IDX, a run directory"
KINDS = "a path, an array, a tensor, a dataset, a DataLoader or another iterable of batches, or a Source"


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
    spec: str | Path | NDArray[Any] | Tensor | Dataset[Any] | Iterable[Any] | Source,
    *,
    key: str | None = None,
    skip_corrupt: bool = False,
    step: int | None = None,
) -> Source:
    """Open samples.

    Parameters
    ----------
    spec
        A folder of images, a .zip, .tar or Parquet file of them (see `ImageSource`); an .npz, .npy, IDX file or
        tensors in .pt or .safetensors; a run directory, of which a snapshot is read; an array or a tensor (N, C, H, W),
        (N, H, W, C), (N, H, W) of images or (N, D) of vectors; a dataset with a length, torch's or of the same kind,
        whose samples are tensors, arrays or images, alone, first in a tuple or under "image" in a dictionary; a
        DataLoader or another iterable of batches, which is read into memory.
    key
        The array of a file that holds several. Labels are read from "labels", or "y" in place of "x".
    skip_corrupt
        Leave out images that cannot be decoded, see `ImageSource`.
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
    other: Any = spec
    if isinstance(other, torch.utils.data.Dataset) or _is_dataset(other):
        return DatasetSource(other)
    if hasattr(other, "__iter__") and not isinstance(other, (dict, set)):
        return gathered(other)
    raise TypeError(f"samples must be {KINDS}, found {type(other).__name__}")


def _is_dataset(given: Any) -> bool:
    """Whether something can be indexed by position as datasets can, such as those of the package `datasets`."""
    plain = isinstance(given, (list, tuple, dict, torch.utils.data.DataLoader))
    return not plain and hasattr(given, "__getitem__") and hasattr(given, "__len__")


def _open_path(path: Path, key: str | None, *, skip_corrupt: bool, step: int | None) -> Source:
    if path.is_dir():
        if is_run(path):
            return ArraySource(run_samples(path, step), str(path))
        return ImageSource(path, skip_corrupt=skip_corrupt)
    if not path.is_file():
        raise SourceError(f"there is no file or folder {path}")
    if is_archive(path):
        return ImageSource(path, skip_corrupt=skip_corrupt)
    try:
        return _open_arrays(path, key)
    except SourceError:
        raise
    except CodeError as error:
        advice = "save the tensor of samples alone, torch.save(samples, path)"
        raise SourceError(f"{path} holds Python objects, and reading them may run code: {advice}") from error
    except (OSError, ValueError) as error:
        said = str(error).removeprefix(f"{path}: ").removeprefix("cannot be read: ")
        raise SourceError(f"{path} cannot be read: {said}") from error


def _open_arrays(path: Path, key: str | None) -> ArraySource:
    """The samples of a file of arrays."""
    if path.suffix == ".npz":
        check_expansion(path)
        with path.open("rb") as file:
            data = Npz(file, MAX_BYTES)
            return _chosen(path, data.names, data, key)
    if path.suffix == ".npy":
        return ArraySource(_mapped(path), str(path))
    if path.suffix in TENSORS:
        held = read_weights(path)
        if isinstance(held, Tensor):
            return ArraySource(held, str(path))
        if not (isinstance(held, dict) and all(isinstance(v, Tensor) for v in held.values())):
            raise SourceError(f"{path} must hold a tensor or a dictionary of tensors, found {type(held).__name__}")
        return _chosen(path, tuple(held), held, key)
    if not idx.is_idx(path):
        hint = "; for images name their folder" if path.suffix.lower() in SUFFIXES else ""
        raise SourceError(f"{path} is none of: {FILES}{hint}")
    beside = idx.labels_beside(path)
    return ArraySource(idx.read_idx(path), str(path), None if beside is None else idx.read_idx(beside))


def _mapped(path: Path) -> NDArray[Any]:
    """The array of an .npy file, which stays on disk."""
    with told("not a readable .npy"):
        with path.open("rb") as file:
            check_header(file, path.stat().st_size)
        found: NDArray[Any] = np.load(path, mmap_mode="r", allow_pickle=False)
    return found


def _chosen(path: Path, names: tuple[str, ...], data: Npz | dict[str, Any], key: str | None) -> ArraySource:
    keys = listed(names, 10) if names else "(none)"
    samples = [name for name in names if name not in LABEL_KEYS]
    preferred = [name for name in samples if name in SAMPLE_KEYS]
    if {"mu", "sigma"} <= set(names) and key is None and len(preferred) != 1:
        raise SourceError(f"{path} holds statistics ({keys}), no samples")
    candidates = [key] if key is not None else samples if len(samples) == 1 else preferred
    if len(candidates) != 1 or candidates[0] not in names:
        wanted = "which one holds the samples is unclear, pass key" if key is None else f"found no {key!r}"
        raise SourceError(f"{path} holds the arrays {keys}: {wanted}")
    name = candidates[0]
    beside = ("labels", "label", "y" + name[1:] if name[0] in "xX" else "y")
    labels = next((data[other] for other in beside if other in names), None)
    return ArraySource(data[name], str(path), labels)

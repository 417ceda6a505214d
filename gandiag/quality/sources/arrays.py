"""Samples that are in memory or in a torch dataset."""

from __future__ import annotations

import hashlib
import re
from typing import TYPE_CHECKING, Any, cast

import numpy as np
import torch
from torch import Tensor

from gandiag.quality.sources.errors import SourceError, check_span

if TYPE_CHECKING:
    from collections.abc import Iterator, Sized

    from numpy.typing import NDArray
    from torch.utils.data import Dataset

CHUNK = 256  # samples hashed at a time

SAMPLE_KEYS = ("images", "image", "img", "pixel_values", "samples", "points", "x", "X", "data", "arr_0")
"""Names under which samples are looked for: one of them may be there beside arrays of other names."""

LABEL_KEYS = ("labels", "label", "y", "target", "targets")


class ArraySource:
    """Samples of an array or a tensor, which stays where it is.

    Parameters
    ----------
    samples : (N, C, H, W), (N, H, W, C), (N, H, W) or (N, D)
        Real numbers; (N, H, W) becomes (N, 1, H, W).
    name
        What messages call it.
    labels
        (N,) whole numbers, or None.

    Raises
    ------
    SourceError
        When there are no samples, or their type or number of dimensions is another.
    """

    def __init__(self, samples: NDArray[Any] | Tensor, name: str, labels: NDArray[Any] | Tensor | None = None) -> None:
        shape = tuple(samples.shape)
        kind = str(samples.dtype).removeprefix("torch.") if isinstance(samples, Tensor) else samples.dtype.name
        if not re.fullmatch(r"u?int\d+|bfloat16|float(16|32|64)", kind):
            raise SourceError(f"samples of {name} must be whole numbers or floats, found {kind}")
        if len(shape) not in (2, 3, 4):
            raise SourceError(f"samples of {name} must have shape (N, C, H, W), (N, H, W) or (N, D), found {shape}")
        if 0 in shape:
            raise SourceError(f"{name} holds no samples: its shape is {shape}")
        self.name = name
        self._samples = samples
        self.labels = None if labels is None else _labels(labels, len(samples), name)

    def __len__(self) -> int:
        return len(self._samples)

    def batches(self, batch_size: int, start: int = 0, stop: int | None = None) -> Iterator[Tensor]:
        """Samples [start, stop) in order. Raises ValueError for a span that is not within."""
        return (self._batch(a, b) for a, b in check_span(len(self), batch_size, start, stop))

    def content_hash(self) -> str:
        """16 hex digits of type, shape and values, the same for an array, a tensor and a file of them."""
        return _hash(self)

    def _batch(self, start: int, stop: int) -> Tensor:
        part = self._samples[start:stop]
        batch = part.detach() if isinstance(part, Tensor) else _tensor(part)
        return batch[:, None] if batch.ndim == 3 else batch


class DatasetSource:
    """Samples of a torch dataset with a length, read one by one as the dataset gives them.

    Labels are the dataset's `targets`, as torchvision's datasets have them, or the second tensor of a TensorDataset.

    Raises
    ------
    SourceError
        When the dataset has no length or no samples.
    """

    def __init__(self, dataset: Dataset[Any]) -> None:
        self.name = type(dataset).__name__
        if not hasattr(dataset, "__len__"):
            raise SourceError(f"dataset {self.name} has no length: samples must be countable")
        self._dataset = dataset
        if not len(self):
            raise SourceError(f"dataset {self.name} holds no samples")
        tensors: Any = getattr(dataset, "tensors", ())
        targets = getattr(dataset, "targets", tensors[1] if len(tensors) == 2 else _column(dataset))
        whole = None if targets is None else np.asarray(targets)
        is_whole = whole is not None and whole.shape == (len(self),) and np.issubdtype(whole.dtype, np.integer)
        self.labels = torch.from_numpy(whole.astype(np.int64)) if whole is not None and is_whole else None

    def __len__(self) -> int:
        return len(cast("Sized", self._dataset))

    def batches(self, batch_size: int, start: int = 0, stop: int | None = None) -> Iterator[Tensor]:
        """Samples [start, stop) in order.

        Raises
        ------
        ValueError
            When the span is not within the dataset.
        SourceError
            When a sample is no tensor, array or image, or its shape differs from the batch's.
        """
        return (self._batch(a, b) for a, b in check_span(len(self), batch_size, start, stop))

    def content_hash(self) -> str:
        """16 hex digits of type, shape and values; reads every sample."""
        return _hash(self)

    def _batch(self, start: int, stop: int) -> Tensor:
        samples = [self._sample(index) for index in range(start, stop)]
        for offset, sample in enumerate(samples):
            if sample.shape != samples[0].shape or sample.dtype != samples[0].dtype:
                one, other = (f"{tuple(s.shape)} {s.dtype}" for s in (samples[0], sample))
                raise SourceError(f"samples of {self.name} differ: {start} is {one}, {start + offset} is {other}")
        batch = torch.stack(samples)
        return batch[:, None] if batch.ndim == 3 else batch

    def _sample(self, index: int) -> Tensor:
        item = sample_of(self._dataset[index])
        sample = as_sample(item)
        if sample is None:
            kind = type(item).__name__
            raise SourceError(f"samples of {self.name} must be tensors, arrays or images, alone or first, found {kind}")
        return sample


def _column(dataset: Any) -> Any:
    """The column of labels of a dataset of the package `datasets`, None for any other."""
    names = [name for name in LABEL_KEYS if name in (getattr(dataset, "column_names", None) or ())]
    return dataset[names[0]] if names else None


def sample_of(item: Any) -> Any:
    """The sample of a dataset's item or of a loader's batch: alone, first in a tuple, or under its usual name."""
    if isinstance(item, dict):
        named = [name for name in SAMPLE_KEYS if name in item]
        return item[named[0]] if named else item
    return item[0] if isinstance(item, (tuple, list)) and item else item


def label_of(item: Any) -> Any:
    """The label that stands beside it, None where there is none."""
    if isinstance(item, dict):
        return next((item[name] for name in LABEL_KEYS if name in item), None)
    return item[1] if isinstance(item, (tuple, list)) and len(item) > 1 else None


def as_sample(sample: Any) -> Tensor | None:
    """A tensor, an array or a PIL image as a tensor; None for anything else."""
    if isinstance(sample, Tensor):
        return sample.detach()
    if isinstance(sample, np.ndarray):
        return _tensor(sample)
    if hasattr(sample, "getbands"):  # a PIL image
        pixels = _tensor(np.asarray(sample))
        return pixels.permute(2, 0, 1) if pixels.ndim == 3 else pixels
    return None


def _labels(labels: NDArray[Any] | Tensor, length: int, name: str) -> Tensor:
    found = _tensor(labels) if isinstance(labels, np.ndarray) else labels
    if tuple(found.shape) != (length,) or found.is_floating_point():
        shape = f"shape {tuple(found.shape)} and type {found.dtype}"
        raise SourceError(f"labels of {name} must be ({length},) whole numbers, found {shape}")
    return found.to(torch.int64)


def _tensor(array: NDArray[Any]) -> Tensor:
    """A copy as a tensor; whole numbers other than uint8 as int64."""
    if array.dtype.kind in "iu" and array.dtype != np.uint8:
        return torch.from_numpy(array.astype(np.int64))
    return torch.from_numpy(np.array(array, dtype=array.dtype.newbyteorder("=")))


def _hash(source: ArraySource | DatasetSource) -> str:
    digest = hashlib.sha256()
    for index, batch in enumerate(source.batches(CHUNK)):
        values = batch.cpu().contiguous()
        if not index:
            digest.update(f"{values.dtype}|{len(source)}|{tuple(values.shape[1:])}|".encode())
        digest.update(values.flatten().view(torch.uint8).numpy().data)
    return digest.hexdigest()[:16]

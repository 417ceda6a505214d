"""Samples that come batch by batch, from a DataLoader or any other iterable: read into memory once."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import torch

from gandiag.nets.frozen import forked_rng
from gandiag.quality.sources.arrays import ArraySource, as_sample, label_of, sample_of
from gandiag.quality.sources.errors import SourceError

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

SEED = 0  # of a loader's order
MAX_BYTES = 8 * 2**30  # of samples that are read into memory


def gathered(batches: Iterable[Any]) -> ArraySource:
    """All samples of an iterable of batches, in order.

    Parameters
    ----------
    batches
        Tensors or arrays (B, ...), alone, first in a tuple with labels (B,) behind them, or in a dictionary as "image",
        "images", "x" or the like, with "label" or "labels"; PIL images, which are one sample each.

    Raises
    ------
    SourceError
        When there is no batch, batches do not fit each other, or they take more memory than allowed: an iterable
        that never ends is one of these.
    TypeError
        When a batch is nothing of this.
    """
    name = type(batches).__name__
    parts: list[torch.Tensor] = []
    labels: list[torch.Tensor] = []
    taken = 0
    for number, item in enumerate(_undisturbed(batches), start=1):
        batch = _batch(item, name, number)
        if parts and (batch.shape[1:] != parts[0].shape[1:] or batch.dtype != parts[0].dtype):
            one, other = (f"(B, {', '.join(map(str, b.shape[1:]))}) {b.dtype}" for b in (parts[0], batch))
            raise SourceError(f"batches of {name} differ: the first is {one}, number {number} is {other}")
        parts.append(batch)
        labels += _labels(item, len(batch))
        taken += batch.numel() * batch.element_size()
        if taken > MAX_BYTES:
            most = f"{MAX_BYTES // 2**30} GiB"
            raise SourceError(f"{name} gave more than {most} of samples, the most that is read into memory: pass a "
                              "dataset with a length, or fewer batches")  # fmt: skip
    if not parts:
        raise SourceError(f"{name} gave no batches")
    samples = torch.cat(parts)
    known = torch.cat(labels) if sum(map(len, labels)) == len(samples) else None
    return ArraySource(samples, name, known)


def _undisturbed(batches: Iterable[Any]) -> Iterator[Any]:
    """The batches in an order of their own, drawn from copies of the random states: a training's stay as they are."""
    own = getattr(batches, "generator", None)
    state = own.get_state() if isinstance(own, torch.Generator) else None
    try:
        with forked_rng(torch.device("cpu"), SEED):
            yield from batches
    finally:
        if own is not None and state is not None:
            own.set_state(state)


def _batch(item: Any, name: str, number: int) -> torch.Tensor:
    given = sample_of(item) if not _is_picture(item) else item
    batch = as_sample(given)
    if batch is None or batch.ndim == 0:
        raise TypeError(
            f"batches of {name} must be tensors, arrays or images, alone, first in a tuple or as 'image' in a "
            f"dictionary, found {type(given).__name__} in number {number}"
        )
    return batch[None].clone() if _is_picture(given) else batch.cpu()


def _is_picture(given: Any) -> bool:
    return hasattr(given, "getbands")


def _labels(item: Any, count: int) -> list[torch.Tensor]:
    """The labels of one batch, () where it has none that are whole numbers."""
    found = label_of(item)
    if isinstance(found, int):
        found = [found]
    try:
        labels = torch.as_tensor(found).cpu() if found is not None else None
    except (TypeError, ValueError, RuntimeError):
        return []
    fits = labels is not None and labels.shape == (count,) and not labels.is_floating_point()
    return [labels.to(torch.int64)] if fits and labels is not None else []

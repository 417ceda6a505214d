"""From calls of D whose samples are told apart to the raw records of each kind: outputs, points, labels, ranges."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from gandiag.measure.calls import MAX_OUTPUTS, MORE_POINTS, kept_points

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from gandiag.measure.calls import Calls

    Kinds = dict[int, dict[int, np.ndarray]]
    """By id of a call and by output, the kind (k, b) of each sample."""

REAL, FAKE, OPEN, PAST = 0, 1, -1, -2
"""Kinds of samples: OPEN cannot be told, PAST does not count as a later update of the step holds its kind."""
NAMES = {REAL: "real", FAKE: "fake"}


@dataclass
class Values:
    """Values of n samples in k rows, and the kind of each."""

    kind: np.ndarray  # (k, n)
    values: np.ndarray  # (k, n, ...)


def assembled(
    own: str, calls: Sequence[Calls], kinds: Kinds, told: np.ndarray
) -> list[tuple[np.ndarray, dict[str, np.ndarray]]]:
    """Groups of rows, each with `d/real`, `d/fake`, `points/...`, `labels/...` and `range/...` as far as known.

    Parameters
    ----------
    own : the suffix that names the D in all keys
    calls : the calls that are shown
    kinds : of each of their samples
    told : rows (k,) of which D's outputs are wanted: it is known which way is up, and of every sample what it is
    """
    wanted = {
        f"d{own}": (list(_answers(calls, kinds, told)), MAX_OUTPUTS),
        f"points{own}": (list(_views("points", calls, kinds)), MORE_POINTS),
        f"labels{own}": (list(_views("labels", calls, kinds)), MORE_POINTS),
        f"range{own}": (list(_ranges(calls, kinds)), 1),
        f"total{own}": (list(_totals(calls, kinds)), 1),
    }
    chosen = {
        f"{head}/{name}": _chosen(parts, kind, limit)
        for head, (parts, limit) in wanted.items()
        for kind, name in NAMES.items()
    }
    counts = np.stack([np.zeros(len(told)), *(mask.sum(axis=1) for mask, _ in chosen.values() if mask.size)], axis=1)
    groups = []
    for of in np.unique(counts, axis=0):
        here = np.flatnonzero((counts == of).all(axis=1))
        groups.append((here, dict(_taken(chosen, here))))
    return groups


def _taken(chosen: dict[str, tuple[np.ndarray, np.ndarray]], here: np.ndarray) -> Iterator[tuple[str, np.ndarray]]:
    """What is chosen of rows that have equally much of everything."""
    for key, (mask, values) in chosen.items():
        if mask.size and (count := int(mask[here[0]].sum())):
            taken = values[here][mask[here]].reshape(len(here), count, *values.shape[2:])
            yield key, taken[:, 0] if key.startswith(("range", "total")) else taken


def _chosen(parts: Sequence[Values], kind: int, limit: int) -> tuple[np.ndarray, np.ndarray]:
    """All values side by side, and a mask (k, n) of the first `limit` of one kind."""
    of_kind = [part for part in parts if (part.kind == kind).any()]
    alike = [part for part in of_kind if part.values.shape[2:] == of_kind[0].values.shape[2:]]
    if not alike:
        return np.zeros((0, 0), dtype=bool), np.zeros((0, 0))
    mask = np.concatenate([part.kind == kind for part in alike], axis=1)
    return mask & (np.cumsum(mask, axis=1) <= limit), np.concatenate([part.values for part in alike], axis=1)


def _answers(calls: Sequence[Calls], kinds: Kinds, told: np.ndarray) -> Iterator[Values]:
    """D's outputs by call, of rows that are told; those on the same samples (of several scales, say) as their mean."""
    for call in calls:
        left = dict(kinds[id(call)])
        while left:
            kind = left[min(left)]
            same = [output for output, other in left.items() if np.array_equal(kind, other)]
            yield Values(
                np.where(told[:, None], kind, OPEN), np.mean([call.answers[output].outputs for output in same], axis=0)
            )
            left = {output: other for output, other in left.items() if output not in same}


def _views(name: str, calls: Sequence[Calls], kinds: Kinds) -> Iterator[Values]:
    """Points or labels by call, with the kind of each; of a call on two batches, of both."""
    for call in calls:
        own, other = call.views.get(name), call.views.get(f"other_{name}")
        masks = list(kinds[id(call)].values())
        if other is not None:
            as_real = np.where(np.any([(mask == REAL).any(axis=1) for mask in masks], axis=0), REAL, OPEN)
            yield Values(np.repeat(as_real[:, None], other.shape[1], axis=1), other)
        if own is None:
            continue
        if other is not None:
            yield Values(np.full(own.shape[:2], FAKE), own)
            continue
        kept = kept_points(masks[0].shape[1], own.shape[1])
        if len(kept) == own.shape[1]:
            yield Values(masks[0][:, kept], own)
        else:  # samples are not judged one by one: packs of them, or a whole batch
            yield Values(np.repeat(_whole(masks[0])[:, None], own.shape[1], axis=1), own)


def _ranges(calls: Sequence[Calls], kinds: Kinds) -> Iterator[Values]:
    """Value ranges of batches that are of one kind."""
    for call in calls:
        masks = list(kinds[id(call)].values())
        if "other_range" in call.views:
            as_real = np.where(np.any([(mask == REAL).any(axis=1) for mask in masks], axis=0), REAL, OPEN)
            yield Values(as_real[:, None], call.views["other_range"][:, None])
            if "range" in call.views:
                yield Values(np.full((len(as_real), 1), FAKE), call.views["range"][:, None])
        elif "range" in call.views:
            yield Values(_whole(masks[0])[:, None], call.views["range"][:, None])


def _totals(calls: Sequence[Calls], kinds: Kinds) -> Iterator[Values]:
    """Sums of the values of batches that are of one kind: NaN or infinite where one value is."""
    for call in calls:
        if "total" in call.views:
            mask = next(iter(kinds[id(call)].values()))
            yield Values(_whole(mask)[:, None], call.views["total"][:, None])


def _whole(mask: np.ndarray) -> np.ndarray:
    """The kind (k,) of batches all of one kind, OPEN for others."""
    whole: np.ndarray = np.where((mask == mask[:, :1]).all(axis=1), mask[:, 0], OPEN)
    return whole

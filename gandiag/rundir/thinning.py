"""Less detail in less space: neighbouring rows merged in pairs, in memory and on disk."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from gandiag.rundir.parts import STEP
from gandiag.signals import describe

if TYPE_CHECKING:
    from collections.abc import Mapping


def merge_pairs(rows: Mapping[str, np.ndarray], chosen: np.ndarray) -> dict[str, np.ndarray]:
    """Rows with the chosen pairs of neighbours merged, as the table of signals says, under the step of the later one.

    Means as a rule; the smallest of minima, the largest of maxima and of counts: what was seen once is not lost.

    Parameters
    ----------
    rows : columns of shape (n,), one of them `step`, ascending
    chosen : bool (p,) with 2 p <= n; pair i are the rows 2 i and 2 i + 1, rows after the last pair stay
    """
    keep = np.stack([~chosen, np.ones_like(chosen)], axis=1)
    end = 2 * len(chosen)
    thinned = {}
    for name, values in rows.items():
        first, second = values[:end:2], values[1:end:2]
        merge = _EXTREMES.get(describe(name).merge, _means)
        later = second if name == "step" else np.where(chosen, merge(first, second), second)
        thinned[name] = np.concatenate([np.stack([first, later], axis=1)[keep], values[end:]])
    return thinned


def _means(first: np.ndarray, second: np.ndarray) -> np.ndarray:
    """Means of neighbours; of a value and NaN, the value."""
    with np.errstate(invalid="ignore", over="ignore"):
        means = first / 2 + second / 2
    means = np.where(np.isnan(first), second, means)
    return np.where(np.isnan(second), first, means)


_EXTREMES = {"min": np.fmin, "max": np.fmax, "sum": np.fmax}  # of a value and NaN the value


def pair_spans(steps: np.ndarray) -> np.ndarray:
    """How many steps each pair of neighbours in (n,) ascending steps stands for; infinite for the first.

    The first row stays: it tells where the run began.
    """
    spans: np.ndarray = np.diff(steps[1::2].astype(float), prepend=-np.inf)
    return spans


def tightest_pairs(steps: np.ndarray) -> np.ndarray:
    """Of the pairs of the older half of (n,) ascending steps the half that spans the fewest, for `merge_pairs`."""
    spans = pair_spans(steps[: len(steps) // 4 * 2])
    chosen = np.zeros(len(spans), dtype=bool)
    chosen[np.argsort(spans, kind="stable")[: len(spans) // 2]] = True
    return chosen


def halved_rows(rows: Mapping[str, np.ndarray], end: float, *, whole: bool) -> dict[str, np.ndarray]:
    """Pairs of neighbouring rows merged where rows stand closest, in all of a part or in its older half.

    Rows from the step `end` on are left out.
    """
    counting = rows["step"] < end
    rows = {name: values[counting] for name, values in rows.items()}
    size = len(rows["step"])
    spans = pair_spans(rows["step"][: size if whole else size // 2])
    tight = np.isfinite(spans) & (spans <= np.median(spans)) if len(spans) else np.zeros(0, dtype=bool)
    return merge_pairs(rows, tight)


def halved_arrays(arrays: Mapping[str, np.ndarray], end: float, *, whole: bool) -> dict[str, np.ndarray]:
    """Every second entry of each array left out, in all of a part or in its older half; the first stays.

    Entries from the step `end` on are left out, too.
    """
    thinned: dict[str, np.ndarray] = {}
    for name in (n for n in arrays if not n.endswith(STEP)):
        steps = arrays[name + STEP]
        size = len(steps) if whole else len(steps) // 2
        keep = (steps < end) & ((np.arange(len(steps)) % 2 == 0) | (np.arange(len(steps)) >= size))
        thinned |= {name + STEP: steps[keep], name: arrays[name][keep]}
    return thinned


def usual_interval(content: Mapping[str, np.ndarray]) -> int:
    """The usual number of steps between two rows, or arrays, of the older half."""
    steps = next(v for name, v in content.items() if name == "step" or name.endswith(STEP))
    return int(np.median(np.diff(steps[: len(steps) // 2 + 2]))) if len(steps) > 1 else 1

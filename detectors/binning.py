"""Signals cut into windows of as many bins each, whatever their length in steps."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from gandiag.rundir.run import Run

    Binned = Mapping[str, np.ndarray]

BINS = 256  # of each window: periods from 6 to 64 bins can be seen
FINENESS = (BINS, BINS // 2, BINS // 4)  # fewer bins where signals are recorded every second step, or every eighth
SPARSE = 64  # steps or bins for each row, beyond which only those with rows are looked at: a run was continued far on
LATEST = 16  # intervals between values that tell how often a signal is recorded


def shortest_period(bins: int) -> float:
    """Bins of the shortest cycle that is looked for: six, half as many where a bin holds but one value.

    >>> shortest_period(256), shortest_period(64)
    (6.0, 3.0)
    """
    return max(6.0 * bins / BINS, 3.0)


def window_ends(run: Run, window: int) -> np.ndarray:
    """The last steps (m,) of windows of so many steps, a quarter apart; where rows are far apart, of those with any."""
    quarter = window // 4
    if run.last_step <= SPARSE * max(len(run.scalars), window):
        return np.arange(window, run.last_step + 1, quarter)
    first = -(-run.scalars.index.to_numpy() // quarter)
    ends = np.unique(np.add.outer(first, np.arange(4))) * quarter
    return ends[(ends >= window) & (ends <= run.last_step)]


def binned_windows(run: Run, names: Sequence[str], window: int, ends: np.ndarray, bins: int = BINS) -> Binned:
    """By signal the bin means (m, bins) of the windows that end at (m,) steps; NaN in bins without a value."""
    width = window // bins
    return {name: _binned(run, name, window, ends, width) for name in names if name in run.scalars}


def _binned(run: Run, name: str, window: int, ends: np.ndarray, width: int) -> np.ndarray:
    bins, count = window // width, run.last_step // width
    found = np.full((len(ends), bins), np.nan)
    steps, values = recorded(run, name)
    every = intervals(steps, ends)
    for interval in np.unique(every):
        kept = evenly(steps, int(interval))
        places, here = (steps[kept] - 1) // width, every == interval
        starts = (ends[here] - window) // width
        if count > SPARSE * max(len(steps), bins):
            found[here] = _gathered(places, values[kept], starts, bins)
        else:
            means = bin_means(places, values[kept], count)
            found[here] = np.lib.stride_tricks.sliding_window_view(means, bins)[starts]
    return found


def _gathered(places: np.ndarray, values: np.ndarray, starts: np.ndarray, bins: int) -> np.ndarray:
    """Bin means (m, bins) of windows from the bins `starts` (m,) on, of values so far apart that few bins have any."""
    there, bin_of = np.unique(places, return_inverse=True)
    means = bin_means(bin_of, values, len(there))
    wanted = np.add.outer(starts, np.arange(bins))
    at = np.minimum(np.searchsorted(there, wanted), len(there) - 1)
    gathered: np.ndarray = np.where(there[at] == wanted, means[at], np.nan)
    return gathered


def recorded(run: Run, name: str) -> tuple[np.ndarray, np.ndarray]:
    """The steps (n,) at which a signal has a value, and the values."""
    values = run.scalars[name].to_numpy()
    present = ~np.isnan(values)
    return run.scalars.index.to_numpy()[present], values[present]


def intervals(steps: np.ndarray, ends: np.ndarray) -> np.ndarray:
    """Steps (m,) between two values at the end of each window, a power of two, rounded down."""
    rows = np.searchsorted(steps, ends, side="right")
    apart = np.diff(steps)
    recent = np.ones(len(rows))
    whole = rows > LATEST
    if whole.any():
        latest = np.lib.stride_tricks.sliding_window_view(apart, LATEST)
        recent[whole] = np.median(latest[rows[whole] - 1 - LATEST], axis=1)
    for place in np.flatnonzero((rows > 1) & ~whole).tolist():
        recent[place] = np.median(apart[: rows[place] - 1])
    exact: np.ndarray = 2 ** np.floor(np.log2(np.maximum(recent, 1))).astype(np.int64)
    return exact


def evenly(steps: np.ndarray, interval: int) -> np.ndarray:
    """Which rows (n,) to keep for one in each stretch of so many steps.

    What was recorded at every step at first and more rarely later would else be averages at first, and noise that
    grows would look like swings that grow.
    """
    if interval == 1:
        return np.ones(len(steps), dtype=bool)
    last: np.ndarray = np.diff((steps - 1) // interval, append=-1) != 0
    return last


def bin_means(places: np.ndarray, values: np.ndarray, size: int) -> np.ndarray:
    """Mean of the recorded values in each bin, NaN for a bin without any."""
    present = ~np.isnan(values)
    if not present.all():
        places, values = places[present], values[present]
    counts = np.bincount(places, minlength=size)[:size]
    sums = np.bincount(places, weights=values, minlength=size)[:size]
    with np.errstate(invalid="ignore"):
        means: np.ndarray = sums / np.where(counts, counts, np.nan)
    return means


def epoch_steps(run: Run) -> float:
    """The length of an epoch in steps, 0 where the loop did not tell it."""
    steps = run.meta.get("hyperparameters", {}).get("steps_per_epoch", 0)
    return float(steps) if isinstance(steps, int | float) and steps > 0 else 0.0


def median(values: np.ndarray) -> float:
    """The median of what is not NaN, 0 where nothing is."""
    known = values[~np.isnan(values)]
    return float(np.median(known)) if len(known) else 0.0

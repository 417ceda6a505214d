"""Signals cut into windows of as many bins each, whatever their length in steps."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from gandiag.rundir.run import Run

    Binned = Mapping[str, np.ndarray]

BINS = 256  # of each window: periods from 6 to 64 bins can be seen


def binned_windows(run: Run, names: Sequence[str], window: int) -> tuple[np.ndarray, Binned]:
    """The last steps (m,) of windows a quarter apart that hold rows enough, and by signal their bin means (m, BINS)."""
    width = window // BINS
    count = run.last_step // width
    steps = run.scalars.index.to_numpy()
    places = (steps - 1) // width
    apart = BINS // 4
    rows = np.concatenate([[0], np.cumsum(np.bincount(places, minlength=count)[:count])])
    enough = (rows[BINS:] - rows[:-BINS])[::apart] >= BINS
    ends = (window + apart * width * np.arange(len(enough)))[enough]
    binned = {}
    for name in (n for n in names if n in run.scalars):
        means = bin_means(places, run.scalars[name].to_numpy(), count)
        binned[name] = np.lib.stride_tricks.sliding_window_view(means, BINS)[::apart][enough]
    return ends, binned


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

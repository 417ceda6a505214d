"""Which step to keep: the one whose samples were best, by what was recorded of their quality."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from gandiag.signals import CALLED, QUALITY, describe

from .text import number

if TYPE_CHECKING:
    import pandas as pd

    from gandiag.findings import Diagnosis
    from gandiag.rundir.run import Run

ENERGY, SPREAD = "distance/energy", "diversity/real"
BLOCK_STEPS = 100  # of the energy distance, which scatters from batch to batch, for one value
FEWEST = 3  # values of which one can be called the best


class Best(NamedTuple):
    """A step, and the measured value by which it was the best one."""

    step: int
    signal: str
    value: float
    drawn: float | None = None  # as the signal's chart shows it, where that is another unit

    def __str__(self) -> str:
        of = " of the spread of the data" if self.signal == ENERGY else ""
        return f"{CALLED.get(self.signal, self.signal)} {number(self.value)}{of}"

    @property
    def told(self) -> str:
        """The value as it is found again in the signal's chart."""
        if self.drawn is None:
            return str(self)
        return f"{CALLED.get(self.signal, self.signal)} {number(self.drawn)}, the median of {BLOCK_STEPS} steps"


def best_step(run: Run, diagnosis: Diagnosis) -> Best | None:
    """The best step before anything went wrong for good; None where there is none, or too few values tell."""
    limit = diagnosis.last_healthy_step
    if limit is None:
        return None
    for name in (*QUALITY, ENERGY):
        values = _values(run, name).loc[:limit]
        if len(values) >= FEWEST:
            numbers = values.to_numpy()
            place = int(numbers.argmin() if describe(name).worse == "high" else numbers.argmax())
            step = int(values.index[place])
            return Best(step, name, float(numbers[place]), _drawn(run, name, step))
    return None


def _drawn(run: Run, name: str, step: int) -> float | None:
    """The median of the block of the energy distance that ends at a step."""
    return float(_medians(run.series(name)).loc[step]) if name == ENERGY else None


def _values(run: Run, name: str) -> pd.Series:
    """The finite values of a metric; of the energy distance medians of blocks, over the spread of the real samples."""
    series = run.series(name).replace([np.inf, -np.inf], np.nan).dropna()
    if name != ENERGY or series.empty:
        return series
    medians: pd.Series = (_medians(series) / _medians(run.series(SPREAD))).dropna().loc[: run.last_step]
    return medians


def _medians(series: pd.Series) -> pd.Series:
    """Medians of whole blocks of steps, under the last step of each."""
    medians: pd.Series = series.groupby(-(-series.index.to_numpy() // BLOCK_STEPS) * BLOCK_STEPS).median()
    return medians

"""Which step to keep: the one whose samples were best, by what was recorded of their quality."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from gandiag.signal_names import parse
from gandiag.signals import SIGNALS, describe

from .text import number

if TYPE_CHECKING:
    import pandas as pd

    from gandiag.findings import Diagnosis
    from gandiag.rundir.run import Run

METRICS = tuple(s.name for s in SIGNALS if parse(s.name).head == "quality" and s.worse in ("high", "low"))
ENERGY = "distance/energy"
BLOCK_STEPS = 100  # of the energy distance, which scatters from batch to batch, for one value
FEWEST = 3  # values of which one can be called the best
WORDS = {ENERGY: "energy distance", "quality/fid": "FID", "quality/kid": "KID", "quality/frechet": "Fréchet distance"}


class Best(NamedTuple):
    """A step, and the measured value by which it was the best one."""

    step: int
    signal: str
    value: float

    def __str__(self) -> str:
        return f"{WORDS.get(self.signal, self.signal)} {number(self.value)}"


def best_step(run: Run, diagnosis: Diagnosis) -> Best | None:
    """The best step before anything went wrong for good; None where there is none, or too few values tell."""
    limit = diagnosis.last_healthy_step
    if limit is None:
        return None
    for name in (*METRICS, ENERGY):
        values = _values(run, name).loc[:limit]
        if len(values) >= FEWEST:
            step = int(values.idxmin() if describe(name).worse == "high" else values.idxmax())
            return Best(step, name, float(values.loc[step]))
    return None


def _values(run: Run, name: str) -> pd.Series:
    """The finite values of a metric; of the energy distance the medians of whole blocks, under their last steps."""
    series = run.series(name)
    series = series[np.isfinite(series.to_numpy())]
    if name != ENERGY or series.empty:
        return series
    blocks = -(-series.index.to_numpy() // BLOCK_STEPS) * BLOCK_STEPS
    medians: pd.Series = series.groupby(blocks).median()
    return medians.loc[: run.last_step]

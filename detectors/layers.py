"""Gradient norms of a network's layers, smoothed: what detectors of single layers share."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pandas as pd

from .windows import rolling_median

if TYPE_CHECKING:
    from gandiag.rundir.run import Run

MIN_ROWS = 4  # norms by layer are recorded at every 10th step, or at every 100th under max_overhead


def layer_levels(run: Run, net: str, window_steps: int) -> pd.DataFrame:
    """Median gradient norm of each layer of "generator" or "discriminator" over a window, first layer first.

    Columns are names of signals. It is worked out once for each run and not to be changed.
    """
    key = ("layer_levels", net, window_steps)
    if key not in run.memo:
        names = run.names(f"grad/{net}/layer/<layer>")
        levels = {name: rolling_median(run.series(name), window_steps, MIN_ROWS) for name in names}
        run.memo[key] = pd.DataFrame(levels)
    found: pd.DataFrame = run.memo[key]
    return found

"""The first step at which something held."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from collections.abc import Iterable

    import pandas as pd

    from benchmarks.bench.recorded import Gradients


def first(flags: pd.Series) -> int | None:
    """The first step of a boolean series that is True."""
    hits = np.flatnonzero(flags.to_numpy(dtype=bool))
    return int(flags.index[hits[0]]) if len(hits) else None


def first_look(gradients: Gradients, flags: np.ndarray) -> int | None:
    """The step of the first record (k,) that is True."""
    hits = np.flatnonzero(flags)
    return int(gradients.steps[hits[0]]) if len(hits) else None


def earliest(steps: Iterable[int | None]) -> int | None:
    """The first of some steps, None when there are none."""
    return min((step for step in steps if step is not None), default=None)


def early_and_late_median(loss: pd.Series, steps: int) -> tuple[float, pd.Series]:
    """Median over the first quarter of a training of `steps` steps, and of each window of a tenth after it."""
    window = max(1, steps // 10)
    late = loss.rolling(window).median().loc[steps // 4 + window :]
    return float(loss.loc[: steps // 4].median()), late

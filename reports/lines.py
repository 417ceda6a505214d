"""From a recorded signal to a line of at most 1,000 points that still shows every spike."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    import pandas as pd

MAX_POINTS = 1000
HUGE = 1e100  # far beyond float32; values outside it would overflow the axes' arithmetic
BUCKETS = 400  # two points each leave room for the ends of up to 100 gaps
FEW = 60  # so many points are drawn as dots too
TREND_BUCKETS = 120
TREND_FROM = 360  # recorded values from which on a running median is drawn over the raw line


@dataclass(frozen=True)
class Line:
    """A signal to draw: x in steps, y in the signal's unit, NaN where the line is to break.

    `trend` is a running median by step, empty for short signals. `low` is the level that 99 % of the
    values above zero exceed and `zeros` the share of exact zeros, both over all that was recorded.
    """

    name: str
    x: tuple[float, ...]
    y: tuple[float, ...]
    trend: tuple[tuple[float, ...], tuple[float, ...]] = ((), ())
    low: float = np.nan
    zeros: float = 0.0
    constant: bool = False

    @property
    def dots(self) -> bool:
        """Whether the points are few enough to be drawn as dots."""
        return len(self.x) <= FEW


def line_of(series: pd.Series) -> Line | None:
    """The line of one column of a run's table; None where it holds no finite value."""
    values = series.to_numpy(dtype="float64", na_value=np.nan)
    finite = np.isfinite(values)
    if not finite.any():
        return None
    x, y = series.index.to_numpy()[finite], np.clip(values[finite], -HUGE, HUGE)
    y = np.where(np.abs(y) < 1 / HUGE, 0.0, y)
    above = y[y > 0]
    return Line(
        name=str(series.name),
        **_points(x, y),
        trend=_trend(x, y),
        low=float(np.quantile(above, 0.01)) if len(above) else np.nan,
        zeros=float(np.mean(y == 0)),
        constant=bool(y.min() == y.max()),
    )


def thinner(line: Line) -> Line:
    """The line as its running median alone, where it has one: one among many is not to show every spike."""
    return replace(line, x=line.trend[0], y=line.trend[1], trend=((), ())) if line.trend[0] else line


def lifted(y: tuple[float, ...], floor: float | None) -> tuple[float, ...]:
    """Values with zeros at the level where a logarithmic axis has them, see `gandiag.reports.panels.Panel.floor`."""
    return y if floor is None else tuple(floor if v == 0 else v for v in y)


def _points(x: np.ndarray, y: np.ndarray) -> dict[str, tuple[float, ...]]:
    after = gaps(x)  # the line breaks after these points
    keep = np.unique(np.concatenate([decimate(y), after, after + 1])) if len(after) else decimate(y)
    at = np.searchsorted(keep, after, side="right")
    xs = np.insert(x[keep].astype("float64"), at, x[after] + 0.5)
    return {"x": tuple(xs.tolist()), "y": _rounded(np.insert(y[keep], at, np.nan))}


def decimate(y: np.ndarray, limit: int = MAX_POINTS, buckets: int = BUCKETS) -> np.ndarray:
    """Positions to keep of a finite `y` of shape (n,): its ends and each bucket's minimum and maximum."""
    n = len(y)
    if n <= limit:
        return np.arange(n)
    table, starts = _buckets(y, buckets)
    found = np.concatenate([starts + table.argmin(axis=1), starts + table.argmax(axis=1), [0, n - 1]])
    return np.unique(np.minimum(found, n - 1))


def gaps(x: np.ndarray) -> np.ndarray:
    """Positions after which recording paused: ten times the spacing around, and 1 % of the span or more."""
    spacing = np.diff(x)
    if len(spacing) < 3:
        return np.array([], dtype="int64")
    around = np.maximum(np.r_[spacing[1], spacing[:-1]], np.r_[spacing[1:], spacing[-2]])
    paused: np.ndarray = np.flatnonzero((spacing > 10 * around) & (spacing > 0.01 * (x[-1] - x[0])))
    return paused


def _trend(x: np.ndarray, y: np.ndarray) -> tuple[tuple[float, ...], tuple[float, ...]]:
    if len(y) < TREND_FROM:
        return (), ()
    tables = [_buckets(values, TREND_BUCKETS)[0] for values in (x.astype("float64"), y)]
    middle_x, middle_y = (np.median(table, axis=1) for table in tables)
    pauses = x[gaps(x)] + 0.5
    at = np.searchsorted(middle_x, pauses)
    return tuple(np.insert(middle_x, at, pauses).tolist()), _rounded(np.insert(middle_y, at, np.nan))


def _buckets(y: np.ndarray, buckets: int) -> tuple[np.ndarray, np.ndarray]:
    """`y` in rows of equal length, the last one filled up with its last value; and where each row starts."""
    size = -(-len(y) // buckets)
    rows = -(-len(y) // size)
    table = np.pad(y, (0, rows * size - len(y)), mode="edge").reshape(rows, size)
    return table, np.arange(rows) * size


def _rounded(values: np.ndarray) -> tuple[float, ...]:
    return tuple(float(f"{v:.5g}") for v in values)

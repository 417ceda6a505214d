"""Whether, and when, a series left its level: cumulative sums (CUSUM), and scatter that outliers do not move."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from numpy.typing import NDArray

    Values = NDArray[np.float64]

NORMAL = 1.4826  # standard deviation of a normal law over its median absolute deviation


def cusum(values: Values, level: float, deviation: float, allowance: float = 0.5) -> tuple[Values, Values]:
    """Two-sided cumulative sums of a series against its level: what came upwards and downwards so far.

    Parameters
    ----------
    values : (n,), finite
    level, deviation : the level before any change and the standard deviation of single values, above 0
    allowance : k, the drift per value in deviations that does not count: half of the shift that is looked for

    Returns
    -------
    upwards, downwards : (n,) in deviations, at least 0. With k = 0.5 and an alarm above h = 5, independent normal
        values give one alarm in 465 values without a change, and on average 10.4 values after a shift by one
        deviation, 4 after one by two. Shorter than most runs: too short for an alarm of its own.

    Raises
    ------
    ValueError
        When `deviation` is not positive.

    References
    ----------
    Page 1954; Montgomery, Introduction to Statistical Quality Control, for the run lengths.

    >>> upwards, downwards = cusum(np.array([0.0, 0.0, 2.0, 2.0, 2.0]), 0.0, 1.0)
    >>> upwards.tolist(), downwards.tolist()
    ([0.0, 0.0, 1.5, 3.0, 4.5], [0.0, 0.0, 0.0, 0.0, 0.0])
    """
    if not deviation > 0:
        raise ValueError(f"deviation must be above 0, got {deviation}")
    standard = (np.asarray(values, dtype=np.float64) - level) / deviation
    return _reflected(standard - allowance), _reflected(-standard - allowance)


def _reflected(steps: Values) -> Values:
    """S_t = max(0, S_(t-1) + steps_t), computed for all t at once: a random walk minus its lowest point so far."""
    walk = np.cumsum(steps)
    return walk - np.minimum.accumulate(np.minimum(walk, 0.0))


def change_point(values: Values, before: float, after: float) -> int:
    """The position from which on a series lies at a new, higher level: that with the largest likelihood.

    It is the first one after the last zero of the upward cumulative sum with half the shift for allowance.

    Raises
    ------
    ValueError
        When `after` is not above `before`.

    >>> change_point(np.array([0.1, -0.1, 0.6, 0.0, 1.1, 0.9]), before=0.0, after=1.0)
    4
    """
    upwards, _ = cusum(values, before, after - before)
    return int(np.flatnonzero(np.append(0.0, upwards) == 0)[-1])


def scatter_so_far(values: Values, least: int = 5) -> Values:
    """Standard deviation of a series around whatever trend it has, (n,), from the values up to each one.

    By the median absolute difference of neighbours, over sqrt(2): neither a trend nor a few jumps move it. NaN for the
    first `least` values.
    """
    import pandas as pd

    jumps = pd.Series(np.abs(np.diff(values, prepend=np.nan)))
    scatter: Values = jumps.expanding(least).median().to_numpy() * NORMAL / np.sqrt(2)
    return scatter

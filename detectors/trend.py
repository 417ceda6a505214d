"""Trends that outliers do not bend: Theil-Sen slopes with the interval that Kendall's test gives."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from numpy.typing import NDArray

    Values = NDArray[np.float64]

Z_95 = 1.96


def slopes(values: Values) -> tuple[Values, Values, Values]:
    """Slope per place and its 95 % interval, (m,) each, of m series of n evenly spaced values, (m, n).

    The median of the slopes between all pairs; the interval by the normal approximation to Kendall's statistic, as in
    `scipy.stats.theilslopes`, but for many series at once. Independent errors of any law are assumed.

    References
    ----------
    Theil 1950; Sen 1968.

    >>> middle, low, high = slopes(np.array([[0.0, 1.0, 2.0, 3.0, 4.0, 5.0, 60.0, 7.0, 8.0]]))
    >>> middle.tolist(), low.tolist()
    ([1.0], [1.0])
    """
    n = values.shape[1]
    first, second = np.triu_indices(n, k=1)
    with np.errstate(invalid="ignore", over="ignore"):
        pairs = np.sort((values[:, second] - values[:, first]) / (second - first), axis=1)
    reach = Z_95 * np.sqrt(n * (n - 1) * (2 * n + 5) / 18)  # of Kendall's statistic without a trend
    count = pairs.shape[1]
    low = int(np.clip(round((count - reach) / 2) - 1, 0, count - 1))
    high = int(np.clip(round((count + reach) / 2), 0, count - 1))
    return np.median(pairs, axis=1), pairs[:, low], pairs[:, high]

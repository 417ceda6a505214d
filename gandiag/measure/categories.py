"""Categories in a table, column by column: which of them generated samples leave out.

A column that takes a few values only is a category, or one of the columns of a one-hot category. Cells of whole samples
(`gandiag.measure.label_free`) hide a rare one: the numbers beside it may be drawn with other categories. SDMetrics
calls the same look at finished tables CategoryCoverage.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

MOST_VALUES = 5
"""Values of a column of categories; of the 64 pixels of 8x8 digits none that varies takes so few."""
LEAST = 0.02
"""Share of real samples that have a value, below which it is left alone: 20 of the first 1,000. Two have more."""


@dataclass(frozen=True)
class Categories:
    """P values of columns, with the bounds half-way to the column's next values."""

    columns: np.ndarray  # (P,) which column
    low: np.ndarray  # (P,)
    high: np.ndarray  # (P,)

    def counts(self, points: np.ndarray, batch: np.ndarray, batches: int) -> np.ndarray:
        """How many points (n, p) of each batch lie within the bounds of each value, (batches, P).

        `batch` (n,) says which batch a point belongs to.
        """
        found = np.zeros((batches, len(self.columns)))
        own = points[:, self.columns]
        np.add.at(found, batch, ((own > self.low) & (own <= self.high)).astype(np.float64))
        return found


def categories(points: np.ndarray) -> Categories:
    """The values of all columns of real points (n, p) that take few.

    >>> found = categories(np.array([[0.1 * i, i % 3] for i in range(30)]))
    >>> found.columns, found.low, found.high
    (array([1, 1, 1]), array([-inf,  0.5,  1.5]), array([0.5, 1.5, inf]))
    """
    columns, low, high = [], [], []
    for j, column in enumerate(points.T):
        values, counts = np.unique(column, return_counts=True)
        often = counts >= LEAST * len(points)
        if len(values) > MOST_VALUES or often.sum() < 2:
            continue
        bounds = np.concatenate([[-np.inf], (values[1:] + values[:-1]) / 2, [np.inf]])
        for k in np.flatnonzero(often):
            columns.append(j)
            low.append(bounds[k])
            high.append(bounds[k + 1])
    return Categories(np.array(columns, dtype=int), np.array(low), np.array(high))

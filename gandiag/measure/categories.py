"""Categories in a table, column by column: which of them generated samples leave out.

A column that takes a few values only is a category, or a part of a one-hot one. Cells of whole samples
(`gandiag.measure.label_free`) hide a rare one: the numbers beside it may be drawn with other categories. SDMetrics
calls the same look at finished tables CategoryCoverage.
"""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field

import numpy as np

MOST_VALUES = 5
"""Values of a column of categories; of the 64 pixels of 8x8 digits none that varies takes so few."""
MANY, NEARLY_ALL = 16, 0.9
"""So many of the columns that vary, with the same values and not one-hot, are the pixels of a picture: our choice."""
DISTINCT = 100
"""Different samples that there must be: of few a column may take few by chance, if not one-hot: our choice."""
LEAST = 0.02
"""Share of real samples that have a value, below which it is left alone: 20 of the first 1,000. Two have more."""


@dataclass(frozen=True)
class Categories:
    """P values of columns, with the bounds half-way to the column's next values; by default none."""

    columns: np.ndarray = field(default_factory=lambda: np.zeros(0, dtype=int))  # (P,) which column
    values: np.ndarray = field(default_factory=lambda: np.zeros(0))  # (P,)
    low: np.ndarray = field(default_factory=lambda: np.zeros(0))  # (P,)
    high: np.ndarray = field(default_factory=lambda: np.zeros(0))  # (P,)

    def counts(self, points: np.ndarray, batch: np.ndarray, batches: int) -> np.ndarray:
        """How many points (n, p) of each batch lie within the bounds of each value, (batches, P).

        `batch` (n,) says which batch a point belongs to.
        """
        found = np.zeros((batches, len(self.columns)))
        own = points[:, self.columns]
        np.add.at(found, batch, ((own > self.low) & (own <= self.high)).astype(np.float64))
        return found


def categories(points: np.ndarray) -> Categories:
    """The values of all columns of real points (n, p) that hold categories: parts of one-hot ones, or few values.

    Where nearly all columns take the same few values without being one-hot, they are the pixels of a picture.

    >>> found = categories(np.array([[0.1 * i, i % 3] for i in range(300)]))
    >>> found.columns, found.values, found.low
    (array([1, 1, 1]), array([0., 1., 2.]), array([-inf,  0.5,  1.5]))
    """
    counted = [np.unique(column, return_counts=True) for column in points.T]
    one_hot = {*_one_hot(points, [len(values) <= 2 for values, _ in counted])}
    most = MOST_VALUES if len(np.unique(points, axis=0)) >= DISTINCT else 0
    few = [j for j, (values, _) in enumerate(counted) if 1 < len(values) <= most or j in one_hot]
    alike = Counter(tuple(counted[j][0]) for j in few if j not in one_hot)
    many = max(MANY, NEARLY_ALL * sum(len(values) > 1 for values, _ in counted))
    found = []
    for j in few:
        values, counts = counted[j]
        often = counts >= LEAST * len(points)
        if (j not in one_hot and alike[tuple(values)] >= many) or often.sum() < 2:
            continue
        bounds = np.concatenate([[-np.inf], (values[1:] + values[:-1]) / 2, [np.inf]])
        found += [(j, values[k], bounds[k], bounds[k + 1]) for k in np.flatnonzero(often)]
    columns, of_columns, low, high = np.array(found).reshape(-1, 4).T
    return Categories(columns.astype(int), of_columns, low, high)


def _one_hot(points: np.ndarray, binary: list[bool]) -> list[int]:
    """Columns that stand side by side, at most two values in each, of which each point (n, p) is high in one."""
    high = (points == points.max(axis=0)) & (points > points.min(axis=0))
    found: list[int] = []
    start = 0
    while start < len(binary):
        end = _end_of_block(high[:, start:], binary[start:])
        found += range(start, start + end)
        start += max(end, 1)
    return found


def _end_of_block(high: np.ndarray, binary: list[bool]) -> int:
    """How many of the first columns (n, p) together are high exactly once in each row, 0 where none are."""
    for end in range(1, len(binary) + 1):
        times = high[:, :end].sum(axis=1)
        if not binary[end - 1] or times.max() > 1:
            return 0
        if end > 1 and times.min() == 1:
            return end
    return 0

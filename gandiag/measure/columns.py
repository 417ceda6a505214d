"""Columns of signals."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence


def scatter(size: int, groups: Sequence[tuple[list[int], Mapping[str, np.ndarray]]]) -> dict[str, np.ndarray]:
    """Columns of `size` rows from groups of rows; NaN where a row has no value."""
    columns: dict[str, np.ndarray] = {}
    for rows, signals in groups:
        for name, values in signals.items():
            if name not in columns:
                columns[name] = np.full(size, np.nan)
            columns[name][rows] = values
    return columns

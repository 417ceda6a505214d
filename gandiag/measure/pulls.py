"""What D's outputs are pulled towards by the losses, remembered over some tens of steps.

The pull on an output is the gradient of a loss by it: descent lowers an output whose pull is positive. D's own loss
pulls its outputs on real samples one way and on generated ones the other way, and G's loss pulls the latter back: the
usual losses differ in how strongly they pull, not in which way (Goodfellow et al. 2014; Mao et al. 2017; Lim & Ye 2017;
Arjovsky et al. 2017; Jolicoeur-Martineau 2019). Least squares may pull an output back that overshot its target: hence
weights by size, and many steps.
"""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np

KEPT = 0.98  # weight of what was known a row ago: some fifty rows count


@dataclass
class Evidence:
    """A mean over recent rows, of numbers or of vectors of one shape; NaN does not count."""

    total: np.ndarray = field(default_factory=lambda: np.zeros(()))
    rows: np.ndarray = field(default_factory=lambda: np.zeros(()))

    def add(self, values: np.ndarray) -> None:
        """Take in k rows of values, (k,) or (k, b)."""
        known = np.isfinite(values)
        weights = KEPT ** np.arange(len(values) - 1, -1, -1.0)
        shaped = weights.reshape(-1, *[1] * (values.ndim - 1))
        self.total = self.total * KEPT ** len(values) + np.where(known, values * shaped, 0.0).sum(axis=0)
        self.rows = self.rows * KEPT ** len(values) + np.where(known, shaped, 0.0).sum(axis=0)

    @property
    def mean(self) -> np.ndarray:
        """Of the rows that count; 0 where there are none."""
        value: np.ndarray = self.total / np.maximum(self.rows, 1e-12)
        return value


def consistency(pull: np.ndarray, chosen: np.ndarray | None = None) -> np.ndarray:
    """Sum of pulls over sum of their sizes, from -1 to 1, of (k, b) pulls; NaN (k,) where nothing is pulled.

    `chosen` (k, b) says which samples count, all by default.

    >>> consistency(np.array([[1.0, 3.0], [1.0, -3.0], [0.0, 0.0]]))
    array([ 1. , -0.5,  nan])
    """
    usable = np.isfinite(pull) if chosen is None else np.isfinite(pull) & chosen
    signed, size = (np.where(usable, p, 0.0).sum(axis=1) for p in (pull, np.abs(pull)))
    value: np.ndarray = np.where(size > 0, signed / np.where(size > 0, size, 1.0), np.nan)
    return value

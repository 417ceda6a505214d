"""Means of a few trials, and whether one set of trials lies above another."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from numpy.typing import ArrayLike


@dataclass(frozen=True)
class Estimate:
    """A mean over n trials, its standard error, and an interval for it; NaN where n is too small."""

    mean: float
    error: float
    low: float
    high: float
    n: int


def estimate(values: ArrayLike, level: float = 0.95) -> Estimate:
    """Mean of trials (n,) with its Student interval; trials that are NaN are left out and not counted."""
    from scipy.stats import t

    found = np.asarray(values, dtype=np.float64)
    found = found[~np.isnan(found)]
    n = len(found)
    mean = float(found.mean()) if n else math.nan
    error = float(found.std(ddof=1) / math.sqrt(n)) if n > 1 else math.nan
    half = float(t.ppf((1 + level) / 2, n - 1)) * error if n > 1 else math.nan
    return Estimate(mean, error, mean - half, mean + half, n)


def chance_of_larger(larger: ArrayLike, smaller: ArrayLike) -> float:
    """One-sided p value of Mann and Whitney's test that the first trials are larger than the second ones.

    NaN without a trial on each side. Trials that are NaN are left out.
    """
    from scipy.stats import mannwhitneyu

    first, second = (np.asarray(v, dtype=np.float64) for v in (larger, smaller))
    first, second = first[~np.isnan(first)], second[~np.isnan(second)]
    if not len(first) or not len(second):
        return math.nan
    return float(mannwhitneyu(first, second, alternative="greater").pvalue)

"""What the gate's rules test with: exact binomial tests at a level that is shared by all that is asked."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from numpy.typing import ArrayLike, NDArray

    Floats = NDArray[np.float64]

POWER = 0.99
"""Probability with which a rule must see the defect that it is for; with fewer samples it could not decide."""


def upper_share(count: ArrayLike, n: ArrayLike, level: float) -> Floats:
    """Upper one-sided bound of a share seen as `count` of n (Clopper & Pearson 1934) at confidence 1 - level.

    >>> round(float(upper_share(0, 100, 0.01)), 4)
    0.045
    """
    from scipy.special import betaincinv

    k, total = np.asarray(count, dtype=np.float64), np.asarray(n, dtype=np.float64)
    return np.where(k < total, betaincinv(k + 1, np.maximum(total - k, 1), 1 - level), 1.0)


def lower_share(count: ArrayLike, n: ArrayLike, level: float) -> Floats:
    """Lower one-sided bound of a share (Clopper & Pearson 1934) at confidence 1 - level."""
    k, total = np.asarray(count, dtype=np.float64), np.asarray(n, dtype=np.float64)
    return 1 - upper_share(total - k, total, level)


def as_few(count: ArrayLike, n: ArrayLike, share: ArrayLike) -> Floats:
    """Probability of a count as low as this among n where the true share is `share`."""
    from scipy.special import bdtr

    return np.asarray(bdtr(np.asarray(count, dtype=np.float64), np.asarray(n), np.asarray(share, dtype=np.float64)))


def as_many(count: ArrayLike, n: ArrayLike, share: ArrayLike) -> Floats:
    """Probability of a count as high as this among n where the true share is `share`."""
    from scipy.special import bdtrc

    k = np.asarray(count, dtype=np.float64)
    return np.where(k > 0, bdtrc(k - 1, np.asarray(n), np.asarray(share, dtype=np.float64)), 1.0)


def fewest(count: int, n: int, share: float, level: float) -> int:
    """The largest count that is still too few, at this level, for a true share of `share` among n; -1 when none is.

    `count` is where the search begins: the expected one will do.

    >>> fewest(50, 100, 0.5, 0.05)
    41
    """
    low, high = -1, max(count, 0)
    while low < high:  # as_few grows with the count
        middle = (low + high + 1) // 2
        low, high = (middle, high) if float(as_few(middle, n, share)) <= level else (low, middle - 1)
    return low


def samples_needed(share: float, floor: float, defect: float, level: float, limit: float = 1.0) -> int:
    """Samples from which on a defect is seen with a probability of 0.99.

    Parameters
    ----------
    share
        Of a mode in the data.
    floor
        Part of it that counts as enough: the test is whether the true share is at least `floor` times `share`.
    defect
        Part of it that is left by the defect to be seen.
    level
        Of the test.
    limit
        Part of it that the estimate may have at most to count as a defect.
    """
    n = 1.0
    while n < 1e9:
        whole = math.ceil(n)
        most = fewest(math.ceil(whole * floor * share), whole, floor * share, level)
        most = min(most, math.floor(limit * whole * share))
        if most >= 0 and float(as_few(most, whole, defect * share)) >= POWER:
            return whole
        n *= 1.05
    return 10**9


def student(level: float, degrees: int) -> float:
    """Standard deviations beyond which a value of Student's t lies with a probability of `level`, one-sided.

    >>> round(student(0.025, 9), 3)
    2.262
    """
    from scipy.special import stdtrit

    return float(stdtrit(degrees, 1 - level))


def normal(level: float) -> float:
    """As `student`, of the normal law.

    >>> round(normal(0.025), 2)
    1.96
    """
    from scipy.special import ndtri

    return float(ndtri(1 - level))

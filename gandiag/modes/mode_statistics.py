"""Statistics of a mode histogram: the one home of each formula. Shares are arrays of shape (..., K)."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from numpy.typing import ArrayLike, NDArray

    Floats = NDArray[np.float64]
    Counts = NDArray[np.int64]

CONFIDENCE = 0.99
"""One-sided confidence with which a mode is called missing."""

MISSING_RATIO = 0.1
"""A mode is missing when its share is surely below this fraction of its prior."""


def normalised(values: ArrayLike, name: str = "prior") -> Floats:
    """Positive weights of any scale, class counts for instance, as shares that sum to 1.

    Parameters
    ----------
    values
        (K,), finite and positive. A class that never occurs has no place in a prior.
    name
        What the message calls them.

    Returns
    -------
    (K,) float64.

    Raises
    ------
    ValueError
        When the shape is not (K,) or a value is not finite and positive.
    """
    weights = np.array(values, dtype=np.float64)
    if weights.ndim != 1 or not weights.size:
        raise ValueError(f"{name} must have shape (K,), found {weights.shape}")
    if not (np.isfinite(weights) & (weights > 0)).all():
        raise ValueError(f"{name} must be finite and positive for every mode, found {weights.tolist()}")
    return np.asarray(weights / weights.sum())


def checked_labels(labels: ArrayLike, modes: int) -> Counts:
    """Labels (n,) as int64, each a mode index or -1 for a sample that belongs to none.

    Raises
    ------
    ValueError
        When they are no whole numbers of shape (n,) in [-1, modes).
    """
    found = np.asarray(labels)
    if found.ndim != 1 or (found.size and found.dtype.kind not in "iu"):
        raise ValueError(f"labels must be whole numbers of shape (n,), found {found.dtype} of shape {found.shape}")
    if found.size and not -1 <= int(found.min()) <= int(found.max()) < modes:
        raise ValueError(f"labels must lie in [-1, {modes - 1}], found {found.min()} to {found.max()}")
    return found.astype(np.int64)


def count_labels(labels: ArrayLike, modes: int) -> Counts:
    """How often each mode occurs, (modes,) int64; the label -1 counts for none.

    Raises ValueError as `checked_labels` does.

    >>> count_labels([0, 2, 2, -1], 3).tolist()
    [1, 0, 2]
    """
    known = checked_labels(labels, modes)
    return np.bincount(known[known >= 0], minlength=modes).astype(np.int64)


def kl(p: ArrayLike, q: ArrayLike) -> Floats:
    """Kullback-Leibler divergence KL(p || q) in nats over the last axis; infinite where q lacks p's support.

    With p the histogram of generated samples and q the prior this is the "reverse KL" of Lin et al. 2018
    (PacGAN) and Srivastava et al. 2017 (VEEGAN). It is at least ln(K / number of modes in p) for a uniform q,
    and about (K - 1) / (2 n) for n samples of a perfect generator.

    >>> round(float(kl([1.0, 0.0], [0.5, 0.5])), 4)
    0.6931
    """
    p, q = np.asarray(p, dtype=np.float64), np.asarray(q, dtype=np.float64)
    with np.errstate(divide="ignore", invalid="ignore"):
        terms = np.where(p > 0, p * np.log(p / q), np.where(np.isnan(p), np.nan, 0.0))
    return np.asarray(terms.sum(axis=-1))


def entropy(p: ArrayLike) -> Floats:
    """Shannon entropy in nats over the last axis."""
    return np.asarray(-kl(p, np.ones(1)))


def effective(p: ArrayLike) -> Floats:
    """Effective number of modes exp(entropy) over the last axis: K for equal shares, 1 for one mode."""
    return np.asarray(np.exp(entropy(p)))


def total_variation(p: ArrayLike, q: ArrayLike) -> Floats:
    """Total variation distance over the last axis: the share of samples that would have to change mode."""
    return np.asarray(0.5 * np.abs(np.asarray(p) - np.asarray(q)).sum(axis=-1))


def jensen_shannon(p: ArrayLike, q: ArrayLike) -> Floats:
    """Jensen-Shannon divergence in nats over the last axis, at most ln 2 (Lin 1991)."""
    p, q = np.asarray(p, dtype=np.float64), np.asarray(q, dtype=np.float64)
    middle = (p + q) / 2
    return np.asarray((kl(p, middle) + kl(q, middle)) / 2)


def predicted_prior(prior: ArrayLike, confusion: ArrayLike | None) -> Floats:
    """Label distribution that a perfect generator shows through a classifier that errs.

    Parameters
    ----------
    prior
        (K,) positive weights of the true classes, of any scale.
    confusion
        (K, K), row i holds P(label j | true class i). None stands for a classifier without error.

    Returns
    -------
    (K,) float64 shares of the labels.

    Raises
    ------
    ValueError
        When the matrix is not (K, K) with rows of non-negative shares that sum to 1.
    """
    shares = normalised(prior)
    if confusion is None:
        return shares
    matrix = np.asarray(confusion, dtype=np.float64)
    if matrix.shape != (shares.size, shares.size):
        raise ValueError(f"confusion must have shape {(shares.size, shares.size)}, found {matrix.shape}")
    if not ((matrix >= 0).all() and np.allclose(matrix.sum(axis=1), 1, atol=1e-6)):
        raise ValueError(f"confusion must have rows of shares that sum to 1, found sums {matrix.sum(axis=1)}")
    return normalised(shares @ matrix, "prior seen through the confusion matrix")


def upper_share(counts: ArrayLike, confidence: float = CONFIDENCE) -> Floats:
    """Upper one-sided bound of each mode's true share (Clopper & Pearson 1934), (K,); 1 without samples."""
    from scipy.special import betaincinv

    found = np.asarray(counts, dtype=np.float64)
    rest = found.sum() - found
    return np.where(rest > 0, betaincinv(found + 1, np.maximum(rest, 1), confidence), 1.0)


def wilson(hits: ArrayLike, n: ArrayLike, confidence: float = 0.95) -> tuple[Floats, Floats]:
    """Two-sided interval of a share seen as `hits` of n (Wilson 1927), (low, high); (0, 1) without samples.

    >>> [round(float(bound), 4) for bound in wilson(99, 100)]
    [0.9455, 0.9982]
    """
    from scipy.special import ndtri

    found, total = np.asarray(hits, dtype=np.float64), np.asarray(n, dtype=np.float64)
    z2 = float(ndtri((1 + confidence) / 2)) ** 2
    centre = (found + z2 / 2) / (total + z2)
    reach = np.sqrt(z2 * (found * (1 - found / np.maximum(total, 1)) + z2 / 4)) / (total + z2)
    low, high = np.where(found == 0, 0.0, centre - reach), np.where(found == total, 1.0, centre + reach)
    return np.maximum(low, 0), np.minimum(high, 1)


def expected_modes(n: int, prior: ArrayLike) -> float:
    """Number of distinct modes among n samples of a perfect generator: the sum of 1 - (1 - w)^n.

    >>> round(expected_modes(2600, np.full(1000, 1e-3)), 1)
    925.8
    """
    return float(-np.expm1(n * np.log1p(-np.asarray(prior, dtype=np.float64))).sum())


def samples_to_see(prior: ArrayLike, miss: float = 1e-6) -> int:
    """Samples of a perfect generator after which some mode is still unseen with a probability below `miss`.

    By Bonferroni's bound for the rarest of the K modes.

    >>> samples_to_see(np.full(8, 1 / 8))
    120
    """
    shares = normalised(prior)
    return math.ceil(math.log(miss / shares.size) / math.log1p(-float(shares.min()))) if shares.size > 1 else 1


def kl_floor(counts: ArrayLike) -> float:
    """What sampling alone adds to the KL of a histogram: (modes seen - 1) / (2 n) nats (Miller 1955); NaN for n = 0."""
    found = np.asarray(counts)
    n = int(found.sum())
    return (int((found > 0).sum()) - 1) / (2 * n) if n else math.nan


def missing(counts: ArrayLike, prior: ArrayLike) -> NDArray[np.bool_]:
    """Modes whose share is below a tenth of their prior by its 99 % upper bound, (K,) bool."""
    return upper_share(counts) < MISSING_RATIO * np.asarray(prior)


def holm(p_values: ArrayLike) -> Floats:
    """P values (K,) corrected for looking at all K of them by the step-down method of Holm 1979.

    >>> holm([0.01, 0.04, 0.03]).round(3).tolist()
    [0.03, 0.06, 0.06]
    """
    raw = np.asarray(p_values, dtype=np.float64)
    order = np.argsort(raw)
    stepped = np.maximum.accumulate(raw[order] * np.arange(raw.size, 0, -1))
    corrected = np.empty_like(raw)
    corrected[order] = np.minimum(stepped, 1)
    return corrected

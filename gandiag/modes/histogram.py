"""Whether a histogram of classes fits its prior: tests, effect sizes and the classes that stand out."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

import numpy as np

from gandiag.modes import mode_statistics

if TYPE_CHECKING:
    from numpy.typing import ArrayLike, NDArray

    from gandiag.modes.classifier import Labeller

    Floats = NDArray[np.float64]

MNIST_TRAIN_COUNTS = (5923, 6742, 5958, 6131, 5842, 5421, 5918, 6265, 5851, 5949)
"""Images per digit in MNIST's training set: the prior of a generator trained on it, which is not uniform."""


@dataclass(frozen=True, eq=False)
class ClassHistogram:
    """A histogram of K classes held against the shares that a perfect generator would show.

    Attributes
    ----------
    n
        Number of classified samples.
    counts
        (K,) int64.
    expected
        (K,) float64, the prior seen through the classifier's confusion matrix.
    chi2, chi2_p
        Pearson's statistic with K - 1 degrees of freedom and its p value.
    g, g_p
        The likelihood ratio statistic 2 n KL with K - 1 degrees of freedom and its p value.
    kl, tv, jsd
        Divergence of the histogram from `expected`: Kullback-Leibler in nats, total variation in [0, 1],
        Jensen-Shannon in nats, at most ln 2.
    effective, effective_simpson
        Effective classes exp(entropy) and 1 / sum p^2 (Hill 1973).
    expected_effective
        exp(entropy) of `expected`.
    z
        (K,) float64, deviation of each count in its binomial standard deviations.
    z_p
        (K,) float64, two-sided normal p values of `z`, corrected for K looks (Holm 1979).
    upper_share
        (K,) float64, upper one-sided 99 % bound of each class's share (Clopper & Pearson 1934).
    missing
        Classes whose `upper_share` is below a tenth of `expected`.
    unrecognised
        Samples beside the n that were given no class.
    """

    n: int
    counts: NDArray[np.int64]
    expected: Floats
    chi2: float
    chi2_p: float
    g: float
    g_p: float
    kl: float
    tv: float
    jsd: float
    effective: float
    effective_simpson: float
    expected_effective: float
    z: Floats
    z_p: Floats
    upper_share: Floats
    missing: tuple[int, ...]
    unrecognised: int = 0


def class_histogram(counts: ArrayLike, prior: ArrayLike, confusion: ArrayLike | None = None) -> ClassHistogram:
    """Test a class histogram against its prior.

    Significance is not severity: with many samples a harmless difference is significant, so judge by `tv`
    and `effective`. Compare with the class shares of the training data, not with uniform ones: MNIST's own
    are far enough from uniform that a perfect generator fails at 10,000 samples.

    Parameters
    ----------
    counts
        (K,) whole numbers, samples by class. `mode_statistics.count_labels` makes them from labels.
    prior
        (K,) positive weights of any scale, for instance the class counts of the training data.
    confusion
        (K, K), row i holds P(label j | true class i), measured on held-out real data. None: no errors.

    Raises
    ------
    ValueError
        When there are fewer than two classes or no samples, when a shape differs, or when a count is
        negative or no whole number.

    >>> found = class_histogram([0, 300, 310, 290], prior=[1, 1, 1, 1])
    >>> found.missing, round(found.tv, 2), round(found.effective, 2)
    ((0,), 0.25, 3.0)
    """
    from scipy import stats

    expected = mode_statistics.predicted_prior(prior, confusion)
    found = _checked_counts(counts, len(expected))
    n = int(found.sum())
    shares = found / n
    pearson = stats.chisquare(found, n * expected)
    g = 2 * n * float(mode_statistics.kl(shares, expected))
    z = (found - n * expected) / np.sqrt(n * expected * (1 - expected))
    return ClassHistogram(
        n=n,
        counts=found,
        expected=expected,
        chi2=float(pearson.statistic),
        chi2_p=float(pearson.pvalue),
        g=g,
        g_p=float(stats.chi2.sf(g, len(expected) - 1)),
        kl=float(mode_statistics.kl(shares, expected)),
        tv=float(mode_statistics.total_variation(shares, expected)),
        jsd=float(mode_statistics.jensen_shannon(shares, expected)),
        effective=float(mode_statistics.effective(shares)),
        effective_simpson=float(1 / np.square(shares).sum()),
        expected_effective=float(mode_statistics.effective(expected)),
        z=z,
        z_p=mode_statistics.holm(2 * stats.norm.sf(np.abs(z))),
        upper_share=mode_statistics.upper_share(found),
        missing=tuple(int(k) for k in np.flatnonzero(mode_statistics.missing(found, expected))),
    )


def sample_histogram(samples: Any, labeller: Labeller) -> ClassHistogram:
    """Label samples and test their class histogram against the labeller's prior.

    The prior of a classifier that ships with gandiag is that of its training data seen through its confusion
    matrix, so that a perfect generator passes although the classifier errs. Samples drawn with replacement from a
    fixed set follow the test's multinomial law exactly when the prior has the set's own shares; distinct images of
    a small set vary less, and then the test rejects less often than `alpha`.

    Parameters
    ----------
    samples
        (n, ...) of whatever the labeller takes, n at least 1.
    labeller
        For instance `mnist_classifier()`: the ten-class histogram test of MNIST.

    Raises
    ------
    ValueError
        When the labeller recognises no sample, has one class only, or cannot take the samples.

    >>> from gandiag.modes import Classifier
    >>> signs = Classifier(lambda x: (x > 0).astype(int), prior=[1, 1])
    >>> found = sample_histogram(np.array([-1.0, 0.5, 0.0, 2.0]), signs)
    >>> found.counts.tolist(), found.n
    ([2, 2], 4)
    """
    labels = labeller.label(samples)
    found = class_histogram(mode_statistics.count_labels(labels, len(labeller.prior)), labeller.prior)
    return replace(found, unrecognised=int((labels < 0).sum()))


def _checked_counts(counts: ArrayLike, classes: int) -> NDArray[np.int64]:
    if classes < 2:
        raise ValueError(f"a class histogram needs at least 2 classes, found {classes}")
    found = np.asarray(counts)
    if found.shape != (classes,):
        raise ValueError(f"counts must have shape {(classes,)} like the prior, found {found.shape}")
    if not np.array_equal(found, np.floor(found)) or (found < 0).any():
        raise ValueError(f"counts must be whole numbers from 0, found {found.tolist()}")
    if not found.sum():
        raise ValueError("counts must hold at least one sample, found none")
    return found.astype(np.int64)

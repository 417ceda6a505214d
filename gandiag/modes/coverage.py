"""How much of a labelled target distribution a generator covers, from the labels of its samples."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from gandiag.modes import mode_statistics
from gandiag.modes.mixtures import RADIUS

if TYPE_CHECKING:
    from numpy.typing import ArrayLike, NDArray

    from gandiag.modes.mixtures import Mixture

ROBUST_SAMPLES = 5  # fewer can be strays; ours, not published
ROBUST_SHARE = 0.1  # of the samples that the mode should have; ours, not published


@dataclass(frozen=True, eq=False)
class ModeCoverage:
    """What n samples show about K modes.

    Attributes
    ----------
    n
        Number of samples, recognised or not.
    histogram
        (K,) int64, high-quality samples by mode.
    prior
        (K,) float64, the shares that a perfect generator has.
    high_quality
        Share of all n samples that belong to a mode; NaN for n = 0.
    captured
        Modes with at least one high-quality sample, the count of Srivastava et al. 2017 and Lin et al. 2018.
    expected_captured
        What `captured` is on average for n samples of a perfect generator: the sum of 1 - (1 - prior)^n.
    robust
        Modes with at least max(5, 0.1 * prior * n) high-quality samples.
    missing
        Modes whose share of the high-quality samples is below a tenth of their prior with 99 % confidence.
        No high-quality sample is no evidence about any single mode: then 0.
    kl
        KL(histogram shares || prior) in nats. NaN without a high-quality sample, for want of a histogram.
    kl_corrected
        `kl` less what sampling alone adds, (captured - 1) / (2 recognised samples) (Miller 1955): about 0 for a
        perfect generator, where `kl` is (K - 1) / (2 n). Published values are without this correction.
    tv
        Total variation distance of the two in [0, 1]. NaN without a high-quality sample.
    effective
        exp(entropy) of the histogram, in modes. 0 without a high-quality sample.
    expected_effective
        exp(entropy) of the prior, in modes.
    """

    n: int
    histogram: NDArray[np.int64]
    prior: NDArray[np.float64]
    high_quality: float
    captured: int
    expected_captured: float
    robust: int
    missing: int
    kl: float
    kl_corrected: float
    tv: float
    effective: float
    expected_effective: float


def mode_coverage(samples: ArrayLike, mixture: Mixture) -> ModeCoverage:
    """Coverage of a mixture's modes by samples, by the protocol of Lin et al. 2018 (PacGAN).

    Read the share of high quality together with the modes and the divergence: one tight blob on one mode has
    the best quality of all. A perfect generator has `expected_high_quality(d)`, not 1.

    Parameters
    ----------
    samples
        (n, d) real numbers. One with a NaN or an infinity counts as not of high quality.
    mixture
        The target distribution.

    Raises
    ------
    ValueError
        When the shape is not (n, d).

    >>> from gandiag.modes import preset
    >>> blob = preset("ring8_pacgan").centres[:1].repeat(2500, axis=0)
    >>> found = mode_coverage(blob, preset("ring8_pacgan"))
    >>> found.captured, found.high_quality, round(found.kl, 3)
    (1, 1.0, 2.079)
    """
    return coverage_of_labels(mixture.label(samples), mixture.prior)


def coverage_of_labels(labels: ArrayLike, prior: NDArray[np.float64]) -> ModeCoverage:
    """Coverage from labels (n,), -1 for a sample of no mode, against a prior (K,) of positive shares.

    Raises ValueError when a label is no whole number in [-1, K).
    """
    histogram = mode_statistics.count_labels(labels, len(prior))
    n, recognised = len(np.asarray(labels)), int(histogram.sum())
    shares = histogram / recognised if recognised else np.full(len(prior), np.nan)
    kl = float(mode_statistics.kl(shares, prior))
    return ModeCoverage(
        n=n,
        histogram=histogram,
        prior=prior,
        high_quality=recognised / n if n else math.nan,
        captured=int((histogram > 0).sum()),
        expected_captured=mode_statistics.expected_modes(n, prior),
        robust=int((histogram >= np.maximum(ROBUST_SAMPLES, ROBUST_SHARE * prior * n)).sum()),
        missing=int(mode_statistics.missing(histogram, prior).sum()),
        kl=kl,
        kl_corrected=kl - mode_statistics.kl_floor(histogram),
        tv=float(mode_statistics.total_variation(shares, prior)),
        effective=float(mode_statistics.effective(shares)) if recognised else 0.0,
        expected_effective=float(mode_statistics.effective(prior)),
    )


def expected_high_quality(dimensions: int, radius: float = RADIUS) -> float:
    """Share of samples within `radius` sigma of their mode that a perfect generator has.

    That is P(chi-square with d degrees < radius^2), for the 3 sigma of `mode_coverage` by default.

    It is 1 - exp(-4.5) = 0.98889 in the plane and falls fast with the dimension. A higher share than chance
    allows means samples that are too close to their modes, not better ones.

    >>> round(expected_high_quality(2), 5)
    0.98889
    """
    from scipy.special import gammainc

    return float(gammainc(dimensions / 2, radius**2 / 2))

"""Conditional generators: whether each class's label is heeded, and whether the class keeps its variety."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from gandiag.modes import mode_statistics

if TYPE_CHECKING:
    from numpy.typing import ArrayLike, NDArray

    Floats = NDArray[np.float64]
    Labels = NDArray[np.int64]

MIN_SAMPLES = 30  # fewer of a class, generated or real, and it is not assessed; ours
IGNORED = 0.5  # of the accuracy on real samples, below which a label counts as ignored; ours
COLLAPSED = 0.2  # of the effective number of real samples, below which a class counts as collapsed; ours
LIKENESS = 1 / 3  # of the median distance between real samples of the class: closer ones count as alike; ours
MOST = 500  # samples of a class behind its variety, generated and real: 2 MB of distances


class Conditioned:
    """Samples with the class asked for, the class that a classifier sees, and where given their features.

    Parameters
    ----------
    asked
        (n,) whole numbers: of generated samples the class requested, of real ones the true class.
    seen
        (n,) whole numbers, the classifier's label, -1 for none.
    features
        (n, D) array or tensor, finite, for instance `MnistClassifier.features`.

    Raises
    ------
    ValueError
        When the numbers of samples differ, a class is no whole number from 0 (`seen`: from -1), or a feature is not
        finite.
    """

    def __init__(self, asked: ArrayLike, seen: ArrayLike, features: Any = None) -> None:
        self.asked, self.seen = (_classes(values, name) for values, name in ((asked, "asked"), (seen, "seen")))
        self.features = None if features is None else _features(features)
        sizes = [len(part) for part in (self.asked, self.seen, self.features) if part is not None]
        if len(set(sizes)) > 1:
            raise ValueError(f"asked, seen and features must be of as many samples, found {sizes}")
        if self.asked.size and self.asked.min() < 0:
            raise ValueError(f"asked must hold classes from 0, found {self.asked.min()}")


@dataclass(frozen=True, eq=False)
class ConditionalCoverage:
    """How a conditional generator serves each of K classes. Arrays are (K,), NaN where a class was not assessed.

    Attributes
    ----------
    n
        int64, samples asked of each class.
    accuracy, accuracy_low, accuracy_high
        Share of them that the classifier sees as asked, with its 95 % interval (Wilson 1927). A sample without a class
        counts as not seen as asked.
    real_accuracy
        The classifier's share on real samples of the class: what a perfect generator has.
    accuracy_p
        P values of an accuracy as low as this if it were that on real samples (Fisher's exact test, one-sided),
        corrected for the classes assessed (Holm 1979).
    seen_as
        int64, the label that samples of the class have most often, -1 for none: names swapped classes.
    effective, real_effective
        Effective number of different samples within the class, 1 / P(two of them are alike), where alike is a Gaussian
        kernel whose width is a third of the median distance of real ones. Unbiased for any n, 1 for one single sample.
        Infinite when no two are alike. NaN without features.
    effective_p
        P values of an effective number as low as this if it were that of real samples (Student's t on the
        logarithms of the two U statistics), corrected for the classes assessed (Holm 1979).
    ignored
        Classes with `accuracy_p` below alpha and `accuracy_high` below half of `real_accuracy`.
    collapsed
        Classes with `effective_p` below alpha and `effective` below a fifth of `real_effective`.
    not_assessed
        Classes with too few generated or real samples.
    """

    n: Labels
    accuracy: Floats
    accuracy_low: Floats
    accuracy_high: Floats
    real_accuracy: Floats
    accuracy_p: Floats
    seen_as: Labels
    effective: Floats
    real_effective: Floats
    effective_p: Floats
    ignored: tuple[int, ...]
    collapsed: tuple[int, ...]
    not_assessed: tuple[int, ...]


def conditional_coverage(
    generated: Conditioned, real: Conditioned, *, alpha: float = 0.01, min_samples: int = MIN_SAMPLES
) -> ConditionalCoverage:
    """Per class: is the label heeded, and do samples of one class differ as much as real ones do?

    Parameters
    ----------
    generated
        What was asked of the generator and what the classifier sees.
    real
        Held-out real samples through the same classifier; their largest class tells K.
    alpha
        Probability of naming any class, for a perfect generator, for each of the two questions; effect sizes make it
        rarer still.
    min_samples
        A class with fewer samples, generated or real, is not assessed; at least 3.

    Raises
    ------
    ValueError
        When a class asked for has no real counterpart's number, when one of the two has features and the other has
        not, or their widths differ, or when alpha or min_samples is out of range.

    >>> digits = np.arange(400) % 4
    >>> found = conditional_coverage(Conditioned(digits, np.where(digits == 2, 3, digits)), Conditioned(digits, digits))
    >>> found.ignored, int(found.seen_as[2])
    ((2,), 3)
    """
    classes = _check(generated, real, alpha, min_samples)
    n, m = (mode_statistics.count_labels(part.asked, classes) for part in (generated, real))
    assessed = (n >= min_samples) & (m >= min_samples)
    hits, real_hits = (_hits(part, classes) for part in (generated, real))
    low, high = mode_statistics.wilson(hits, n)
    accuracy, real_accuracy = (a / np.where(assessed, b, np.nan) for a, b in ((hits, n), (real_hits, m)))
    accuracy_p = _corrected(assessed, _fewer(hits, n, real_hits, m))
    effective, real_effective, raw_p = np.full((3, classes), np.nan)
    if generated.features is not None and real.features is not None:
        for k in np.flatnonzero(assessed):
            pair = (part.features[part.asked == k][:MOST] for part in (generated, real) if part.features is not None)
            effective[k], real_effective[k], raw_p[k] = _variety(*pair)
    effective_p = _corrected(assessed & ~np.isnan(raw_p), raw_p)
    ignored = (accuracy_p < alpha) & (high < IGNORED * real_accuracy)
    collapsed = (effective_p < alpha) & (effective < COLLAPSED * real_effective)
    return ConditionalCoverage(
        n=n,
        accuracy=accuracy,
        accuracy_low=np.where(assessed, low, np.nan),
        accuracy_high=np.where(assessed, high, np.nan),
        real_accuracy=real_accuracy,
        accuracy_p=accuracy_p,
        seen_as=np.array([_most_frequent(generated.seen[generated.asked == k]) for k in range(classes)]),
        effective=effective,
        real_effective=real_effective,
        effective_p=effective_p,
        ignored=tuple(np.flatnonzero(ignored).tolist()),
        collapsed=tuple(np.flatnonzero(collapsed).tolist()),
        not_assessed=tuple(np.flatnonzero(~assessed).tolist()),
    )


def _check(generated: Conditioned, real: Conditioned, alpha: float, min_samples: int) -> int:
    """The number of classes, after the arguments of `conditional_coverage` were checked; ValueError."""
    if not 0 < alpha < 1 or min_samples < 3:
        raise ValueError(f"alpha must lie in (0, 1) and min_samples be at least 3, found {alpha} and {min_samples}")
    classes = int(real.asked.max(initial=-1)) + 1
    if not classes or generated.asked.max(initial=-1) >= classes:
        found = f"{generated.asked.max(initial=-1)} generated and {classes - 1} real"
        raise ValueError(f"real must hold the classes asked of the generator, found largest classes {found}")
    widths = [None if part.features is None else part.features.shape[1] for part in (generated, real)]
    if widths[0] != widths[1]:
        raise ValueError(f"generated and real must have features of one width or neither any, found {widths}")
    return classes


def _classes(values: ArrayLike, name: str) -> Labels:
    found = np.asarray(_on_cpu(values))
    if found.ndim != 1 or (found.size and (found.dtype.kind not in "iu" or found.min() < -1)):
        raise ValueError(f"{name} must be whole numbers from 0 of shape (n,), found {found.dtype} {found.shape}")
    return found.astype(np.int64)


def _features(values: Any) -> Floats:
    found = np.asarray(_on_cpu(values), dtype=np.float64)
    if found.ndim != 2:
        raise ValueError(f"features must have shape (n, D), found {found.shape}")
    if bad := int((~np.isfinite(found)).any(axis=1).sum()):
        raise ValueError(f"features must be finite, found a NaN or an infinity in {bad} of {len(found)} rows")
    return found


def _on_cpu(values: Any) -> Any:
    return values.detach().cpu().numpy() if hasattr(values, "detach") else values


def _hits(part: Conditioned, classes: int) -> Labels:
    return mode_statistics.count_labels(part.asked[part.asked == part.seen], classes)


def _corrected(assessed: NDArray[np.bool_], raw: Floats) -> Floats:
    found = np.full(len(raw), np.nan)
    found[assessed] = mode_statistics.holm(raw[assessed])
    return found


def _most_frequent(labels: Labels) -> int:
    return int(np.bincount(labels + 1).argmax()) - 1 if labels.size else -1


def _fewer(hits: Labels, n: Labels, real_hits: Labels, m: Labels) -> Floats:
    """Fisher's exact test by class (K,): probability of as few hits in n if generated and real ones hit alike."""
    from scipy.stats import hypergeom

    return np.asarray(hypergeom.cdf(hits, n + m, hits + real_hits, n))


def _variety(generated: Floats, real: Floats) -> tuple[float, float, float]:
    """Effective numbers of generated and of real samples of a class, and the p value of the first's being lower."""
    from scipy.stats import t

    distances = _squared_distances(real)
    width2 = LIKENESS**2 * float(np.median(distances[np.triu_indices(len(real), 1)]))
    if not width2:
        return np.nan, np.nan, np.nan  # half of the real samples are one and the same: no scale to judge by
    alike, real_alike = (_alike(d, width2) for d in (_squared_distances(generated), distances))
    error = np.hypot(alike[1], real_alike[1])
    with np.errstate(divide="ignore"):
        excess = np.log(alike[0]) - np.log(real_alike[0])
        numbers = 1 / np.float64(alike[0]), 1 / np.float64(real_alike[0])
    if np.isnan(excess):  # no two alike in either
        return float(numbers[0]), float(numbers[1]), 1.0
    score = excess / error if error else np.inf * np.sign(excess)
    return float(numbers[0]), float(numbers[1]), float(t.sf(score, min(len(generated), len(real)) - 1))


def _alike(squared: Floats, width2: float) -> tuple[float, float]:
    """P(two samples are alike), a U statistic, and the standard error of its logarithm by Hájek's projection."""
    n = len(squared)
    kernel = np.exp(-squared / (2 * width2))
    np.fill_diagonal(kernel, 0)
    each = kernel.sum(axis=1) / (n - 1)
    mean = float(each.mean())
    return mean, 2 * float(each.std(ddof=1)) / np.sqrt(n) / mean if mean else 0.0


def _squared_distances(points: Floats) -> Floats:
    centred = points - points.mean(axis=0)
    squares = np.square(centred).sum(axis=1)
    return np.asarray(np.maximum(squares[:, None] + squares - 2 * centred @ centred.T, 0))

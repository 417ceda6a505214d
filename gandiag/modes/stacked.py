"""Stacked MNIST: a digit in each of three colour channels, 1000 modes (Metz et al. 2017, Srivastava et al. 2017)."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any, Literal

import numpy as np

from gandiag.modes import mode_statistics
from gandiag.modes.coverage import ModeCoverage, coverage_of_labels
from gandiag.modes.mnist import CHUNK, CLASSES, MnistClassifier, mnist_classifier

if TYPE_CHECKING:
    import torch
    from numpy.typing import ArrayLike, NDArray

    Floats = NDArray[np.float64]
    Labels = NDArray[np.int64]

CHANNELS = 3
CONFIDENCE = 0.9
"""A triple is recognised when each of its digits has at least this probability; ours, not published."""

Prior = Literal["uniform", "digits"]


@dataclass(frozen=True, eq=False)
class StackedMnist:
    """Labels images of three channels with 100 a + 10 b + c, the digits of the channels; `stacked_mnist` makes one.

    Images are (n, 3, 28, 28), or (n, 3, 32, 32) of which the middle is read, and are otherwise what
    `MnistClassifier` takes.

    Parameters
    ----------
    classifier
        Reads one channel.
    prior
        (1000,) the label shares of a perfect generator.
    confidence
        A triple with a digit less probable than this has the label -1. 0 rejects none, as published results do.
    name, n
        What reports call it, and samples per evaluation: the 26,000 of Srivastava et al. 2017.
    """

    classifier: MnistClassifier
    prior: Floats
    confidence: float = CONFIDENCE
    name: str = "stacked_mnist"
    n: int = 26_000

    def __post_init__(self) -> None:
        if not 0 <= self.confidence < 1:
            raise ValueError(f"confidence must lie in [0, 1), found {self.confidence}")

    def reading(self, value_range: tuple[float, float]) -> StackedMnist:
        """The same for images whose values lie in another range."""
        return replace(self, classifier=self.classifier.reading(value_range))

    def label(self, samples: Any, /) -> Labels:
        """Labels (n,) int64 in [0, 1000), -1 for a triple that is not recognised. Raises as `read` does."""
        labels, confidence = self.read(samples)
        return np.where(confidence >= self.confidence, labels, -1)

    def read(self, samples: Any) -> tuple[Labels, Floats]:
        """The most probable triple of each image (n,) int64 and the least probable of its digits' probabilities (n,).

        An image with a NaN or an infinity has -1 and -1.0.

        Raises
        ------
        ValueError
            When the shape is another.
        """
        shape = tuple(getattr(samples, "shape", None) or np.shape(samples))
        if shape[1:] not in ((CHANNELS, 28, 28), (CHANNELS, 32, 32)):
            raise ValueError(f"images of stacked MNIST must have shape (n, 3, 28, 28) or (n, 3, 32, 32), found {shape}")
        given = samples if hasattr(samples, "shape") else np.asarray(samples)
        parts = [self._read(given[i : i + CHUNK]) for i in range(0, max(len(given), 1), CHUNK)]
        return np.concatenate([labels for labels, _ in parts]), np.concatenate([sure for _, sure in parts])

    def _read(self, images: Any) -> tuple[Labels, Floats]:
        shape = (CHANNELS * len(images), 1, *images.shape[2:])
        probabilities = self.classifier.probabilities(images.reshape(shape)).reshape(-1, CHANNELS, CLASSES)
        readable = np.isfinite(probabilities).all(axis=(1, 2))
        digits = np.nan_to_num(probabilities).argmax(axis=2)
        confidence = probabilities.max(axis=2).min(axis=1)
        labels = digits @ np.array([CLASSES**2, CLASSES, 1])
        return np.where(readable, labels, -1), np.where(readable, confidence, -1.0)


def stacked_mnist(
    value_range: tuple[float, float] = (-1.0, 1.0),
    device: torch.device | str = "cpu",
    prior: Prior = "uniform",
    confidence: float = CONFIDENCE,
) -> StackedMnist:
    """The labeller of stacked MNIST, with the MNIST classifier that ships with gandiag.

    Parameters
    ----------
    value_range, device
        As in `mnist_classifier`.
    prior
        "uniform" gives each triple 1/1000, as published values do. "digits" gives it the product of its digits'
        shares in MNIST's training set seen through the classifier's confusion matrix: then the KL of a perfect
        generator lacks the 0.0043 nats that MNIST itself is away from uniform.
    confidence
        As in `StackedMnist`.

    Raises
    ------
    ValueError
        When an argument is not as described.
    """
    if prior not in ("uniform", "digits"):
        raise ValueError(f"prior must be 'uniform' or 'digits', found {prior!r}")
    classifier = mnist_classifier(value_range, device)
    digit = classifier.prior if prior == "digits" else np.full(CLASSES, 1 / CLASSES)
    return StackedMnist(classifier, triple_prior(digit), confidence)


def triple_prior(digits: ArrayLike) -> Floats:
    """Shares (1000,) of triples of independent digits with these weights (10,) of any scale.

    >>> from gandiag.modes import MNIST_TRAIN_COUNTS, mode_statistics
    >>> round(float(mode_statistics.kl(triple_prior(MNIST_TRAIN_COUNTS), np.full(1000, 1e-3))), 4)
    0.0043
    """
    shares = mode_statistics.normalised(digits, "digits")
    return np.asarray(np.multiply.outer(np.multiply.outer(shares, shares), shares).ravel())


@dataclass(frozen=True, eq=False)
class StackedCoverage:
    """Coverage of stacked MNIST, counted in two ways.

    Attributes
    ----------
    published
        Every readable image has its most probable triple, as in published tables: quote `captured` and `kl` at
        n = 26,000 with the uniform prior. Misread digits add modes: a generator of one single image in many variants
        shows some 30 at 0.75 % of misread digits.
    recognised
        Only the images whose three digits are sure: trust `robust`, `kl_corrected` and `missing`.
    unrecognised
        Share of the images that are not; NaN for n = 0. A perfect sampler has about 0.04; blends of digits raise it.
        Confidence does not tell digits from what is none: noise may be read as one triple with certainty, and
        then `kl` shows it.
    """

    published: ModeCoverage
    recognised: ModeCoverage
    unrecognised: float


def stacked_mnist_coverage(images: Any, labeller: StackedMnist | None = None) -> StackedCoverage:
    """Coverage of stacked MNIST by images; published values have 26,000 of them.

    Parameters
    ----------
    images
        (n, 3, 28, 28) or (n, 3, 32, 32), see `StackedMnist`.
    labeller
        By default `stacked_mnist()`: values in [-1, 1] or uint8, the uniform prior.

    Raises
    ------
    ValueError
        When the shape is another.
    """
    used = stacked_mnist() if labeller is None else labeller
    labels, confidence = used.read(images)
    recognised = coverage_of_labels(np.where(confidence >= used.confidence, labels, -1), used.prior)
    return StackedCoverage(
        published=coverage_of_labels(labels, used.prior),
        recognised=recognised,
        unrecognised=1 - recognised.high_quality,
    )


def stack_digits(
    images: ArrayLike, digits: ArrayLike, n: int, seed: int, *, balanced: bool = False
) -> tuple[NDArray[Any], Labels]:
    """A perfect sampler of stacked MNIST: images of digits, drawn with replacement into three channels.

    Parameters
    ----------
    images
        (m, 28, 28) or (m, 32, 32) of any type and range.
    digits
        (m,) what they show, 0 to 9.
    n
        Number of stacked images.
    seed
        Of the draws.
    balanced
        Draw each digit equally often, so that all 1000 triples are equally likely; otherwise each image is, as in the
        data of published runs.

    Returns
    -------
    Images (n, 3, ...) of the same type, and their labels 100 a + 10 b + c, (n,) int64.

    Raises
    ------
    ValueError
        When digits and images differ in number, a digit is none, or with `balanced` one of the ten is lacking.
    """
    pictures, known = np.asarray(images), mode_statistics.checked_labels(digits, CLASSES)
    if pictures.ndim != 3 or len(pictures) != len(known) or not len(known) or known.min() < 0:
        found = f"images {pictures.shape} and digits {known.shape}"
        raise ValueError(f"images must be (m, 28, 28) with a digit 0 to 9 each, found {found}")
    rng = np.random.default_rng(seed)
    weights = np.ones(len(known))
    if balanced:
        counts = mode_statistics.count_labels(known, CLASSES)
        if not counts.all():
            raise ValueError(f"digits must hold each of 0 to 9, found none of {np.flatnonzero(counts == 0).tolist()}")
        weights = 1 / counts[known]
    chosen = rng.choice(len(known), size=(n, CHANNELS), p=weights / weights.sum())
    return pictures[chosen], known[chosen] @ np.array([CLASSES**2, CLASSES, 1])

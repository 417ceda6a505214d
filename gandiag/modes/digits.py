"""A small classifier of scikit-learn's 8×8 handwritten digits that needs numpy alone."""

from __future__ import annotations

import json
from dataclasses import dataclass, replace
from importlib import resources
from typing import TYPE_CHECKING, Any

import numpy as np

from gandiag.modes import mode_statistics

if TYPE_CHECKING:
    from numpy.typing import ArrayLike, NDArray

    Floats = NDArray[np.float64]

WEIGHTS, CARD = "digits.npz", "digits.json"
"""Files of this package that `python -m benchmarks.classifiers.train_digits` writes."""

SIDE = 8  # pixels


@dataclass(frozen=True, eq=False)
class DigitsClassifier:
    """A perceptron with one hidden layer; `digits_classifier` loads the one that ships with gandiag.

    Parameters
    ----------
    hidden
        Weights (64, H) and bias (H,) of the hidden layer of rectified units.
    output
        Weights (H, 10) and bias (10,) of the output layer.
    prior
        (10,) the label shares of a perfect generator: the data's class shares seen through the classifier's
        confusion matrix.
    value_range
        The images' values for an empty and for a full stroke. Values beyond are clipped, as a viewer does.
    name
        What reports call it.
    n
        Samples per evaluation.

    Raises
    ------
    ValueError
        When the range is not finite or its first value is not below the second.
    """

    hidden: tuple[Floats, Floats]
    output: tuple[Floats, Floats]
    prior: Floats
    value_range: tuple[float, float]
    name: str = "digits"
    n: int = 1000  # sees one lost class with power 0.99 from 440 on, one halved class from 1,740

    def __post_init__(self) -> None:
        low, high = self.value_range
        if not (np.isfinite(low) and np.isfinite(high) and low < high):
            raise ValueError(f"value_range must be two finite rising values, found {self.value_range}")

    def reading(self, value_range: tuple[float, float]) -> DigitsClassifier:
        """The same for images whose values lie in another range."""
        return replace(self, value_range=value_range)

    def probabilities(self, images: ArrayLike) -> Floats:
        """Class probabilities (n, 10) float64 of images (n, 8, 8), (n, 1, 8, 8) or (n, 64).

        NaN for an image with a NaN or an infinity in it.

        Raises
        ------
        ValueError
            When the shape is another.
        """
        pixels = np.asarray(images, dtype=np.float64)
        if not pixels.ndim or pixels.shape[1:] not in ((SIDE, SIDE), (1, SIDE, SIDE), (SIDE * SIDE,)):
            expected = "(n, 8, 8), (n, 1, 8, 8) or (n, 64)"
            raise ValueError(f"images for the digits classifier must have shape {expected}, found {pixels.shape}")
        flat = pixels.reshape(len(pixels), SIDE * SIDE)
        readable = np.isfinite(flat).all(axis=1)
        low, high = self.value_range
        scaled = (np.clip(flat[readable], low, high) - low) / (high - low)
        units = np.maximum(scaled @ self.hidden[0] + self.hidden[1], 0)
        scores = units @ self.output[0] + self.output[1]
        powers = np.exp(scores - scores.max(axis=1, keepdims=True))
        found = np.full((len(flat), self.output[1].size), np.nan)
        found[readable] = powers / powers.sum(axis=1, keepdims=True)
        return found

    def label(self, samples: ArrayLike) -> NDArray[np.int64]:
        """The most probable digit of each image, -1 for one with a NaN or an infinity in it, (n,) int64.

        Takes and raises what `probabilities` does.
        """
        probabilities = self.probabilities(samples)
        readable = ~np.isnan(probabilities[:, 0])
        return np.where(readable, np.where(readable[:, None], probabilities, 0).argmax(axis=1), -1)


def digits_classifier(value_range: tuple[float, float] = (-1.0, 1.0)) -> DigitsClassifier:
    """The digits classifier that ships with gandiag; `digits_card` says how well it does.

    Parameters
    ----------
    value_range
        The images' values for an empty and for a full stroke: (-1, 1) for a generator that ends in tanh,
        (0, 16) for the images as scikit-learn loads them.

    Raises
    ------
    ValueError
        When the range is not finite or its first value is not below the second.

    >>> from sklearn.datasets import load_digits
    >>> digits_classifier(value_range=(0, 16)).label(load_digits().images[:5]).tolist()
    [0, 1, 2, 3, 4]
    """
    card = digits_card()
    with (resources.files("gandiag.modes") / WEIGHTS).open("rb") as file, np.load(file) as data:
        arrays = {name: data[name].astype(np.float64) for name in data.files}
    return DigitsClassifier(
        hidden=(arrays["hidden_weights"], arrays["hidden_bias"]),
        output=(arrays["output_weights"], arrays["output_bias"]),
        prior=mode_statistics.predicted_prior(card["class_counts"], card["confusion"]),
        value_range=value_range,
    )


def digits_card() -> dict[str, Any]:
    """How the shipped classifier was trained and what it scores: the content of digits.json.

    >>> digits_card()["test_images"]
    450
    """
    text = (resources.files("gandiag.modes") / CARD).read_text(encoding="utf-8")
    card: dict[str, Any] = json.loads(text)
    return card

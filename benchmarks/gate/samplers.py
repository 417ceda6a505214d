"""Samplers whose law is known exactly: mixtures, digits and MNIST, perfect or with one defect.

Digits are scikit-learn's 8x8 images with uniform noise of one grey level; MNIST's are its training images. Both come as
rows of a classifier's features with the class that it sees in the last column, worked out once.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache
from typing import TYPE_CHECKING, Any, Literal

import numpy as np
import torch

from gandiag.gate.reference import Given, Known, known
from gandiag.modes import Mixture, digits_classifier, idx, mnist_classifier, preset
from gandiag.quality.extractors.base import Features
from gandiag.zoo.data import mnist_folder

if TYPE_CHECKING:
    from numpy.typing import NDArray

    Rows = NDArray[np.float64]

REFERENCE = 10_000
POOL = 30_000  # samples of the digits' law
TIGHTER = 0.25  # of a mode's spread, where it is tightened
COPIES = 0.01
CPU = torch.device("cpu")
DEFECTS = ("none", "removed", "thinned", "tightened", "duplicates")


class Columns:
    """Rows as they are, but for the last column."""

    name, hash, resize, channels, classifies, passive = "columns", "0" * 16, "none", None, False, True
    takes: Literal["images", "vectors"] = "vectors"
    dimensions = 0

    def __call__(self, samples: torch.Tensor) -> Features:
        """All but the last column."""
        return Features(samples[:, :-1].double())


class LastColumn:
    """The class that stands in the last column."""

    name, n = "last column", 1

    def __init__(self, prior: NDArray[np.float64]) -> None:
        self.prior = prior

    def label(self, samples: Any, /) -> NDArray[np.int64]:
        """Classes (B,) of rows."""
        return np.asarray(samples[:, -1]).astype(np.int64)


@dataclass(frozen=True)
class Family:
    """One law and one way to judge it: by labels, by real samples without labels, or by both."""

    name: str
    data: str
    by: str

    @property
    def defects(self) -> tuple[str, ...]:
        """What can be wrong with its sampler."""
        return DEFECTS[:4] if self.data in ("ring8", "grid25") else (*DEFECTS[:3], DEFECTS[4])

    def known(self, seed: int) -> Known:
        """What it is judged by, with real samples of a seed."""
        rng = np.random.default_rng(1_000_000 + seed)
        if self.data in ("ring8", "grid25"):
            mixture = _mixture(self.data)
            if self.by == "labels":
                return known(Given(reference=mixture, device=CPU, seed=seed), images=False, latents=False)
            points, _ = mixture.sample(REFERENCE, rng)
            return known(Given(reference=points, device=CPU, seed=seed), images=False, latents=False)
        rows, prior = pool(self.data)
        real = rows[rng.permutation(len(rows) // 3)[:REFERENCE]] if self.by != "labels" else None
        labeller = None if self.by == "real samples" else LastColumn(prior)
        given = Given(reference=real, modes=labeller, extractor=Columns(), device=CPU, seed=seed)
        return known(given, images=False, latents=False)

    def sample(self, defect: str, n: int, rng: np.random.Generator) -> Rows:
        """n samples of its law with a defect."""
        if self.data in ("ring8", "grid25"):
            return _of_mixture(_mixture(self.data), defect, n, rng)
        rows, _ = pool(self.data)
        others = rows[len(rows) // 3 :]  # none of them is in a reference
        return _of_pool(others, defect, n, rng)


FAMILIES = (
    Family("ring8, labelled", "ring8", "labels"),
    Family("ring8, real samples", "ring8", "real samples"),
    Family("grid25, labelled", "grid25", "labels"),
    Family("grid25, real samples", "grid25", "real samples"),
    Family("digits, classifier", "digits", "labels"),
    Family("digits, real samples", "digits", "real samples"),
    Family("digits, both", "digits", "both"),
    Family("MNIST, classifier", "mnist", "labels"),
    Family("MNIST, real samples", "mnist", "real samples"),
    Family("MNIST, both", "mnist", "both"),
)


def _mixture(name: str) -> Mixture:
    return preset(f"{name}_pacgan")


def _of_mixture(mixture: Mixture, defect: str, n: int, rng: np.random.Generator) -> Rows:
    mode = int(rng.integers(len(mixture.weights)))
    weights, sigmas = mixture.weights.copy(), mixture.sigmas.copy()
    if defect == "tightened":
        sigmas[mode] *= TIGHTER
    labels = rng.choice(len(weights), size=n, p=_changed(weights, mode, defect))
    scales = sigmas[labels][:, None] if sigmas.ndim == 1 else sigmas[labels]
    return np.asarray(mixture.centres[labels] + scales * rng.standard_normal((n, mixture.centres.shape[1])))


def _changed(weights: Rows, mode: int, defect: str) -> Rows:
    factor = {"removed": 0.0, "thinned": 0.5}.get(defect, 1.0)
    changed = weights.copy()
    changed[mode] *= factor
    found: Rows = changed / changed.sum()
    return found


def _of_pool(rows: Rows, defect: str, n: int, rng: np.random.Generator) -> Rows:
    labels = rows[:, -1].astype(np.int64)
    mode = int(rng.integers(labels.max() + 1))
    keep = np.ones(len(rows), bool)
    if defect in ("removed", "thinned"):
        of_class = np.flatnonzero(labels == mode)
        gone = of_class if defect == "removed" else rng.permutation(of_class)[: len(of_class) // 2]
        keep[gone] = False
    found: Rows = rows[rng.permutation(np.flatnonzero(keep))[:n]]
    if defect == "duplicates":
        count = round(COPIES * len(found))
        found[:count] = found[count : 2 * count]
    return found


@cache
def pool(name: str) -> tuple[Rows, NDArray[np.float64]]:
    """Rows of features and class in random order, and the label shares that the shipped classifier's card gives."""
    rng = np.random.default_rng(0)
    if name == "mnist":
        images = idx.read_idx(mnist_folder() / "train-images-idx3-ubyte.gz")
        return _rows(mnist_classifier(), torch.from_numpy(images), rng)
    from sklearn.datasets import load_digits

    from gandiag.quality.extractors.own import DigitsExtractor

    drawn = load_digits().images[rng.integers(1797, size=POOL)]
    noisy = np.clip(drawn + rng.uniform(-0.5, 0.5, drawn.shape), 0, 16) * 255 / 16
    found = DigitsExtractor()(torch.from_numpy(noisy.round().astype(np.uint8))[:, None])
    assert found.logits is not None  # noqa: S101 - it classifies
    labelled = np.column_stack([found.features.numpy(), found.logits.argmax(dim=1).numpy()])
    return labelled, digits_classifier((0, 255)).prior


def _rows(classifier: Any, images: torch.Tensor, rng: np.random.Generator) -> tuple[Rows, NDArray[np.float64]]:
    order = torch.from_numpy(rng.permutation(len(images)))
    found = [
        np.column_stack([classifier.features(part).double().numpy(), classifier.label(part)])
        for part in images[order].split(2000)
    ]
    return np.concatenate(found), classifier.prior

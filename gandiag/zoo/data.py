"""What the recipes learn: tables of samples whose modes are known.

Every data set is a table that is the same in every run; a training draws its batches with torch's random numbers.
Its `truth` tells modes apart better than any detector may: it labels single samples, off modes or not.
"""

from __future__ import annotations

import os
from dataclasses import dataclass, replace
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import torch
from torch import Tensor

from gandiag.modes.digits import digits_classifier
from gandiag.modes.mixtures import Mixture, preset

if TYPE_CHECKING:
    from collections.abc import Callable

    from numpy.typing import ArrayLike, NDArray

    from gandiag.modes.classifier import Labeller

TABLE = 100_000  # samples drawn from a mixture once, as in the code of Lin et al. 2018
HELD_OUT = 2_000  # further ones; of the digits 297


class MissingDataError(ValueError):
    """Files that a recipe learns from are not on this machine; the message says which."""


@dataclass(frozen=True, eq=False)
class Data:
    """A table of samples.

    Attributes
    ----------
    name : as recipes and manifests call it
    samples : (N, ...) float32
    labels : (N,) int64, the mode or class of each sample
    truth : tells the modes of generated samples apart, None where there are none to tell
    modes : the same as it is given to `gandiag.attach(modes=)`; None where gandiag is to work without labels
    held_out : (M, ...) further samples, that nobody learns from
    """

    name: str
    samples: Tensor
    labels: Tensor
    truth: Labeller | None = None
    modes: str | Labeller | None = None
    held_out: Tensor | None = None

    @property
    def shape(self) -> tuple[int, ...]:
        """Of one sample."""
        return tuple(self.samples.shape[1:])

    @property
    def known_truth(self) -> Labeller:
        """The truth of data that have one; raises ValueError for others."""
        if self.truth is None:
            raise ValueError(f"the data {self.name} have no modes to tell apart")
        return self.truth

    def batch(self, n: int) -> tuple[Tensor, Tensor]:
        """n samples and their labels, drawn with replacement."""
        rows = torch.randint(len(self.samples), (n,))
        return self.samples[rows], self.labels[rows]

    def without(self, *labels: int) -> Data:
        """The data without these classes."""
        keep = ~torch.isin(self.labels, torch.tensor(labels))
        return replace(self, samples=self.samples[keep], labels=self.labels[keep])

    def first(self, n: int) -> Data:
        """The first n samples only."""
        return replace(self, samples=self.samples[:n], labels=self.labels[:n])


def mixture(name: str, target: Mixture, *, labelled: bool = True) -> Data:
    """A table drawn from a Gaussian mixture."""
    points, labels = target.sample(TABLE, np.random.default_rng(0))
    others, _ = target.sample(HELD_OUT, np.random.default_rng(1))
    return Data(
        name,
        torch.from_numpy(points.astype(np.float32)),
        torch.from_numpy(labels),
        target,
        target if labelled else None,
        torch.from_numpy(others.astype(np.float32)),
    )


@cache
def ring8() -> Data:
    """Eight Gaussians on a circle, as in the code of Gulrajani et al. 2017."""
    return mixture("ring8", preset("ring8_wgangp"))


@cache
def ring8_pacgan() -> Data:
    """Eight Gaussians on a circle, as in the code of Lin et al. 2018: relatively narrower."""
    return mixture("ring8-pacgan", preset("ring8_pacgan"))


@cache
def grid25() -> Data:
    """25 Gaussians on a square grid, as in the code of Gulrajani et al. 2017."""
    return mixture("grid25", preset("grid25_wgangp"))


@cache
def swiss_roll() -> Data:
    """scikit-learn's Swiss roll seen from above, as in the code of Gulrajani et al. 2017; no labels for gandiag.

    Its truth divides the roll into 16 parts of equal probability.
    """
    from sklearn.datasets import make_swiss_roll

    noise, scale, parts = 0.25, 7.5, 16
    points, angle = make_swiss_roll(TABLE, noise=noise, random_state=0)
    edges = np.quantile(angle, np.linspace(0, 1, parts + 1))
    labels = np.clip(np.searchsorted(edges, angle) - 1, 0, parts - 1)
    middle = (edges[1:] + edges[:-1]) / 2
    centres = np.stack([middle * np.cos(middle), middle * np.sin(middle)], axis=1) / scale
    half = (edges[1:] - edges[:-1]) * np.sqrt(1 + middle**2) / scale / 2  # length of arc
    truth = Mixture("swiss-roll", centres, np.maximum(half / np.sqrt(3), noise / scale), np.full(parts, 1 / parts))
    samples = torch.from_numpy(points[:, [0, 2]].astype(np.float32)) / scale
    others, _ = make_swiss_roll(HELD_OUT, noise=noise, random_state=1)
    held_out = torch.from_numpy(others[:, [0, 2]].astype(np.float32)) / scale
    return Data("swiss-roll", samples, torch.from_numpy(labels.astype(np.int64)), truth, held_out=held_out)


@cache
def dirac() -> Data:
    """All mass at 0: the one-dimensional target of Dirac-GAN (Mescheder et al. 2018)."""
    return Data("dirac", torch.zeros(1, 1), torch.zeros(1, dtype=torch.int64))


@cache
def gaussian() -> Data:
    """A Gaussian in 4 dimensions of which only the mean is to be learned (Daskalakis et al. 2018, section 3)."""
    noise = np.random.default_rng(0).standard_normal((TABLE, 4)).astype(np.float32)
    centred = torch.from_numpy(noise - noise.mean(axis=0, keepdims=True))
    return Data("gaussian", centred, torch.zeros(TABLE, dtype=torch.int64))


TABULAR = (3, 2)  # categories of the one-hot columns that follow the two numbers


class Segments(Mixture):
    """Modes that the two categories of a sample tell apart; numbers never make up for them.

    By distance alone a sample between two segments would pass for either.
    """

    def distance(self, samples: ArrayLike) -> tuple[NDArray[np.float64], NDArray[np.int64]]:
        """Distance to the mode that has the sample's categories, in standard deviations, and which mode that is."""
        points = np.asarray(samples, dtype=np.float64)
        first, second = (part.argmax(axis=1) for part in np.split(points[:, 2:], TABULAR[:1], axis=1))
        segment = (TABULAR[1] * first + second).astype(np.int64)
        return np.linalg.norm((points - self.centres[segment]) / self.scales[segment], axis=1), segment


@cache
def tabular() -> Data:
    """Customers, say: two numeric columns, a category of three, one of two, in six unequal segments.

    Columns are two standardised numbers, then one-hot categories (3 + 2): (N, 7). No labels for gandiag.
    """
    weights = np.array([0.25, 0.2, 0.2, 0.15, 0.1, 0.1])
    numeric = np.array([[-1.0, -0.8], [-1.0, 0.9], [0.0, 0.0], [0.9, -0.9], [1.1, 0.2], [0.8, 1.1]])
    first, second = np.eye(3)[[0, 0, 1, 1, 2, 2]], np.eye(2)[[0, 1, 0, 1, 0, 1]]
    centres = np.concatenate([numeric, first, second], axis=1)
    sigmas = np.tile([0.12, 0.12, *[0.3] * 5], (6, 1))  # of one-hot columns: what G's softmax may deviate
    truth = Segments("tabular", centres, sigmas, weights)
    points, labels = truth.sample(TABLE + HELD_OUT, np.random.default_rng(0))
    points[:, 2:] = centres[labels, 2:]
    samples, kinds = torch.from_numpy(points.astype(np.float32)), torch.from_numpy(labels)
    return Data("tabular", samples[:TABLE], kinds[:TABLE], truth, held_out=samples[TABLE:])


@cache
def digits() -> Data:
    """1,500 of scikit-learn's 1,797 handwritten digits, (1, 8, 8) in [-1, 1]; the rest is held out."""
    from sklearn.datasets import load_digits

    table = load_digits()
    images = torch.tensor(table.images / 8 - 1, dtype=torch.float32).unsqueeze(1)
    labels = torch.from_numpy(table.target.astype(np.int64))
    return Data("digits", images[:1500], labels[:1500], digits_classifier(), digits_classifier(), images[1500:])


def mnist_folder() -> Path:
    """Where MNIST's IDX files are: $GANDIAG_DATA/mnist, or torchvision's ./data/MNIST/raw.

    Raises MissingDataError when they are at neither place.
    """
    places = [Path("data/MNIST/raw"), Path("data/mnist")]
    if root := os.environ.get("GANDIAG_DATA"):
        places = [Path(root) / "mnist", Path(root) / "MNIST" / "raw", *places]
    for place in places:
        if any(place.glob("train-images-idx3-ubyte*")):
            return place
    raise MissingDataError(
        "MNIST is not here: expected train-images-idx3-ubyte and train-labels-idx1-ubyte (or .gz) in "
        + " or ".join(map(str, places))
        + "; the environment variable GANDIAG_DATA names the folder that holds mnist/"
    )


@cache
def mnist() -> Data:
    """MNIST's 60,000 training images, (1, 28, 28) in [-1, 1], from files on this machine; held out are some for tests.

    Raises MissingDataError when they are not there.
    """
    from gandiag.modes.mnist import mnist_classifier
    from gandiag.modes.mnist_data import load

    known = load(mnist_folder())
    samples, others = (_scaled(images) for images in (known.train[0], known.test[0][:HELD_OUT]))
    labels = torch.from_numpy(known.train[1].astype(np.int64))
    return Data("mnist", samples, labels, mnist_classifier(), mnist_classifier(), others)


def _scaled(images: np.ndarray) -> Tensor:
    """Bytes (N, 28, 28) as (N, 1, 28, 28) in [-1, 1]."""
    return torch.from_numpy(images.astype(np.float32)).unsqueeze(1) / 127.5 - 1


@cache
def stacked_mnist() -> Data:
    """Three digits of MNIST as the channels of one image, (3, 28, 28): 1,000 modes (Srivastava et al. 2017).

    20,000 such images are drawn once. Raises MissingDataError when MNIST's files are not there.
    """
    from gandiag.modes.stacked import stacked_mnist as classifier

    single = mnist()
    rows = np.random.default_rng(0).integers(len(single.samples), size=(20_000, 3))
    labels = single.labels[torch.from_numpy(rows)] @ torch.tensor([100, 10, 1])
    samples = single.samples[torch.from_numpy(rows), 0]
    return Data("stacked-mnist", samples, labels, classifier(), classifier())


DATA: tuple[Callable[[], Data], ...] = (
    ring8, ring8_pacgan, grid25, swiss_roll, dirac, gaussian, tabular, digits, mnist, stacked_mnist,
)  # fmt: skip

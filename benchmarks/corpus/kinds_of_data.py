"""Data that people train on, beside those of the zoo: mixtures, tables, series, images of one kind.

No labels for gandiag. The truth of data without classes divides the real samples into parts, k-means clusters, of which
one is lost or not.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from functools import cache
from typing import TYPE_CHECKING, Any

import numpy as np
import torch

from gandiag.modes.mixtures import Mixture
from gandiag.zoo import data
from gandiag.zoo.data import HELD_OUT, TABLE, Data

if TYPE_CHECKING:
    from collections.abc import Callable

    from numpy.typing import NDArray

    Floats = NDArray[np.float64]


def _mixture(name: str, centres: Floats, sigmas: Floats, weights: list[float]) -> Data:
    return data.mixture(name, Mixture(name, centres, sigmas, np.array(weights)), labelled=False)


@cache
def unequal_1d() -> Data:
    """Three Gaussians on a line with 60, 30 and 10 % of the samples."""
    return _mixture("unequal-1d", np.array([[-1.5], [0.3], [1.6]]), np.array([0.2, 0.1, 0.15]), [0.6, 0.3, 0.1])


@cache
def unequal_2d() -> Data:
    """Five flat Gaussians in the plane, from 40 down to 8 % of the samples."""
    centres = np.array([[-1.2, -1.0], [1.2, -0.8], [0.0, 0.2], [-1.1, 1.1], [1.2, 1.2]])
    sigmas = np.array([[0.3, 0.08], [0.08, 0.3], [0.15, 0.15], [0.25, 0.08], [0.1, 0.2]])
    return _mixture("unequal-2d", centres, sigmas, [0.4, 0.24, 0.16, 0.12, 0.08])


@cache
def mixture_8d() -> Data:
    """Six Gaussians in eight dimensions, wide along some and narrow along others."""
    random = np.random.default_rng(8)
    centres, sigmas = random.normal(0, 1.0, (6, 8)), random.uniform(0.1, 0.35, (6, 8))
    return _mixture("mixture-8d", centres, sigmas, [0.25, 0.2, 0.2, 0.15, 0.1, 0.1])


@cache
def breast_cancer() -> Data:
    """scikit-learn's table of 569 tumours, 30 standardised columns."""
    from sklearn.datasets import load_breast_cancer

    return _table("breast-cancer", load_breast_cancer().data, parts=6)


@cache
def wine() -> Data:
    """scikit-learn's table of 178 wines, 13 standardised columns."""
    from sklearn.datasets import load_wine

    return _table("wine", load_wine().data, parts=4)


MIXED = (4, 2)  # categories of the one-hot columns of `mixed_table`


@cache
def mixed_table() -> Data:
    """Four numbers, some skewed, a category of four of which one has 4 %, and a yes or no: (N, 10)."""
    weights = np.array([0.4, 0.31, 0.25, 0.04])
    random = np.random.default_rng(4)
    kinds = random.choice(4, TABLE + HELD_OUT, p=weights)
    numbers = random.normal(np.array([[-1, 0, 0.5, -0.5], [1, 1, -0.5, 0], [0, -1.2, 1, 1], [2, 2, 2, -2]])[kinds], 0.3)
    numbers[:, 3] += random.exponential(0.4, len(kinds))
    yes = random.random(len(kinds)) < np.array([0.1, 0.5, 0.8, 0.95])[kinds]
    rows = np.concatenate([numbers, np.eye(4)[kinds], np.eye(2)[yes.astype(int)]], axis=1)
    samples = torch.from_numpy(rows.astype(np.float32))
    labels = torch.from_numpy(kinds)[:TABLE]
    truth = ByShape("category", weights, lambda row: row[:, 4:8].argmax(axis=1))
    return Data("mixed-table", samples[:TABLE], labels, truth, held_out=samples[TABLE:])


@dataclass(frozen=True, eq=False)
class ByShape:
    """Tells parts of the data apart by a function of flat samples (B, D), which returns labels (B,)."""

    name: str
    prior: Floats
    part_of: Callable[[Floats], NDArray[np.int64]]
    n: int = 2000

    def label(self, samples: Any, /) -> NDArray[np.int64]:
        """The part of each sample, (B,)."""
        return self.part_of(np.asarray(samples).reshape(len(samples), -1))


FREQUENCIES, SHARES = (1, 2, 4), np.array([0.5, 0.3, 0.2])


def _frequency(series: Floats) -> NDArray[np.int64]:
    """Which of the frequencies has most power in each series (B, 32)."""
    power = np.abs(np.fft.rfft(series, axis=1))[:, list(FREQUENCIES)]
    found: NDArray[np.int64] = power.argmax(axis=1)
    return found


@cache
def sines() -> Data:
    """Series of 32 values: sines of three frequencies, of any phase, with noise."""
    random, truth, n = np.random.default_rng(5), ByShape("frequency", SHARES, _frequency), 20_000
    kinds = random.choice(3, n + HELD_OUT, p=SHARES)
    angle = 2 * np.pi * np.outer(np.array(FREQUENCIES)[kinds], np.arange(32) / 32)
    angle += random.uniform(0, 2 * np.pi, (len(kinds), 1))
    values = random.uniform(0.5, 0.9, (len(kinds), 1)) * np.sin(angle) + random.normal(0, 0.03, angle.shape)
    samples = torch.from_numpy(values.astype(np.float32))
    return Data("sines", samples[:n], torch.from_numpy(kinds)[:n], truth, held_out=samples[n:])


@cache
def mnist() -> Data:
    """MNIST without labels for gandiag."""
    return replace(data.mnist(), modes=None)


@cache
def threes() -> Data:
    """MNIST's threes alone: little variety by nature."""
    whole = data.mnist()
    return _parts(replace(whole, name="threes", samples=whole.samples[whole.labels == 3], held_out=None), parts=6)


@cache
def digits() -> Data:
    """The 8x8 digits without labels for gandiag."""
    return replace(data.digits(), modes=None)


@cache
def eight_digits() -> Data:
    """The 8x8 digits of which two classes were taken out before the training: what is not there cannot be lost."""
    return _parts(replace(data.digits().without(4, 9), name="eight-digits"), parts=8)


FEW = 40  # samples of `few_digits` and `few_threes`: a G of some thousand steps knows them by heart


@cache
def few_digits() -> Data:
    """Forty of the 8x8 digits; all others are held out."""
    return _few(digits(), "few-digits")


@cache
def few_threes() -> Data:
    """Forty of MNIST's threes; two thousand others are held out."""
    return _parts(_few(threes(), "few-threes"), parts=3)


def _few(whole: Data, name: str) -> Data:
    held_out = whole.samples[FEW:][:HELD_OUT]
    return replace(whole, name=name, samples=whole.samples[:FEW], labels=whole.labels[:FEW], held_out=held_out)


def _table(name: str, values: Floats, parts: int) -> Data:
    scaled = (values - values.mean(axis=0)) / values.std(axis=0)
    samples = torch.from_numpy(np.clip(scaled, -4, 4).astype(np.float32))
    return _parts(Data(name, samples, torch.zeros(len(samples), dtype=torch.int64)), parts)


def _parts(table: Data, parts: int) -> Data:
    """The data with k-means clusters for truth."""
    from sklearn.cluster import KMeans

    flat = table.samples.flatten(1).double().numpy()
    found = KMeans(parts, n_init=3, random_state=0).fit(flat)
    shares = np.bincount(found.labels_) / len(flat)
    truth = ByShape("parts", shares, lambda samples: found.predict(np.ascontiguousarray(samples)))
    return replace(table, labels=torch.from_numpy(found.labels_.astype(np.int64)), truth=truth, modes=None)

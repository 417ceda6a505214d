"""Cells of the real samples (k-means, as in NDB): which of them are left out, and how proportions differ.

The cells are fitted to a third of the real samples; the others and the generated ones are counted, so that both are
new to the cells and a perfect generator's counts follow the same law as theirs.
"""

from __future__ import annotations

import math
import warnings
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
import torch

from gandiag.gate.statistics import as_few
from gandiag.modes.mode_statistics import total_variation
from gandiag.nets.frozen import forked_rng
from gandiag.quality.measures.nearest import nearest

if TYPE_CHECKING:
    from numpy.typing import NDArray
    from torch import Tensor

    Counts = NDArray[np.int64]
    Floats = NDArray[np.float64]

MOST_CELLS = 50
ONE = 0.25  # of the mean distance of real samples: cells within it are one, so that no spot of samples is many
PER_CELL = 80  # counted real samples, on average: half as many tell
FITTED = 3000  # real samples that the cells are fitted to, at most
LOST = 0.1  # of its share: a cell, a mode or a class with less is lost, as everywhere in gandiag
SURELY = 0.5  # of its share, which a lost one has not, beyond doubt
ROUNDS = 15  # of k-means
MOST_AXES = 32  # dimensions in which cells are found
DRAWS = 400  # of the law of proportions


@dataclass(frozen=True, kw_only=True)
class Lost:
    """Shares (K,) bool of what is lost, and of what could be told."""

    lost: NDArray[np.bool_]
    told: NDArray[np.bool_]


@dataclass(frozen=True, kw_only=True)
class Proportions:
    """How much two histograms differ, and how much they would if both had one law.

    `distance` is their total variation, `floor` its mean for one law, `p` the probability of as much of Pearson's
    statistic under that law.
    """

    distance: float
    floor: float
    reach: float
    p: float


class RealCells:
    """Cells of real samples (M, D), and the counts of those that they were not fitted to."""

    def __init__(self, features: Tensor, seed: int = 0) -> None:
        rng = torch.Generator().manual_seed(seed)
        order = torch.randperm(len(features), generator=rng).to(features.device)
        fitted = features[order[: min(FITTED, len(features) // 3)]]
        counted = features[order[len(fitted) :]]
        self._centre, self._axes = main_axes(fitted.double(), seed)
        cells = max(2, min(MOST_CELLS, len(counted) // PER_CELL))
        points = self._turned(fitted).cpu().numpy()
        different = np.unique(points, axis=0)
        centres = different if len(different) <= cells else _fitted(points, cells, seed)
        self._centres = torch.from_numpy(np.ascontiguousarray(centres)).to(features.device)
        self._group = _grouped(centres, points)
        self.counts = self.count(counted)

    def count(self, features: Tensor) -> Counts:
        """Samples (N, D) by cell, (K,)."""
        index = nearest(self._turned(features), self._centres)[1].cpu().numpy()
        return np.bincount(self._group[index], minlength=int(self._group.max()) + 1).astype(np.int64)

    def _turned(self, features: Tensor) -> Tensor:
        return (features.double() - self._centre) @ self._axes


def main_axes(rows: Tensor, seed: int) -> tuple[Tensor, Tensor]:
    """Mean (D,) of rows and their main directions (D, d): cells are found in a few dimensions, and faster."""
    centre, width = rows.mean(dim=0), rows.shape[1]
    if width <= MOST_AXES:
        return centre, torch.eye(width, dtype=rows.dtype, device=rows.device)
    with forked_rng(rows.device, seed):
        _, _, axes = torch.pca_lowrank(rows - centre, q=min(MOST_AXES, len(rows)), center=False)
    return centre, axes


def _fitted(points: Floats, cells: int, seed: int) -> Floats:
    """Centres (K, D) of k-means that starts from points far apart (Arthur & Vassilvitskii 2007)."""
    from scipy.cluster.vq import kmeans2

    with warnings.catch_warnings():  # an empty cell stays empty, which is no fault
        warnings.simplefilter("ignore")
        found: Floats = kmeans2(points, cells, iter=ROUNDS, minit="++", seed=seed)[0]
    return found


def _grouped(centres: Floats, points: Floats) -> NDArray[np.int64]:
    """Which group each centre (K,) belongs to: none of a group lie farther apart than a quarter of what is usual."""
    from scipy.cluster.hierarchy import fcluster, linkage

    rows = points[np.linspace(0, len(points) - 1, min(len(points), 500)).round().astype(int)]
    usual = float(torch.pdist(torch.from_numpy(rows)).mean())
    if len(centres) < 3 or not usual:
        return np.arange(len(centres))
    found: NDArray[np.int64] = fcluster(linkage(centres, "complete"), ONE * usual, "distance").astype(np.int64) - 1
    return found


def lost_of_counts(generated: Counts, real: Counts, level: float, n: int, m: int) -> Lost:
    """Which modes, classes or parts are lost, from counts (K,) of both, of n generated and m real samples.

    Lost is what has less than a tenth of its share in these samples and, beyond doubt, less than half of it: by the
    conditional binomial test of two counts (Przyborowski & Wilenski 1940), each at `level`.
    """
    p = SURELY * n / (SURELY * n + m)
    doubt = as_few(generated, generated + real, p)
    small = generated * m <= LOST * real * n
    none = as_few(np.zeros(len(real)), real, p)  # had there been no generated sample at all
    return Lost(lost=(doubt < level) & small & (real > 0), told=none < level)


def proportions(generated: Counts, real: Counts, seed: int = 0) -> Proportions:
    """Total variation and Pearson's statistic of two histograms, beside their law when samples change sides."""
    both = generated + real
    n, m = int(generated.sum()), int(real.sum())
    draws = np.random.default_rng(seed).multivariate_hypergeometric(both, n, size=DRAWS, method="marginals")
    statistic = _pearson(generated[None], both, n, m)[0]
    null = _pearson(draws, both, n, m)
    distances = total_variation(draws / n, (both - draws) / m)
    return Proportions(
        distance=float(total_variation(generated / n, real / m)),
        floor=float(distances.mean()),
        reach=float(distances.std()),
        p=_upper_tail(statistic, null),
    )


def _pearson(generated: NDArray[np.int64], both: Counts, n: int, m: int) -> Floats:
    expected = both * (n / (n + m))
    used = both > 0
    terms = (generated[:, used] - expected[used]) ** 2 * (1 / expected[used] + 1 / (both - expected)[used])
    return np.asarray(terms.sum(axis=1))


def _upper_tail(value: float, null: Floats) -> float:
    """P(statistic >= value) by a scaled chi-square with the mean and variance of the draws."""
    from scipy.special import chdtrc

    mean, variance = float(null.mean()), float(null.var())
    if mean <= 0 or variance <= 0:
        return 1.0
    scale = variance / (2 * mean)
    return float(chdtrc(mean / scale, max(value, 0.0) / scale)) if math.isfinite(value) else 0.0

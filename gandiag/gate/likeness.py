"""How alike samples are, held against splits of the real ones into halves.

Half A of the real samples plays the generator, half B the reference. What such splits give is what a perfect generator
gives, at this number of samples, in these features: no bound is made up for it.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
import torch

from gandiag.gate.statistics import student
from gandiag.quality.values import COVERAGE_K, spread

if TYPE_CHECKING:
    from torch import Tensor

MOST = 500  # samples on each side
LEAST = 30
SPLITS = 40
NAMES = ("pairwise", "nearest", "coverage")


@dataclass(frozen=True)
class Ratio:
    """A measure of generated samples over that of real ones, with its interval; `reach` is half its width, in logs."""

    value: float
    low: float
    high: float
    reach: float
    n: int


class RealSplits:
    """Real samples split in halves, again and again.

    Parameters
    ----------
    features
        (M, D) of real samples.
    size
        Samples in each half; at most half of them.
    seed
        Of the splits.
    """

    def __init__(self, features: Tensor, size: int, seed: int = 0) -> None:
        self.size = size
        rng = torch.Generator().manual_seed(seed)
        chosen = torch.randperm(len(features), generator=rng)[: 2 * size].to(features.device)
        self._pool = features[chosen].double()
        plain = _distances(self._pool, self._pool).fill_diagonal_(0)
        self._distances = plain.clone().fill_diagonal_(torch.inf)
        found: dict[str, list[float]] = {name: [] for name in NAMES}
        means: dict[str, list[float]] = {name: [] for name in NAMES}
        self._halves: list[tuple[Tensor, Tensor]] = []  # of the first splits, with their radii
        for index in range(SPLITS):
            order = torch.randperm(2 * size, generator=rng).to(features.device)
            a, b = order[:size], order[size:]
            inner_a, inner_b = self._distances[a][:, a], self._distances[b][:, b]
            radii = inner_b.topk(min(COVERAGE_K, size - 1), dim=1, largest=False).values[:, -1]
            if index < SPLITS // 5:
                self._halves.append((b, radii))
            one, other = _likeness(inner_a, plain, a), _likeness(inner_b, plain, b)
            covered = float((self._distances[b][:, a].amin(dim=1) < radii).double().mean())
            for name in ("pairwise", "nearest"):
                found[name].append(math.log(max(one[name], TINY) / max(other[name], TINY)))
                means[name] += [one[name], other[name]]
            means["coverage"].append(covered)
        expected = float(np.mean(means["coverage"]))
        found["coverage"] = [math.log(max(c, TINY) / max(expected, TINY)) for c in means["coverage"]]
        self.expected = {name: float(np.mean(values)) for name, values in means.items()}
        self._spread = {name: float(np.std(values, ddof=1)) for name, values in found.items()}

    def compare(self, features: Tensor, level: float) -> dict[str, Ratio]:
        """Each measure of generated samples (N, D), of which `size` count, over that of real ones; by name."""
        rows = spread(features, self.size).double()
        plain = _distances(rows, rows).fill_diagonal_(0)
        everyone = torch.arange(len(rows), device=rows.device)
        seen = _likeness(plain.clone().fill_diagonal_(torch.inf), plain, everyone)
        across = _distances(self._pool, rows).amin(dim=1)
        seen["coverage"] = float(np.mean([float((across[b] < radii).double().mean()) for b, radii in self._halves]))
        factor = student(level, SPLITS - 1) * math.sqrt(1 + 1 / SPLITS)
        ratios = {}
        for name in NAMES:
            reach = factor * self._spread[name]
            value = seen[name] / max(self.expected[name], TINY)
            ratios[name] = Ratio(value, value * math.exp(-reach), value * math.exp(reach), reach, len(rows))
        return ratios


TINY = 1e-12


def size_for(generated: int, real: int) -> int:
    """Samples on each side of a comparison."""
    return min(MOST, generated, real // 2)


def _likeness(distances: Tensor, plain: Tensor, part: Tensor) -> dict[str, float]:
    """Mean distance of all pairs of a part of the samples, and to the nearest other one.

    `distances` (n, n) are those of the part with an infinite diagonal, `plain` those of all samples with zeros there.
    """
    n = len(part)
    chosen = torch.zeros(len(plain), dtype=plain.dtype, device=plain.device)
    chosen[part] = 1
    pairs = float((plain @ chosen).double() @ chosen.double()) / (n * (n - 1))
    return {"pairwise": pairs, "nearest": float(distances.amin(dim=1).double().mean())}


def _distances(x: Tensor, y: Tensor) -> Tensor:
    """Distances (N, M) float32, worked out in float64; for few dimensions from differences, which are exact."""
    mode = "donot_use_mm_for_euclid_dist" if x.shape[1] <= 16 else "use_mm_for_euclid_dist"
    centre = x.mean(dim=0)
    return torch.cdist(x - centre, y - centre, compute_mode=mode).float()

"""Parts of the real samples, found by joining the nearest: which of them generated samples leave out.

Half of the real samples are joined into a tree (Ward 1963); each of its branches that holds enough of the data is a
part. The other half and the generated samples go where the nearest sample of the first half is, so that both are new
to the tree and a perfect generator's counts follow the same law. Several trees, of halves drawn anew, are asked.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
import torch

from gandiag.gate.cells import lost_of_counts, main_axes

if TYPE_CHECKING:
    from numpy.typing import NDArray
    from torch import Tensor

    Counts = NDArray[np.int64]

TREES = 4
AGREEING = 3  # trees that must see the same, so that no single way of dividing the data counts
FITTED = 2000  # real samples that a tree is made of, at most
LEAST, MOST = 0.025, 0.6  # share of the data in a part
WIDE = 0.1  # of the mean distance of real samples: what is closer together is one, and no part of it is missed
APART = 0.5  # on the scale of `Tree.apart`
BLOCK = 250  # samples whose distances are held at once
DRAWN = 400  # of the normal law that a part is compared with


@dataclass(frozen=True)
class Missed:
    """What is left out: share of the data in all such parts, and in the largest one that stands apart."""

    share: float
    apart: float
    parts: int
    told: float  # the smallest share from which on every part could be told; 1 where none can


class Tree:
    """One tree of real samples (M, D), and the counts of those that it was not made of."""

    def __init__(self, features: Tensor, seed: int) -> None:
        rng = torch.Generator().manual_seed(seed)
        order = torch.randperm(len(features), generator=rng).to(features.device)
        fitted = features[order[: min(FITTED, len(features) // 2)]]
        self._centre, self._axes = main_axes(fitted.double(), seed)
        self._rows = self._turned(fitted)
        self._distances = torch.cdist(self._rows, self._rows).cpu()
        self.members = _branches(self._rows.cpu().numpy())  # (K, H)
        inside = torch.from_numpy(self.members).double()
        sizes, h = inside.sum(dim=1), len(fitted)
        across = ((inside @ self._distances) * inside).sum(dim=1) / (sizes * (sizes - 1))
        usual = self._distances.sum() / (h * (h - 1))
        self.wide: NDArray[np.bool_] = (across >= WIDE * usual).numpy()
        self.counts, self.n = self.count(features[order[len(fitted) :]]), len(features) - len(fitted)
        self._apart: dict[int, float] = {}

    def count(self, features: Tensor) -> Counts:
        """Samples (N, D) by part, (K,); parts lie within each other."""
        half = self._rows.square().sum(dim=1) / 2
        blocks = map(self._turned, features.split(BLOCK))
        index = torch.cat([torch.addmm(half, block, self._rows.T, alpha=-1).argmin(dim=1) for block in blocks])
        found: Counts = self.members @ np.bincount(index.cpu().numpy(), minlength=len(self._rows))
        return found

    def apart(self, part: int) -> float:
        """How much a part stands apart from the other data: 1 where nothing of them is near, 0 or less for a piece.

        The nearest samples of each of its own, half as many as it has, are looked at: which share of them are its own,
        beside that share in half of a normal law that is as wide in each direction.
        """
        if part not in self._apart:
            inside = torch.from_numpy(self.members[part])
            own = _own(self._distances, inside)
            piece = _own_of_half(self._rows.cpu()[inside])
            self._apart[part] = (own - piece) / (1 - piece) if piece < 1 else 0.0
        return self._apart[part]

    def _turned(self, features: Tensor) -> Tensor:
        return (features.double() - self._centre) @ self._axes


class RealParts:
    """Trees of real samples (M, D)."""

    def __init__(self, features: Tensor, seed: int = 0) -> None:
        self._trees = [Tree(features, TREES * seed + number) for number in range(TREES)]
        self._tests = max(1, sum(len(tree.members) for tree in self._trees))

    def missed(self, features: Tensor, level: float) -> Missed:
        """What generated samples (N, D) leave out, at a level over all parts of all trees.

        A part is left out that has less than a tenth of its share in these samples and, beyond doubt, less than half.
        """
        shares, apart, told, parts = [], [], [], []
        for tree in self._trees:
            found = lost_of_counts(tree.count(features), tree.counts, level / self._tests, len(features), tree.n)
            lost = np.flatnonzero(found.lost).tolist()
            of_data = tree.counts / tree.n
            wide = tree.members[[part for part in lost if tree.wide[part]]]
            shares.append(float(wide.any(axis=0).mean()) if len(wide) else 0.0)
            standing = [part for part in lost if tree.apart(part) >= APART]
            apart.append(max((float(of_data[part]) for part in standing), default=0.0))
            told.append(float(of_data[~found.told].max(initial=0.0)))
            parts.append(len(lost))
        return Missed(
            share=float(np.mean(shares)), apart=sorted(apart)[-AGREEING], parts=max(parts), told=float(max(told))
        )

    def samples_to_tell(self, level: float, share: float) -> int | None:
        """Generated samples with which every part of this share is told; None where no number would do."""
        for n in np.geomspace(100, 1e6, 60).round():
            untold = (
                tree.counts[~lost_of_counts(np.zeros_like(tree.counts), tree.counts, level / self._tests, int(n),
                                            tree.n).told].max(initial=0) / tree.n
                for tree in self._trees
            )  # fmt: skip
            if max(untold) < share:
                return int(n)
        return None


def _branches(rows: NDArray[np.float64]) -> NDArray[np.bool_]:
    """Members (K, H) of the branches of a tree of samples (H, d) that hold enough of them, and not most of them."""
    from scipy.cluster.hierarchy import linkage

    h = len(rows)
    members = [np.array([index]) for index in range(h)]
    found = []
    for one, other, *_ in linkage(rows, "ward"):
        members.append(np.concatenate([members[int(one)], members[int(other)]]))
        if LEAST * h <= len(members[-1]) <= MOST * h:
            inside = np.zeros(h, dtype=bool)
            inside[members[-1]] = True
            found.append(inside)
    return np.array(found).reshape(-1, h)


def _own(distances: Tensor, inside: Tensor) -> float:
    """Share of a part's own samples among the nearest of each of them, from all distances (H, H)."""
    rows = distances[inside].clone()
    rows[torch.arange(len(rows)), inside.nonzero()[:, 0]] = torch.inf
    nearest_ones = rows.topk(max(1, len(rows) // 2), dim=1, largest=False).indices
    return float(inside[nearest_ones].double().mean())


def _own_of_half(rows: Tensor) -> float:
    """As `_own`, of half of a normal law with the covariance of rows (n, d), cut across its longest direction."""
    widths = torch.linalg.svdvals(rows - rows.mean(dim=0)) / max(len(rows), 2) ** 0.5
    drawn = torch.randn(DRAWN, len(widths), generator=torch.Generator().manual_seed(0), dtype=rows.dtype) * widths
    return _own(torch.cdist(drawn, drawn), drawn[:, 0] > drawn[:, 0].median())

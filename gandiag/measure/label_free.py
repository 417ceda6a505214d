"""Coverage without labels while a GAN trains: a histogram of the generated samples over cells of the real ones.

The cells are k-means clusters of the first real samples, as in NDB (Richardson & Weiss 2018). Samples are the points
that diversity is measured on: values themselves, or a random projection of them.
"""

from __future__ import annotations

from collections import deque
from typing import TYPE_CHECKING

import numpy as np

from gandiag.signal_names import parse

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

BINS = 25
"""Cells: as many as the largest mixture of the literature has modes."""
FIT = 1000
"""Real samples that the cells are fitted to, 40 for each."""
EVERY = 50
"""Steps between two histograms, as for labelled modes."""
ENOUGH = 375
"""Generated samples in a histogram, at least: a cell of average size then has 15."""
LONGEST = 100
"""Steps that one histogram pools at most; where they hold too few samples there is none.

Over more steps a generator that hops from mode to mode would look as if it covered all of them.
"""
LOST = 0.1
"""A cell with less than this part of the samples that it should have is lost, as for labelled modes."""
TELLING = 10
"""Samples that a cell should have for that to mean anything: by chance a tenth of ten comes in 1 of 2,000 cases."""
NEAR = 1.5
"""Times as far from a cell's centre as the farthest real sample that it was fitted to: a generated one came near it."""
RECENT = 8
"""Histograms behind `bins/recent_effective`, as behind that of labelled modes."""
STARTS = 5
"""Starting points of k-means, of which the best result counts."""
FAKE_POINTS = parse("points/fake")
"""The raw key of the generated points, where there is one D."""


class BinTracker:
    """Counts generated and real points by cell, and says every 50 steps how the two histograms compare.

    >>> rng = np.random.default_rng(0)
    >>> tracker = BinTracker()
    >>> for step in range(1, 201):
    ...     points = rng.normal(size=(32, 2))
    ...     found = tracker.update(step, points, points[::-1] * [1, 0.01]) or found if step > 50 else {}
    >>> sorted(found), found["bins/effective"] < 0.6
    (['bins/effective', 'bins/lost', 'bins/recent_effective', 'bins/turnover', 'bins/unreached'], True)
    """

    def __init__(self) -> None:
        self._reset(0)

    def _reset(self, size: int) -> None:
        self._size = size  # dimensions of a point
        self._waiting: list[np.ndarray] = []  # real points before the cells are fitted
        self._centres: np.ndarray | None = None
        self._real = self._now = np.zeros(0)
        self._recent: deque[np.ndarray] = deque(maxlen=RECENT)  # shares (K,) of the last histograms
        self._reach = self._nearest = np.zeros(0)  # squares of how near counts, and of how near a generated one came
        self._since = 0  # the step before the first of the histogram

    def update(self, step: int, real: np.ndarray | None, fake: np.ndarray) -> dict[str, float]:
        """Count the points (B, p) and (C, p) of a step; the signals of a histogram that ends here, else nothing.

        Without real ones generated ones are counted alone. Points of another dimension than before (G has grown)
        start everything anew.
        """
        if real is not None and real.shape[1] != self._size:
            self._reset(real.shape[1])
        if self._centres is None:
            self._since = step
            if real is not None:
                self._collect(real)
            return {}
        if fake.shape[1] != self._size:
            return {}
        if step - self._since > LONGEST:
            self._begin(step - 1)
        if real is not None:
            self._real += self._counted(self._squares(real))
        squares = self._squares(fake)
        self._now += self._counted(squares)
        self._nearest = np.minimum(self._nearest, squares.min(axis=0, initial=np.inf))
        if step // EVERY == self._since // EVERY or self._now.sum() < ENOUGH:
            return {}
        found = self._evaluate()
        self._begin(step)
        return found

    def _begin(self, since: int) -> None:
        """A new histogram, whose first step follows `since`."""
        self._since = since
        self._now, self._nearest = np.zeros_like(self._now), np.full_like(self._now, np.inf)

    def _collect(self, real: np.ndarray) -> None:
        self._waiting.append(real[np.isfinite(real).all(axis=1)].astype(np.float64))
        if sum(map(len, self._waiting)) < FIT:
            return
        from scipy.cluster.vq import kmeans

        points = np.concatenate(self._waiting)
        different = np.unique(points, axis=0)
        self._waiting = []
        self._centres = different if len(different) <= BINS else kmeans(points, BINS, iter=STARTS, seed=0)[0]
        self._real, self._now = (np.zeros(len(self._centres)) for _ in range(2))
        self._nearest = np.full(len(self._centres), np.inf)
        self._reach = self._reaches(points)

    def _reaches(self, points: np.ndarray) -> np.ndarray:
        """Squares (K,) of the distance at which a sample is near a cell of the points (n, p).

        At least half of the way to the next cell, as the cells of few distinct points have no extent.
        """
        assert self._centres is not None  # noqa: S101 - for the type checker
        squares = self._squares(points)
        own = np.zeros(len(self._centres))
        np.maximum.at(own, squares.argmin(axis=1), squares.min(axis=1))
        between = self._squares(self._centres)
        np.fill_diagonal(between, np.inf)
        reach: np.ndarray = np.maximum(NEAR**2 * own, between.min(axis=1) / 4)
        return reach

    def _squares(self, points: np.ndarray) -> np.ndarray:
        """Squared distances (n, K) of the finite ones among the points from each centre."""
        assert self._centres is not None  # noqa: S101 - for the type checker
        finite = points[np.isfinite(points).all(axis=1)].astype(np.float64)
        squares = (self._centres**2).sum(axis=1) - 2 * finite @ self._centres.T + (finite**2).sum(axis=1)[:, None]
        return np.maximum(squares, 0.0)

    def _counted(self, squares: np.ndarray) -> np.ndarray:
        """Points by nearest centre, (K,)."""
        counts: np.ndarray = np.bincount(squares.argmin(axis=1), minlength=squares.shape[1]).astype(np.float64)
        return counts

    def _evaluate(self) -> dict[str, float]:
        from gandiag.modes import mode_statistics

        prior = (self._real + 1) / (self._real + 1).sum()  # a cell that no later real sample fell into keeps a little
        shares, expected = self._now / self._now.sum(), self._now.sum() * prior
        lost = (expected >= TELLING) & (self._now < LOST * expected)
        before = self._recent[-1] if self._recent else None
        self._recent.append(shares)
        together = np.mean(list(self._recent), axis=0)
        signals = {
            "bins/effective": float(mode_statistics.effective(shares) / mode_statistics.effective(prior)),
            "bins/recent_effective": float(mode_statistics.effective(together) / mode_statistics.effective(prior)),
            "bins/lost": float(prior[lost].sum()),
            "bins/unreached": float(prior[lost & (self._nearest > self._reach)].sum()),
        }
        if before is not None:
            signals["bins/turnover"] = float(mode_statistics.total_variation(shares, before))
        return signals


def track(
    tracker: BinTracker, steps: np.ndarray, arrays: Sequence[tuple[list[int], Mapping[str, np.ndarray]]]
) -> dict[str, np.ndarray]:
    """Signals (k,) of a block of k steps from its raw records, NaN where no histogram ends."""
    found: dict[int, tuple[np.ndarray | None, np.ndarray]] = {}
    for rows, raw in arrays:
        first = next((name for name in map(parse, raw) if name.base == FAKE_POINTS), None)
        if first is not None:
            real = raw.get(str(first.sibling("real")), [None] * len(rows))
            found |= dict(zip(rows, zip(real, raw[str(first)], strict=True), strict=True))
    columns: dict[str, np.ndarray] = {}
    for row in sorted(found):
        for name, value in tracker.update(int(steps[row]), *found[row]).items():
            columns.setdefault(name, np.full(len(steps), np.nan))[row] = value
    return columns

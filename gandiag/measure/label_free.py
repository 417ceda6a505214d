"""Coverage without labels while a GAN trains: a histogram of the generated samples over cells of the real ones.

The cells are k-means clusters of the first real samples, as in NDB (Richardson & Weiss 2018). Samples are the points
that diversity is measured on: values themselves, or a random projection of them. Beside the cells, the values of
columns that hold categories are counted, see `gandiag.measure.categories`.
"""

from __future__ import annotations

from collections import deque
from typing import TYPE_CHECKING

import numpy as np

from gandiag.measure.categories import Categories, categories
from gandiag.measure.combining import combined
from gandiag.signals.names import parse

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
BAND, BETWEEN = (0.35, 0.65), 0.02
"""Two cells hang together where so many of their real samples lie about half-way between their centres."""
RECENT = 8
"""Histograms behind `bins/recent_effective`, as behind that of labelled modes."""
ONE_THREAD = 2**18
"""Multiplications in one product, at most: OpenBLAS shares larger ones among threads, which then wait for more in a
busy loop, on cores that the training uses.
"""
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
    >>> len(found), found["bins/effective"] < 0.6
    (6, True)
    """

    def __init__(self) -> None:
        self._reset(0)

    def _reset(self, size: int) -> None:
        self._size = size  # dimensions of a point
        self._waiting: list[np.ndarray] = []  # real points before the cells are fitted
        self._centres: np.ndarray | None = None
        self._categories = Categories()
        # counts of K cells, then of P values of columns: of real points, of generated ones now, of real ones before now
        self._real = self._now = self._before = np.zeros(0)
        self._recent: deque[np.ndarray] = deque(maxlen=RECENT)  # such counts of the last histograms
        self._recent_real: deque[np.ndarray] = deque(maxlen=RECENT)
        self._groups = np.zeros((0, 0))  # (groups, K): 1 for the cells that hang together
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
        return self._take(step, None if real is None else self._counts([real])[0], self._counts([fake])[0])

    def update_all(
        self, steps: Sequence[int], points: Sequence[tuple[np.ndarray | None, np.ndarray]]
    ) -> list[dict[str, float]]:
        """As `update` for each of many steps, whose points are counted at once where their dimensions stay."""
        found: list[dict[str, float]] = []
        while self._centres is None and len(found) < len(steps):
            found.append(self.update(steps[len(found)], *points[len(found)]))
        left, since = points[len(found) :], steps[len(found) :]
        if any(p.shape[1] != self._size for pair in left for p in pair if p is not None):
            return found + [self.update(step, *pair) for step, pair in zip(since, left, strict=True)]
        if self._centres is None:
            return found
        reals = iter(self._counts([real for real, _ in left if real is not None]))
        fakes = self._counts([fake for _, fake in left])
        for step, (real, _), counted in zip(since, left, fakes, strict=True):
            found.append(self._take(step, None if real is None else next(reals), counted))
        return found

    def _take(self, step: int, real: np.ndarray | None, fake: np.ndarray) -> dict[str, float]:
        """Take in the counts (K + P,) of a step's points."""
        if step - self._since > LONGEST:
            self._now, self._since = np.zeros_like(self._now), step - 1
        if real is not None:
            self._real += real
        self._now += fake
        if step // EVERY == self._since // EVERY or self._in_cells(self._now).sum() < ENOUGH:
            return {}
        self._since = step
        return self._evaluate()

    def _collect(self, real: np.ndarray) -> None:
        self._waiting.append(real[np.isfinite(real).all(axis=1)].astype(np.float64))
        if sum(map(len, self._waiting)) < FIT:
            return
        from scipy.cluster.vq import kmeans

        points = np.concatenate(self._waiting)
        different = np.unique(points, axis=0)
        self._waiting = []
        self._centres = different if len(different) <= BINS else kmeans(points, BINS, iter=STARTS, seed=0)[0]
        self._categories = categories(points)
        size = len(self._centres) + len(self._categories.columns)
        self._real, self._now, self._before = (np.zeros(size) for _ in range(3))
        self._groups = _groups(points, self._nearest(points), self._centres)

    def _nearest(self, points: np.ndarray) -> np.ndarray:
        """The nearest centre (n,) of each point (n, p)."""
        assert self._centres is not None  # noqa: S101 - for the type checker
        squares, twice = (self._centres**2).sum(axis=1), 2 * self._centres.T
        rows = max(1, ONE_THREAD // twice.size)
        slices = (points[i : i + rows] for i in range(0, len(points), rows))
        return np.concatenate([np.zeros(0, int), *((squares - part @ twice).argmin(axis=1) for part in slices)])

    def _counts(self, batches: Sequence[np.ndarray]) -> np.ndarray:
        """Finite points of each of n batches by nearest centre and by the values of columns, (n, K + P)."""
        if not batches:
            return np.zeros((0, len(self._real)))
        assert self._centres is not None  # noqa: S101 - for the type checker
        points, whose = np.concatenate(batches), np.repeat(np.arange(len(batches)), [len(b) for b in batches])
        finite = np.isfinite(points).all(axis=1)
        points, whose, k = points[finite].astype(np.float64), whose[finite], len(self._centres)
        counts = np.bincount(whose * k + self._nearest(points), minlength=len(batches) * k)
        return np.hstack([counts.reshape(len(batches), k), self._categories.counts(points, whose, len(batches))])

    def _in_cells(self, counts: np.ndarray) -> np.ndarray:
        """The counts of the cells (K,) among all."""
        return counts[: self._groups.shape[1]]

    def _evaluate(self) -> dict[str, float]:
        from gandiag.modes import mode_statistics

        now, real = self._in_cells(self._now), self._in_cells(self._real)
        prior = (real + 1) / (real + 1).sum()  # a cell that no later real sample fell into keeps a little
        shares, expected = now / now.sum(), now.sum() * prior
        lost = (expected >= TELLING) & (now < LOST * expected)
        before = self._in_cells(self._recent[-1]) if self._recent else None
        self._recent.append(self._now)
        of_late = np.sum(list(self._recent), axis=0)
        together, due = self._in_cells(of_late), self._groups @ prior
        left_out = _left_out(self._groups @ together, together.sum() * due)
        signals = {
            "bins/effective": float(mode_statistics.effective(shares) / mode_statistics.effective(prior)),
            "bins/recent_effective": float(
                mode_statistics.effective(together / together.sum()) / mode_statistics.effective(prior)
            ),
            "bins/lost": float(prior[lost].sum()),
            "bins/unreached": float(due[left_out].sum()),
            "bins/unreached_groups": float(left_out.mean()),
        }
        if before is not None:
            signals["bins/turnover"] = float(mode_statistics.total_variation(shares, before / before.sum()))
        self._recent_real.append(self._real - self._before)
        self._now, self._before = np.zeros_like(self._now), self._real.copy()
        return signals | self._of_columns(of_late)

    def _of_columns(self, of_late: np.ndarray) -> dict[str, float]:
        """Which value of a column is left out of the last histograms: the one that most real samples of late have."""
        cells, real = self._groups.shape[1], np.sum(list(self._recent_real), axis=0)
        if len(of_late) == cells or self._in_cells(real).sum() < ENOUGH:
            return {}
        due = real[cells:] / self._in_cells(real).sum()
        missing = np.where(_left_out(of_late[cells:], self._in_cells(of_late).sum() * due), due, 0.0)
        found, most = {"columns/unreached": float(missing.max())}, missing.argmax()
        if missing.any():
            found["columns/unreached_column"] = float(self._categories.columns[most])
            found["columns/unreached_value"] = float(self._categories.values[most])
        return found


def _left_out(counts: np.ndarray, expected: np.ndarray) -> np.ndarray:
    """Whether parts of the data have hardly any of the samples that they should have."""
    left_out: np.ndarray = (counts < LOST * expected) & (expected >= TELLING)
    return left_out


def _groups(points: np.ndarray, cells: np.ndarray, centres: np.ndarray) -> np.ndarray:
    """Which cells (groups, K) hang together, from the real points (n, p) in them: a gap lies around each group.

    A mode of the data may be cut into several cells, of which a generator that is too smooth leaves out some; a group
    it leaves out only where it does not draw the mode.
    """
    from scipy.sparse.csgraph import connected_components

    linked = np.eye(len(centres), dtype=bool)
    for i, j in zip(*np.triu_indices(len(centres), k=1), strict=True):
        way = centres[j] - centres[i]
        along = (points[(cells == i) | (cells == j)] - centres[i]) @ way / max(float(way @ way), 1e-300)
        linked[i, j] = ((along > BAND[0]) & (along < BAND[1])).sum() > BETWEEN * len(along)
    count, labels = connected_components(linked, directed=False)
    groups: np.ndarray = (labels == np.arange(count)[:, None]).astype(np.float64)
    return groups


class BinTrackers:
    """A `BinTracker` for each discriminator: what each is shown has cells of its own."""

    def __init__(self) -> None:
        self._trackers: dict[str, BinTracker] = {}

    def track(
        self, steps: np.ndarray, arrays: Sequence[tuple[list[int], Mapping[str, np.ndarray]]]
    ) -> dict[str, np.ndarray]:
        """Signals (k,) of a block of k steps from its raw records, NaN where no histogram ends.

        Where discriminators have names, so have their signals, and there is one of all as well.
        """
        found: dict[str, dict[int, tuple[np.ndarray | None, np.ndarray]]] = {}
        for rows, raw in arrays:
            for name in (n for n in map(parse, raw) if n.base == FAKE_POINTS):
                real = raw.get(str(name.sibling("real")), [None] * len(rows))
                found.setdefault(name.network, {}).update(
                    dict(zip(rows, zip(real, raw[str(name)], strict=True), strict=True))
                )
        columns: dict[str, np.ndarray] = {}
        for network, of in found.items():
            tracker = self._trackers.setdefault(network, BinTracker())
            rows = sorted(of)
            found_in = tracker.update_all(steps[rows].tolist(), [of[row] for row in rows])
            for row, signals in zip(rows, found_in, strict=True):
                for signal, value in signals.items():
                    column = str(parse(signal).of(network))
                    columns.setdefault(column, np.full(len(steps), np.nan))[row] = value
        return columns | combined(columns)

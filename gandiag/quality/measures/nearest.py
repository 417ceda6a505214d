"""Exact searches in the distances between two sets of features: k-th neighbours, nearest points, who lies in a ball.

What is found equals comparing each pair by differences in float64, for any features: far from the origin, in tight
clusters, of any scale, with duplicates; whatever the block size or the device. Memory grows with the rows, not
with the pairs. Libraries offer the one or the other: `torch.cdist` and scikit-learn by matrix products, whose rounding
error exceeds the distances within a tight cluster far from the origin (all digits are lost); `torch.cdist` by
differences, which takes 40 times as long as a product. Here products bound all distances, and differences settle the
few that the bounds leave open.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import torch
from torch import Tensor

from gandiag.quality.measures.distances import ARITHMETICS, Block, Distinct, Grid, Pairs, positions
from gandiag.quality.measures.features import checked_pair

if TYPE_CHECKING:
    from collections.abc import Sequence

PENDING = 2**21  # candidates kept before the hopeless ones are dropped: 64 MiB


def kth_neighbours(points: Tensor, ks: Sequence[int], block: int | None = None) -> Tensor:
    """Squared distances (len(ks), N) float64 of points (N, D) to their k-th nearest other points.

    Another point with the same features is a neighbour at distance 0. Each k is below N.
    """
    distinct = Distinct.of(points)
    search = _Search(Grid(distinct.rows, size=block), max(ks) + 1, distinct.weights)
    return torch.stack([search.at_rank(k + 1) for k in ks])[:, distinct.inverse]  # rank 1 is the point itself


def nearest(queries: Tensor, points: Tensor, block: int | None = None) -> tuple[Tensor, Tensor]:
    """Squared distance (Q,) float64 of each query to the nearest of the points, and the first such point (Q,)."""
    among = Distinct.of(points)
    return _Search(Grid(queries, among.rows, block), 1, among.weights).nearest(among.first)


@dataclass(frozen=True, eq=False)
class Balls:
    """A ball around each row of a set: squared radii (N,) float64, equal for equal rows; closed ones have a surface."""

    squared_radii: Tensor
    closed: bool = False

    def hold(self, centre: Tensor, squared: Tensor) -> Tensor:
        """Whether points at squared distances (P,) from the given centres (P,) are inside."""
        radii = self.squared_radii[centre]
        return squared <= radii if self.closed else squared < radii


def memberships(
    x: Tensor, y: Tensor, around_x: Sequence[Balls], around_y: Sequence[Balls] = (), block: int | None = None
) -> list[tuple[Tensor, Tensor]]:
    """Which rows of y (M, D) lie in balls around rows of x (N, D), and the other way round, counted by row.

    Parameters
    ----------
    x, y
        Features of the same number of dimensions, on the same device; else ValueError.
    around_x, around_y
        Any number of families of balls around the rows of x and around those of y, at least one in all.
    block
        Rows of a block of distances; changes memory, never a result.

    Returns
    -------
    list of (Tensor, Tensor)
        Two int64 counts for each family, those of `around_x` first: a pair of a centre and a point in its ball counts
        once for its row of x, in the first (N,), and once for its row of y, in the second (M,).
    """
    checked_pair(y, x)
    rows, cols = Distinct.of(x), Distinct.of(y)
    grid = Grid(rows.rows, cols.rows, block)
    of_x, of_y = ([_on_distinct(b, d, grid.scale) for b in balls] for balls, d in ((around_x, rows), (around_y, cols)))
    counts = [(torch.zeros_like(rows.weights), torch.zeros_like(cols.weights)) for _ in (*of_x, *of_y)]
    for part in (part for at in grid.blocks() for part in grid.block(*at, ARITHMETICS[0]).slabs()):
        pairs = _decided(grid, part, of_x, of_y)
        inside = [b.hold(pairs.row, pairs.low) for b in of_x] + [b.hold(pairs.col, pairs.low) for b in of_y]
        for mask, (by_row, by_col) in zip(inside, counts, strict=True):
            by_row.index_add_(0, pairs.row, cols.weights[pairs.col] * mask)
            by_col.index_add_(0, pairs.col, rows.weights[pairs.row] * mask)
    return [(by_row[rows.inverse], by_col[cols.inverse]) for by_row, by_col in counts]


def _on_distinct(balls: Balls, points: Distinct, scale: Tensor) -> Balls:
    """The balls around distinct rows, in the units of a grid."""
    return Balls(balls.squared_radii[points.first] * scale, balls.closed)


def _widest(balls: list[Balls], part: slice) -> Tensor | None:
    return torch.stack([b.squared_radii[part] for b in balls]).amax(dim=0) if balls else None


def _decided(grid: Grid, block: Block, of_x: list[Balls], of_y: list[Balls]) -> Pairs:
    """All pairs of a block that may lie in a ball; `low` compares with every radius as the exact distance does."""
    at = block.rows, block.cols
    row_limits, col_limits = (_widest(balls, part) for balls, part in zip((of_x, of_y), at, strict=True))
    for dtype in ARITHMETICS:
        block = block if dtype is block.low.dtype else grid.block(*at, dtype)
        pairs = block.within(row_limits, col_limits)
        ends = [b.squared_radii[pairs.row] for b in of_x] + [b.squared_radii[pairs.col] for b in of_y]
        unclear = torch.stack([(pairs.low <= end) & (end <= pairs.high) for end in ends]).any(dim=0)
        unclear = positions(unclear)
        if not block.crowded(unclear):
            break
    return grid.settled(pairs, unclear)


class _Search:
    """Finds the nearest columns of each row of a grid, the first `rank` of them, counted by their weights.

    It keeps pairs that may be among them, and an upper bound on each row's distance at that rank, above which
    no pair is kept.
    """

    def __init__(self, grid: Grid, rank: int, weights: Tensor) -> None:
        self._grid, self._rank, self._weights = grid, rank, weights
        self._limit = torch.full((len(grid.x),), torch.inf, dtype=torch.float64, device=grid.x.device)
        self._parts: list[Pairs] = []
        self._pending = 0
        for rows, cols in grid.blocks():
            self._visit(rows, cols)
        self._found = self._thinned()

    def at_rank(self, rank: int) -> Tensor:
        """Exact squared distance (N,) float64 of each row at a rank, from 1."""
        found, grid = self._found, self._grid
        least, most = self._ranked(found, found.low, rank), self._ranked(found, found.high, rank)
        open_ = (found.high >= least[found.row]) & (found.low <= most[found.row])
        found = grid.settled(found, positions(open_))
        return self._ranked(found, found.low, rank) / grid.scale

    def nearest(self, names: Tensor) -> tuple[Tensor, Tensor]:
        """Exact squared distance (N,) float64 to the nearest column, and the smallest name of those as near (N,)."""
        found, values = self._found, self._grid.exact(self._found)
        least = torch.full_like(self._limit, torch.inf).scatter_reduce_(0, found.row, values, "amin")
        last = torch.iinfo(names.dtype).max
        tied = torch.where(values == least[found.row], names[found.col], last)
        first = names.new_full(least.shape, last).scatter_reduce_(0, found.row, tied, "amin")
        return least / self._grid.scale, first

    def _visit(self, rows: slice, cols: slice) -> None:
        """Add the candidates of one block; within one set, one off the diagonal stands for its mirror image, too."""
        mirrored = self._grid.x is self._grid.y and rows != cols
        for dtype in ARITHMETICS:
            block = self._grid.block(rows, cols, dtype)
            if not mirrored:
                self._limit[rows] = self._limit[rows].minimum(block.rank(self._rank))
            found = block.within(self._limit[rows], self._limit[cols] if mirrored else None)
            if not block.crowded(found.row):
                break
        else:
            found = self._grid.settled(found, torch.arange(len(found.row), device=found.row.device))
        for pairs in (found, found.turned()) if mirrored else (found,):
            kept = pairs.take(pairs.low <= self._limit[pairs.row]) if mirrored else pairs
            self._parts.append(kept)
            self._pending += len(kept.row)
        if self._pending > PENDING:
            self._parts, self._pending = [self._thinned()], 0

    def _thinned(self) -> Pairs:
        """The candidates, without those above what the others prove."""
        found = Pairs.joined(self._parts)
        if len(self._parts) == 1:
            return found
        self._limit = self._limit.minimum(self._ranked(found, found.high, self._rank))
        return found.take(found.low <= self._limit[found.row])

    def _ranked(self, found: Pairs, values: Tensor, rank: int) -> Tensor:
        """The value at a rank of each row (N,), each pair counted by the weight of its column; infinite without."""
        order = values.argsort()
        order = order[found.row[order].argsort(stable=True)]
        row, weight = found.row[order], self._weights[found.col[order]]
        of_row = torch.zeros(len(self._limit), dtype=weight.dtype, device=weight.device).index_add_(0, row, weight)
        last = weight.cumsum(0) - (of_row.cumsum(0) - of_row)[row]  # the rank that a pair reaches in its row
        reached = torch.where((last >= rank) & (last - weight < rank), values[order], torch.inf)
        return torch.full_like(self._limit, torch.inf).scatter_reduce_(0, row, reached, "amin")

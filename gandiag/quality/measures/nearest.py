"""Exact searches in the distances between two sets of features: neighbours, nearest points, pairs within limits."""

from __future__ import annotations

from typing import TYPE_CHECKING

import torch

from gandiag.quality.measures.distances import UNDERFLOW, Distinct, Grid, Pairs, checked_pair, joined

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from torch import Tensor

CROWDED = 16  # with more than 1/16 of a block undecided, the next finer arithmetic decides the block
FEW_ROWS = 128  # of a crowded block at a time
PENDING = 2**21  # candidates kept before the hopeless ones are dropped: 64 MiB


def kth_neighbours(points: Distinct, ks: Sequence[int], block: int | None = None) -> Tensor:
    """Squared distances (len(ks), U) float64 of distinct points to their k-th neighbours, themselves left out.

    Another point with the same features is a neighbour at distance 0. Each k is below the number of points.
    """
    grid = Grid(points.rows, block=block)
    n = len(points.rows)
    pool = _Pool(grid, max(ks), points.weights)
    panels = grid.panels(0, n)
    fine = [grid.panels(panel.start, panel.stop, grid.block // 4 or 1) for panel in panels]
    for rows in (rows for parts in fine for rows in parts):  # half of a block on the diagonal is wasted: small ones
        pool.search(rows, rows)
    for panel, parts in zip(panels, fine, strict=True):
        for rows in parts[:-1]:
            pool.search(rows, slice(rows.stop, panel.stop))
        for cols in grid.panels(panel.stop, n):
            pool.search(panel, cols)
    pool.drop_hopeless()
    return torch.stack([pool.kth(k) for k in ks]) / grid.scale


def nearest(queries: Tensor, points: Tensor, block: int | None = None) -> tuple[Tensor, Tensor]:
    """Squared distance (Q,) float64 of each query to the nearest of the points, and the first such point (Q,)."""
    among = Distinct.of(points)
    grid = Grid(queries, among.rows, block)
    pool = _Pool(grid, 1, among.weights)
    for rows in grid.panels(0, len(queries)):
        for cols in grid.panels(0, len(among.rows)):
            pool.search(rows, cols)
    pool.drop_hopeless()
    found = pool.pairs
    values = grid.exact(found)
    least = torch.full((len(queries),), torch.inf, dtype=torch.float64, device=queries.device)
    least.scatter_reduce_(0, found.row, values, "amin")
    everyone = torch.arange(len(points), device=points.device)
    first = torch.full_like(among.weights, len(points)).scatter_reduce_(0, among.inverse, everyone, "amin")
    index = torch.full((len(queries),), len(points), device=queries.device)
    tied = values == least[found.row]
    index.scatter_reduce_(0, found.row[tied], first[found.col[tied]], "amin")
    return least / grid.scale, index


def crossing(x: Tensor, y: Tensor, row_limits: Tensor, col_limits: Tensor, block: int | None = None) -> Iterator[Pairs]:
    """All pairs within some limit on the squared distance of their row (A, N) or column (B, M); B may be 0.

    The value `low` of each compares with each of these limits as the exact squared distance does.
    """
    grid = Grid(x, y, block)
    limits = row_limits * grid.scale, col_limits * grid.scale
    for rows in grid.panels(0, len(x)):
        for cols in grid.panels(0, len(y)):
            for found in _within(grid, rows, cols, limits, grid.dtype):
                yield Pairs(found.row, found.col, found.low / grid.scale, found.high / grid.scale)


def _within(grid: Grid, rows: slice, cols: slice, limits: tuple[Tensor, Tensor], dtype: torch.dtype) -> Iterator[Pairs]:
    """Pairs of one block within a limit, settled where a limit lies between their bounds."""
    low, of_row, of_col = grid.low(rows, cols, dtype)
    mask = low <= _above(limits[0][:, rows].amax(dim=0), dtype)[:, None]
    if len(limits[1]):
        mask |= low <= _above(limits[1][:, cols].amax(dim=0), dtype)
    if _crowded(mask) and len(low) > FEW_ROWS:  # so that few pairs are in memory at a time
        for start in range(rows.start, rows.stop, FEW_ROWS):
            yield from _within(grid, slice(start, min(start + FEW_ROWS, rows.stop)), cols, limits, dtype)
        return
    found = _pairs(mask, low, of_row, of_col, (rows.start, cols.start))
    ends = [*limits[0][:, found.row], *limits[1][:, found.col]]
    undecided = torch.stack([(found.low <= end) & (end <= found.high) for end in ends]).any(dim=0)
    if dtype is not torch.float64 and int(undecided.count_nonzero()) * CROWDED > mask.numel():
        yield from _within(grid, rows, cols, limits, torch.float64)
    else:
        yield grid.settled(found, undecided)


class Tally:
    """What the close pairs show of each distinct generated and real sample."""

    def __init__(self, generated: Distinct, reference: Distinct) -> None:
        checked_pair(generated.rows, reference.rows)
        self._generated, self._reference = generated, reference
        self._near_real = torch.zeros_like(generated.weights, dtype=torch.bool)
        self._near_generated = torch.zeros_like(reference.weights, dtype=torch.bool)
        self._covered = torch.zeros_like(reference.weights, dtype=torch.bool)
        self._in_balls = 0

    def count(
        self, real: Tensor | None, near: Tensor | None, balls: Tensor | None, *, closed: bool, block: int | None
    ) -> None:
        """Count by squared radii: of both manifolds (or None), and of the balls of density (or None)."""
        row_limits = torch.stack([limit for limit in (real, balls) if limit is not None])
        col_limits = row_limits.new_empty(0, len(self._generated.rows)) if near is None else near[None]
        inside = torch.less_equal if closed else torch.less
        for pairs in crossing(self._reference.rows, self._generated.rows, row_limits, col_limits, block):
            row, col, squared = pairs.row, pairs.col, pairs.low
            if real is not None and near is not None:
                self._near_real[col[inside(squared, real[row])]] = True
                self._near_generated[row[inside(squared, near[col])]] = True
            if balls is not None:
                hit = squared < balls[row]
                self._covered[row[hit]] = True
                weight = self._reference.weights[row[hit]] * self._generated.weights[col[hit]]
                self._in_balls += int(weight.sum())

    @property
    def precision(self) -> float:
        return _share(self._near_real, self._generated.weights)

    @property
    def recall(self) -> float:
        return _share(self._near_generated, self._reference.weights)

    @property
    def coverage(self) -> float:
        return _share(self._covered, self._reference.weights)

    def density(self, k: int) -> float:
        return self._in_balls / (k * int(self._generated.weights.sum()))


def _share(which: Tensor, weights: Tensor) -> float:
    return int(weights[which].sum()) / int(weights.sum())


class _Pool:
    """Pairs that may be among the k nearest of their row, and what each row's k-th distance is at most."""

    def __init__(self, grid: Grid, k: int, weights: Tensor) -> None:
        self._grid, self._k, self._weights = grid, k, weights
        self._within = grid.x is grid.y
        self.limit = torch.full((len(grid.x),), torch.inf, dtype=torch.float64, device=grid.x.device)
        self._parts: list[Pairs] = []
        self._pending = 0

    @property
    def pairs(self) -> Pairs:
        return joined(self._parts)

    def search(self, rows: slice, cols: slice) -> None:
        """Add the candidates of one block; a block beside the diagonal of a set with itself counts both ways."""
        both = self._within and rows != cols
        for dtype in dict.fromkeys((self._grid.dtype, torch.float64)):
            low, of_row, of_col = self._grid.low(rows, cols, dtype)
            if self._within and not both:
                low.fill_diagonal_(torch.inf)  # nobody is a neighbour of itself
            if not both and low.shape[1] > self._k:
                least = low.topk(self._k, dim=1, largest=False, sorted=False).values.amax(dim=1).double()
                self.limit[rows] = self.limit[rows].minimum(least + of_row + of_col.max())
            mask = low <= _above(self.limit[rows], dtype)[:, None]
            if both:
                mask |= low <= _above(self.limit[cols], dtype)
            elif self._within:
                mask.fill_diagonal_(False)
            if not _crowded(mask):
                break
        found = _pairs(mask, low, of_row, of_col, (rows.start, cols.start))
        if _crowded(mask):
            found = self._grid.settled(found, torch.ones_like(found.row, dtype=torch.bool))
        self._add(found)
        if both:
            self._add(found.turned())

    def _add(self, found: Pairs) -> None:
        self._parts.append(found.take((found.low <= self.limit[found.row]).nonzero().squeeze(1)))
        self._pending += len(self._parts[-1].row)
        if self._pending > PENDING:
            self.drop_hopeless()

    def drop_hopeless(self) -> None:
        """Lower the limits to what the candidates themselves allow, and drop those beyond."""
        found = self.pairs
        self.limit = self.limit.minimum(self._at_rank(found, found.high, self._k))
        self._parts = [found.take((found.low <= self.limit[found.row]).nonzero().squeeze(1))]
        self._pending = 0

    def kth(self, k: int) -> Tensor:
        """Exact k-th smallest squared distance of each row (N,) float64."""
        found = self.pairs
        at_least, at_most = self._at_rank(found, found.low, k), self._at_rank(found, found.high, k)
        found = self._grid.settled(found, (found.high >= at_least[found.row]) & (found.low <= at_most[found.row]))
        return self._at_rank(found, found.low, k)

    def _at_rank(self, found: Pairs, values: Tensor, k: int) -> Tensor:
        """The k-th smallest of the values by row (N,), each counted by the weight of its column; inf without it."""
        needed = torch.full_like(self.limit, k, dtype=torch.int64)
        if self._within:
            needed -= self._weights - 1
        order = values.argsort()
        order = order[found.row[order].argsort(stable=True)]
        row, weight = found.row[order], self._weights[found.col[order]]
        of_row = torch.zeros_like(needed).index_add_(0, row, weight)
        rank = weight.cumsum(0) - (of_row.cumsum(0) - of_row)[row]
        hit = (rank >= needed[row]) & (rank - weight < needed[row])
        kth = torch.full_like(self.limit, torch.inf).index_copy_(0, row[hit], values[order][hit])
        return kth.where(needed > 0, 0.0)


def _pairs(mask: Tensor, low: Tensor, of_row: Tensor, of_col: Tensor, start: tuple[int, int]) -> Pairs:
    row, col = mask.nonzero(as_tuple=True)
    bound = low[row, col].double()
    return Pairs(row + start[0], col + start[1], bound - UNDERFLOW, bound + of_row[row] + of_col[col])


def _crowded(mask: Tensor) -> bool:
    return int(mask.count_nonzero()) * CROWDED > mask.numel()


def _above(limits: Tensor, dtype: torch.dtype) -> Tensor:
    """Limits rounded up to a precision."""
    return (limits * (1 + 2.0**-20) + UNDERFLOW).to(dtype)

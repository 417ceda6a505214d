"""Squared distances in blocks, with proven bounds on their error; for `nearest`, which says why.

A block is one matrix product, |x|² - 2 x·y + |y|². Its rounding error is bounded by the number of dimensions and the
norms, so every distance is known to lie in an interval [low, high]. Whoever needs a distance more precisely has it
summed from differences in float64, pair by pair. On a GPU the host waits for a block only once, for its candidates.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import reduce
from typing import TYPE_CHECKING

import numpy as np
import torch
from torch import Tensor

from gandiag.quality.measures.features import is_marked, mark
from gandiag.quality.measures.products import centred, power_of_two, product

if TYPE_CHECKING:
    from collections.abc import Iterator

ROWS = 2048  # of a block, and its columns: 16 MiB in float32
ROWS_CUDA = 4096  # larger ones keep a GPU busy
SLAB_ROWS = 512  # of a block at a time where all its pairs may be wanted
SLAB = 32 * 1023  # entries of a block that norms are added to at a time: torch takes one thread, within its cache
EXACT_CELLS = 2**16  # float64 differences at a time: small enough for the cache
ARITHMETICS = (torch.float32, torch.float64)  # of a block: the second where the first leaves too much open
UNDERFLOW = 2.0**-100  # more than products below the smallest float32 can add up to


@dataclass(frozen=True, eq=False)
class Distinct:
    """The distinct rows (U, D) of features, how often each occurs (U,), and which one each row is (N,)."""

    rows: Tensor
    weights: Tensor
    inverse: Tensor

    @classmethod
    def of(cls, features: Tensor) -> Distinct:
        """Rows that are equal become one; so a collapsed generator's thousand copies are compared once."""
        everyone = torch.arange(len(features), device=features.device)
        if is_marked(features, "distinct") or len(_keys(features).unique()) == len(features):
            mark(features, "distinct")  # the common case, told without sorting rows
            return cls(features, torch.ones_like(everyone), everyone)
        rows, inverse, weights = torch.unique(features, dim=0, return_inverse=True, return_counts=True)
        return cls(rows, weights, inverse)

    @property
    def first(self) -> Tensor:
        """Position (U,) among the features at which each distinct row occurs first."""
        everyone = torch.arange(len(self.inverse), device=self.inverse.device)
        return torch.full_like(self.weights, len(everyone)).scatter_reduce_(0, self.inverse, everyone, "amin")


@dataclass(frozen=True, eq=False)
class Pairs:
    """Pairs of rows (P,) of two sets whose squared distance lies in [low, high], float64."""

    row: Tensor
    col: Tensor
    low: Tensor
    high: Tensor

    def take(self, which: Tensor) -> Pairs:
        """Those at an index, or where a mask is true, for which a GPU is waited for once."""
        which = positions(which) if which.dtype == torch.bool else which
        return Pairs(self.row[which], self.col[which], self.low[which], self.high[which])

    def turned(self) -> Pairs:
        """The same pairs with rows and columns exchanged."""
        return Pairs(self.col, self.row, self.low, self.high)

    @staticmethod
    def joined(parts: list[Pairs]) -> Pairs:
        """All pairs of one or more parts."""
        return Pairs(*(torch.cat([getattr(part, name) for part in parts]) for name in ("row", "col", "low", "high")))


@dataclass(frozen=True, eq=False)
class Block:
    """Squared distances between some rows and some columns: lower bounds (R, C), and what upper ones add to them.

    Attributes
    ----------
    low
        (R, C) in the precision of the product, apart from `UNDERFLOW`.
    of_row, of_col
        (R,) and (C,) float64; `low + of_row + of_col` is the upper bound.
    rows, cols
        Which rows and columns of their sets these are.
    """

    low: Tensor
    of_row: Tensor
    of_col: Tensor
    rows: slice
    cols: slice

    def slabs(self) -> Iterator[Block]:
        """The block by some rows at a time: so many pairs at most are in memory at once."""
        for at in range(0, len(self.low), SLAB_ROWS):
            part = slice(at, min(at + SLAB_ROWS, len(self.low)))
            rows = slice(self.rows.start + part.start, self.rows.start + part.stop)
            yield Block(self.low[part], self.of_row[part], self.of_col, rows, self.cols)

    def rank(self, k: int) -> Tensor:
        """At most this is the k-th smallest of each row (R,) float64; infinite where a row has no k columns."""
        if self.low.shape[1] < k:
            return torch.full_like(self.of_row, torch.inf)
        least = self.low.topk(k, dim=1, largest=False, sorted=False).values.amax(dim=1).double()
        return least + self.of_row + self.of_col.max()

    def within(self, row_limits: Tensor | None, col_limits: Tensor | None = None) -> Pairs:
        """Pairs that may lie within the limit (R,) of their row or (C,) of their column, float64; not both are None."""
        limits = [None if row_limits is None else row_limits[:, None], col_limits]
        mask = reduce(Tensor.logical_or_, [self.low <= self._rounded_up(each) for each in limits if each is not None])
        at = positions(mask)
        row, col = at // mask.shape[1], at % mask.shape[1]
        low = self.low[row, col].double()
        high = low + self.of_row[row] + self.of_col[col]
        return Pairs(row + self.rows.start, col + self.cols.start, low - UNDERFLOW, high)

    def crowded(self, pairs: Tensor) -> bool:
        """Whether so many pairs (P,) of it are worth computing the whole block in a finer arithmetic."""
        return len(pairs) * 16 > self.low.numel()

    def _rounded_up(self, limits: Tensor) -> Tensor:
        return (limits * (1 + 2.0**-20) + UNDERFLOW).to(self.low.dtype)


def positions(mask: Tensor) -> Tensor:
    """Where a mask is true, counted over its rows as they follow each other (P,) int64; a GPU is waited for once.

    On a CPU it is NumPy's search, which passes over what is false eight entries at a time.
    """
    flat = mask.reshape(-1)
    if flat.device.type == "cpu":
        return torch.from_numpy(np.flatnonzero(flat.numpy()))
    return flat.nonzero().squeeze(1)


class Grid:
    """The squared distances between two sets of rows, x (N, D) and y (M, D), or within one.

    Coordinates are centred, and very large or small ones scaled by a power of two: `scale` times a squared distance
    of the features is a squared distance here, without rounding.
    """

    def __init__(self, x: Tensor, y: Tensor | None = None, size: int | None = None) -> None:
        self.x, self.y = x, x if y is None else y
        self._size = size or (ROWS_CUDA if x.is_cuda else ROWS)
        sets = [x] if y is None else [x, y]
        precise = torch.promote_types(x.dtype, torch.float32)
        self._centre = torch.stack([rows.mean(dim=0, dtype=precise) for rows in sets]).mean(dim=0)
        self._centre.nan_to_num_(0, 0, 0)  # any centre is right, one in the middle makes bounds tight
        ends = [end.double().abs() for rows in (*sets, self._centre) for end in rows.aminmax()]
        reach = 2 * torch.stack(ends).amax()
        near = (reach > 2.0**-20) & (reach < 2.0**20)
        self._unit = torch.where(near, 1.0, power_of_two(reach))
        self.scale = self._unit**2
        self._right = self._centred(self.y, torch.float32)
        self._left = self._right if y is None else self._centred(self.x, torch.float32)

    def blocks(self) -> list[tuple[slice, slice]]:
        """Rows and columns of each block; within one set those on the diagonal first, then the upper triangle alone."""
        if self.x is not self.y:
            return self._rectangle(slice(0, len(self.x)), slice(0, len(self.y)))
        parts = [slice(at, min(at + self._size, len(self.x))) for at in range(0, len(self.x), self._size)]
        return [(part, part) for part in parts] + [(a, b) for i, a in enumerate(parts) for b in parts[i + 1 :]]

    def _rectangle(self, rows: slice, cols: slice) -> list[tuple[slice, slice]]:
        parts = [
            [slice(at, min(at + self._size, each.stop)) for at in range(each.start, each.stop, self._size)]
            for each in (rows, cols)
        ]
        return [(row, col) for row in parts[0] for col in parts[1]]

    def block(self, rows: slice, cols: slice, dtype: torch.dtype) -> Block:
        """One block by a product in one of the `ARITHMETICS`."""
        if dtype is torch.float32:
            (left, row), (right, col) = (
                (at[part], norms[part])
                for (at, norms), part in zip((self._left, self._right), (rows, cols), strict=True)
            )
        else:
            (left, row), (right, col) = self._centred(self.x[rows], dtype), self._centred(self.y[cols], dtype)
        low = product(left, right)
        # relative to |x|² + |y|²: D products summed in any order, and a few roundings of each number
        error = min(0.5, 1.1 * (self.x.shape[1] + 64) * torch.finfo(dtype).eps / 2)
        of_rows, of_cols = ((norms * (1 - error)).to(dtype) for norms in (row, col))
        step = len(low) if low.is_cuda else max(1, SLAB // len(right))
        for part, norms in zip(low.split(step), of_rows.split(step), strict=True):
            torch.sub(norms[:, None], part, alpha=2, out=part).add_(of_cols)
        return Block(low, row * (2 * error) + UNDERFLOW, col * (2 * error) + UNDERFLOW, rows, cols)

    def exact(self, pairs: Pairs) -> Tensor:
        """Squared distances (P,) float64 by differences, each the same wherever and with whatever it is computed."""
        return _squared_distances(self.x, self.y, pairs.row, pairs.col) * self.scale

    def settled(self, pairs: Pairs, index: Tensor) -> Pairs:
        """The pairs with `low` and `high` at the exact distance where an index (I,) says so."""
        if not len(index):
            return pairs
        values = self.exact(pairs.take(index))
        low, high = pairs.low.index_copy(0, index, values), pairs.high.index_copy(0, index, values)
        return Pairs(pairs.row, pairs.col, low, high)

    def _centred(self, rows: Tensor, dtype: torch.dtype) -> tuple[Tensor, Tensor]:
        """Coordinates in the grid's unit and their squared norms, as `centred` makes them."""
        return centred(rows, self._centre, self._unit, dtype)


def _squared_distances(x: Tensor, y: Tensor, row: Tensor, col: Tensor) -> Tensor:
    """Squared Euclidean distances (P,) float64 between x[row] and y[col], summed in one fixed order.

    Halves are added to each other until one column is left, which leaves no order to the device.
    """
    width, few = x.shape[1], 16
    found = torch.empty(len(row), dtype=torch.float64, device=x.device)
    step = max(1, (256 if x.is_cuda else 1) * EXACT_CELLS // width)
    for start in range(0, len(row), 256 * step):
        stop = min(start + 256 * step, len(row))
        narrow = []
        for at in range(start, stop, step):
            terms = x.index_select(0, row[at : at + step]).double()
            terms -= y.index_select(0, col[at : at + step]).double()
            narrow.append(_halved(terms.square_(), few))
        found[start:stop] = _halved(torch.cat(narrow), 1)[:, 0]
    return found


def _halved(terms: Tensor, until: int) -> Tensor:
    """Rows (P, n) summed by halves until so many columns are left."""
    while terms.shape[1] > until:
        half = (terms.shape[1] + 1) // 2
        terms[:, : terms.shape[1] - half] += terms[:, half:]
        terms = terms[:, :half]
    return terms


def _keys(features: Tensor) -> Tensor:
    """A number for each row (N,) int64; duplicates share theirs, apart from how their position rounds it."""
    generator = torch.Generator().manual_seed(0)
    directions = torch.randn(2, features.shape[1], generator=generator).to(features.device, non_blocking=True)
    rows = features.float()
    return torch.stack([rows.mv(each) for each in directions], dim=1).float().view(torch.int64).squeeze(1)

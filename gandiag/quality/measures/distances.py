"""Exact nearest neighbours: matrix products bound every squared distance, float64 differences settle what is close.

A product in float32 decides nearly every comparison, because its rounding error has a proven bound. Whatever lies
within that bound is computed again from differences in float64, so results equal those of comparing each pair in
float64, whatever the block size, the device or the process's setting for TF32 (which is not touched).
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING

import torch

from gandiag.quality.measures.moments import checked_features

if TYPE_CHECKING:
    from collections.abc import Sequence

    from torch import Tensor

BLOCK = 2048  # rows of a block of distances: 16 MiB in float32
EXACT_CELLS = 2**16  # float64 differences at a time: small enough for the cache
UNDERFLOW = 2.0**-100  # more than products below the smallest float32 can add up to


def checked_rows(features: Tensor, name: str, least: int = 1) -> Tensor:
    """As `checked_features`, and at least so many rows; ValueError or TypeError in one sentence."""
    found = checked_features(features, name)
    if len(found) < least:
        raise ValueError(f"{name} must have at least {least} rows, found shape {tuple(found.shape)}")
    return found


def checked_pair(generated: Tensor, reference: Tensor, names: tuple[str, str] = ("generated", "reference")) -> None:
    """ValueError when two feature sets differ in their number of dimensions or lie on different devices."""
    if generated.shape[1] != reference.shape[1]:
        sizes = f"{generated.shape[1]} and {reference.shape[1]}"
        raise ValueError(f"{names[0]} and {names[1]} must have the same number of dimensions, found {sizes}")
    if generated.device != reference.device:
        devices = f"{generated.device} and {reference.device}"
        raise ValueError(f"{names[0]} and {names[1]} must lie on the same device, found {devices}")


@dataclass(frozen=True, eq=False)
class Distinct:
    """The distinct rows (U, D) of features, how often each occurs (U,), and which one each row is (N,)."""

    rows: Tensor
    weights: Tensor
    inverse: Tensor

    @classmethod
    def of(cls, features: Tensor) -> Distinct:
        everyone = torch.arange(len(features), device=features.device)
        if len(_keys(features).unique()) == len(features):  # the common case, told without sorting rows
            return cls(features, torch.ones_like(everyone), everyone)
        rows, inverse, weights = torch.unique(features, dim=0, return_inverse=True, return_counts=True)
        return cls(rows, weights, inverse)


@dataclass(frozen=True, eq=False)
class Pairs:
    """Pairs of rows (P,) of two sets whose squared distance lies in [low, high], float64."""

    row: Tensor
    col: Tensor
    low: Tensor
    high: Tensor

    def take(self, index: Tensor) -> Pairs:
        return Pairs(self.row[index], self.col[index], self.low[index], self.high[index])

    def turned(self) -> Pairs:
        return Pairs(self.col, self.row, self.low, self.high)


def joined(parts: Sequence[Pairs]) -> Pairs:
    """All pairs of one or more parts."""
    return Pairs(*(torch.cat([getattr(part, name) for part in parts]) for name in ("row", "col", "low", "high")))


class Grid:
    """Squared distances between two sets of rows, or within one, in blocks and with bounds on their error.

    Coordinates are centred, and very large or small ones scaled by a power of two: `scale` times a squared distance
    of the features is a squared distance here, without rounding.
    """

    def __init__(self, x: Tensor, y: Tensor | None = None, block: int | None = None) -> None:
        self.x, self.y = x, x if y is None else y
        self.block = block or (2 * BLOCK if x.is_cuda else BLOCK)
        sets = [x] if y is None else [x, y]
        precise = torch.promote_types(x.dtype, torch.float32)
        self._centre = torch.stack([rows.mean(dim=0, dtype=precise) for rows in sets]).mean(dim=0)
        self._centre.nan_to_num_(0, 0, 0)  # any centre is right, one in the middle makes bounds tight
        ends = [float(end) for rows in (*sets, self._centre) for end in rows.aminmax()]
        reach = 2 * max(abs(end) for end in ends)
        far = reach > 0 and not 2.0**-20 < reach < 2.0**20
        self._unit = 2.0 ** min(126, -math.ceil(math.log2(reach))) if far else 1.0
        self.scale = self._unit**2
        self.dtype = torch.float32 if _trusted() else torch.float64
        self._right = self._centred(self.y, self.dtype)
        self._left = self._right if y is None else self._centred(self.x, self.dtype)

    def panels(self, start: int, stop: int, size: int | None = None) -> list[slice]:
        size = size or self.block
        return [slice(first, min(first + size, stop)) for first in range(start, stop, size)]

    def low(self, rows: slice, cols: slice, dtype: torch.dtype) -> tuple[Tensor, Tensor, Tensor]:
        """Lower bounds (R, C) and what to add for upper ones by row and by column: (R,) and (C,), float64."""
        if dtype is self.dtype:
            (left, row), (right, col) = (
                (at[part], norms[part])
                for (at, norms), part in zip((self._left, self._right), (rows, cols), strict=True)
            )
        else:
            (left, row), (right, col) = self._centred(self.x[rows], dtype), self._centred(self.y[cols], dtype)
        with torch.autocast(left.device.type, enabled=False):
            bounds = torch.addmm(left[:1, :1], left, right.T, beta=0, alpha=-2)
        error = self._error(dtype)
        bounds += (row * (1 - error)).to(dtype)[:, None]
        bounds += (col * (1 - error)).to(dtype)
        return bounds, row * (2 * error) + UNDERFLOW, col * (2 * error) + UNDERFLOW

    def exact(self, pairs: Pairs) -> Tensor:
        """Squared distances (P,) float64 by differences, each the same wherever and with whatever it is computed."""
        return squared_distances(self.x, self.y, pairs.row, pairs.col) * self.scale

    def settled(self, pairs: Pairs, open_: Tensor) -> Pairs:
        """The pairs with exact distances where `open_` (P,) is true."""
        index = open_.nonzero().squeeze(1)
        if not len(index):
            return pairs
        values = self.exact(pairs.take(index))
        low, high = pairs.low.index_copy(0, index, values), pairs.high.index_copy(0, index, values)
        return Pairs(pairs.row, pairs.col, low, high)

    def _error(self, dtype: torch.dtype) -> float:
        """Relative to |x|² + |y|²: D products summed in any order, and a few roundings of each number."""
        return min(0.5, 1.1 * (self.x.shape[1] + 64) * torch.finfo(dtype).eps / 2)

    def _centred(self, rows: Tensor, dtype: torch.dtype) -> tuple[Tensor, Tensor]:
        """Coordinates (n, D), zeros up to a multiple of 8 after them, and their squared norms (n,) float64."""
        n, width = rows.shape
        found = torch.empty(n, -(-width // 8) * 8, dtype=dtype, device=rows.device)
        found[:, width:] = 0
        norms = torch.empty(n, dtype=torch.float64, device=rows.device)
        for start in range(0, n, BLOCK // 8):
            part = slice(start, start + BLOCK // 8)
            chunk = rows[part].to(torch.promote_types(self._centre.dtype, dtype))  # or it would be rounded before
            chunk = chunk if self._unit == 1 else chunk * self._unit
            torch.sub(chunk, self._centre * self._unit, out=found[part, :width])
            norms[part] = torch.linalg.vector_norm(found[part], dim=1, dtype=torch.float64)
        return found, norms.square_()


def squared_distances(x: Tensor, y: Tensor, row: Tensor, col: Tensor) -> Tensor:
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
    while terms.shape[1] > until:
        half = (terms.shape[1] + 1) // 2
        terms[:, : terms.shape[1] - half] += terms[:, half:]
        terms = terms[:, :half]
    return terms


def _keys(features: Tensor) -> Tensor:
    """A number for each row (N,) int64; duplicates share theirs, apart from how their position rounds it."""
    generator = torch.Generator().manual_seed(0)
    directions = torch.randn(features.shape[1], 2, generator=generator).to(features.device)
    return (features.float() @ directions).float().view(torch.int64).squeeze(1)


def _trusted() -> bool:
    """Whether float32 products are computed in float32, not rounded further as TF32 and bfloat16 do."""
    try:
        return torch.get_float32_matmul_precision() == "highest"
    except RuntimeError:  # set by backend, then this question has no answer
        return False

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

if TYPE_CHECKING:
    from collections.abc import Sequence

    from torch import Tensor

BLOCK = 2048  # rows of a block of distances: 16 MiB in float32
EXACT_CELLS = 2**16  # float64 differences at a time: small enough for the cache
UNDERFLOW = 2.0**-100  # more than products below the smallest float32 can add up to; coordinates are at most 1


def checked_features(features: Tensor, name: str, least: int = 1) -> Tensor:
    """Features (N, D) detached, each row finite, N at least `least`; ValueError or TypeError in one sentence."""
    if not isinstance(features, torch.Tensor):
        raise TypeError(f"{name} must be a torch tensor of features (N, D), found {type(features).__name__}")
    if features.ndim != 2 or not features.is_floating_point():
        found = f"{features.dtype} of shape {tuple(features.shape)}"
        raise ValueError(f"{name} must be floating point features of shape (N, D), found {found}")
    if len(features) < least or not features.shape[1]:
        wanted = f"at least {least} rows and one column"
        raise ValueError(f"{name} must have {wanted}, found shape {tuple(features.shape)}")
    features = features.detach()
    unusable = 0
    if not features.sum(dim=1).isfinite().all():  # a finite row may overflow here
        unusable = int((~features.isfinite().all(dim=1)).sum())
    if unusable:
        raise ValueError(f"{name} must be finite, found {unusable} of {len(features)} rows with a NaN or an infinity")
    return features


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

    Coordinates are centred and scaled by a power of two so that none exceeds 1; `scale` times a squared distance of
    the features is a squared distance here, without rounding.
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
        self._unit = 2.0 ** -math.ceil(math.log2(reach)) if reach > 0 else 1.0
        self.scale = self._unit**2
        self.dtype = torch.float32 if _trusted() else torch.float64
        self._right = self._augmented(self.y, self.dtype)
        self._left = None if y is None else _as_left(self._augmented(self.x, self.dtype), x.shape[1])

    def panels(self, start: int, stop: int, size: int | None = None) -> list[slice]:
        size = size or self.block
        return [slice(first, min(first + size, stop)) for first in range(start, stop, size)]

    def low(self, rows: slice, cols: slice, dtype: torch.dtype) -> tuple[Tensor, Tensor, Tensor]:
        """Lower bounds (R, C) and what to add for upper ones by row and by column: (R,) and (C,), float64."""
        width = self.x.shape[1]
        if dtype is self.dtype:
            left = _as_left(self._right[rows].clone(), width) if self._left is None else self._left[rows]
            right = self._right[cols]
        else:
            left = _as_left(self._augmented(self.x[rows], dtype), width)
            right = self._augmented(self.y[cols], dtype)
        with torch.autocast(left.device.type, enabled=False):
            bounds = left @ right.T
        factor = 2 * self._error(dtype) / (1 - self._error(dtype))
        return bounds, left[:, width].double() * factor + UNDERFLOW, right[:, width + 1].double() * factor + UNDERFLOW

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
        """Relative to |x|² + |y|²: D + 2 products and D squares summed in any order, and the rounding of each."""
        return min(0.5, 1.1 * (3 * self.x.shape[1] + 64) * torch.finfo(dtype).eps / 2)

    def _augmented(self, rows: Tensor, dtype: torch.dtype) -> Tensor:
        """Coordinates with two more columns, 1 and the lowered squared norm, and zeros up to a multiple of 8."""
        n, width = rows.shape
        found = torch.empty(n, -(-(width + 2) // 8) * 8, dtype=dtype, device=rows.device)
        found[:, width + 2 :] = 0
        for start in range(0, n, BLOCK // 8):
            part = found[start : start + BLOCK // 8]
            chunk = rows[start : start + BLOCK // 8]
            chunk = chunk.to(torch.promote_types(chunk.dtype, dtype))  # or differences would be rounded before
            torch.sub(chunk, self._centre, out=part[:, :width])
            part[:, :width] *= self._unit
            part[:, width + 1] = part[:, :width].square().sum(dim=1) * (1 - self._error(dtype))
        found[:, width] = 1
        return found


def squared_distances(x: Tensor, y: Tensor, row: Tensor, col: Tensor) -> Tensor:
    """Squared Euclidean distances (P,) float64 between x[row] and y[col], summed in one fixed order."""
    width = x.shape[1]
    found = torch.empty(len(row), dtype=torch.float64, device=x.device)
    step = max(1, (256 if x.is_cuda else 1) * EXACT_CELLS // width)
    for start in range(0, len(row), step):
        part = slice(start, start + step)
        terms = (x[row[part]].double() - y[col[part]]).square_()
        while terms.shape[1] > 1:  # halves are added, so that no order is left to the device
            half = (terms.shape[1] + 1) // 2
            terms[:, : terms.shape[1] - half] += terms[:, half:]
            terms = terms[:, :half]
        found[part] = terms[:, 0]
    return found


def _as_left(augmented: Tensor, width: int) -> Tensor:
    """The factor from the left, in place: coordinates times -2 and the two columns after them exchanged."""
    augmented[:, :width] *= -2
    augmented[:, [width, width + 1]] = augmented[:, [width + 1, width]]
    return augmented


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

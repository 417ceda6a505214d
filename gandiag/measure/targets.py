"""Least squares: what the outputs are pulled towards, where the pull shows it exactly.

The pull of (f - t)^2 is proportional to f - t. Its sign alone says little: it turns round as soon as an output passes
its target (Mao et al. 2017). But a pull that is a line in f has its target where it is 0, and that tells the kind.
"""

from __future__ import annotations

from functools import cache
from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from collections.abc import Sequence

    from gandiag.measure.calls import Answer

STRAIGHT = 1e-3  # share of the pull's variance that no line explains: rounding leaves 1e-6, a logistic curve much more
EXACT = 1e-6  # as STRAIGHT, of each of two parts of a batch: a curve in two short pieces comes close
NEAR = 1e-3  # relative difference of slopes that count as one
LEAST = 4  # samples that make a line
MAX_TRIED = 8  # rows that are looked at for two lines where none has had them
SETTLED = 64  # rows without any line, after which one row in each block is enough: a loss seldom changes
MAX_PAIRED = 48  # samples whose pairs are looked at
APART = 0.05  # least distance of two targets, in spreads of the outputs


def straightened(
    seen: Sequence[Answer], asked: Sequence[Answer], tried: int = MAX_TRIED
) -> tuple[list[np.ndarray], list[np.ndarray]]:
    """Pulls (k, b) of all answers, those of least squares as the middle of all targets less the answer's own.

    They are as they came in rows in which some pull is no line in the outputs. Of rows with no line at all so many are
    `tried` for two.
    """
    found = [targets(answer.outputs, answer.pull, tried=tried) for answer in seen]
    own = [np.nan_to_num(a.pull) for a in seen], [np.nan_to_num(a.pull) for a in asked]
    if not found:
        return own
    whole = [np.isfinite(t).all(axis=1) | ~p.any(axis=1) for t, p in zip(found, own[0], strict=True)]
    usable: np.ndarray = np.all(whole, axis=0)
    every = np.concatenate(found, axis=1)
    known = np.isfinite(every)
    low, high = np.where(known, every, np.inf).min(axis=1), np.where(known, every, -np.inf).max(axis=1)
    spread = np.mean([np.nan_to_num(a.outputs.astype(np.float64)).std(axis=1) for a in seen], axis=0)
    usable &= known.any(axis=1)
    usable[usable] &= high[usable] - low[usable] > APART * spread[usable]
    middle, distance = np.zeros((2, len(usable), 1))
    middle[usable, 0] = (low[usable] + high[usable]) / 2
    distance[usable, 0] = high[usable] - low[usable]  # 0 where D's targets are not known
    straight = [np.where(usable[:, None], np.nan_to_num(middle - t), p) for t, p in zip(found, own[0], strict=True)]
    back = [_of_generator(answer, pull, middle, distance, tried) for answer, pull in zip(asked, own[1], strict=True)]
    return straight, back


def _of_generator(answer: Answer, pull: np.ndarray, middle: np.ndarray, distance: np.ndarray, tried: int) -> np.ndarray:
    """Pulls (k, b) of G's loss: in least squares nothing where D's targets are not known, or G's is in their middle.

    `middle` and `distance` (k, 1) are those of D's targets.
    """
    wanted = targets(answer.outputs, answer.pull, EXACT, tried)  # other losses are nearly straight where D is flat
    away = middle - wanted
    clear = (distance > 0) & (np.abs(away) > APART * distance)
    return np.where(np.isfinite(wanted), np.where(clear, away, 0.0), pull)


def targets(outputs: np.ndarray, pull: np.ndarray, bent: float = STRAIGHT, tried: int = MAX_TRIED) -> np.ndarray:
    """Where the pull on each output would be 0, (k, b); NaN in rows in which it is no rising line, nor two.

    `bent` is the share of the pull's variance that a line may leave; two lines are looked for in the first `tried` rows
    that are not on one, and in the others where those had some.

    >>> f = np.array([[0.0, 0.5, 2.0, 3.0]])
    >>> targets(f, 2 * (f - 1)), targets(f, 2 * (f - np.array([0, 0, 1, 1])))
    (array([[1., 1., 1., 1.]]), array([[0., 0., 1., 1.]]))
    """
    f, p = outputs.astype(np.float64), np.nan_to_num(pull.astype(np.float64))
    finite = np.logical_and.reduce(np.isfinite(f), axis=1)
    if f.shape[1] < LEAST or not finite.any():
        return np.full(f.shape, np.nan)
    f = np.where(finite[:, None], f, 0.0)
    df, dp = f - f.mean(axis=1, keepdims=True), p - p.mean(axis=1, keepdims=True)
    power = np.square(dp).sum(axis=1)
    slope = (df * dp).sum(axis=1) / np.maximum(np.square(df).sum(axis=1), 1e-300)
    left = np.square(dp - slope[:, None] * df).sum(axis=1)
    straight = finite & (slope > 0) & (power > 1e-12 * np.square(p).sum(axis=1)) & (left <= bent * power)
    value: np.ndarray = np.where(straight[:, None], f - p / np.where(straight, slope, 1.0)[:, None], np.nan)
    left_over = np.flatnonzero(finite & ~straight & (power > 0))
    if not len(left_over) or not tried:
        return value
    first, others = left_over[:tried], left_over[tried:]
    value[first] = _of_two_lines(f[first], p[first])
    if len(others) and not np.isnan(value[first]).all():  # else another loss: looking takes time
        value[others] = _of_two_lines(f[others], p[others])
    return value


def _of_two_lines(f: np.ndarray, p: np.ndarray) -> np.ndarray:
    """Targets (k, b) where a row's first samples lie on one line and its others on another, or all on two parallel."""
    size, first, second = _best_split(f, p)
    slopes = np.where(np.arange(f.shape[1]) < size[:, None], first[:, None], second[:, None])
    whole = np.flatnonzero(size == 0)
    if len(whole):
        slopes[whole] = _common_slope(f[whole], p[whole])[:, None]
    return np.where(slopes > 0, f - p / np.where(slopes > 0, slopes, 1.0), np.nan)


def _best_split(f: np.ndarray, p: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Where batches (k, b) fall into two parts that each lie on a rising line: the size of the first, and the slopes.

    The size is 0 where they do not.
    """
    k, b = f.shape
    sizes = np.arange(LEAST, b - LEAST + 1)
    if not len(sizes):
        return np.zeros(k, dtype=int), np.zeros(k), np.zeros(k)
    fits = [_fits(*(v[:, ::way] for v in (f, p))) for way in (1, -1)]
    (slope, left, power), (slope_2, left_2, power_2) = (
        [values[:, n - 1] for values in fit] for fit, n in zip(fits, (sizes, b - sizes), strict=True)
    )
    worst = np.maximum(left / np.maximum(power, 1e-300), left_2 / np.maximum(power_2, 1e-300))
    worst = np.where((slope > 0) & (slope_2 > 0), worst, np.inf)
    rows, best = np.arange(k), np.argmin(worst, axis=1)
    return np.where(worst[rows, best] <= EXACT, sizes[best], 0), slope[rows, best], slope_2[rows, best]


def _fits(f: np.ndarray, p: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Of the first 1, 2, ... samples of a row the line through them: slope, squares that it leaves, squares of p."""
    n = np.arange(1, f.shape[1] + 1)
    f, p = f - f.mean(axis=1, keepdims=True), p - p.mean(axis=1, keepdims=True)
    of_f, of_p = np.cumsum(f, axis=1), np.cumsum(p, axis=1)
    ff = np.cumsum(f * f, axis=1) - of_f * of_f / n
    fp = np.cumsum(f * p, axis=1) - of_f * of_p / n
    pp = np.cumsum(p * p, axis=1) - of_p * of_p / n
    slope = fp / np.maximum(ff, 1e-300)
    return slope, np.maximum(pp - slope * fp, 0.0), pp


def _common_slope(f: np.ndarray, p: np.ndarray) -> np.ndarray:
    """The slope (k,) of two parallel lines: that of over a third of all pairs of samples; 0 where there is none."""
    every = -(-f.shape[1] // MAX_PAIRED)
    f, p = f[:, ::every], p[:, ::every]
    first, second = _pairs(f.shape[1])
    apart = f[:, first] - f[:, second]
    usable = np.abs(apart) > 1e-3 * (np.ptp(f, axis=1, keepdims=True) + 1e-300)
    slopes = np.divide(p[:, first] - p[:, second], apart, out=np.full(apart.shape, np.inf), where=usable)
    slopes = np.sort(np.where(slopes > 0, slopes, np.inf), axis=1)  # those that are none come last
    least = len(first) // 3
    low, high = slopes[:, : len(first) - least + 1], slopes[:, least - 1 :]
    there = np.isfinite(high)
    width = np.subtract(high, low, out=np.full(low.shape, np.inf), where=there)
    rows, best = np.arange(len(f)), np.argmin(width / np.where(there, low, 1.0), axis=1)
    middle = (slopes[rows, best + (least - 1) // 2] + slopes[rows, best + least // 2]) / 2
    return np.where(there[rows, best] & (width[rows, best] <= NEAR * low[rows, best]), middle, 0.0)


@cache
def _pairs(size: int) -> tuple[np.ndarray, np.ndarray]:
    """Both members of all pairs of so many samples."""
    first, second = np.triu_indices(size, 1)
    return first, second

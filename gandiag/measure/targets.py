"""Least squares: what the outputs are pulled towards, where the pull shows it exactly.

The pull of (f - t)^2 is proportional to f - t. Its sign alone says little: it turns round as soon as an output passes
its target (Mao et al. 2017). But a pull that is a line in f has its target where it is 0, and that tells the kind.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from collections.abc import Sequence

    from gandiag.measure.calls import Answer

STRAIGHT = 1e-3  # share of the pull's variance that no line explains: rounding leaves 1e-6, a logistic curve much more
NEAR = 1e-3  # relative difference of slopes that count as one
MAX_PAIRED = 48  # samples whose pairs are looked at
APART = 0.05  # least distance of two targets, in spreads of the outputs


def straightened(seen: Sequence[Answer], asked: Sequence[Answer]) -> tuple[list[np.ndarray], list[np.ndarray]]:
    """Pulls (k, b) of all answers, those of least squares as the middle of all targets less the answer's own.

    They are as they came in rows in which some pull is no line in the outputs.
    """
    found = [targets(answer.outputs, answer.pull) for answer in seen]
    own = [np.nan_to_num(a.pull) for a in seen], [np.nan_to_num(a.pull) for a in asked]
    if not found:
        return own
    lines = [np.isfinite(t).all(axis=1) | ~p.any(axis=1) for t, p in zip(found, own[0], strict=True)]
    usable = np.logical_and.reduce(lines)
    every = np.concatenate(found, axis=1)
    known = np.isfinite(every)
    low, high = np.where(known, every, np.inf).min(axis=1), np.where(known, every, -np.inf).max(axis=1)
    spread = np.mean([np.nan_to_num(a.outputs.astype(np.float64)).std(axis=1) for a in seen], axis=0)
    usable &= known.any(axis=1)
    usable[usable] &= high[usable] - low[usable] > APART * spread[usable]
    middle = np.zeros((len(usable), 1))
    middle[usable, 0] = (low[usable] + high[usable]) / 2
    straight = [np.where(usable[:, None], np.nan_to_num(middle - t), p) for t, p in zip(found, own[0], strict=True)]
    back = []
    for answer, pull in zip(asked, own[1], strict=True):
        wanted = targets(answer.outputs, answer.pull)
        back.append(np.where(usable[:, None] & np.isfinite(wanted), middle - wanted, pull))
    return straight, back


def targets(outputs: np.ndarray, pull: np.ndarray) -> np.ndarray:
    """Where the pull on each output would be 0, (k, b); NaN in rows in which it is no rising line, or two of one slope.

    >>> f = np.array([[0.0, 0.5, 2.0, 3.0]])
    >>> targets(f, 2 * (f - 1)), targets(f, 2 * (f - np.array([0, 0, 1, 1])))
    (array([[1., 1., 1., 1.]]), array([[0., 0., 1., 1.]]))
    """
    f, p = outputs.astype(np.float64), np.nan_to_num(pull.astype(np.float64))
    finite = np.logical_and.reduce(np.isfinite(f), axis=1)
    if f.shape[1] < 4 or not finite.any():
        return np.full(f.shape, np.nan)
    f = np.where(finite[:, None], f, 0.0)
    df, dp = f - f.mean(axis=1, keepdims=True), p - p.mean(axis=1, keepdims=True)
    power = np.square(dp).sum(axis=1)
    slope = (df * dp).sum(axis=1) / np.maximum(np.square(df).sum(axis=1), 1e-300)
    left = np.square(dp - slope[:, None] * df).sum(axis=1)
    straight = finite & (slope > 0) & (power > 1e-12 * np.square(p).sum(axis=1)) & (left <= STRAIGHT * power)
    for row in np.flatnonzero(finite & ~straight & (power > 0)):
        slope[row] = _common_slope(f[row], p[row])
        straight[row] = slope[row] > 0
    value: np.ndarray = np.where(straight[:, None], f - p / np.where(straight, slope, 1.0)[:, None], np.nan)
    return value


def _common_slope(f: np.ndarray, p: np.ndarray) -> float:
    """The slope of two parallel lines: that of over a third of all pairs of samples; 0 where there is none."""
    f, p = f[:: -(-len(f) // MAX_PAIRED)], p[:: -(-len(p) // MAX_PAIRED)]
    first, second = np.triu_indices(len(f), 1)
    apart = f[first] - f[second]
    usable = np.abs(apart) > 1e-3 * (f.max() - f.min() + 1e-300)
    slopes = np.sort((p[first] - p[second])[usable] / apart[usable])
    slopes = slopes[slopes > 0]
    least = len(first) // 3
    if len(slopes) < least:
        return 0.0
    width = slopes[least - 1 :] - slopes[: len(slopes) - least + 1]
    best = int(np.argmin(width / slopes[: len(width)]))
    return float(np.median(slopes[best : best + least])) if width[best] <= NEAR * slopes[best] else 0.0

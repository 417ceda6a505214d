"""From raw per-step records to signals, many steps at once, in numpy.

During training only small raw vectors are kept per step (gradient norms of each parameter, outputs of D,
projections of a batch). A block of them is reduced here, away from the training thread: arrays have the step
as first axis, shape (k, ...), and every signal that comes back has shape (k,).
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    Raw = Mapping[str, np.ndarray]
    Signals = dict[str, np.ndarray]

SCALAR = "scalar/"
"""Prefix of raw keys that already are signals."""


def reduce_block(raw: Raw, layers: Mapping[str, Sequence[str]], decision: float = 0.0) -> Signals:
    """All signals of k steps.

    Parameters
    ----------
    raw : mapping of raw keys to arrays of shape (k, ...)
        `grad/<net>` (k, P) norms per parameter, `update/<net>` (k, 2) norms of update and weights,
        `d/real` and `d/fake` (k, B) outputs of D, `feedback` (k, B) norms per sample,
        `points/real` and `points/fake` (k, B, p) projected samples, `scalar/<name>` (k,).
    layers : for each net the name of the layer that each of its P parameters is the weight of, "" for others
    decision : the output above which D calls a sample real
    """
    with np.errstate(all="ignore"):  # NaN and infinities are signals here, not mistakes
        return _reduce(raw, layers, decision)


def _reduce(raw: Raw, layers: Mapping[str, Sequence[str]], decision: float) -> Signals:
    if not raw:
        return {}
    signals: Signals = {k.removeprefix(SCALAR): v for k, v in raw.items() if k.startswith(SCALAR)}
    signals["nonfinite"] = count_nonfinite(raw)
    for net, names in layers.items():
        if f"grad/{net}" in raw:
            signals |= gradient_signals(net, raw[f"grad/{net}"], names)
        if f"update/{net}" in raw:
            signals[f"update/{net}/ratio"] = update_ratio(raw[f"update/{net}"])
    if "feedback" in raw:
        signals["feedback/norm"] = raw["feedback"].mean(axis=1)
    for kind in ("real", "fake"):
        if f"d/{kind}" in raw:
            signals |= output_signals(kind, raw[f"d/{kind}"], decision)
    if "d/real" in raw and "d/fake" in raw:
        signals["d/auc"] = auc(raw["d/real"], raw["d/fake"])
    return signals | diversity_signals(raw)


def count_nonfinite(raw: Raw) -> np.ndarray:
    """How many records of each step hold NaN or infinity; of logged scalars only the losses count."""
    watched = [v for k, v in raw.items() if not k.startswith(SCALAR) or k.startswith(f"{SCALAR}loss/")]
    bad = [~np.isfinite(v.reshape(len(v), -1)).all(axis=1) for v in watched]
    steps = len(next(iter(raw.values())))
    return np.stack(bad).sum(axis=0, dtype=np.float64) if bad else np.zeros(steps)


def gradient_signals(net: str, norms: np.ndarray, names: Sequence[str]) -> Signals:
    """Global norm, number of non-finite tensors, and the norm of each named layer; `norms` is (k, P).

    The norm of a gradient that holds NaN is recorded as infinite: NaN stands for "not recorded".
    """
    wide = np.where(np.isnan(norms), np.inf, norms).astype(np.float64)
    signals = {
        f"grad/{net}/norm": np.sqrt(np.square(wide).sum(axis=1)),
        f"grad/{net}/nonfinite": (~np.isfinite(wide)).sum(axis=1).astype(np.float64),
    }
    return signals | {f"grad/{net}/layer/{name}": wide[:, i] for i, name in enumerate(names) if name}


def update_ratio(norms: np.ndarray) -> np.ndarray:
    """||dw|| / ||w|| from (k, 2) norms; 0 where the weights are zero and did not move."""
    moved, weights = norms[:, 0].astype(np.float64), norms[:, 1].astype(np.float64)
    return np.where(moved == 0, 0.0, moved / weights)


def output_signals(kind: str, outputs: np.ndarray, decision: float = 0.0) -> Signals:
    """Mean, spread, range of D's (k, B) outputs and the share it calls real."""
    wide = outputs.astype(np.float64)
    return {
        f"d/{kind}/mean": wide.mean(axis=1),
        f"d/{kind}/std": wide.std(axis=1),
        f"d/{kind}/min": wide.min(axis=1),
        f"d/{kind}/max": wide.max(axis=1),
        f"d/{kind}/positive": (wide > decision).mean(axis=1),
    }


def auc(real: np.ndarray, fake: np.ndarray) -> np.ndarray:
    """P(D(real) > D(fake)), ties half, for (k, B) and (k, C) outputs; NaN where an output is NaN.

    The area under the ROC curve as the Mann-Whitney statistic (Hanley & McNeil 1982).

    >>> auc(np.array([[1.0, 2.0]]), np.array([[0.0, 1.0]]))
    array([0.875])
    """
    bad = np.isnan(real).any(axis=1) | np.isnan(fake).any(axis=1)
    pairs = real[:, :, None], fake[:, None, :]
    wins = [np.count_nonzero(beats(*pairs), axis=(1, 2)) for beats in (np.greater, np.greater_equal)]
    value: np.ndarray = np.where(bad, np.nan, (wins[0] + wins[1]) / (2 * real.shape[1] * fake.shape[1]))
    return value


def diversity_signals(raw: Raw) -> Signals:
    """Cross-sample spread of generated and real batches and their ratios, where both were seen."""
    signals: Signals = {}
    nearest: Signals = {}
    for kind in ("fake", "real"):
        points = raw.get(f"points/{kind}")
        if points is not None and points.shape[1] > 1:
            signals[f"diversity/{kind}"], nearest[kind] = spread(points)
    if len(nearest) == 2:
        signals["diversity/ratio"] = signals["diversity/fake"] / signals["diversity/real"]
        if raw["points/fake"].shape[1] == raw["points/real"].shape[1]:  # depends on the batch size
            signals["diversity/nearest_ratio"] = nearest["fake"] / nearest["real"]
    return signals


def spread(points: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Mean pairwise and median nearest-neighbour Euclidean distance of (k, B, p) points, B > 1.

    Distances are taken from the batch mean, so that a tight batch far from the origin keeps its digits.
    """
    centred = points - points.mean(axis=1, keepdims=True, dtype=np.float64)
    centred = centred.astype(np.float32)  # three digits are plenty, and half the memory traffic
    square = np.einsum("kbp,kbp->kb", centred, centred)
    distances = centred @ centred.transpose(0, 2, 1)
    distances *= -2
    distances += square[:, :, None]
    distances += square[:, None, :]
    np.maximum(distances, 0, out=distances)
    np.sqrt(distances, out=distances)
    size = points.shape[1]
    distances[:, np.arange(size), np.arange(size)] = 0.0
    mean = distances.sum(axis=(1, 2), dtype=np.float64) / (size * (size - 1))
    distances[:, np.arange(size), np.arange(size)] = np.inf
    return mean, np.median(distances.min(axis=2), axis=1).astype(np.float64)

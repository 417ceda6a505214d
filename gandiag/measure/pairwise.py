"""What the distances within and between a real and a generated batch tell: diversity, distance, steepness of D."""

from __future__ import annotations

from functools import cache
from typing import TYPE_CHECKING

import numpy as np

from gandiag.measure.calls import MAX_POINTS

if TYPE_CHECKING:
    from collections.abc import Mapping

    Raw = Mapping[str, np.ndarray]
    Signals = dict[str, np.ndarray]

MAX_CLASSES = 32
"""Classes, from 0, whose diversity is recorded."""
DIRECTIONS = 2
"""Directions along which the centre of the generated batch is recorded."""


def sample_signals(raw: Raw) -> Signals:
    """Signals of (k, B, p) points of real and generated batches, as far as they were seen.

    Distances are taken from the mean of the real batch, else of the own one, so that a tight batch far from the
    origin keeps its digits.
    """
    points = {kind: raw[f"points/{kind}"][:, :MAX_POINTS] for kind in ("real", "fake") if f"points/{kind}" in raw}
    signals: Signals = {}
    if not points:
        return signals
    if "fake" in points:
        along = points["fake"].mean(axis=1, dtype=np.float64) @ directions(points["fake"].shape[2])
        signals |= {f"centre/fake/{i + 1}": along[:, i] for i in range(along.shape[1])}
    within = {kind: pairwise(values, values) for kind, values in points.items() if values.shape[1] > 1}
    signals |= diversity_signals(within)
    if len(within) == 2 and points["real"].shape[2] == points["fake"].shape[2]:
        between = pairwise(points["real"], points["fake"])
        signals["distance/energy"] = energy_distance(between, within)
        if all(f"d/{kind}" in raw for kind in within):
            outputs = [raw[f"d/{kind}"][:, : points[kind].shape[1]] for kind in ("real", "fake")]
            if between.shape[1:] == (outputs[0].shape[1], outputs[1].shape[1]):
                signals["d/lipschitz"] = steepness(outputs[0], outputs[1], between)
    return signals | class_signals(raw, within)


def with_own_samples(apart: Mapping[str, Raw]) -> dict[str, Raw]:
    """Records by network; where several generators have one D, each with samples of its own and the reals of that D.

    D is shown all of theirs, as a mixture. What each one made is recorded beside its latents.
    """
    reals = [raw["points/real"] for raw in apart.values() if "points/real" in raw]
    makers = [name for name, raw in apart.items() if name and "latent/made" in raw and "points/fake" not in raw]
    if len(reals) != 1 or len(makers) < 2:
        return dict(apart)
    own = {name: {"points/real": reals[0], "points/fake": apart[name]["latent/made"]} for name in makers}
    return {name: {**raw, **own.get(name, {})} for name, raw in apart.items()}


def latent_signals(raw: Raw) -> Signals:
    """How far apart G puts two latents over how far apart they are, the ratio of Mao et al. 2019 (mode seeking).

    From `latent/given` (k, B, q) and `latent/made` (k, B, p). Pairs of equal latents are left out.
    """
    if "latent/given" not in raw or "latent/made" not in raw:
        return {}
    given, made = (pairwise(raw[f"latent/{kind}"], raw[f"latent/{kind}"]) for kind in ("given", "made"))
    apart = given > 0
    ratios = np.divide(made, given, out=np.zeros_like(made), where=apart)
    pairs = apart.sum(axis=(1, 2))
    total = ratios.sum(axis=(1, 2), dtype=np.float64)
    return {"diversity/latent": np.divide(total, pairs, out=np.full(len(pairs), np.nan), where=pairs > 0)}


@cache
def directions(size: int) -> np.ndarray:
    """Fixed random unit vectors (size, n): of points in one dimension there is one, else two."""
    drawn = np.random.default_rng(size).standard_normal((size, min(DIRECTIONS, size)))
    unit: np.ndarray = drawn / np.linalg.norm(drawn, axis=0)
    return unit


def pairwise(first: np.ndarray, second: np.ndarray) -> np.ndarray:
    """Euclidean distances (k, B, C) float32 between (k, B, p) and (k, C, p) points; 0 on the diagonal of equal ones."""
    centre = first.mean(axis=1, keepdims=True, dtype=np.float64)
    left = (first - centre).astype(np.float32)  # three digits are plenty, and half the memory traffic
    right = left if second is first else (second - centre).astype(np.float32)
    distances: np.ndarray = left @ right.transpose(0, 2, 1)
    distances *= -2
    distances += np.einsum("kbp,kbp->kb", left, left)[:, :, None]
    distances += np.einsum("kbp,kbp->kb", right, right)[:, None, :]
    np.maximum(distances, 0, out=distances)
    np.sqrt(distances, out=distances)
    if second is first:
        own = np.arange(first.shape[1])
        distances[:, own, own] = 0.0
    return distances


def diversity_signals(within: Mapping[str, np.ndarray]) -> Signals:
    """Cross-sample spread of batches from their (k, B, B) distances, and the ratios where both were seen."""
    signals: Signals = {f"diversity/{kind}": mean_of_pairs(distances) for kind, distances in within.items()}
    if len(within) == 2:
        signals["diversity/ratio"] = _share(signals["diversity/fake"], signals["diversity/real"])
        if within["fake"].shape == within["real"].shape:  # depends on the batch size
            signals["diversity/nearest_ratio"] = _share(nearest(within["fake"]), nearest(within["real"]))
    return signals


def _share(fake: np.ndarray, real: np.ndarray) -> np.ndarray:
    """Spread of generated over that of real samples; 1 where both are alike throughout: nothing of it is lost."""
    return np.where((fake == 0) & (real == 0), 1.0, fake / real)


def mean_of_pairs(distances: np.ndarray) -> np.ndarray:
    """Mean distance (k,) of two different samples, from (k, B, B)."""
    size = distances.shape[1]
    mean: np.ndarray = distances.sum(axis=(1, 2), dtype=np.float64) / (size * (size - 1))
    return mean


def nearest(distances: np.ndarray) -> np.ndarray:
    """Median over samples of the distance to the nearest other one, (k,), from (k, B, B)."""
    own = np.arange(distances.shape[1])
    others = distances.copy()
    others[:, own, own] = np.inf
    nearest: np.ndarray = np.median(others.min(axis=2), axis=1).astype(np.float64)
    return nearest


def energy_distance(between: np.ndarray, within: Mapping[str, np.ndarray]) -> np.ndarray:
    """2 E|x - y| - E|x - x'| - E|y - y'| (Szekely & Rizzo 2013), (k,), by unbiased means over pairs.

    Its mean is 0 exactly for equal laws and positive for others; a single value may be negative.
    """
    across = between.mean(axis=(1, 2), dtype=np.float64)
    distance: np.ndarray = 2 * across - mean_of_pairs(within["real"]) - mean_of_pairs(within["fake"])
    return distance


def steepness(real: np.ndarray, fake: np.ndarray, between: np.ndarray) -> np.ndarray:
    """Largest |D(x) - D(y)| / |x - y|, (k,), of outputs (k, B) and (k, C) and distances (k, B, C).

    A lower bound of D's Lipschitz constant; of projected points up to the projection's error.
    """
    gaps = np.abs(real[:, :, None].astype(np.float64) - fake[:, None, :])
    floor = 1e-6 * between.max(axis=(1, 2), keepdims=True)  # equal samples say nothing
    slopes: np.ndarray = np.divide(gaps, between, where=between > floor, out=np.zeros_like(gaps)).max(axis=(1, 2))
    return slopes


def class_signals(raw: Raw, within: Mapping[str, np.ndarray]) -> Signals:
    """Diversity within each class, generated over real, where both batches hold two samples of it or more."""
    if len(within) < 2 or not all(f"labels/{kind}" in raw for kind in within):
        return {}
    labels = {kind: raw[f"labels/{kind}"][:, :MAX_POINTS] for kind in within}
    if any(labels[kind].shape != within[kind].shape[:2] for kind in within):
        return {}
    present = np.unique(np.concatenate([values.ravel() for values in labels.values()]))
    signals: Signals = {}
    for label in present[(present >= 0) & (present < MAX_CLASSES)].astype(int):
        spread = {kind: _within_class(within[kind], labels[kind] == label) for kind in within}
        ratio = spread["fake"] / spread["real"]
        if not np.isnan(ratio).all():
            signals[f"diversity/class/{label}"] = ratio
    return signals


def _within_class(distances: np.ndarray, chosen: np.ndarray) -> np.ndarray:
    """Mean distance (k,) of two of the chosen samples (k, B), NaN where there are not two."""
    count = chosen.sum(axis=1)
    total = np.einsum("kb,kbc,kc->k", chosen.astype(np.float64), distances, chosen.astype(np.float64))
    mean: np.ndarray = np.where(count > 1, total / np.maximum(count * (count - 1), 1), np.nan)
    return mean

"""Failures that generated samples or weights show: hopping, one class or the spectrum collapsing, no gain, a loss."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from gandiag.synthetic.healthy import healthy, noise, ramp, run_of

if TYPE_CHECKING:
    from gandiag.rundir.run import Run

CHECK = 50  # steps between two histograms


def mode_hopping(at: int = 1500, seed: int = 0, steps: int = 3000, modes: int = 10, stay: int = CHECK) -> Run:
    """From step `at` on G shows one of ten modes at a time, and another one after every `stay` steps."""
    frame = healthy(seed, steps, modes).scalars.copy()
    index = frame.index.to_numpy()
    mode = (np.maximum(index - at, 0) // stay) % modes
    alone = index >= at
    checks = index % CHECK == 0
    shares = np.where(alone[checks, None], np.eye(modes)[mode[checks]], 1 / modes)
    shares = 0.98 * shares + 0.02 * np.random.default_rng(seed + 1).dirichlet(np.ones(modes), len(shares))
    recent = np.stack([shares[max(0, i - 7) : i + 1].mean(axis=0) for i in range(len(shares))])
    turnover = np.abs(np.diff(shares, axis=0, prepend=shares[:1])).sum(axis=1) / 2
    for name in ("modes/effective", "modes/nearest/effective"):
        frame.loc[checks, name] = _effective(shares)
    frame.loc[checks, "modes/recent_effective"] = _effective(recent)
    frame.loc[checks, "bins/effective"] = _effective(shares) / modes
    frame.loc[checks, "bins/recent_effective"] = _effective(recent) / modes
    for name in ("modes/turnover", "bins/turnover"):
        frame.loc[checks, name] = turnover
    for name in ("diversity/ratio", "diversity/fake", "diversity/nearest_ratio"):
        frame[name] *= np.where(alone, 0.05, 1.0)
    radius = 0.8 * frame["diversity/real"]  # of a ring of modes: 4 / pi times it is their mean distance
    angle = 2 * np.pi * mode / modes
    for name, place in (("centre/fake/1", np.cos(angle)), ("centre/fake/2", np.sin(angle))):
        frame[name] = np.where(alone, radius * place + 0.02 * frame[name], frame[name])
    return run_of(frame)


def _effective(shares: np.ndarray) -> np.ndarray:
    """exp(entropy), (n,), of (n, K) shares."""
    logs = np.log(shares, where=shares > 0, out=np.zeros_like(shares))
    effective: np.ndarray = np.exp(-(shares * logs).sum(axis=1))
    return effective


def class_collapse(at: int = 1500, seed: int = 0, steps: int = 3000, classes: tuple[int, ...] = (3,)) -> Run:
    """From step `at` on the samples of some of ten classes hardly differ; the batch as a whole hides it."""
    frame = healthy(seed, steps).scalars.copy()
    lost = ramp(frame.index.to_numpy(), at, width=max(1, steps // 60))
    for label in classes:
        frame[f"diversity/class/{label}"] *= 1 - 0.9 * lost
    return run_of(frame)


def spectral_collapse(at: int = 1500, seed: int = 0, steps: int = 3000, net: str = "discriminator") -> Run:
    """From step `at` on a network's weights gather in one direction: their rank halves, the largest value grows."""
    frame = healthy(seed, steps).scalars.copy()
    lost = ramp(frame.index.to_numpy(), at, width=max(1, steps // 30))
    frame[f"weights/{net}/effective_rank"] *= 1 - 0.5 * lost
    frame[f"weights/{net}/sigma_max"] *= 1 + 4 * lost
    return run_of(frame)


def quality_regression(at: int = 1500, seed: int = 0, steps: int = 3000, worse: float = 2.5) -> Run:
    """From step `at` on samples get worse again, for as long as the run lasts, up to `worse` times their distance."""
    frame = healthy(seed, steps).scalars.copy()
    lost = ramp(frame.index.to_numpy(), at, width=max(1, steps - at))
    for name in ("quality/frechet", "quality/frechet/low", "quality/frechet/high"):
        frame[name] *= 1 + (worse - 1) * lost
    frame["distance/energy"] += 0.4 * lost * frame["diversity/real"]
    return run_of(frame)


def stagnation(at: int = 800, seed: int = 0, steps: int = 4000, left: float = 0.4) -> Run:
    """Until step `at` samples come nearer to the data; from then on they stay away by `left` of its spread."""
    frame = healthy(seed, steps).scalars.copy()
    still_to_go = 1 - ramp(frame.index.to_numpy(), 0, width=at)
    frame["distance/energy"] = frame["diversity/real"] * (left + 0.6 * still_to_go)
    frame["distance/energy"] += frame["diversity/real"] * 0.02 * noise(np.random.default_rng(seed + 1), steps)
    for name in ("quality/frechet", "quality/frechet/low", "quality/frechet/high"):
        frame[name] += 60 * (left + 0.6 * still_to_go)
    return run_of(frame)

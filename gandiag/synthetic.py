"""Synthetic runs with a known failure at a known step, for tests, notebooks and documentation.

Each function returns an in-memory `Run` whose signals behave as they do in trainings of small GANs: levels
plus first-order autoregressive noise. They exercise detectors; they are no evidence of how well those do.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import pandas as pd

from gandiag.run import SCHEMA, Run

if TYPE_CHECKING:
    from collections.abc import Mapping

LEVELS: dict[str, tuple[float, float]] = {  # signal: (level, standard deviation of its logarithm or value)
    "grad/generator/norm": (0.5, 0.3),
    "grad/discriminator/norm": (0.8, 0.3),
    "feedback/norm": (0.02, 0.3),
    "update/generator/ratio": (1e-3, 0.2),
    "update/discriminator/ratio": (1e-3, 0.2),
    "diversity/real": (5.0, 0.02),
    "diversity/ratio": (0.95, 0.03),
    "diversity/nearest_ratio": (0.9, 0.05),
}
"""Positive signals: median level and standard deviation of the logarithm in a healthy run."""


def healthy(seed: int = 0, steps: int = 3000, modes: int = 10) -> Run:
    """A run in which G catches up with D within the first tenth and nothing fails afterwards."""
    rng = np.random.default_rng(seed)
    warmth = 1 - np.exp(-np.arange(1, steps + 1) / (0.03 * steps))  # how far the warm-up has come
    columns = {name: level * np.exp(sd * _noise(rng, steps)) for name, (level, sd) in LEVELS.items()}
    columns["diversity/ratio"] *= 0.4 + 0.6 * warmth
    columns["diversity/fake"] = columns["diversity/ratio"] * columns["diversity/real"]
    columns["d/real/mean"] = 0.8 * warmth + 0.2 * _noise(rng, steps)
    columns["d/fake/mean"] = -0.8 * warmth + 0.2 * _noise(rng, steps)
    columns |= {f"d/{kind}/std": 0.6 * np.exp(0.1 * _noise(rng, steps)) for kind in ("real", "fake")}
    columns["d/auc"] = np.clip(0.78 + 0.05 * _noise(rng, steps), 0, 1)
    columns["loss/generator"] = np.log1p(np.exp(-columns["d/fake/mean"]))
    columns["loss/discriminator"] = 0.5 * (
        np.log1p(np.exp(-columns["d/real/mean"])) + np.log1p(np.exp(columns["d/fake/mean"]))
    )
    columns |= {f"grad/{net}/nonfinite": np.zeros(steps) for net in ("generator", "discriminator")}
    columns["nonfinite"] = np.zeros(steps)
    columns |= _mode_columns(rng, np.full(steps, float(modes)), modes)
    return _run(columns)


def mode_collapse(at: int = 1500, seed: int = 0, steps: int = 3000, left: int = 2) -> Run:
    """G covers ten modes until step `at`, then only `left` of them; losses and gradients show nothing."""
    run = healthy(seed, steps)
    frame = run.scalars.copy()
    lost = _ramp(frame.index.to_numpy(), at, width=max(1, steps // 60))
    kept = left / 10
    for name in ("diversity/ratio", "diversity/fake", "diversity/nearest_ratio"):
        frame[name] *= 1 - (1 - 0.6 * kept) * lost
    rng = np.random.default_rng(seed + 1)
    frame = frame.assign(**_mode_columns(rng, 10 - (10 - left) * lost, 10))
    return _run(frame)


def vanishing_gradients(at: int = 1500, seed: int = 0, steps: int = 3000) -> Run:
    """From step `at` on D separates perfectly under the saturating loss and its feedback fades away."""
    frame = healthy(seed, steps).scalars.copy()
    lost = _ramp(frame.index.to_numpy(), at, width=max(1, steps // 30))
    for name in ("feedback/norm", "grad/generator/norm", "update/generator/ratio"):
        frame[name] *= 10.0 ** (-4 * lost)
    frame["d/fake/mean"] -= 9 * lost
    frame["d/real/mean"] += 6 * lost
    frame["d/auc"] += (1 - frame["d/auc"]) * lost
    return _run(frame, loss_family="minimax")


def discriminator_dominance(at: int = 1000, seed: int = 0, steps: int = 3000) -> Run:
    """From step `at` on D tells real from generated perfectly, while its feedback stays alive."""
    frame = healthy(seed, steps).scalars.copy()
    frame["d/auc"] += (0.999 - frame["d/auc"]) * _ramp(frame.index.to_numpy(), at, width=max(1, steps // 60))
    return _run(frame)


def exploding_gradients(at: int = 1500, seed: int = 0, steps: int = 3000) -> Run:
    """At step `at` both networks' gradient norms jump by three orders of magnitude and stay there."""
    frame = healthy(seed, steps).scalars.copy()
    late = frame.index >= at
    for net in ("generator", "discriminator"):
        frame.loc[late, f"grad/{net}/norm"] *= 1e3
    return _run(frame)


def non_finite(at: int = 1500, seed: int = 0, steps: int = 3000) -> Run:
    """From step `at` on the generator's gradients are NaN."""
    frame = healthy(seed, steps).scalars.copy()
    late = frame.index >= at
    frame.loc[late, "grad/generator/norm"] = np.nan
    frame.loc[late, "grad/generator/nonfinite"] = 6.0
    frame.loc[late, "nonfinite"] = 3.0
    return _run(frame)


def oscillation(at: int = 1000, seed: int = 0, steps: int = 4000, period: int = 80, growth: float = 1.0) -> Run:
    """From step `at` on G and D circle each other with `period` steps; each cycle is `growth` times the last."""
    frame = healthy(seed, steps).scalars.copy()
    since = np.clip(frame.index.to_numpy() - at, 0, None)
    swing = 1.5 * growth ** (since / period) * _ramp(frame.index.to_numpy(), at, width=period)
    angle = 2 * np.pi * since / period
    frame["d/fake/mean"] += swing * np.sin(angle)
    frame["d/real/mean"] += swing * np.sin(angle - np.pi / 4)
    frame["loss/generator"] = np.log1p(np.exp(-np.clip(frame["d/fake/mean"], -700, 700)))
    return _run(frame)


def divergence(at: int = 1500, seed: int = 0, steps: int = 4000) -> Run:
    """From step `at` on D's outputs and both gradient norms grow exponentially, tenfold every 400 steps."""
    frame = healthy(seed, steps).scalars.copy()
    growth = 10 ** (np.clip(frame.index.to_numpy() - at, 0, None) / 400)
    names = ("d/real/mean", "d/fake/mean", "grad/generator/norm", "grad/discriminator/norm", "feedback/norm")
    for name in names:
        frame[name] *= growth
    return _run(frame)


def _noise(rng: np.random.Generator, steps: int, rho: float = 0.7) -> np.ndarray:
    """First-order autoregressive noise of unit variance, shape (steps,)."""
    from scipy.signal import lfilter

    white = rng.standard_normal(steps) * np.sqrt(1 - rho**2)
    noise: np.ndarray = lfilter([1.0], [1.0, -rho], white)
    return noise


def _ramp(steps: np.ndarray, at: int, width: int) -> np.ndarray:
    """0 before `at`, 1 from `at + width` on, linear between."""
    ramp: np.ndarray = np.clip((steps - at) / width, 0.0, 1.0)
    return ramp


def _mode_columns(rng: np.random.Generator, covered: np.ndarray, modes: int, n: int = 1000) -> dict[str, np.ndarray]:
    """Mode signals, recorded every 50 steps, of a generator that covers `covered` modes evenly."""
    steps = len(covered)
    effective = np.maximum(covered - 0.02 * modes * rng.random(steps), 1.0)
    recorded = np.arange(1, steps + 1) % 50 == 0
    columns = {
        "modes/captured": np.ceil(covered),
        "modes/robust": np.round(covered),
        "modes/effective": effective,
        "modes/expected_effective": np.full(steps, float(modes)),
        "modes/missing": np.floor(modes - covered),
        "modes/kl": np.log(modes / effective),
        "modes/tv": np.clip(1 - effective / modes, 0, 1),
        "modes/samples": np.full(steps, float(n)),
    }
    return {name: np.where(recorded, values, np.nan) for name, values in columns.items()}


def _run(columns: Mapping[str, np.ndarray] | pd.DataFrame, loss_family: str = "non-saturating") -> Run:
    frame = pd.DataFrame(columns)
    frame.index = pd.RangeIndex(1, len(frame) + 1, name="step")
    meta = {
        "schema": SCHEMA,
        "id": "synthetic",
        "status": "closed",
        "versions": {},
        "hyperparameters": {},
        "roles": {},
        "loss_family": {"name": loss_family, "source": "given"},
        "attribution": {},
        "segments": [{"index": 0, "start_step": 1}],
        "faults": [],
    }
    return Run(scalars=frame, meta=meta)

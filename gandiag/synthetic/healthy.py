"""A healthy run, and the parts that synthetic runs are made of."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import pandas as pd

from gandiag.rundir.run import SCHEMA, Run

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


EXTRA: dict[str, tuple[int, float, float]] = {  # signal: (recorded every so many steps, level, standard deviation)
    "d/lipschitz": (1, 2.0, 0.2),
    "penalty/norm": (1, 1.0, 0.05),
    "penalty/along": (1, 1.0, 0.0),
    **{f"penalty/{which}": (1, 0.0, 0.0) for which in ("undefined", "alone")},
    "range/real/min": (10, -1.0, 0.0),
    "range/real/max": (10, 1.0, 0.0),
    "range/real/constant": (10, 0.0, 0.0),
    "range/fake/min": (10, -0.99, 0.005),
    "range/fake/max": (10, 0.99, 0.005),
    "range/fake/constant": (10, 0.0, 0.0),
    "d/held_out/auc": (50, 0.5, 0.03),
    "d/held_out/gap": (50, 0.0, 0.05),
    "bins/effective": (50, 0.97, 0.01),
    "bins/recent_effective": (50, 0.98, 0.005),
    "bins/lost": (50, 0.0, 0.0),
    "bins/turnover": (50, 0.06, 0.01),
    "bins/unreached": (50, 0.0, 0.0),
    "bins/unreached_groups": (50, 0.0, 0.0),
    "columns/unreached": (50, 0.0, 0.0),
    **{f"grad/{net}/layer/{layer}": (10, 0.3, 0.05) for net in ("generator", "discriminator") for layer in (0, 2, 4)},
    **{f"weights/{net}/at_bound": (100, 1e-4, 1e-5) for net in ("generator", "discriminator")},
    **{f"weights/{net}/effective_rank": (100, 0.8, 0.005) for net in ("generator", "discriminator")},
    **{f"weights/{net}/sigma_max": (100, 2.0, 0.05) for net in ("generator", "discriminator")},
    **{f"diversity/class/{k}": (1, 0.95, 0.1) for k in range(10)},
    "quality/c_t": (250, 0.0, 1.0),
    "quality/authpct": (250, 70.0, 1.5),
    "quality/authpct/perfect": (250, 70.0, 0.0),
    "quality/copies": (250, 1e-3, 1e-4),
    **{f"updates/{net}": (1, 1.0, 0.0) for net in ("generator", "discriminator")},
    "pace/discriminator": (1, 1.0, 0.0),
    **{f"rate/{net}": (1, 2e-4, 0.0) for net in ("generator", "discriminator")},
    **{f"leftover/{net}": (1, 0.0, 0.0) for net in ("generator", "discriminator")},
    "optimizers/crossed": (1, 0.0, 0.0),
    **{f"copied/{net}": (1, 0.0, 0.0) for net in ("generator", "discriminator")},
    **{f"mode/{net}/switched": (1, 0.0, 0.0) for net in ("generator", "discriminator")},
    "pull/agreement": (1, -1.0, 0.0),
    **{f"condition/{which}": (1, 0.0, 0.0) for which in ("lost", "foreign")},
    "condition/agreement": (1, 1.0, 0.0),
    "pull/apart": (1, 1.0, 0.0),
    "pull/passed": (1, 1.0, 0.0),
    "input/repeated": (1, 0.0, 0.0),
    "range/real/nonfinite": (1, 0.0, 0.0),
    **{
        f"nonfinite/{n}/{w}": (1, 0.0, 0.0)
        for n in ("generator", "discriminator")
        for w in ("samples", "outputs", "loss")
    },
    **{f"unheld/{net}": (1, 0.0, 0.0) for net in ("generator", "discriminator")},
}
"""Signals that scatter without memory, or are recorded now and then."""


def healthy(seed: int = 0, steps: int = 3000, modes: int = 10) -> Run:
    """A run in which G catches up with D within the first tenth and nothing fails afterwards."""
    rng = np.random.default_rng(seed)
    warmth = 1 - np.exp(-np.arange(1, steps + 1) / (0.03 * steps))  # how far the warm-up has come
    columns = {name: level * np.exp(sd * noise(rng, steps)) for name, (level, sd) in LEVELS.items()}
    columns["diversity/ratio"] *= 0.4 + 0.6 * warmth
    columns["diversity/fake"] = columns["diversity/ratio"] * columns["diversity/real"]
    columns["d/real/mean"] = 0.8 * warmth + 0.2 * noise(rng, steps)
    columns["d/fake/mean"] = -0.8 * warmth + 0.2 * noise(rng, steps)
    columns |= {f"d/{kind}/std": 0.6 * np.exp(0.1 * noise(rng, steps)) for kind in ("real", "fake")}
    columns |= {
        f"d/{kind}/{end}": columns[f"d/{kind}/mean"] + side * 2.5 * columns[f"d/{kind}/std"]
        for kind in ("real", "fake")
        for end, side in (("min", -1), ("max", 1))
    }
    columns["d/auc"] = np.clip(0.78 + 0.05 * noise(rng, steps), 0, 1)
    columns["loss/generator"] = np.log1p(np.exp(-columns["d/fake/mean"]))
    columns["loss/discriminator"] = 0.5 * (
        np.log1p(np.exp(-columns["d/real/mean"])) + np.log1p(np.exp(columns["d/fake/mean"]))
    )
    columns |= {f"grad/{net}/nonfinite": np.zeros(steps) for net in ("generator", "discriminator")}
    columns["nonfinite"] = np.zeros(steps)
    columns |= _more_columns(np.random.default_rng([seed, 1]), warmth, columns["diversity/real"])
    columns |= mode_columns(rng, np.full(steps, float(modes)), modes)
    return run_of(columns)


def _more_columns(rng: np.random.Generator, warmth: np.ndarray, spread: np.ndarray) -> dict[str, np.ndarray]:
    """Where the generated batch lies (its energy distance falls to the noise, its centre stays), and `EXTRA`."""
    steps = len(warmth)
    numbers = np.arange(1, steps + 1)
    columns = {f"centre/fake/{i}": 0.3 * noise(rng, steps) for i in (1, 2)}
    columns["distance/energy"] = spread * (0.5 * (1 - warmth) + 0.02 + 0.02 * noise(rng, steps))
    frechet = 20 + 80 * (1 - warmth) + 0.4 * rng.standard_normal(steps)
    for name, shift in (("quality/frechet", 0.0), ("quality/frechet/low", -0.8), ("quality/frechet/high", 0.8)):
        columns[name] = np.where(numbers % 100 == 0, frechet + shift, np.nan)
    for name, (every, level, deviation) in EXTRA.items():
        values = level + deviation * rng.standard_normal(steps)
        columns[name] = np.where(numbers % every == 0, values, np.nan)
    return columns


def noise(rng: np.random.Generator, steps: int, rho: float = 0.7) -> np.ndarray:
    """First-order autoregressive noise of unit variance, shape (steps,)."""
    from scipy.signal import lfilter

    white = rng.standard_normal(steps) * np.sqrt(1 - rho**2)
    noise: np.ndarray = lfilter([1.0], [1.0, -rho], white)
    return noise


def ramp(steps: np.ndarray, at: int, width: int) -> np.ndarray:
    """0 before `at`, 1 from `at + width` on, linear between."""
    ramp: np.ndarray = np.clip((steps - at) / width, 0.0, 1.0)
    return ramp


def mode_columns(rng: np.random.Generator, covered: np.ndarray, modes: int, n: int = 1000) -> dict[str, np.ndarray]:
    """Mode signals, recorded every 50 steps, of a generator that covers `covered` modes evenly."""
    steps = len(covered)
    effective = np.maximum(covered - 0.02 * modes * rng.random(steps), 1.0)
    recorded = np.arange(1, steps + 1) % 50 == 0
    kept = np.clip(covered[:, None] - np.arange(modes), 0, 1)
    shares = kept / kept.sum(axis=1, keepdims=True)
    columns = {f"modes/share/{k}": shares[:, k] for k in range(modes)} | {
        "modes/nearest/effective": effective,
        "modes/nearest/missing": np.floor(modes - covered),
        "modes/recent_effective": effective,
        "modes/turnover": 0.03 + 0.01 * rng.random(steps),
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


def run_of(columns: Mapping[str, np.ndarray] | pd.DataFrame, loss_family: str = "non-saturating") -> Run:
    """A closed run of these signals, (steps,) each, from step 1 on; the index of a frame is not kept."""
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

"""One function per failure: a healthy run up to a known step, and what goes wrong from there on."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from gandiag.synthetic.healthy import healthy, mode_columns, ramp, run_of

if TYPE_CHECKING:
    from gandiag.rundir.run import Run


def mode_collapse(at: int = 1500, seed: int = 0, steps: int = 3000, left: int = 2) -> Run:
    """G covers ten modes until step `at`, then only `left` of them; losses and gradients show nothing."""
    run = healthy(seed, steps)
    frame = run.scalars.copy()
    lost = ramp(frame.index.to_numpy(), at, width=max(1, steps // 60))
    kept = left / 10
    for name in ("diversity/ratio", "diversity/fake", "diversity/nearest_ratio"):
        frame[name] *= 1 - (1 - 0.6 * kept) * lost
    rng = np.random.default_rng(seed + 1)
    frame = frame.assign(**mode_columns(rng, 10 - (10 - left) * lost, 10))
    return run_of(frame)


def vanishing_gradients(at: int = 1500, seed: int = 0, steps: int = 3000) -> Run:
    """From step `at` on D separates perfectly under the saturating loss and its feedback fades away."""
    frame = healthy(seed, steps).scalars.copy()
    lost = ramp(frame.index.to_numpy(), at, width=max(1, steps // 30))
    for name in ("feedback/norm", "grad/generator/norm", "update/generator/ratio"):
        frame[name] *= 10.0 ** (-4 * lost)
    frame["d/fake/mean"] -= 9 * lost
    frame["d/real/mean"] += 6 * lost
    frame["d/auc"] += (1 - frame["d/auc"]) * lost
    return run_of(frame, loss_family="minimax")


def discriminator_dominance(at: int = 1000, seed: int = 0, steps: int = 3000) -> Run:
    """From step `at` on D tells real from generated perfectly, while its feedback stays alive."""
    frame = healthy(seed, steps).scalars.copy()
    frame["d/auc"] += (0.999 - frame["d/auc"]) * ramp(frame.index.to_numpy(), at, width=max(1, steps // 60))
    return run_of(frame)


def exploding_gradients(at: int = 1500, seed: int = 0, steps: int = 3000) -> Run:
    """At step `at` both networks' gradient norms jump by three orders of magnitude and stay there."""
    frame = healthy(seed, steps).scalars.copy()
    late = frame.index >= at
    for net in ("generator", "discriminator"):
        frame.loc[late, f"grad/{net}/norm"] *= 1e3
    return run_of(frame)


def non_finite(at: int = 1500, seed: int = 0, steps: int = 3000) -> Run:
    """From step `at` on the generator's gradients are NaN."""
    frame = healthy(seed, steps).scalars.copy()
    late = frame.index >= at
    frame.loc[late, "grad/generator/norm"] = np.nan
    frame.loc[late, "grad/generator/nonfinite"] = 6.0
    frame.loc[late, "nonfinite"] = 3.0
    return run_of(frame)


def oscillation(at: int = 1000, seed: int = 0, steps: int = 4000, period: int = 80, growth: float = 1.0) -> Run:
    """From step `at` on G and D circle each other with `period` steps; each cycle is `growth` times the last."""
    frame = healthy(seed, steps).scalars.copy()
    since = np.clip(frame.index.to_numpy() - at, 0, None)
    swing = 1.5 * growth ** (since / period) * ramp(frame.index.to_numpy(), at, width=period)
    angle = 2 * np.pi * since / period
    frame["d/fake/mean"] += swing * np.sin(angle)
    frame["d/real/mean"] += swing * np.sin(angle - np.pi / 4)
    frame["loss/generator"] = np.log1p(np.exp(-np.clip(frame["d/fake/mean"], -700, 700)))
    return run_of(frame)


def divergence(at: int = 1500, seed: int = 0, steps: int = 4000) -> Run:
    """From step `at` on D's outputs and both gradient norms grow exponentially, tenfold every 400 steps."""
    frame = healthy(seed, steps).scalars.copy()
    growth = 10 ** (np.clip(frame.index.to_numpy() - at, 0, None) / 400)
    names = ("d/real/mean", "d/fake/mean", "grad/generator/norm", "grad/discriminator/norm", "feedback/norm")
    for name in names:
        frame[name] *= growth
    return run_of(frame)

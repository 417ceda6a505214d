"""Failures of D's and of what is learnt by heart: a healthy run up to a known step, and what goes wrong from there."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from gandiag.synthetic.healthy import healthy, noise, ramp, run_of

if TYPE_CHECKING:
    from gandiag.rundir.run import Run


def dead_layer(at: int = 1500, seed: int = 0, steps: int = 3000, net: str = "generator") -> Run:
    """From step `at` on a layer of a network, and the one before it, get no gradient; the feedback stays alive."""
    frame = healthy(seed, steps).scalars.copy()
    late = frame.index >= at
    for layer in (0, 2):
        name = f"grad/{net}/layer/{layer}"
        frame[name] = frame[name].mask(late & frame[name].notna(), 0.0)
    return run_of(frame)


def discriminator_too_weak(at: int = 1500, seed: int = 0, steps: int = 3000) -> Run:
    """From step `at` on D is at chance while G drifts away from the data."""
    frame = healthy(seed, steps).scalars.copy()
    lost = ramp(frame.index.to_numpy(), at, width=max(1, steps // 60))
    scatter = 0.05 * noise(np.random.default_rng([seed, 2]), steps)
    frame["d/auc"] += (0.5 + scatter - frame["d/auc"]) * lost
    frame["distance/energy"] += 0.4 * frame["diversity/real"] * lost
    return run_of(frame)


def shortcut(seed: int = 0, steps: int = 3000) -> Run:
    """D tells real from generated from the first step on: real data lie in [0, 1], generated in [-1, 1]."""
    frame = healthy(seed, steps).scalars.copy()
    frame["d/auc"] = 1.0
    frame["range/real/min"] += 1.0
    return run_of(frame)


def discriminator_overfitting(at: int = 1500, seed: int = 0, steps: int = 3000) -> Run:
    """From step `at` on D learns its training samples by heart, and rates held-out ones like generated ones."""
    frame = healthy(seed, steps).scalars.copy()
    lost = ramp(frame.index.to_numpy(), at, width=max(1, steps // 15))
    frame["d/held_out/gap"] += 0.9 * lost
    frame["d/held_out/auc"] += 0.35 * lost
    frame["d/real/mean"] += 2 * lost
    frame["d/auc"] += 0.12 * lost
    return run_of(frame)


def memorisation(at: int = 1500, seed: int = 0, steps: int = 3000) -> Run:
    """From step `at` on G comes to repeat training samples, in the end in one of three samples."""
    frame = healthy(seed, steps).scalars.copy()
    copied = ramp(frame.index.to_numpy(), at, width=max(1, steps // 12)) / 3
    frame["quality/c_t"] -= 38 * copied
    frame["quality/authpct"] *= 1 - copied
    frame["quality/copies"] += copied
    return run_of(frame)


def critic_constraint(at: int = 1500, seed: int = 0, steps: int = 3000) -> Run:
    """From step `at` on a clipped critic's weights pile up at the bound and its gradients decay with depth."""
    frame = healthy(seed, steps).scalars.copy()
    lost = ramp(frame.index.to_numpy(), at, width=max(1, steps // 60))
    frame["weights/discriminator/at_bound"] += 0.95 * lost
    for depth, layer in enumerate((4, 2, 0)):
        frame[f"grad/discriminator/layer/{layer}"] *= 10.0 ** (-1.2 * depth * lost)
    return run_of(frame, loss_family="wgan")

"""Synthetic runs with a known failure at a known step, for tests, notebooks and documentation.

Each function returns an in-memory `Run` whose signals behave as they do in trainings of small GANs: levels
plus first-order autoregressive noise. They exercise detectors; they are no evidence of how well those do.
"""

from gandiag.synthetic.discriminator import (
    critic_constraint,
    dead_layer,
    discriminator_overfitting,
    discriminator_too_weak,
    memorisation,
    shortcut,
)
from gandiag.synthetic.failures import (
    discriminator_dominance,
    divergence,
    exploding_gradients,
    mode_collapse,
    non_finite,
    oscillation,
    vanishing_gradients,
)
from gandiag.synthetic.healthy import healthy
from gandiag.synthetic.samples import (
    class_collapse,
    mode_hopping,
    quality_regression,
    spectral_collapse,
    stagnation,
)

__all__ = [
    "class_collapse",
    "critic_constraint",
    "dead_layer",
    "discriminator_dominance",
    "discriminator_overfitting",
    "discriminator_too_weak",
    "divergence",
    "exploding_gradients",
    "healthy",
    "memorisation",
    "mode_collapse",
    "mode_hopping",
    "non_finite",
    "oscillation",
    "quality_regression",
    "shortcut",
    "spectral_collapse",
    "stagnation",
    "vanishing_gradients",
]

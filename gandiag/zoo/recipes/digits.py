"""GANs on scikit-learn's real 8x8 digits."""

from __future__ import annotations

from dataclasses import replace

from gandiag.zoo import data, losses
from gandiag.zoo.dynamics import Alternating
from gandiag.zoo.events import LearningRates, at
from gandiag.zoo.networks.mlp import MlpDiscriminator, MlpGenerator
from gandiag.zoo.optimizers import Adam
from gandiag.zoo.penalties import R1, GradientPenalty
from gandiag.zoo.recipe import Recipe

HEALTHY = Recipe(
    name="digits-healthy",
    says="G and D learn at the same rate, 5e-4 (non-saturating loss, Adam).",
    paper="Goodfellow et al. 2014",
    data=data.digits,
    generator=MlpGenerator(width=128, depth=2),
    discriminator=MlpDiscriminator(width=128, depth=2),
    latent=32,
    batch=64,
    generator_optimizer=Adam(5e-4),
    discriminator_optimizer=Adam(5e-4),
    steps=2400,
)
COLLAPSING = replace(
    HEALTHY,
    name="digits-collapsing",
    says=(
        "The same, but at 40 % of the run G's learning rate rises to 5e-3 and D's falls to 2e-5: "
        "D can no longer answer, and G moves to the few digits it likes best."
    ),
    paper="",
    fails=("mode-collapse", "sample-collapse"),
    events=at(0.4, LearningRates(generator=5e-3, discriminator=2e-5)),
)
DIGITS_R1 = replace(
    HEALTHY,
    name="digits-r1",
    says="A penalty on D's gradient on real digits.",
    paper="Mescheder et al. 2018",
    penalties=(R1(1.0),),
    steps=2000,
)
DIGITS_WGAN_GP = replace(
    HEALTHY,
    name="digits-wgan-gp",
    says="A critic with a gradient penalty.",
    paper="Gulrajani et al. 2017",
    loss=losses.WASSERSTEIN,
    penalties=(GradientPenalty(1.0),),
    dynamics=Alternating(n_critic=2),
    steps=1500,
)

DIGITS = (HEALTHY, COLLAPSING, DIGITS_R1, DIGITS_WGAN_GP)

DEMO = (replace(HEALTHY, name="healthy"), replace(COLLAPSING, name="collapsing"))
"""The two runs of `gandiag demo`."""

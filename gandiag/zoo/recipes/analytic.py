"""Games whose dynamics can be written down: Dirac-GAN, and learning the mean of a Gaussian."""

from __future__ import annotations

from dataclasses import replace

from gandiag.zoo import data, losses
from gandiag.zoo.dynamics import Alternating, Consensus, Extragradient, Simultaneous
from gandiag.zoo.events import Clip
from gandiag.zoo.inputs import InstanceNoise
from gandiag.zoo.networks.analytic import LinearDiscriminator, PointGenerator, ShiftGenerator
from gandiag.zoo.optimizers import Optimistic, Sgd
from gandiag.zoo.penalties import R1, Dragan, GradientPenalty
from gandiag.zoo.recipe import Recipe

CIRCLES = ("oscillation",)

DIRAC = Recipe(
    name="dirac-minimax",
    says="One parameter against one: the players circle the equilibrium for ever.",
    paper="Mescheder et al. 2018",
    fails=CIRCLES,
    data=data.dirac,
    generator=PointGenerator(),
    discriminator=LinearDiscriminator(),
    latent=1,
    batch=16,  # all alike: one would do for the game, but shows nobody that nothing varies
    loss=losses.MINIMAX,
    generator_optimizer=Sgd(0.2),
    discriminator_optimizer=Sgd(0.2),
    dynamics=Alternating(generator_first=True),
    steps=1000,
)
DIRAC_SIMULTANEOUS = replace(
    DIRAC, name="dirac-simultaneous", says="Moving at once, they spiral outwards.", dynamics=Simultaneous()
)
DIRAC_FIVE = replace(
    DIRAC,
    name="dirac-five-d-steps",
    says="Five updates of D for one of G: still a circle.",
    dynamics=Alternating(5, generator_first=True),
)
DIRAC_NON_SATURATING = replace(
    DIRAC,
    name="dirac-non-saturating",
    fails=(),
    says="The practical loss comes in, but slowly: 8 % closer with each turn.",
    loss=losses.NON_SATURATING,
)
DIRAC_R1 = replace(
    DIRAC_NON_SATURATING, name="dirac-r1", says="A penalty on D's gradient stops the circling.", penalties=(R1(0.3),)
)
DIRAC_CRITICAL = replace(
    DIRAC, name="dirac-r1-critical", says="At gamma = 1 the game is critically damped.", fails=(), penalties=(R1(1.0),)
)
DIRAC_WGAN = replace(
    DIRAC,
    name="dirac-wgan",
    says="A clipped critic circles, too.",
    paper="Arjovsky et al. 2017; Mescheder et al. 2018",
    loss=losses.WASSERSTEIN,
    constraint=Clip(1.0).constrain,
)
DIRAC_WGAN_GP = replace(
    DIRAC,
    name="dirac-wgan-gp",
    says="A gradient of norm 1 is demanded even at the equilibrium, where it should be 0: the players never rest.",
    paper="Gulrajani et al. 2017; Mescheder et al. 2018",
    loss=losses.WASSERSTEIN,
    penalties=(GradientPenalty(0.35),),
)
DIRAC_DRAGAN = replace(
    DIRAC,
    name="dirac-dragan",
    says="The same demand around real samples, both players moving at once.",
    paper="Kodali et al. 2017; Mescheder et al. 2018",
    dynamics=Simultaneous(),
    penalties=(Dragan(0.35),),
)
DIRAC_NOISE = replace(
    DIRAC,
    name="dirac-instance-noise",
    fails=(),
    says="Noise on D's inputs acts as a penalty on its gradient.",
    paper="Arjovsky and Bottou 2017; Mescheder et al. 2018",
    inputs=(InstanceNoise(0.7, until=None),),
    batch=64,
)
DIRAC_CONSENSUS = replace(
    DIRAC,
    name="dirac-consensus",
    fails=(),
    says="Shrinking both gradients stops the circling.",
    paper="Mescheder et al. 2017",
    dynamics=Consensus(1.0),
)

GAUSSIAN = Recipe(
    name="gaussian-wgan",
    says="A linear critic against a learned mean: gradient descent circles the answer.",
    paper="Daskalakis et al. 2018",
    fails=CIRCLES,
    data=data.gaussian,
    generator=ShiftGenerator(8.0),  # of four directions gandiag looks along two: wide circles are seen in any
    discriminator=LinearDiscriminator(start=0.0),
    latent=4,
    batch=128,
    loss=losses.WASSERSTEIN,
    generator_optimizer=Sgd(0.1),
    discriminator_optimizer=Sgd(0.1),
    dynamics=Alternating(),
    steps=1000,
)
GAUSSIAN_OPTIMISTIC = replace(
    GAUSSIAN,
    name="gaussian-optimistic",
    fails=(),
    generator=ShiftGenerator(4.0),
    says="The gradient plus where it is heading: the circles close in.",
    generator_optimizer=Optimistic(0.1),
    discriminator_optimizer=Optimistic(0.1),
    dynamics=Simultaneous(),
)
GAUSSIAN_EXTRAGRADIENT = replace(
    GAUSSIAN,
    name="gaussian-extragradient",
    fails=(),
    generator=ShiftGenerator(4.0),
    says="Looking one step ahead does the same, for twice the gradients.",
    paper="Gidel et al. 2019",
    dynamics=Extragradient(),
)
GAUSSIAN_R1 = replace(
    GAUSSIAN,
    name="gaussian-r1",
    fails=(),
    generator=ShiftGenerator(4.0),
    says="So does a penalty on D's gradient, under the logistic loss.",
    paper="Mescheder et al. 2018",
    loss=losses.NON_SATURATING,
    penalties=(R1(0.3),),
)

ANALYTIC = (
    DIRAC, DIRAC_SIMULTANEOUS, DIRAC_FIVE, DIRAC_NON_SATURATING, DIRAC_R1, DIRAC_CRITICAL, DIRAC_WGAN,
    DIRAC_WGAN_GP, DIRAC_DRAGAN, DIRAC_NOISE, DIRAC_CONSENSUS,
    GAUSSIAN, GAUSSIAN_OPTIMISTIC, GAUSSIAN_EXTRAGRADIENT, GAUSSIAN_R1,
)  # fmt: skip


def started_anywhere(recipe: Recipe) -> Recipe:
    """A Dirac-GAN whose seeds differ: theta starts between 0.7 and 1.3."""
    return replace(recipe, generator=PointGenerator(jitter=0.3))

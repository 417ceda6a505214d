"""GANs on points in the plane: each shows one technique on the ring of eight Gaussians, or one more data set."""

from __future__ import annotations

from dataclasses import replace

from gandiag.zoo import data, losses
from gandiag.zoo.dynamics import Alternating, Consensus, Extragradient, Simultaneous, Unrolled
from gandiag.zoo.events import Clip
from gandiag.zoo.inputs import InstanceNoise, Pack
from gandiag.zoo.networks.mlp import MlpDiscriminator, MlpGenerator
from gandiag.zoo.optimizers import Adam, RmsProp
from gandiag.zoo.penalties import R1, R2, Dragan, GradientPenalty, WeightPenalty
from gandiag.zoo.recipe import Recipe

FAST, SLOW = Adam(1e-3), Adam(1e-4)

RING = Recipe(
    name="ring8",
    says="What the others vary: the practical loss on a ring of eight Gaussians, both players fast.",
    paper="Goodfellow et al. 2014",
    data=data.ring8,
    generator=MlpGenerator(batch_norm=False),
    discriminator=MlpDiscriminator(),
    generator_optimizer=FAST,
    discriminator_optimizer=FAST,
    steps=1500,
)
"""Not in the zoo: as it stands it works by some seeds and collapses by others."""
NON_SATURATING = replace(
    RING,
    name="ring8-non-saturating",
    says="The original GAN with its practical loss; with large batches and a D that learns twice as fast as G.",
    batch=256,
    generator_optimizer=Adam(5e-4),
)
MINIMAX = replace(
    RING,
    name="ring8-minimax",
    says="The original game, which works as long as D is trained no more than G.",
    loss=losses.MINIMAX,
)
WGAN = replace(
    RING,
    name="ring8-wgan",
    says="A critic instead of a discriminator, kept Lipschitz by clipping its weights.",
    paper="Arjovsky et al. 2017",
    batch=256,
    loss=losses.WASSERSTEIN,
    constraint=Clip(0.1).constrain,
    dynamics=Alternating(n_critic=3),
    generator_optimizer=RmsProp(2e-4),
    discriminator_optimizer=RmsProp(5e-4),
)
WGAN_GP = replace(
    RING,
    name="ring8-wgan-gp",
    says="The same critic, kept Lipschitz by a penalty on its gradient.",
    paper="Gulrajani et al. 2017",
    loss=losses.WASSERSTEIN,
    penalties=(GradientPenalty(0.1),),  # 0.1 as in their experiments in the plane
    dynamics=Alternating(n_critic=3),
)
LSGAN = replace(
    RING,
    name="ring8-lsgan",
    says="Squares instead of logarithms: no saturation, and a pull on samples that are far from the boundary.",
    paper="Mao et al. 2017",
    loss=losses.LEAST_SQUARES,
)
HINGE = replace(
    RING,
    name="ring8-hinge",
    says="D ignores samples beyond its margin; with a penalty on real samples.",
    paper="Lim and Ye 2017",
    loss=losses.HINGE,
    penalties=(R1(0.1),),
)
DRAGAN = replace(
    RING,
    name="ring8-dragan",
    says="A gradient penalty around real samples only.",
    paper="Kodali et al. 2017",
    penalties=(Dragan(1.0),),
)
RSGAN = replace(
    RING,
    name="ring8-rsgan",
    says="D compares each real sample with a generated one, and G sees the comparison, too.",
    paper="Jolicoeur-Martineau 2019",
    loss=losses.RELATIVISTIC,
    penalties=(R1(0.1),),
)
RAGAN = replace(
    RSGAN,
    name="ring8-ragan",
    says="D compares each sample with the average of the other kind; large batches steady the average.",
    loss=losses.RELATIVISTIC_AVERAGE,
    batch=256,
)
LABEL_SMOOTHING = replace(
    RING,
    name="ring8-label-smoothing",
    says="Real labels of 0.9: D is never rewarded for being certain.",
    paper="Salimans et al. 2016",
    loss=losses.SMOOTHED,
)

TTUR = replace(
    RING,
    name="ring8-ttur",
    says="Two time scales: D learns four times faster than G, with a penalty, or it would win too early.",
    paper="Heusel et al. 2017",
    penalties=(R1(0.1),),
    generator_optimizer=Adam(5e-4),
    discriminator_optimizer=Adam(2e-3),
)
UNROLLED = replace(
    RING,
    name="ring8-unrolled",
    says="G's loss looks five steps of D ahead, so that moving to one mode does not pay.",
    paper="Metz et al. 2017",
    batch=256,
    dynamics=Unrolled(k=5, lr=0.01),
    steps=1200,
)
CONSENSUS = replace(
    RING,
    name="ring8-consensus",
    says="Both players also shrink both gradients, which damps their rotation.",
    paper="Mescheder et al. 2017",
    dynamics=Consensus(0.1),
    steps=1000,
)
SIMULTANEOUS = replace(
    RING,
    name="ring8-simultaneous",
    says="Both players move at once; where one parameter meets another they spiral outwards, here it works.",
    paper="Goodfellow et al. 2014; Mescheder et al. 2018",
    generator_optimizer=Adam(2e-3),
    discriminator_optimizer=Adam(2e-3),
    dynamics=Simultaneous(),
    steps=1000,
)
EXTRAGRADIENT = replace(
    RING,
    name="ring8-extragradient",
    says="Both players look one step ahead before they move.",
    paper="Gidel et al. 2019",
    penalties=(R1(0.1),),
    dynamics=Extragradient(),
    steps=1000,
)
AVERAGED = replace(
    RING,
    name="ring8-ema",
    says="A moving average of G's weights goes on quietly where G itself circles.",
    paper="Yazici et al. 2019",
    penalties=(R1(0.1),),
    average=0.995,
)
OVERTRAINED = replace(
    MINIMAX,
    name="ring8-overtrained-d",
    says="Ten updates of D for one of G: D is sure of every sample, and G's gradient vanishes.",
    paper="Arjovsky and Bottou 2017",
    fails=("vanishing-gradients",),
    generator_optimizer=Adam(6e-5),
    discriminator_optimizer=Adam(1.5e-3),
    dynamics=Alternating(n_critic=10),
    steps=500,
)
UNDERTRAINED = replace(
    RING,
    name="ring8-undertrained-d",
    says="D learns fifty times more slowly than G, which moves on before D can answer.",
    paper="Metz et al. 2017",
    fails=("mode-collapse", "mode-hopping"),
    discriminator_optimizer=Adam(2e-5),
)

SPECTRAL_NORM = replace(
    RING,
    name="ring8-spectral-norm",
    says="Every layer of D has a largest singular value of 1: so smooth a D has to learn faster than G.",
    paper="Miyato et al. 2018",
    discriminator=MlpDiscriminator(spectral_norm=True),
    generator_optimizer=Adam(2e-4),
    discriminator_optimizer=Adam(2e-3),
    steps=2500,
)
R1_RING = replace(
    RING,
    name="ring8-r1",
    says="A penalty on D's gradient on real samples: the game settles.",
    paper="Mescheder et al. 2018",
    penalties=(R1(0.1),),
)
R2_RING = replace(
    RING,
    name="ring8-r2",
    says="The same on generated samples.",
    paper="Mescheder et al. 2018",
    penalties=(R2(0.1),),
)
INSTANCE_NOISE = replace(
    RING,
    name="ring8-instance-noise",
    says="Noise on everything that D sees, fading out: real and generated samples overlap.",
    paper="Arjovsky and Bottou 2017; Sonderby et al. 2017",
    inputs=(InstanceNoise(0.5),),
)
WEIGHT_PENALTY = replace(
    RING,
    name="ring8-weight-penalty",
    says="D's weights are kept small.",
    paper="Brock et al. 2017",
    penalties=(WeightPenalty(1e-2),),
)
MINIBATCH_STD = replace(
    RING,
    name="ring8-minibatch-std",
    says="D sees how much its batch varies.",
    paper="Karras et al. 2018",
    discriminator=MlpDiscriminator(minibatch_std=True),
)
PACKED = tuple(
    replace(
        RING,
        name=f"ring8-pacgan{m}",
        says=f"D judges {m} samples at once.",
        paper="Lin et al. 2018",
        inputs=(Pack(m),),
        batch=120,
    )
    for m in (2, 3, 4)
)

GRID25 = replace(LSGAN, name="grid25-lsgan", says="Twenty-five modes on a grid.", data=data.grid25)
SWISS_ROLL = replace(
    R1_RING,
    name="swiss-roll-r1",
    says="A curve without modes; gandiag works without labels.",
    paper="Gulrajani et al. 2017",
    data=data.swiss_roll,
)
TABULAR = replace(
    WGAN_GP,
    name="tabular-wgan-gp",
    says="A table of numbers and categories in six segments; gandiag works without labels.",
    paper="Xu et al. 2019 (CTGAN)",
    data=data.tabular,
    generator=MlpGenerator(batch_norm=False, categories=data.TABULAR),
    penalties=(GradientPenalty(1.0),),
    dynamics=Alternating(n_critic=2),
    steps=1500,
)

POINTS = (
    MINIMAX, NON_SATURATING, WGAN, WGAN_GP, LSGAN, HINGE, DRAGAN, RSGAN, RAGAN, LABEL_SMOOTHING,
    TTUR, UNROLLED, CONSENSUS, SIMULTANEOUS, EXTRAGRADIENT, AVERAGED, OVERTRAINED, UNDERTRAINED,
    SPECTRAL_NORM, R1_RING, R2_RING, INSTANCE_NOISE, WEIGHT_PENALTY, MINIBATCH_STD, *PACKED,
    GRID25, SWISS_ROLL, TABULAR,
)  # fmt: skip

"""Kinds of networks and of GANs, on digits: what the literature proposed beyond a new loss."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from gandiag.zoo.data import digits, mnist, stacked_mnist
from gandiag.zoo.games.acgan import AuxiliaryClassifier
from gandiag.zoo.games.adaptive_augmentation import AdaptiveAugmentation
from gandiag.zoo.games.conditional import Conditional
from gandiag.zoo.games.memory import MemoryGame
from gandiag.zoo.games.mode_seeking import ModeSeeking
from gandiag.zoo.games.progressive import Progressive
from gandiag.zoo.games.stacked import Stacked
from gandiag.zoo.games.vae_gan import VaeGan
from gandiag.zoo.losses import HINGE
from gandiag.zoo.networks.attention import SaganDiscriminator, SaganGenerator
from gandiag.zoo.networks.convolutional import DcganDiscriminator, DcganGenerator
from gandiag.zoo.networks.growing import GrowingDiscriminator, GrowingGenerator
from gandiag.zoo.networks.labelled import (
    ClassifyingDiscriminator,
    ConditionalDiscriminator,
    ConditionalGenerator,
    FeatureDiscriminator,
    ProjectionDiscriminator,
)
from gandiag.zoo.networks.memory import MemoryDiscriminator, RecallingGenerator
from gandiag.zoo.networks.mlp import MlpDiscriminator, MlpGenerator
from gandiag.zoo.networks.stacked import StackedDiscriminators, StackedGenerator
from gandiag.zoo.optimizers import Adam
from gandiag.zoo.penalties import R1
from gandiag.zoo.recipe import Recipe

if TYPE_CHECKING:
    from gandiag.zoo.data import Data

DCGAN_DIGITS = Recipe(
    name="dcgan-digits",
    says="Strided convolutions and batch normalisation make a GAN on images trainable.",
    paper="Radford et al. 2016 (DCGAN)",
    data=digits,
    generator=DcganGenerator(),
    discriminator=DcganDiscriminator(),
    generator_optimizer=Adam(1e-3),
    latent=32,
    batch=64,
)
DCGAN_MNIST = replace(
    DCGAN_DIGITS,
    name="dcgan-mnist",
    says="The same networks with one stage more draw MNIST's digits.",
    data=mnist,
    generator=DcganGenerator(width=16),
    discriminator=DcganDiscriminator(width=16),
    batch=32,
    generator_optimizer=Adam(1e-3),
    discriminator_optimizer=Adam(1e-3),
    steps=1000,
)
DCGAN_STACKED_MNIST = replace(
    DCGAN_MNIST,
    name="dcgan-stacked-mnist",
    says="Three digits in the channels of one image make 1,000 modes, of which a small DCGAN finds few in a minute.",
    paper="Metz et al. 2017; Srivastava et al. 2017 (VEEGAN)",
    data=stacked_mnist,
    fails=("mode-collapse",),
    generator_optimizer=Adam(5e-4),
    discriminator_optimizer=Adam(5e-4),
    steps=2000,
)
SAGAN = Recipe(
    name="sagan-digits",
    says="Attention lets each part of an image depend on all others; spectral normalisation keeps both players calm.",
    paper="Zhang et al. 2019 (SAGAN)",
    data=digits,
    generator=SaganGenerator(width=16),
    discriminator=SaganDiscriminator(width=16),
    latent=32,
    batch=32,
    loss=HINGE,
    generator_optimizer=Adam(1e-3, (0.0, 0.9)),  # 1e-4 and 4e-4 in the paper, for images of 128x128
    discriminator_optimizer=Adam(1e-3, (0.0, 0.9)),
    steps=800,
)
MLP = Recipe(
    name="mlp-digits",
    says="A plain GAN of fully connected layers, which the following ones extend.",
    data=digits,
    generator=MlpGenerator(),
    discriminator=MlpDiscriminator(),
    latent=32,
    batch=64,
    penalties=(R1(0.2),),
    generator_optimizer=Adam(5e-4),
    discriminator_optimizer=Adam(5e-4),
    steps=3000,
)
CONDITIONAL = replace(
    MLP,
    name="conditional-digits",
    says="Told the class, G draws what it is asked for, and D judges whether it is a good one.",
    paper="Mirza & Osindero 2014",
    generator=ConditionalGenerator(),
    discriminator=ConditionalDiscriminator(),
    game=Conditional,
)
PROJECTION = replace(
    CONDITIONAL,
    name="projection-digits",
    says="D compares its features with the class instead of getting the class as an input.",
    paper="Miyato & Koyama 2018",
    discriminator=ProjectionDiscriminator(),
)
ACGAN = replace(
    CONDITIONAL,
    name="acgan-digits",
    says="D has to tell the class, too, and G is rewarded when D recognises what it was asked for.",
    paper="Odena et al. 2017 (ACGAN)",
    discriminator=ClassifyingDiscriminator(),
    game=AuxiliaryClassifier,
)
VAE_GAN = replace(
    MLP,
    name="vae-gan-digits",
    says="An encoder gives each real sample a code that G must decode, so that no part of the data is forgotten.",
    paper="Larsen et al. 2016 (VAE-GAN)",
    discriminator=FeatureDiscriminator(),
    game=VaeGan,
    steps=2000,
)
STACKED = replace(
    MLP,
    name="stacked-digits",
    says="One generator makes features of a class, the next an image of features; each has its discriminator.",
    paper="Huang et al. 2017 (SGAN)",
    generator=StackedGenerator(),
    discriminator=StackedDiscriminators(),
    game=Stacked,
    steps=2000,
)
PROGRESSIVE = Recipe(
    name="progressive-digits",
    says="Small images first; a layer for larger ones is faded in when they are learned.",
    paper="Karras et al. 2018",
    data=digits,
    generator=GrowingGenerator(width=16),
    discriminator=GrowingDiscriminator(width=16),
    latent=32,
    batch=32,
    penalties=(R1(0.7),),
    generator_optimizer=Adam(5e-4),
    discriminator_optimizer=Adam(5e-4),
    game=Progressive,
)
MEMORY = replace(
    MLP,
    name="memory-digits",
    says="D keeps keys of what it has seen, and G draws from them: clusters of the data need no room in G's latent.",
    paper="Kim et al. 2018 (MemoryGAN)",
    generator=RecallingGenerator(),
    discriminator=MemoryDiscriminator(),
    game=MemoryGame,
)
MODE_SEEKING = replace(
    CONDITIONAL,
    name="mode-seeking-digits",
    says="G is charged for drawing the same sample from different latents.",
    paper="Mao et al. 2019 (MSGAN)",
    game=ModeSeeking,
)


def few_digits() -> Data:
    """The first 180 digits: a tenth."""
    return digits().first(180)


ADA = replace(
    MLP,
    name="ada-digits",
    says="D learns 180 images by heart; augmenting all that it sees, as often as that happens, holds it back.",
    paper="Karras et al. 2020 (ADA)",
    data=few_digits,
    discriminator=MlpDiscriminator(width=256, depth=3),
    discriminator_optimizer=Adam(1e-3),
    penalties=(),
    steps=2000,
    game=AdaptiveAugmentation,
)

ARCHITECTURES: tuple[Recipe, ...] = (
    DCGAN_DIGITS, DCGAN_MNIST, DCGAN_STACKED_MNIST, SAGAN, CONDITIONAL, PROJECTION, ACGAN, VAE_GAN, STACKED,
    PROGRESSIVE, MEMORY, MODE_SEEKING, ADA,
)  # fmt: skip

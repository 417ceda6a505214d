"""A GAN and its training as one value."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from gandiag.zoo.dynamics import Alternating, Dynamics
from gandiag.zoo.game import Game
from gandiag.zoo.losses import NON_SATURATING, Loss
from gandiag.zoo.optimizers import Adam, Optimizer

if TYPE_CHECKING:
    from collections.abc import Callable

    from torch import nn

    from gandiag.zoo.data import Data
    from gandiag.zoo.events import Event
    from gandiag.zoo.inputs import Input
    from gandiag.zoo.networks.plans import DiscriminatorPlan, GeneratorPlan
    from gandiag.zoo.penalties import Penalty


@dataclass(frozen=True, kw_only=True)
class Recipe:
    """Everything that a training depends on; a variant is a `dataclasses.replace`.

    Attributes
    ----------
    name, says, paper : what it is called, what it shows in a sentence, and where it comes from
    fails : codes of the failures that it is there to show; none for a recipe that works
    data : makes the data set
    generator, discriminator : build the networks
    latent, batch : length of a latent, samples in a batch
    loss, penalties : what G and D minimise, and what is added to D's loss
    inputs : what happens to samples before D sees them
    generator_optimizer, discriminator_optimizer : build the optimizers
    dynamics : how the players move in one step
    constraint : applied to D after each of its updates
    average : decay of a moving average of G's weights, None for none
    events : what is changed in the middle of the training
    game : the kind of GAN
    steps, seed : generator updates, and the seed of weights, batches and latents
    """

    name: str
    says: str
    paper: str = ""
    fails: tuple[str, ...] = ()
    data: Callable[[], Data]
    generator: GeneratorPlan
    discriminator: DiscriminatorPlan
    latent: int = 16
    batch: int = 128
    loss: Loss = NON_SATURATING
    penalties: tuple[Penalty, ...] = ()
    inputs: tuple[Input, ...] = ()
    generator_optimizer: Optimizer = field(default_factory=Adam)
    discriminator_optimizer: Optimizer = field(default_factory=Adam)
    dynamics: Dynamics = field(default_factory=Alternating)
    constraint: Callable[[nn.Module], None] | None = None
    average: float | None = None
    events: tuple[Event, ...] = ()
    game: type[Game] = Game
    steps: int = 2000
    seed: int = 0

"""The methods of the Dirac-GAN table, each with what theory and the reference implementation say about it."""

from __future__ import annotations

from cmath import sqrt
from dataclasses import dataclass
from typing import TYPE_CHECKING

from gandiag.zoo.data import dirac
from gandiag.zoo.dynamics import Alternating, Consensus, Dynamics, Simultaneous
from gandiag.zoo.events import Clip
from gandiag.zoo.inputs import Input, InstanceNoise
from gandiag.zoo.losses import MINIMAX, NON_SATURATING, WASSERSTEIN, Loss
from gandiag.zoo.networks.analytic import LinearDiscriminator, PointGenerator
from gandiag.zoo.optimizers import Sgd
from gandiag.zoo.penalties import R1, R2, Dragan, GradientPenalty, Penalty
from gandiag.zoo.recipe import Recipe

if TYPE_CHECKING:
    from collections.abc import Callable

    from torch import nn

RATE, STEPS = 0.2, 500  # of the notebook of Mescheder et al. 2018
WAYS = ("simultaneous", "alternating, 1 D step", "alternating, 5 D steps")  # alternating ones move G first


@dataclass(frozen=True)
class Radius:
    """What a trajectory is expected to show.

    Attributes
    ----------
    last : distance from the equilibrium after 500 steps, None where none is published
    band : its range over the last 100 steps, for orbits
    envelope : factor of the radius in one cycle of 63 steps
    """

    last: float | None = None
    band: tuple[float, float] | None = None
    envelope: float | None = None


@dataclass(frozen=True, kw_only=True)
class Method:
    """A way of training Dirac-GAN, and what is known about it.

    Attributes
    ----------
    eigenvalues : closed form, of the Jacobian of the field at the equilibrium, where the field has one
    jump : closed form of the step that D's part of the field makes at psi = 0, where it makes one
    converges : what the paper says
    radii : expected figures, by way of moving
    consensus : weight of consensus optimisation, 0 for none
    batch, noisy : samples in a batch, and whether trajectories are random
    """

    name: str
    loss: Loss = MINIMAX
    penalties: tuple[Penalty, ...] = ()
    inputs: tuple[Input, ...] = ()
    constraint: Callable[[nn.Module], None] | None = None
    consensus: float = 0.0
    batch: int = 1
    noisy: bool = False
    eigenvalues: tuple[complex, complex] | None = None
    jump: float = 0.0
    converges: bool
    radii: tuple[Radius, ...] = (Radius(), Radius(), Radius())

    def dynamics(self, way: str) -> Dynamics:
        """How the players move; raises ValueError for consensus with several D steps, which is not defined."""
        if way not in WAYS:
            raise ValueError(f"way must be one of {', '.join(WAYS)}, found {way!r}")
        if not self.consensus:
            ways = (Simultaneous(), Alternating(generator_first=True), Alternating(5, generator_first=True))
            return ways[WAYS.index(way)]
        if way == WAYS[2]:
            raise ValueError("consensus optimisation has no way of moving with several D steps")
        return Consensus(self.consensus, generator_first=True, alternating=way == WAYS[1])

    def recipe(self, way: str, seed: int = 0) -> Recipe:
        """The training from theta = 1, psi = -1, which is (1, 1) in the paper's sign."""
        return Recipe(
            name=f"dirac {self.name}",
            says="The simplest game of a GAN: one parameter each.",
            paper="Mescheder et al. 2018",
            data=dirac,
            generator=PointGenerator(),
            discriminator=LinearDiscriminator(),
            latent=1,
            batch=self.batch,
            loss=self.loss,
            penalties=self.penalties,
            inputs=self.inputs,
            generator_optimizer=Sgd(RATE),
            discriminator_optimizer=Sgd(RATE),
            dynamics=self.dynamics(way),
            constraint=self.constraint,
            steps=STEPS,
            seed=seed,
        )


def damped(rate: float, rotation: float = 0.25) -> tuple[complex, complex]:
    """-rate +- sqrt(rate^2 - rotation): the eigenvalues of a rotation that loses energy."""
    root = sqrt(rate**2 - rotation)
    return -rate + root, -rate - root


def _regularised(gamma: float, penalty: type[R1 | R2], *radii: Radius, loss: Loss = MINIMAX) -> Method:
    prefix = "NS-GAN + " if loss is NON_SATURATING else ""
    return Method(
        name=f"{prefix}{penalty.__name__}, gamma {gamma:g}", loss=loss, penalties=(penalty(gamma),),
        eigenvalues=damped(gamma / 2), converges=True, radii=(*radii, *[Radius()] * (3 - len(radii))),
    )  # fmt: skip


NOISE = 0.7  # standard deviation of instance noise in the notebook
PENALTY = 0.35  # w (|psi| - 1)^2 has the derivative 2 w (|psi| - 1): the notebook's 0.7 is 2 w

METHODS = (
    Method(
        name="GAN (minimax)", eigenvalues=damped(0), converges=False,
        radii=(
            Radius(3.10, envelope=1.043), Radius(1.42, (1.34, 1.42), envelope=1.000), Radius(1.85, (1.03, 2.42)),
        ),
    ),
    Method(
        name="NS-GAN", loss=NON_SATURATING, eigenvalues=damped(0), converges=False,
        radii=(Radius(0.640, envelope=0.993), Radius(0.284, envelope=0.922), Radius(0.139)),
    ),
    Method(
        name="WGAN, clip 1", loss=WASSERSTEIN, constraint=Clip(1.0).constrain, eigenvalues=damped(0, 1.0),
        converges=False,
        radii=(Radius(1.00, (1.00, 1.27)), Radius(1.02, (0.95, 1.05)), Radius(0.92, (0.44, 1.01))),
    ),
    Method(
        name="WGAN-GP, weight 0.35", loss=WASSERSTEIN, penalties=(GradientPenalty(PENALTY),), jump=4 * PENALTY,
        converges=False,
        radii=(Radius(1.80, (1.62, 1.97)), Radius(1.22, (1.14, 1.44)), Radius(0.72, (0.68, 1.50))),
    ),
    _regularised(0.05, R1, Radius(), Radius(envelope=0.73)),
    _regularised(0.3, R1, Radius(2.6e-6), Radius(2.3e-7, envelope=0.14), Radius(9e-34)),
    _regularised(1.0, R1, Radius(9.5e-22), Radius(7.5e-17)),
    _regularised(2.0, R1),
    _regularised(0.3, R2, Radius(2.6e-6), Radius(2.3e-7), Radius(9e-34)),
    _regularised(0.3, R1, Radius(2.2e-6), Radius(1.5e-7), loss=NON_SATURATING),
    Method(
        name=f"instance noise, sd {NOISE:g}", inputs=(InstanceNoise(NOISE, until=None),), batch=1000, noisy=True,
        eigenvalues=damped(NOISE**2 / 4), converges=True,
    ),
    Method(
        name="consensus, gamma 1", consensus=1.0, eigenvalues=(-0.25 + 0.5j, -0.25 - 0.5j), converges=True,
        radii=(Radius(2.6e-10), Radius(1.7e-11), Radius()),
    ),
    Method(name="DRAGAN, weight 0.35", penalties=(Dragan(PENALTY),), jump=4 * PENALTY, converges=False),
)  # fmt: skip

"""What the two players of a GAN minimise: pure functions of D's outputs.

In all of them `real` and `fake` are D's outputs, logits or critic values of shape (B, 1) or (B,), on real and on
generated samples. D's losses are sums of a real and a generated half, as the papers write them: at equilibrium the
logistic ones are 2 log 2.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import partial

from torch import Tensor
from torch.nn.functional import binary_cross_entropy_with_logits, relu, softplus

Function = Callable[[Tensor, Tensor], Tensor]


@dataclass(frozen=True, kw_only=True)
class Loss:
    """The two sides of a game.

    Attributes
    ----------
    name, paper : what tables call it, and where it was proposed
    family : as in `gandiag.families.FAMILIES`
    discriminator, generator : functions (real, fake) -> scalar, to be minimised by D and by G
    relativistic : whether G's loss looks at `real`, too; otherwise D need not judge real samples in G's step
    """

    name: str
    paper: str
    family: str
    discriminator: Function
    generator: Function
    relativistic: bool = False


def logistic_discriminator(real: Tensor, fake: Tensor) -> Tensor:
    """-E log D(x) - E log(1 - D(G(z))), with D = sigmoid of the logit."""
    return softplus(-real).mean() + softplus(fake).mean()


def smoothed_discriminator(real: Tensor, fake: Tensor, target: float = 0.9) -> Tensor:
    """The logistic loss with real labels of `target` instead of 1; generated ones stay 0 (one-sided)."""
    return binary_cross_entropy_with_logits(real, real.new_full(real.shape, target)) + softplus(fake).mean()


def minimax_generator(_real: Tensor, fake: Tensor) -> Tensor:
    """E log(1 - D(G(z))): its gradient is -sigmoid(fake), which vanishes where D is sure (saturates)."""
    return -softplus(fake).mean()


def non_saturating_generator(_real: Tensor, fake: Tensor) -> Tensor:
    """-E log D(G(z)): its gradient is sigmoid(fake) - 1, largest where D is sure."""
    return softplus(-fake).mean()


def wasserstein_discriminator(real: Tensor, fake: Tensor) -> Tensor:
    """E f(G(z)) - E f(x) for a critic f, which must be kept Lipschitz by other means."""
    return fake.mean() - real.mean()


def linear_generator(_real: Tensor, fake: Tensor) -> Tensor:
    """-E f(G(z)), of Wasserstein and hinge GANs."""
    return -fake.mean()


def hinge_discriminator(real: Tensor, fake: Tensor) -> Tensor:
    """E max(0, 1 - f(x)) + E max(0, 1 + f(G(z))): samples beyond the margin of 1 no longer count."""
    return relu(1 - real).mean() + relu(1 + fake).mean()


def least_squares_discriminator(real: Tensor, fake: Tensor) -> Tensor:
    """E (f(x) - 1)^2 / 2 + E f(G(z))^2 / 2."""
    return (real - 1).square().mean() / 2 + fake.square().mean() / 2


def least_squares_generator(_real: Tensor, fake: Tensor) -> Tensor:
    """E (f(G(z)) - 1)^2 / 2."""
    return (fake - 1).square().mean() / 2


def relativistic_discriminator(real: Tensor, fake: Tensor) -> Tensor:
    """-E log sigmoid(f(x) - f(G(z))): is this real sample more real than that generated one?"""
    return softplus(fake - real).mean()


def relativistic_generator(real: Tensor, fake: Tensor) -> Tensor:
    """The same question with the roles swapped."""
    return softplus(real - fake).mean()


def relativistic_average_discriminator(real: Tensor, fake: Tensor) -> Tensor:
    """Real samples are compared with the average generated one, and the other way round."""
    return softplus(fake.mean() - real).mean() + softplus(fake - real.mean()).mean()


def relativistic_average_generator(real: Tensor, fake: Tensor) -> Tensor:
    """The same with the roles swapped."""
    return relativistic_average_discriminator(fake, real)


MINIMAX = Loss(
    name="minimax", paper="Goodfellow et al. 2014", family="minimax",
    discriminator=logistic_discriminator, generator=minimax_generator,
)  # fmt: skip
NON_SATURATING = Loss(
    name="non-saturating", paper="Goodfellow et al. 2014, section 3", family="non-saturating",
    discriminator=logistic_discriminator, generator=non_saturating_generator,
)  # fmt: skip
SMOOTHED = Loss(
    name="one-sided label smoothing", paper="Salimans et al. 2016", family="non-saturating",
    discriminator=partial(smoothed_discriminator, target=0.9), generator=non_saturating_generator,
)  # fmt: skip
WASSERSTEIN = Loss(
    name="wasserstein", paper="Arjovsky et al. 2017", family="wgan",
    discriminator=wasserstein_discriminator, generator=linear_generator,
)  # fmt: skip
HINGE = Loss(
    name="hinge", paper="Lim and Ye 2017", family="hinge",
    discriminator=hinge_discriminator, generator=linear_generator,
)  # fmt: skip
LEAST_SQUARES = Loss(
    name="least squares", paper="Mao et al. 2017", family="lsgan",
    discriminator=least_squares_discriminator, generator=least_squares_generator,
)  # fmt: skip
RELATIVISTIC = Loss(
    name="relativistic", paper="Jolicoeur-Martineau 2019", family="relativistic", relativistic=True,
    discriminator=relativistic_discriminator, generator=relativistic_generator,
)  # fmt: skip
RELATIVISTIC_AVERAGE = Loss(
    name="relativistic average", paper="Jolicoeur-Martineau 2019", family="relativistic", relativistic=True,
    discriminator=relativistic_average_discriminator, generator=relativistic_average_generator,
)  # fmt: skip

LOSSES = (
    MINIMAX, NON_SATURATING, SMOOTHED, WASSERSTEIN, HINGE, LEAST_SQUARES, RELATIVISTIC, RELATIVISTIC_AVERAGE,
)  # fmt: skip

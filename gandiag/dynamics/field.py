"""The vector field of a game: the gradients of both players' losses, at any weights, without touching the networks."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import torch
from torch import Tensor, nn

from gandiag.dynamics.checkpoints import states_of
from gandiag.nets.frozen import detached_copy, device_of, forked_rng
from gandiag.nets.tensors import unwrapped

if TYPE_CHECKING:
    from collections.abc import Sequence

    from gandiag.dynamics.checkpoints import Checkpoint, States

Losses = Callable[[nn.Module, nn.Module], tuple[Tensor, Tensor]]
REPEATABLE = 1e-4  # relative difference of two equal evaluations: what a GPU's order of additions may cost


@dataclass(frozen=True, eq=False)
class GameField:
    """v(w) = (dL_G / dw_G, dL_D / dw_D), the gradients of both losses for the weights w = (w_G, w_D) of both players.

    Gradient descent follows -v. Only weights that require grad count. The networks are copied for each measurement:
    nothing of them changes, nor do torch's, numpy's and Python's random states.

    Parameters
    ----------
    generator, discriminator
        Networks on one device, in the mode in which they are to run: that of the training.
    losses
        Called as `losses(generator, discriminator)` with copies of both; returns (loss_d, loss_g), two scalars that
        the players minimise. They are to be computed on one fixed batch, as large as memory allows. loss_d must not
        detach the generated samples: the Jacobian and the duality gap need their way into it.
    clip
        Largest absolute weight of a clipped critic (WGAN). Where a weight is at that bound, a gradient that pushes
        it outward counts as zero; None for critics that are not clipped.
    seed
        Of the random numbers that networks and losses draw, which are the same in each evaluation.

    Raises
    ------
    ValueError
        When clip is not above 0.

    References
    ----------
    Mescheder et al. 2017, "The Numerics of GANs", section 2; Berard et al. 2020, "A Closer Look at the Optimization
    Landscapes of Generative Adversarial Networks", section 2.
    """

    generator: nn.Module
    discriminator: nn.Module
    losses: Losses
    clip: float | None = None
    seed: int = 0

    def __post_init__(self) -> None:
        if self.clip is not None and not self.clip > 0:
            raise ValueError(f"clip must be above 0, found {self.clip}")

    def states(self, checkpoint: Checkpoint | None, where: str) -> States:
        """State dicts of both players in a checkpoint, as `dynamics.checkpoints.states_of` has it."""
        return states_of(unwrapped(self.generator), unwrapped(self.discriminator), checkpoint, where)


class Players:
    """Copies of both networks, to be moved about.

    Parameters
    ----------
    field
        Whose networks are copied.
    states
        What the copies hold at first.

    Raises
    ------
    ValueError
        When a network has no weight that requires grad, or the losses are not what they should be.
    """

    def __init__(self, field: GameField, states: States) -> None:
        self.field = field
        self.generator, self.discriminator = (detached_copy(n) for n in (field.generator, field.discriminator))
        self.weights_g = _trainable(self.generator, "generator")
        self.weights_d = _trainable(self.discriminator, "discriminator")
        self.load(states)
        first = self._values()
        self.load(states)
        for name, before, after in zip(("loss_d", "loss_g"), first, self._values(), strict=True):
            if not math.isclose(before, after, rel_tol=REPEATABLE, abs_tol=1e-8):
                found = f"{name} is {before:.6g} and then {after:.6g} at the same weights"
                raise ValueError(f"losses must use one fixed batch and repeat themselves, found that {found}")
        self.load(states)

    def _values(self) -> list[float]:
        return [float(loss.detach()) for loss in self.losses("at the checkpoint")]

    @property
    def weights(self) -> list[nn.Parameter]:
        """The generator's weights, then the discriminator's."""
        return [*self.weights_g, *self.weights_d]

    def load(self, states: States) -> None:
        """Put weights and buffers of both players."""
        for network, state in zip((self.generator, self.discriminator), states, strict=True):
            network.load_state_dict(state)

    def losses(self, where: str) -> tuple[Tensor, Tensor]:
        """(loss_d, loss_g) here; `where` is what messages call this place. Raises ValueError for what is no loss."""
        with torch.enable_grad(), forked_rng(device_of(self.generator), self.field.seed):
            return _checked(self.field.losses(self.generator, self.discriminator), where)

    def gradient(self, losses: tuple[Tensor, Tensor], *, create_graph: bool = False) -> list[Tensor]:
        """v, one tensor for each of `weights`."""
        loss_d, loss_g = losses
        both = joint_gradient(loss_d, loss_g, self.weights_d, self.weights_g, create_graph=create_graph)
        return both if self.field.clip is None else self._pinned(both, self.field.clip)

    def _pinned(self, gradients: list[Tensor], clip: float) -> list[Tensor]:
        count = len(self.weights_g)
        of_d = [
            gradient.masked_fill((weight.detach().abs() >= clip) & (gradient * weight.detach() < 0), 0.0)
            for gradient, weight in zip(gradients[count:], self.weights_d, strict=True)
        ]
        return [*gradients[:count], *of_d]

    def check_coupled(self, loss_d: Tensor) -> None:
        """Raise ValueError where D's loss has no way back into G."""
        if _unused(torch.autograd.grad(loss_d, self.weights_g, retain_graph=True, allow_unused=True)):
            raise ValueError("loss_d does not depend on the generator: losses must not detach the generated samples")


def joint_gradient(
    loss_d: Tensor,
    loss_g: Tensor,
    weights_d: Sequence[Tensor],
    weights_g: Sequence[Tensor],
    *,
    create_graph: bool = False,
) -> list[Tensor]:
    """dL_G for each weight of G, then dL_D for each weight of D; with `create_graph` themselves differentiable.

    Raises
    ------
    ValueError
        When a loss depends on no weight of its player.
    """
    found: list[Tensor] = []
    for name, player, loss, weights in (
        ("loss_g", "generator", loss_g, weights_g),
        ("loss_d", "discriminator", loss_d, weights_d),
    ):
        gradients = torch.autograd.grad(loss, weights, create_graph=create_graph, retain_graph=True, allow_unused=True)
        if _unused(gradients):
            raise ValueError(f"{name} does not depend on the {player} that losses was called with")
        found += [torch.zeros_like(w) if g is None else g for g, w in zip(gradients, weights, strict=True)]
    return found


def _unused(gradients: Sequence[Tensor | None]) -> bool:
    return all(gradient is None for gradient in gradients)


def _trainable(network: nn.Module, player: str) -> list[nn.Parameter]:
    weights = [weight for weight in network.parameters() if weight.requires_grad]
    if not weights:
        raise ValueError(f"the {player} has no weight that requires grad")
    return weights


def _checked(returned: Any, where: str) -> tuple[Tensor, Tensor]:
    if not isinstance(returned, (tuple, list)) or len(returned) != 2:
        size = f" of {len(returned)}" if isinstance(returned, (tuple, list)) else ""
        raise ValueError(f"losses must return (loss_d, loss_g), found {type(returned).__name__}{size}")
    for name, loss in zip(("loss_d", "loss_g"), returned, strict=True):
        if not isinstance(loss, Tensor):
            raise ValueError(f"{name} must be a tensor, found {type(loss).__name__}")  # noqa: TRY004 - a user's slip
        if loss.numel() != 1:
            raise ValueError(f"{name} must be one number, found shape {tuple(loss.shape)}: take its mean")
        if not loss.requires_grad:
            raise ValueError(f"{name} depends on no weight: was it detached or computed under no_grad?")
        if not bool(torch.isfinite(loss)):
            raise ValueError(f"{name} is {float(loss.detach())} {where}")
    loss_d, loss_g = (loss.squeeze() for loss in returned)
    return loss_d, loss_g

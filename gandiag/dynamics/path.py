"""The angle between a game's field and the way from one checkpoint to another (Berard et al. 2020)."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
import torch
from torch import Tensor

from gandiag.dynamics.field import GameField, Players
from gandiag.dynamics.signature import Signature, SignatureRules, classify

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray
    from torch import nn

    from gandiag.dynamics.checkpoints import Checkpoint, States


@dataclass(frozen=True, kw_only=True, eq=False)
class PathAngle:
    """A game along the straight line between two checkpoints.

    Attributes
    ----------
    a : (points,)
        Places on the path w(a) = (1 - a) w_first + a w_last.
    cosine : (points,)
        <v, w_first - w_last> / (|v| |w_first - w_last|), from -1 to 1; NaN where v is 0.
    path_norm : (points,)
        |v|^2, which is small at stationary points; best seen on a logarithmic axis.
    loss_discriminator, loss_generator : (points,)
        Both losses.
    distance
        |w_first - w_last|.
    signature
        What the cosine says, and why.
    """

    a: NDArray[np.float64]
    cosine: NDArray[np.float64]
    path_norm: NDArray[np.float64]
    loss_discriminator: NDArray[np.float64]
    loss_generator: NDArray[np.float64]
    distance: float
    signature: Signature


def path_angle(
    field: GameField,
    first: Checkpoint,
    last: Checkpoint | None = None,
    *,
    points: int = 100,
    ends: tuple[float, float] = (-0.1, 1.1),
    rules: SignatureRules | None = None,
) -> PathAngle:
    """Whether training came to the last checkpoint straight or by rotating about it.

    On w(a) = (1 - a) w_first + a w_last, the cosine of the field v and w_first - w_last: `signature` names what it
    looks like near a = 1. A path that ends exactly at the centre of a rotation shows no bump; `game_spectrum` sees
    the rotation there. Costs one evaluation of both losses and gradients for each point.

    Parameters
    ----------
    field
        The game.
    first, last
        Checkpoints, an early one and the one in question; last=None: the networks as they are now. Buffers that are
        floating numbers are interpolated between the two and not beyond them, others are those of `last`.
    points
        Places on the path, at equal distances.
    ends
        The first and the last place.
    rules
        Bounds of the classification; None for the default ones.

    Raises
    ------
    ValueError
        When points or ends do not make a path, a checkpoint does not fit the networks or equals the other one, or
        the losses are not two finite numbers.

    References
    ----------
    Berard et al. 2020, "A Closer Look at the Optimization Landscapes of Generative Adversarial Networks", sections
    4 and 5: 100 points from -0.1 to 1.1 are those of its code.
    """
    low, high = ends
    if points < 2:
        raise ValueError(f"points must be at least 2, found {points}")
    if not low < high:
        raise ValueError(f"ends must ascend, found {ends}")
    states = field.states(first, "first"), field.states(last, "last")
    players = Players(field, states[1])
    way = _way(players, *states)
    distance = math.sqrt(_dot(way, way))
    if distance == 0:
        raise ValueError("first and last hold the same weights: there is no path between them")
    places = np.linspace(low, high, points)
    table = np.array([_at(players, between(players, *states, float(a)), way, f"at a = {a:.3f}") for a in places])
    with np.errstate(invalid="ignore"):  # 0 / 0 where the field vanishes
        cosine = table[:, 0] / (np.sqrt(table[:, 1]) * distance)
    return PathAngle(
        a=places,
        cosine=cosine,
        path_norm=table[:, 1],
        loss_discriminator=table[:, 2],
        loss_generator=table[:, 3],
        distance=distance,
        signature=classify(places, cosine, rules),
    )


def between(players: Players, first: States, last: States, a: float) -> States:
    """Both players at w(a): weights on the line, buffers no further than the checkpoints."""
    of_g, of_d = (
        _mixed(network, one, other, a)
        for network, one, other in zip((players.generator, players.discriminator), first, last, strict=True)
    )
    return of_g, of_d


def _mixed(network: nn.Module, first: dict[str, Tensor], last: dict[str, Tensor], a: float) -> dict[str, Tensor]:
    weights = {name for name, _ in network.named_parameters(remove_duplicate=False)}
    mixed = {}
    for name, end in last.items():
        share = a if name in weights else min(max(a, 0.0), 1.0)
        line = end.is_floating_point() or end.is_complex()
        mixed[name] = torch.lerp(first[name].to(end), end, share) if line else end  # equal ends stay as they are
    return mixed


def _way(players: Players, first: States, last: States) -> list[Tensor]:
    """w_first - w_last, for each weight that counts."""
    players.load(first)
    start = [weight.detach().clone() for weight in players.weights]
    players.load(last)
    return [one - other.detach() for one, other in zip(start, players.weights, strict=True)]


def _at(players: Players, states: States, way: list[Tensor], where: str) -> tuple[float, float, float, float]:
    """At the weights `states`: <v, way>, |v|^2, D's loss and G's."""
    players.load(states)
    loss_d, loss_g = players.losses(where)
    v = players.gradient((loss_d, loss_g))
    return _dot(v, way), _dot(v, v), float(loss_d.detach()), float(loss_g.detach())


def _dot(one: Sequence[Tensor], other: Sequence[Tensor]) -> float:
    return math.fsum(float((_wide(a) * _wide(b)).sum()) for a, b in zip(one, other, strict=True))


def _wide(tensor: Tensor) -> Tensor:
    return tensor.detach().to(torch.promote_types(tensor.dtype, torch.float32))

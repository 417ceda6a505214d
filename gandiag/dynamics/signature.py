"""What the angle along a path between two checkpoints looks like near the last one."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

import numpy as np

if TYPE_CHECKING:
    from numpy.typing import NDArray

Kind = Literal["attraction", "rotation", "mixture", "undecided"]


@dataclass(frozen=True, kw_only=True)
class SignatureRules:
    """When a curve counts as having a sign switch or a bump.

    Attributes
    ----------
    window
        Half the width of what counts as near a = 1. Berard et al. 2020 extend the path by 0.1 of its length.
    sign
        Cosines below it in absolute value have no sign. Our choice: what is left of a pure rotation's cosine at the
        edge of the window when the path passes the centre at 1/500 of its length.
    bump
        How far a bump must rise above both edges of the window. Our choice: for a linear game it is reached when
        the rotation is at least half as fast as the attraction (1 - cos(arctan(1/2)) = 0.106).

    Raises
    ------
    ValueError
        When a field lies outside (0, 1].
    """

    window: float = 0.1
    sign: float = 0.02
    bump: float = 0.1

    def __post_init__(self) -> None:
        for name in ("window", "sign", "bump"):
            if not 0 < getattr(self, name) <= 1:
                raise ValueError(f"{name} must lie in (0, 1], found {getattr(self, name)}")


@dataclass(frozen=True, kw_only=True)
class Signature:
    """A curve's class, and the sentence that says why."""

    kind: Kind
    reason: str


def classify(a: NDArray[np.float64], cosine: NDArray[np.float64], rules: SignatureRules | None = None) -> Signature:
    """Class of a path-angle by its shape near a = 1 (Berard et al. 2020, section 4).

    Attraction is a switch from positive to negative: before the last weights descent goes on towards them, behind
    them it comes back. Rotation is a bump without such a switch: a path that passes the centre of a rotation is
    crossed at right angles (cosine 0) everywhere but beside the centre, where the field runs along it. A mixture
    has both. For the linear field v = (attraction + rotation J)(w - w*) on a path that passes w* at the distance d,
    t before it, cosine = (attraction t - rotation d) / sqrt((attraction^2 + rotation^2) (t^2 + d^2)).

    Parameters
    ----------
    a, cosine : (n,)
        Places in ascending order, and the cosine at each; NaN where the field vanishes.
    rules
        Bounds; None for the default ones.
    """
    rules = rules or SignatureRules()
    near = (np.abs(a - 1) <= rules.window * (1 + 1e-9)) & np.isfinite(cosine)
    if (near & (a < 1)).sum() < 2 or (near & (a > 1)).sum() < 2:
        return Signature(kind="undecided", reason="fewer than two points on one side of the last checkpoint")
    values = cosine[near]
    left, right = float(values[0]), float(values[-1])
    edges = f"{left:+.2f} before the last checkpoint and {right:+.2f} behind it"
    if left <= -rules.sign and right >= rules.sign:
        return Signature(kind="undecided", reason=f"the last checkpoint repels: the cosine is {edges}")
    above, below = float(values.max()) - max(left, right), min(left, right) - float(values.min())
    bump = max(above, below)
    switch = left >= rules.sign and right <= -rules.sign
    if bump >= rules.bump:
        peak = float(values.max() if above >= below else values.min())
        kind: Kind = "mixture" if switch else "rotation"
        return Signature(kind=kind, reason=f"a bump to {peak:+.2f} near it, where the cosine is {edges}")
    if switch:
        return Signature(kind="attraction", reason=f"one switch of sign: the cosine is {edges}")
    return Signature(kind="undecided", reason=f"neither a switch of sign nor a bump: the cosine is {edges}")

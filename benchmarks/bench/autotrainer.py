"""Rules of AutoTrainer (Zhang et al. 2021) on gradients, with their published thresholds.

Source: shiqingma/AUTOTRAINER, AutoTrainer/utils/monitor.py. AutoTrainer asks them only of models whose accuracy stays
low; a GAN has no accuracy, so here they are asked at every look. A kernel is a weight of more than one dimension.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, ClassVar

from benchmarks.bench.firsts import earliest, first_look

if TYPE_CHECKING:
    import numpy as np

    from benchmarks.bench.recorded import Gradients, Recorded

FAMILY = "AutoTrainer"


@dataclass(frozen=True, kw_only=True)
class Vanish:
    """The first kernel's gradient norm is below a thousandth of the last one's and below 1e-4, in G or D, once.

    The thresholds are called beta_1 and beta_2 there.
    """

    name: ClassVar[str] = "vanish"
    family: ClassVar[str] = FAMILY
    claims: ClassVar[tuple[str, ...]] = ("vanishing-gradients",)

    ratio: float = 1e-3
    norm: float = 1e-4

    def __call__(self, recorded: Recorded) -> int | None:
        return earliest(first_look(g, self._vanished(g)) for g in recorded.networks())

    def _vanished(self, gradients: Gradients) -> np.ndarray:
        first, last = gradients.first_and_last_kernel()
        vanished: np.ndarray = (first < self.ratio * last) & (first < self.norm)
        return vanished


@dataclass(frozen=True, kw_only=True)
class Explode:
    """The first kernel's gradient norm is over 70 times the last one's, or a gradient is not finite, once.

    The threshold is called beta_3 there. A third condition, a test loss of 1e5, is left out: a GAN has no test loss.
    """

    name: ClassVar[str] = "explode"
    family: ClassVar[str] = FAMILY
    claims: ClassVar[tuple[str, ...]] = ("exploding-gradients", "non-finite")

    ratio: float = 70.0

    def __call__(self, recorded: Recorded) -> int | None:
        return earliest(first_look(g, self._exploded(g)) for g in recorded.networks())

    def _exploded(self, gradients: Gradients) -> np.ndarray:
        first, last = gradients.first_and_last_kernel()
        exploded: np.ndarray = (first > self.ratio * last) | (gradients.nonfinite > 0).any(axis=1)
        return exploded


@dataclass(frozen=True, kw_only=True)
class DyingRelu:
    """At least 0.7 of all gradients of G or of D are exactly 0, once (there called gamma)."""

    name: ClassVar[str] = "dying ReLU"
    family: ClassVar[str] = FAMILY
    claims: ClassVar[tuple[str, ...]] = ("dead-layer",)

    share: float = 0.7

    def __call__(self, recorded: Recorded) -> int | None:
        return earliest(first_look(g, g.zero_share() >= self.share) for g in recorded.networks())

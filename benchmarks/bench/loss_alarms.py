"""Alarms that people set on the losses and on gradient norms, after the folklore of training GANs."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, ClassVar

import numpy as np

from benchmarks.bench.firsts import earliest, early_and_late_median, first
from benchmarks.bench.recorded import NETWORKS

if TYPE_CHECKING:
    from benchmarks.bench.recorded import Recorded

FAMILY = "Loss alarm"


@dataclass(frozen=True, kw_only=True)
class DiscriminatorLossNearZero:
    """The size of D's loss stays below 0.05 for 100 steps on end.

    "D loss goes to 0: failure mode" (soumith/ganhacks, section 10). Both numbers are ours. Dated at the first of the
    100 steps.
    """

    name: ClassVar[str] = "D loss near 0"
    family: ClassVar[str] = FAMILY
    claims: ClassVar[tuple[str, ...]] = ("discriminator-dominance", "vanishing-gradients")

    bound: float = 0.05
    min_rows: int = 100

    def __call__(self, recorded: Recorded) -> int | None:
        loss = recorded.signal("loss/discriminator").abs()
        largest = loss.rolling(self.min_rows).max().to_numpy()
        hits = np.flatnonzero(largest < self.bound)
        return int(loss.index[hits[0] - self.min_rows + 1]) if len(hits) else None


@dataclass(frozen=True, kw_only=True)
class GeneratorLossRising:
    """The median of G's loss over the last tenth of the training is more than twice that of its first quarter.

    The common reading of a rising G loss is that D wins; the numbers are ours. Where losses may be negative, "twice"
    is a rise by more than the size of the early median.
    """

    name: ClassVar[str] = "G loss rising"
    family: ClassVar[str] = FAMILY
    claims: ClassVar[tuple[str, ...]] = ("discriminator-dominance", "mode-collapse", "divergence")

    rise: float = 1.0  # of the size of the early median

    def __call__(self, recorded: Recorded) -> int | None:
        early, late = early_and_late_median(recorded.signal("loss/generator"), recorded.run.last_step)
        return first(late > early + self.rise * abs(early))


@dataclass(frozen=True, kw_only=True)
class GeneratorLossFalling:
    """The median of G's loss over the last tenth of the training is less than half of that of its first quarter.

    "If loss of generator steadily decreases, then it's fooling D with garbage" (soumith/ganhacks, section 10). The
    numbers are ours.
    """

    name: ClassVar[str] = "G loss falling"
    family: ClassVar[str] = FAMILY
    claims: ClassVar[tuple[str, ...]] = ("mode-collapse", "sample-collapse")

    fall: float = 0.5  # of the size of the early median

    def __call__(self, recorded: Recorded) -> int | None:
        early, late = early_and_late_median(recorded.signal("loss/generator"), recorded.run.last_step)
        return first(late < early - self.fall * abs(early))


@dataclass(frozen=True, kw_only=True)
class DiscriminatorLossVariance:
    """The variance of D's loss over the last tenth of the training is more than ten times that of its first quarter.

    "When things are working, D loss has low variance and goes down over time vs having huge variance and spiking"
    (soumith/ganhacks, section 10). The numbers are ours; the first twentieth of the training is left out of the
    first quarter, where D's loss falls.
    """

    name: ClassVar[str] = "D loss variance"
    family: ClassVar[str] = FAMILY
    claims: ClassVar[tuple[str, ...]] = ("oscillation", "divergence", "exploding-gradients")

    factor: float = 10.0

    def __call__(self, recorded: Recorded) -> int | None:
        loss, steps = recorded.signal("loss/discriminator"), recorded.run.last_step
        early = loss.loc[steps // 20 + 1 : steps // 4].var()
        late = loss.rolling(max(2, steps // 10)).var().loc[steps // 4 + steps // 10 :]
        return first(late > self.factor * early)


@dataclass(frozen=True, kw_only=True)
class GradientNormOverHundred:
    """The gradient norm of G or D is over 100, once.

    "Check norms of gradients: if they are over 100 things are screwing up" (soumith/ganhacks, section 10).
    """

    name: ClassVar[str] = "gradient norm over 100"
    family: ClassVar[str] = FAMILY
    claims: ClassVar[tuple[str, ...]] = ("exploding-gradients", "divergence")

    bound: float = 100.0

    def __call__(self, recorded: Recorded) -> int | None:
        norms = [recorded.signal(f"grad/{network}/norm") for network in NETWORKS]
        return earliest(first(norm > self.bound) for norm in norms)

"""What else could have warned: alarms on the two losses, and the rules of two tools for deep networks.

Each rule is applied as its source states it, with the thresholds published there; where a source gives none, the
numbers are ours, chosen before any run was judged, and marked so. A rule names the failures that it claims to see.
An alarm that was raised stays. All rules are causal, but for windows that are shares of the length of the training,
which people know.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, ClassVar, Protocol

from benchmarks.bench.autotrainer import DyingRelu, Explode, Vanish
from benchmarks.bench.loss_alarms import (
    DiscriminatorLossNearZero,
    DiscriminatorLossVariance,
    GeneratorLossFalling,
    GeneratorLossRising,
    GradientNormOverHundred,
)
from benchmarks.bench.sagemaker import (
    ExplodingTensor,
    LossNotDecreasing,
    VanishingGradient,
    VanishingKernelGradient,
    WeightUpdateRatio,
)

if TYPE_CHECKING:
    from benchmarks.bench.recorded import Recorded


class Baseline(Protocol):
    """A rule that raises an alarm at some step, or not at all."""

    name: ClassVar[str]
    family: ClassVar[str]
    claims: ClassVar[tuple[str, ...]]

    def __call__(self, recorded: Recorded) -> int | None:
        """The first step of the alarm; raises NotRecordedError when the run lacks what the rule reads."""
        ...


BASELINES: tuple[Baseline, ...] = (
    DiscriminatorLossNearZero(),
    GeneratorLossRising(),
    GeneratorLossFalling(),
    DiscriminatorLossVariance(),
    GradientNormOverHundred(),
    VanishingGradient(),
    VanishingKernelGradient(),
    ExplodingTensor(),
    WeightUpdateRatio(),
    LossNotDecreasing(),
    Vanish(),
    Explode(),
    DyingRelu(),
)

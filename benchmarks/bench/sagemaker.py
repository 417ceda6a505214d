"""Rules of Amazon SageMaker Debugger, with their default thresholds.

Source: awsdocs/amazon-sagemaker-developer-guide, doc_source/debugger-built-in-rules.md. Debugger saves tensors every
500 steps by default; these see gradients every 10.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, ClassVar

import numpy as np

from benchmarks.bench.firsts import earliest, first, first_look
from benchmarks.bench.recorded import NETWORKS

if TYPE_CHECKING:
    from benchmarks.bench.recorded import Recorded

FAMILY = "SageMaker"


@dataclass(frozen=True, kw_only=True)
class VanishingGradient:
    """The mean absolute gradient of some weight tensor is below 1e-7, once.

    The gradient of a bias in front of batch normalisation is 0 but for rounding: a network that has one trips this.
    """

    name: ClassVar[str] = "VanishingGradient"
    family: ClassVar[str] = FAMILY
    claims: ClassVar[tuple[str, ...]] = ("vanishing-gradients", "dead-layer")

    threshold: float = 1e-7

    def __call__(self, recorded: Recorded) -> int | None:
        return earliest(first_look(g, np.any(g.mean_abs < self.threshold, axis=1)) for g in recorded.networks())


@dataclass(frozen=True, kw_only=True)
class VanishingKernelGradient:
    """The mean absolute gradient of some kernel is below 1e-7, once: `VanishingGradient` spared the biases.

    Debugger has no such rule; this is what is left of it when it does not trip over batch normalisation.
    """

    name: ClassVar[str] = "vanishing, kernels only"
    family: ClassVar[str] = FAMILY
    claims: ClassVar[tuple[str, ...]] = ("vanishing-gradients", "dead-layer")

    threshold: float = 1e-7

    def __call__(self, recorded: Recorded) -> int | None:
        networks = recorded.networks()
        return earliest(first_look(g, np.any(g.mean_abs[:, g.kernels] < self.threshold, axis=1)) for g in networks)


@dataclass(frozen=True, kw_only=True)
class ExplodingTensor:
    """A gradient is NaN or infinite, once (only_nan is off by default)."""

    name: ClassVar[str] = "ExplodingTensor"
    family: ClassVar[str] = FAMILY
    claims: ClassVar[tuple[str, ...]] = ("non-finite",)

    def __call__(self, recorded: Recorded) -> int | None:
        return earliest(first_look(g, np.any(g.nonfinite > 0, axis=1)) for g in recorded.networks())


@dataclass(frozen=True, kw_only=True)
class WeightUpdateRatio:
    """An update is more than 10 times or less than 1e-8 of the weights, once.

    Debugger looks at each tensor; here the norms of G's and of D's weights as a
    whole are compared, as gandiag records them at every step.
    """

    name: ClassVar[str] = "WeightUpdateRatio"
    family: ClassVar[str] = FAMILY
    claims: ClassVar[tuple[str, ...]] = ("exploding-gradients", "vanishing-gradients")

    large: float = 10.0
    small: float = 1e-8

    def __call__(self, recorded: Recorded) -> int | None:
        ratios = [recorded.signal(f"update/{network}/ratio") for network in NETWORKS]
        return earliest(first((ratio > self.large) | (ratio < self.small)) for ratio in ratios)


@dataclass(frozen=True, kw_only=True)
class LossNotDecreasing:
    """G's or D's loss is not lower than it was 10 steps before, once; compared at every tenth step.

    By default no least decrease is asked for. The losses of a GAN measure one
    player against the other and need not fall: this shows what the rule does there.
    """

    name: ClassVar[str] = "LossNotDecreasing"
    family: ClassVar[str] = FAMILY
    claims: ClassVar[tuple[str, ...]] = ("oscillation", "divergence")

    num_steps: int = 10

    def __call__(self, recorded: Recorded) -> int | None:
        losses = [recorded.signal(f"loss/{network}").iloc[:: self.num_steps] for network in NETWORKS]
        return earliest(first(loss.diff() >= 0) for loss in losses)

"""Training loops as people write them, each with the values that gandiag is to record, computed by hand."""

from . import (
    conventions,
    judgement,
    optimizers,
    order,
    outputs,
    penalties,
    reaching,
    replays,
    several,
    trainers,
    wrappers,
)
from .matrix import LOOPS as LOOPS
from .matrix import outcome as outcome

__all__ = [
    "LOOPS",
    "conventions",
    "judgement",
    "optimizers",
    "order",
    "outcome",
    "outputs",
    "penalties",
    "reaching",
    "replays",
    "several",
    "trainers",
    "wrappers",
]

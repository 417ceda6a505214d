"""Training loops as people write them, each with the values that gandiag is to record, computed by hand."""

from . import optimizers, order, outputs, penalties, reaching, several, wrappers
from .matrix import LOOPS as LOOPS
from .matrix import outcome as outcome

__all__ = ["LOOPS", "optimizers", "order", "outcome", "outputs", "penalties", "reaching", "several", "wrappers"]

"""Faults that may strike a training, each with what becomes of it, of its record, and what the user is told."""

from . import directory, ending, values
from .matrix import FAULTS as FAULTS
from .matrix import outcome as outcome

__all__ = ["FAULTS", "directory", "ending", "outcome", "values"]

"""Mistakes in the loop, each with loops that look like it and are right."""

from . import examples, gradients, inputs, losses, opponents, paces, standing, terms
from .cases import CASES, CORRECTED, found

__all__ = ["CASES", "CORRECTED", "examples", "found", "gradients", "inputs", "losses", "opponents", "paces"]
__all__ += ["standing", "terms"]

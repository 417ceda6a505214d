"""Mistakes in the loop, each with loops that look like it and are right."""

from . import opponents, terms
from .cases import CASES, found

__all__ = ["CASES", "found", "opponents", "terms"]

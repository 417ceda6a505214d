"""Mistakes in the loop, each with loops that look like it and are right."""

from .cases import CASES, found

__all__ = ["CASES", "found"]

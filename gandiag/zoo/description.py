"""A recipe in words that are the same in every process: what differs from defaults, functions by their name."""

from __future__ import annotations

from dataclasses import MISSING, Field, fields, is_dataclass
from functools import partial
from types import MethodType
from typing import Any

from gandiag.zoo.losses import Loss

WORDS = ("name", "says", "paper", "fails")  # of a recipe: what is said of it, not what it is


def describe(value: object) -> str:
    """A value of a recipe as text.

    >>> from gandiag.zoo.penalties import R1
    >>> describe((R1(0.1), R1()))
    '(R1(gamma=0.1), R1())'
    """
    if isinstance(value, Loss):
        return value.name
    if is_dataclass(value) and not isinstance(value, type):
        parts = [(f, getattr(value, f.name)) for f in fields(value) if f.name not in WORDS]
        inside = ", ".join(f"{f.name}={describe(v)}" for f, v in parts if not _is_default(f, v))
        return f"{type(value).__name__}({inside})"
    if isinstance(value, tuple):
        return f"({', '.join(map(describe, value))})"
    if isinstance(value, MethodType):
        return f"{describe(value.__self__)}.{value.__name__}"
    if isinstance(value, partial):
        return f"{describe(value.func)}({', '.join(f'{k}={describe(v)}' for k, v in value.keywords.items())})"
    return str(getattr(value, "__name__", None) or repr(value))


def _is_default(field: Field[Any], value: object) -> bool:
    if field.default_factory is not MISSING:
        return bool(value == field.default_factory())
    return field.default is not MISSING and bool(value == field.default)

"""How numbers, time spans and settings read in a report."""

from __future__ import annotations

import json
import math
from collections.abc import Iterable, Mapping
from typing import Any

LONGEST = 140  # letters of a text that `cut` leaves


def number(value: float) -> str:
    """A measured value with three significant digits; whole numbers stay exact.

    >>> [number(v) for v in (0.98765, 1024.0, 12345.6, 1.2e-7, float("nan"))]
    ['0.988', '1,024', '12,300', '1.2e-7', 'NaN']
    """
    if math.isnan(value):
        return "NaN"
    if math.isinf(value):
        return "inf" if value > 0 else "-inf"
    if float(value).is_integer() and abs(value) < 1e9:
        return f"{int(value):,}"
    rounded = float(f"{value:.3g}")
    if 1e-3 <= abs(rounded) < 1e6:
        return f"{rounded:,.0f}" if abs(rounded) >= 1000 else f"{rounded:g}"
    digits, _, exponent = f"{value:.3g}".partition("e")
    return f"{digits}e{int(exponent)}" if exponent else digits


def count(amount: int, noun: str, nouns: str = "") -> str:
    """An amount with its noun in the right number.

    >>> count(1, "step"), count(3000, "step")
    ('1 step', '3,000 steps')
    """
    return f"{amount:,} {noun if amount == 1 else nouns or noun + 's'}"


def cut(text: str) -> str:
    """The text on one line, without its end where it is too long for the first screen."""
    words = " ".join(text.split())
    return words if len(words) <= LONGEST else f"{words[:LONGEST].rpartition(' ')[0]} ..."


def duration(seconds: float) -> str:
    """A time span in its two largest units.

    >>> duration(3725), duration(12.3)
    ('1 h 2 min', '12 s')
    """
    whole = round(seconds)
    for size, big, small_size, small in (
        (86400, "d", 3600, "h"),
        (3600, "h", 60, "min"),
        (60, "min", 1, "s"),
    ):
        if whole >= size:
            return f"{whole // size:,} {big} {whole % size // small_size} {small}"
    return f"{whole} s"


def plain(value: Any) -> str:
    """A setting as it was given, not rounded."""
    if isinstance(value, str):
        return value
    if value is None:
        return "none"
    if isinstance(value, float):
        return f"{value:.15g}"
    try:
        return json.dumps(value, ensure_ascii=False)
    except (TypeError, ValueError):
        return str(value)


def flat(settings: Mapping[str, Any], prefix: str = "") -> Iterable[tuple[str, str]]:
    """Nested settings as (dotted name, value) rows."""
    for key, value in settings.items():
        if isinstance(value, Mapping) and value:
            yield from flat(value, f"{prefix}{key}.")
        else:
            yield f"{prefix}{key}", plain(value)

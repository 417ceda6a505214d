"""How lists of names read in messages, findings and reports."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterable


def listed(names: Iterable[str], most: int = 8) -> str:
    """Names in one line, the tail only counted.

    >>> listed("abc"), listed("abc", most=2)
    ('a, b, c', 'a, b and 1 more')
    """
    every = list(names)
    rest = len(every) - most
    return ", ".join(every[:most]) + (f" and {rest:,} more" if rest > 0 else "")

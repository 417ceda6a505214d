"""A detector's docstring is its specification: read into parts, and into the findings it gives."""

from __future__ import annotations

import inspect
import operator
from dataclasses import field, fields
from itertools import pairwise
from typing import TYPE_CHECKING, Any, Literal, TypeVar

from gandiag.findings import Evidence, Finding
from gandiag.signals import describe

from .remedies import named
from .windows import value_at

if TYPE_CHECKING:
    import pandas as pd

    from gandiag.findings import Severity
    from gandiag.remedy import Remedy

    from .base import Detector
    from .windows import Spell

T = TypeVar("T", int, float)

COMPARISONS = {"<": operator.lt, "<=": operator.le}
HEADINGS = ("Sees", "Why it happens", "Misses", "Try", "References")


def specification(detector: Detector | type) -> dict[str, str]:
    """The parts of a detector's docstring by heading, with the first line as "Summary".

    >>> from gandiag.detectors import DETECTORS
    >>> specification(DETECTORS[0])["Summary"]
    'The weights of G or of D do not move, though the game is played.'
    """
    parts: dict[str, list[str]] = {"Summary": []}
    current = parts["Summary"]
    for line in (inspect.getdoc(detector) or "").splitlines():
        if line.rstrip(":") in HEADINGS and line.endswith(":"):
            current = parts.setdefault(line.rstrip(":"), [])
        else:
            current.append(line)
    return {heading: inspect.cleandoc("\n".join(lines)) for heading, lines in parts.items()}


def threshold(default: T, source: str) -> T:
    """A field of a detector: its default, and where that comes from; `gandiag detectors` shows both."""
    made: T = field(default=default, metadata={"source": source})
    return made


def check_thresholds(detector: Any, *orders: str) -> None:
    """Raise ValueError for a threshold that is negative or NaN, and for thresholds out of order.

    `orders` are chains of names and numbers, such as "0 < failure_ratio <= ratio < 1".
    """
    for each in fields(detector):
        value = getattr(detector, each.name)
        if not value >= 0:
            raise ValueError(f"{each.name} must be at least 0, got {value}")
    for order in orders:
        terms, signs = order.split()[::2], order.split()[1::2]
        values = [getattr(detector, term) if term.isidentifier() else float(term) for term in terms]
        if not all(COMPARISONS[sign](*pair) for sign, pair in zip(signs, pairwise(values), strict=True)):
            found = [str(value) for term, value in zip(terms, values, strict=True) if term.isidentifier()]
            raise ValueError(f"need {order}, got {(' and ' if len(found) == 2 else ', ').join(found)}")


def remedies(detector: Detector | type) -> tuple[Remedy, ...]:
    """What the bullet points under "Try" name, each a remedy of `gandiag.detectors.remedies`, the best first.

    Raises ValueError for a bullet point that names none.
    """
    lines = specification(detector).get("Try", "").splitlines()
    return named(line.strip().removeprefix("- ") for line in lines if line.strip())


def evidence(
    series: pd.Series,
    threshold: float,
    comparison: Literal["below", "above"],
    step: int,
    label: str | None = None,
) -> Evidence:
    """The value of a series at a step beside its threshold; with a `label` it is a ratio, without a unit."""
    name = str(series.name)
    unit = describe(name).unit if label is None else ""
    return Evidence(
        signal=label or name,
        value=value_at(series, step),
        threshold=threshold,
        unit=unit,
        comparison=comparison,
    )


def finding(
    detector: Detector,
    spell: Spell,
    severity: Severity,
    summary: str,
    facts: tuple[Evidence, ...],
    columns: tuple[str, ...],
) -> Finding:
    """A `Finding` for one spell, with mechanism and all remedies from the detector's specification."""
    return Finding(
        code=detector.code,
        severity=severity,
        onset_step=spell.onset,
        last_step=spell.last,
        ongoing=spell.ongoing,
        summary=summary,
        evidence=facts,
        mechanism=" ".join(specification(detector).get("Why it happens", "").split()),
        remedies=remedies(detector),
        columns=columns,
    )

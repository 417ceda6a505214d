"""What a rule says of one set of samples."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Literal

if TYPE_CHECKING:
    from collections.abc import Mapping

Outcome = Literal["passed", "failed", "warned", "undecided", "ignored"]
Side = Literal["below", "above"]


@dataclass(frozen=True, kw_only=True)
class Figures:
    """What a rule found, as it stands in a row of the table.

    Attributes
    ----------
    sentence
        What was found, for people.
    n
        Samples behind the value.
    value
        What was measured; None where nothing could be.
    bound
        What it is held against; None for what is simply there or not.
    side
        On which side of the bound a value is bad.
    low, high
        Ends of an interval at the confidence of the rule; None without one.
    interval
        How the interval is made.
    needed
        Samples that would do, where they were too few.
    details
        More numbers.
    """

    sentence: str
    n: int
    value: float | None = None
    bound: float | None = None
    side: Side = "below"
    low: float | None = None
    high: float | None = None
    interval: str = ""
    needed: int | None = None
    details: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True, kw_only=True)
class Measured(Figures):
    """One judgement.

    Attributes
    ----------
    violated
        Whether the samples show the defect, at the rule's level.
    decided
        Whether as many samples would have shown it, had it been there: a value without that never passes.
    """

    violated: bool
    decided: bool

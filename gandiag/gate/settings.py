"""What a check is told beside its targets: levels, limits, and what fails, warns or is ignored."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import date
from typing import TYPE_CHECKING, Literal

if TYPE_CHECKING:
    from collections.abc import Mapping

    from gandiag.gate.bounds import Bound

Level = Literal["fail", "warn"]


@dataclass(frozen=True, kw_only=True)
class Ignored:
    """A rule, or a failure code, that is looked at and does not count, with the reason and the last day of that."""

    rule: str
    reason: str
    until: date | None = None

    def expired(self, today: date | None = None) -> bool:
        """Whether its last day is over."""
        return self.until is not None and (today or date.today()) > self.until  # noqa: DTZ011 - the user's day


@dataclass(frozen=True, kw_only=True)
class Settings:
    """What is in force.

    Attributes
    ----------
    false_alarms
        Probability of a false alarm in one check of a perfect generator, shared by all rules that are asked.
    tolerance
        How far a mode's share may be off, as a part of it.
    limits
        By rule, a bound in place of its default.
    levels
        By rule or failure code, "fail" or "warn" in place of its default.
    ignored
        Rules that do not count.
    required
        Rules or failure codes that must have been judged.
    bounds
        On metrics.
    least_samples
        Below so many samples nothing is decided.
    require_closed
        Whether a run must have come to its end.
    files
        Policy files that were read.
    set_by
        By key, who set it: a file, or the command line.
    seed
        Of latents and of random subsets.
    """

    false_alarms: float = 0.001
    tolerance: float = 0.2
    limits: Mapping[str, float] = field(default_factory=dict)
    levels: Mapping[str, Level] = field(default_factory=dict)
    ignored: tuple[Ignored, ...] = ()
    required: tuple[str, ...] = ()
    bounds: tuple[Bound, ...] = ()
    least_samples: int = 0
    require_closed: bool = True
    files: tuple[str, ...] = ()
    set_by: Mapping[str, str] = field(default_factory=dict)
    seed: int = 0

    def limit(self, rule: str, default: float) -> float:
        """The bound of a rule."""
        return self.limits.get(rule, default)

    def ignoring(self, rule: str, code: str) -> Ignored | None:
        """What says that a rule does not count, unless that is over."""
        return next((i for i in self.ignored if i.rule in (rule, code) and not i.expired()), None)

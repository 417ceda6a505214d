"""When a training should stop: a policy that the user sets. gandiag says so and never stops anything itself."""

from __future__ import annotations

from dataclasses import dataclass, field, fields
from typing import TYPE_CHECKING, Any

from gandiag.findings import SEVERITIES, Diagnosis, Severity
from gandiag.rundir.events import STOP

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from gandiag.findings import Finding


@dataclass(frozen=True, kw_only=True)
class Stop:
    """The finding because of which a training should stop, as it was at the judgement of step `step`."""

    step: int
    code: str
    severity: Severity
    onset_step: int
    last_healthy_step: int | None

    @property
    def held_steps(self) -> int:
        """Steps over which the finding had held."""
        return self.step - self.onset_step + 1

    @property
    def reason(self) -> str:
        """One sentence: the code, since when, and the step to go back to."""
        last = "no step before it was healthy"
        if self.last_healthy_step is not None:
            last = f"the last healthy step is {self.last_healthy_step:,}"
        since = f"since step {self.onset_step:,}, for {self.held_steps:,} steps"
        return f"{self.code} ({self.severity}) has held {since}; {last}"


@dataclass(frozen=True, kw_only=True)
class StopPolicy:
    """Which findings are reason enough to stop a training.

    A finding counts that is still ongoing, has one of the codes, is at least as severe as `severity`, and has held for
    at least `for_steps` steps, counted from its onset.

    Parameters
    ----------
    codes : codes of failures; empty for all
    severity : info, warning or failure
    for_steps : steps; 0 or 1 stops at the first judgement that finds it

    Raises
    ------
    TypeError, ValueError
        Naming the argument, what was given and what is expected.

    Examples
    --------
    >>> StopPolicy(codes=("sample-collapse",), for_steps=500).stop(Diagnosis(verdict="healthy")) is None
    True
    """

    codes: tuple[str, ...] = ()
    severity: Severity = "failure"
    for_steps: int = field(
        default=200,
        metadata={
            "source": "our choice: by default live judgements are so far apart, and two in a row confirm a failure"
        },
    )

    def __post_init__(self) -> None:
        if not isinstance(self.codes, (tuple, list)) or not all(isinstance(code, str) for code in self.codes):
            raise TypeError(f"codes must be a tuple of codes such as ('non-finite',), got {self.codes!r}")
        object.__setattr__(self, "codes", tuple(self.codes))
        if self.severity not in SEVERITIES:
            raise ValueError(f"severity must be one of {', '.join(SEVERITIES)}, got {self.severity!r}")
        if isinstance(self.for_steps, bool) or not isinstance(self.for_steps, int):
            raise TypeError(f"for_steps must be a whole number of steps, got {self.for_steps!r}")
        if self.for_steps < 0:
            raise ValueError(f"for_steps must be at least 0, got {self.for_steps}")

    def stop(self, diagnosis: Diagnosis) -> Stop | None:
        """The first finding of a diagnosis that is reason enough, None without one."""
        ongoing = (_stop(f, diagnosis) for f in diagnosis.findings if f.ongoing)
        return next((stop for stop in ongoing if self.counts(stop)), None)

    def counts(self, stop: Stop) -> bool:
        """Whether this policy, too, would stop because of that."""
        severe = SEVERITIES.index(stop.severity) >= SEVERITIES.index(self.severity)
        return severe and stop.held_steps >= self.for_steps and (not self.codes or stop.code in self.codes)

    def restored(self, events: Iterable[Mapping[str, Any]]) -> Stop | None:
        """The first stop among the events of a run that is continued, if this policy would stop because of it."""
        names = [f.name for f in fields(Stop)]
        stops = (Stop(**{n: event[n] for n in names}) for event in events if event.get("kind") == STOP)
        return next((stop for stop in stops if self.counts(stop)), None)


def _stop(finding: Finding, diagnosis: Diagnosis) -> Stop:
    return Stop(
        step=finding.last_step,
        code=finding.code,
        severity=finding.severity,
        onset_step=finding.onset_step,
        last_healthy_step=diagnosis.last_healthy_step,
    )

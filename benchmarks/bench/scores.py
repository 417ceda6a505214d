"""How often each detector and each baseline is right.

A detector is scored on the failure that it is named after, a baseline on those that it claims to see. What counts:

- Found: an alarm of the run that still held after the labelled onset, or ended at most 5 % of the run's length before
  it. The first such alarm is the one whose onset is compared with the label's; both are onsets as stated, not the
  step at which somebody watching would have been told.
- Missed: a labelled run without one; that the detector could not judge the run is no excuse.
- False alarm: a healthy run with an alarm at failure severity, of those healthy runs that the detector could judge.
- Precision: of the healthy and failing runs with an alarm at failure severity, the share that is labelled with the
  failure. It depends on how many of the corpus's runs have that failure.

Runs labelled "partial", between healthy and failing, count in none of these.
"""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING, Any

from benchmarks.bench.shares import Delays, Share

if TYPE_CHECKING:
    from collections.abc import Sequence

    from benchmarks.bench.judged import Alarm, Judged

SLACK = 0.05  # of the run's length: how much earlier than its label a failure may be found
SERIOUS = {"failure": ("failure",), "warning": ("warning", "failure")}  # severities at or above one


@dataclass(frozen=True)
class Judge:
    """A detector or a baseline: who raises alarms by this name, and on which failures they are right."""

    name: str
    family: str
    claims: tuple[str, ...]

    @property
    def ours(self) -> bool:
        """Whether it is a detector of gandiag."""
        return self.family == "gandiag"


@dataclass(frozen=True, kw_only=True)
class Score:
    """A judge's record on some runs.

    Attributes
    ----------
    found, found_warning : labelled runs in which it was found, at failure severity and at warning or above
    found_any_failing : failing runs of any label in which it raised an alarm at failure severity after the onset
    false_alarms, false_alarms_warning : healthy runs with an alarm at failure severity, and at warning or above
    false_alarm_steps : of all steps of healthy runs, those at which an alarm at failure severity began
    precision, precision_any_failing : of runs with an alarm at failure severity, those labelled with what it claims,
        and those labelled with any failure
    delays, delays_warning : from the label's onset to the alarm's, of alarms at failure severity, and at warning or
        above
    partial, partial_warning : partial runs with an alarm
    not_assessed, crashed : runs that it could not judge, or on which it broke, of any status
    missed, false_alarmed : the runs by name
    """

    judge: Judge
    found: Share
    found_warning: Share
    found_any_failing: Share
    false_alarms: Share
    false_alarms_warning: Share
    false_alarm_steps: Share
    precision: Share
    precision_any_failing: Share
    delays: Delays
    delays_warning: Delays
    partial: Share
    partial_warning: Share
    not_assessed: Share
    crashed: Share
    missed: tuple[str, ...]
    false_alarmed: tuple[str, ...]

    @property
    def judged_none(self) -> bool:
        """Whether no run recorded what it needs."""
        return 0 < self.not_assessed.n == self.not_assessed.hits

    def to_dict(self) -> dict[str, Any]:
        """A JSON-ready copy."""
        content: dict[str, Any] = asdict(self.judge)
        content["claims"] = list(self.judge.claims)
        for name in self.__dataclass_fields__:
            value = getattr(self, name)
            if isinstance(value, (Share, Delays)):
                content[name] = value.to_dict()
        content["false_alarms_per_100k_healthy_steps"] = {
            key: 1e5 * getattr(self.false_alarm_steps, key) if self.false_alarm_steps.n else None
            for key in ("value", "low", "high")
        }
        return {**content, "missed": list(self.missed), "false_alarmed": list(self.false_alarmed)}


def score(judge: Judge, runs: Sequence[Judged]) -> Score:
    """A judge's record on these runs."""
    labelled = [r for r in runs if r.entry.status == "failing" and r.entry.onset(judge.claims) is not None]
    failing = [r for r in runs if r.entry.status == "failing"]
    unjudged = {r.entry.name for r in runs if judge.name in r.not_assessed | r.crashed}
    healthy = [r for r in runs if r.entry.status == "healthy" and r.entry.name not in unjudged]
    partial = [r for r in runs if r.entry.status == "partial"]
    alarmed = [r for r in (*failing, *healthy) if alarms(r, judge)]
    missed = tuple(r.entry.name for r in labelled if detection(r, judge, judge.claims) is None)
    return Score(
        judge=judge,
        found=Share(len(labelled) - len(missed), len(labelled)),
        found_warning=Share.of(detection(r, judge, judge.claims, "warning") is not None for r in labelled),
        found_any_failing=Share.of(detection(r, judge, _codes(r)) is not None for r in failing),
        false_alarms=Share.of(bool(alarms(r, judge)) for r in healthy),
        false_alarms_warning=Share.of(bool(alarms(r, judge, "warning")) for r in healthy),
        false_alarm_steps=Share(sum(len(alarms(r, judge)) for r in healthy), sum(r.entry.steps for r in healthy)),
        precision=Share.of(r.entry.onset(judge.claims) is not None for r in alarmed),
        precision_any_failing=Share.of(r.entry.status == "failing" for r in alarmed),
        delays=_delays(judge, labelled, "failure"),
        delays_warning=_delays(judge, labelled, "warning"),
        partial=Share.of(bool(alarms(r, judge)) for r in partial),
        partial_warning=Share.of(bool(alarms(r, judge, "warning")) for r in partial),
        not_assessed=Share.of(judge.name in r.not_assessed for r in runs),
        crashed=Share.of(judge.name in r.crashed for r in runs),
        missed=missed,
        false_alarmed=tuple(r.entry.name for r in healthy if alarms(r, judge)),
    )


def alarms(run: Judged, judge: Judge, bar: str = "failure") -> list[Alarm]:
    """A judge's alarms on a run at a severity or above, in order of onset."""
    return [a for a in run.alarms.get(judge.name, ()) if a.severity in SERIOUS[bar]]


def detection(run: Judged, judge: Judge, codes: tuple[str, ...], bar: str = "failure") -> Alarm | None:
    """A judge's first alarm that fits the onset of the first of some failures of a run; None without one."""
    onset = run.entry.onset(codes)
    if onset is None:
        return None
    return next((a for a in alarms(run, judge, bar) if a.last_step >= onset - SLACK * run.entry.steps), None)


def _codes(run: Judged) -> tuple[str, ...]:
    return tuple(label.code for label in run.entry.failures)


def _delays(judge: Judge, labelled: Sequence[Judged], bar: str) -> Delays:
    steps, shares, early = [], [], 0
    for run in labelled:
        found, onset = detection(run, judge, judge.claims, bar), run.entry.onset(judge.claims)
        if found is None or onset is None:
            continue
        delay = found.onset_step - onset
        steps.append(delay)
        shares.append(delay / run.entry.steps)
        early += delay < -SLACK * run.entry.steps
    return Delays(tuple(steps), tuple(shares), early)

"""A run directory judged by the detectors, as one target of a check."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING

from gandiag.gate.results import FAILED, PASSED, UNDECIDED, UNREADABLE, RuleResult, TargetResult
from gandiag.judge.diagnose import diagnose
from gandiag.judge.missing import what_was_lost
from gandiag.rundir.ending import ending
from gandiag.rundir.run import Run, RunError

if TYPE_CHECKING:
    from collections.abc import Iterator

    from gandiag.findings import Diagnosis, Finding, Severity
    from gandiag.gate.measured import Outcome
    from gandiag.gate.settings import Settings
    from gandiag.judge.policy import Policy

NOT_ASSESSED, MISSING = "not assessed ", "missing: "  # begin reasons that are told apart when they are printed


def judged_run(path: str, settings: Settings, policy: Policy, fail_on: Severity) -> tuple[TargetResult, Run | None]:
    """Judge a run by its record, and say how its training ended."""
    started = time.monotonic()
    try:
        run = Run.open(path)
        diagnosis = diagnose(run, policy=policy)
    except (RunError, OSError) as error:
        said = str(error) if isinstance(error, RunError) else f"{path}: cannot be read: {error.strerror or error}"
        return TargetResult(target=path, kind="run", exit_code=UNREADABLE, reasons=(said,)), None
    end = ending(run.meta)
    rows = tuple(_rows(diagnosis, settings, fail_on))
    failed = any(row.outcome == "failed" for row in rows)
    reasons = tuple(_reasons(diagnosis, settings, broken_off=settings.require_closed and not end.over_or_alive))
    lost = tuple(f"{MISSING}{sentence}" for sentence in what_was_lost(run))
    found = TargetResult(
        target=path, kind="run", exit_code=FAILED if failed else UNDECIDED if reasons else PASSED, rules=rows,
        findings=diagnosis.findings, diagnosis=diagnosis, step=diagnosis.last_step, status=end.status,
        status_reason=end.reason, reasons=reasons, seconds=time.monotonic() - started,
        notes=lost if diagnosis.decided else (), lost=lost,
    )  # fmt: skip
    return found, run


def _rows(diagnosis: Diagnosis, settings: Settings, fail_on: Severity) -> Iterator[RuleResult]:
    """A row for each finding, and one for each failure that was looked for and not found, or could not be."""
    for finding in diagnosis.findings:
        ignoring = settings.ignoring(finding.code, finding.code)
        first = finding.evidence[0] if finding.evidence else None
        yield RuleResult(
            rule=finding.code, code=finding.code, says="", outcome=_outcome(finding, settings, fail_on),
            sentence=sentence_of(finding), n=diagnosis.last_step, value=first.value if first else None,
            bound=first.threshold if first else None, side=first.comparison if first else "above",
            ignored_because=ignoring.reason if ignoring else "",
        )  # fmt: skip
    for code in diagnosis.clean:
        yield RuleResult(rule=code, code=code, says="", outcome="passed", sentence="not found", n=diagnosis.last_step)
    for entry in diagnosis.not_assessed:
        whose = f"{entry.network}: " if entry.network else ""
        said = f"{whose}{entry.reason}; {entry.how_to}"
        yield RuleResult(
            rule=entry.code, code=entry.code, says="", outcome="undecided", sentence=said, n=diagnosis.last_step
        )


def sentence_of(finding: Finding) -> str:
    """What was found, and of which network where there are several."""
    return f"{finding.network}: {finding.summary}" if finding.network else finding.summary


def _outcome(finding: Finding, settings: Settings, fail_on: Severity) -> Outcome:
    if settings.ignoring(finding.code, finding.code):
        return "ignored"
    level = settings.levels.get(finding.code)
    if finding.severity == "info" or not finding.ongoing:  # what is over was an episode
        return "passed" if finding.severity == "info" else "warned"
    if level is not None:
        return "failed" if level == "fail" else "warned"
    return "failed" if finding.severity == "failure" or fail_on == "warning" else "warned"


def _reasons(diagnosis: Diagnosis, settings: Settings, *, broken_off: bool) -> Iterator[str]:
    if not diagnosis.decided:
        yield from (f"{NOT_ASSESSED}{n.title}: {n.reason}; {n.how_to}" for n in diagnosis.not_assessed)
        yield from (f"error in {e.code}: {e.message}" for e in diagnosis.errors)
        yield from (f"{MISSING}{sentence}" for sentence in diagnosis.missing)
        if not (diagnosis.not_assessed or diagnosis.errors or diagnosis.missing):
            yield "the record does not settle whether it is healthy"
    if broken_off:
        yield "a training that did not come to its end cannot pass (--any-status goes by the findings alone)"
    looked_for = {*diagnosis.clean, *(finding.code for finding in diagnosis.findings)}
    for required in settings.required:
        if required not in looked_for:
            yield f"{required}: is required and was not judged"
    if diagnosis.last_step < 1:
        yield "nothing was recorded"

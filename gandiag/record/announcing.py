"""What is said of a judgement: events on record, lines for whoever watches the training, diagnosis.json."""

from __future__ import annotations

import json
import logging
import shlex
from dataclasses import asdict
from typing import TYPE_CHECKING

from gandiag.findings import TRAIN_LONGER, seem_swapped
from gandiag.record.terminal import say
from gandiag.rundir.events import STOP
from gandiag.wording import listed

if TYPE_CHECKING:
    from collections.abc import Iterable

    from gandiag.findings import Diagnosis, Finding
    from gandiag.judge.stopping import Stop
    from gandiag.rundir.recorder import Recorder

MOST_NAMED = 3  # findings, in the verdict at the end
SWAPPED = "the generator and the discriminator look swapped, the call is attach(generator, discriminator, ...)"
LEVELS = {"healthy": logging.INFO, "failing": logging.ERROR}


def tell_findings(recorder: Recorder, step: int, findings: Iterable[Finding], *, alerts: bool) -> None:
    """Note findings that are new at a step, and say so where `alerts` are wanted."""
    for finding in findings:
        recorder.event("finding", step=step, **asdict(finding))
        if alerts:
            level = logging.ERROR if finding.severity == "failure" else logging.WARNING
            say(level, f"gandiag: step {step}: {finding.severity} {finding.title}: {finding.summary}")


def tell_stop(recorder: Recorder, step: int, stop: Stop, *, alerts: bool) -> None:
    """Note that the policy says to stop."""
    recorder.event(STOP, **asdict(stop), segment=recorder.segment_index)
    if alerts:
        say(logging.WARNING, f"gandiag: step {step}: the stop policy holds: {stop.reason}")


def write_diagnosis(recorder: Recorder, diagnosis: Diagnosis) -> None:
    """Keep what is known in the run directory, for whoever looks there while the training runs."""
    recorder.folder.write(json.dumps(diagnosis.to_dict(), indent=1).encode(), "diagnosis.json")


def tell_verdict(run_dir: str, diagnosis: Diagnosis, ended: str) -> None:
    """Say how a training ended in one line, and what shows more of it."""
    say(LEVELS.get(diagnosis.verdict, logging.WARNING), f"gandiag: {verdict_line(run_dir, diagnosis, ended)}")


def verdict_line(run_dir: str, diagnosis: Diagnosis, ended: str = "") -> str:
    """The verdict, what it is due to, and the next command; `ended` is how the training did, where it broke off.

    >>> from gandiag.findings import Diagnosis
    >>> verdict_line("runs/a", Diagnosis(verdict="healthy", decided=True, last_step=3000))
    'healthy after 3,000 steps; all of it: gandiag report runs/a'
    """
    due = [f"{f.code} since step {f.onset_step:,}" for f in diagnosis.findings if f.ongoing and f.severity != "info"]
    due = due or [f"{f.code} until step {f.last_step:,}" for f in diagnosis.findings if f.severity == "failure"]
    if diagnosis.verdict == "undecided":
        unseen = len(diagnosis.not_assessed) + len(diagnosis.errors)
        short = sum(n.how_to == TRAIN_LONGER for n in diagnosis.not_assessed)
        due = [f"it takes more steps to assess {short} kind{'' if short == 1 else 's'} of failure"] if short else []
        due = due or (
            [f"{unseen} kind{' of failure was' if unseen == 1 else 's of failure were'} not assessed"]
            if unseen
            else ["the record lacks something"]
        )
        due = [SWAPPED] if seem_swapped(diagnosis) else due
    because = f": {listed(due, MOST_NAMED)}" if due else ""
    command = f"gandiag report {shlex.quote(run_dir)}"
    how = f", {ended}" if ended else ""
    return f"{diagnosis.verdict} after {diagnosis.last_step:,} steps{how}{because}; all of it: {command}"

"""What is said of a judgement while the training runs: events on record, log lines, diagnosis.json."""

from __future__ import annotations

import json
import logging
from dataclasses import asdict
from typing import TYPE_CHECKING

from gandiag.rundir.events import STOP

if TYPE_CHECKING:
    from collections.abc import Iterable

    from gandiag.findings import Diagnosis, Finding
    from gandiag.judge.stopping import Stop
    from gandiag.rundir.recorder import Recorder

logger = logging.getLogger("gandiag")


def tell_findings(recorder: Recorder, step: int, findings: Iterable[Finding], *, alerts: bool) -> None:
    """Note findings that are new at a step, and log them where `alerts` are wanted."""
    for finding in findings:
        recorder.event("finding", step=step, **asdict(finding))
        if alerts:
            level = logging.ERROR if finding.severity == "failure" else logging.WARNING
            logger.log(level, "gandiag: step %d: %s %s: %s", step, finding.severity, finding.title, finding.summary)


def tell_stop(recorder: Recorder, step: int, stop: Stop, *, alerts: bool) -> None:
    """Note that the policy says to stop."""
    recorder.event(STOP, **asdict(stop), segment=recorder.segment_index)
    if alerts:
        logger.warning("gandiag: step %d: the stop policy holds: %s", step, stop.reason)


def write_diagnosis(recorder: Recorder, diagnosis: Diagnosis) -> None:
    """Keep what is known in the run directory, for whoever looks there while the training runs."""
    recorder.folder.write(json.dumps(diagnosis.to_dict(), indent=1).encode(), "diagnosis.json")

"""The only caller of detectors, live and offline: from a `Run` to its `Diagnosis`."""

from __future__ import annotations

from dataclasses import asdict
from typing import TYPE_CHECKING

import numpy as np

from gandiag.findings import DetectorError, Diagnosis, Finding, NotAssessed, Verdict
from gandiag.missing import END, blind, what_is_missing

if TYPE_CHECKING:
    from collections.abc import Sequence

    from gandiag.detectors import Detector
    from gandiag.run import Run

ESSENTIAL = (("non-finite",), ("vanishing-gradients",), ("mode-collapse", "sample-collapse"))
"""Of each of these groups one failure at least must have been looked for before a run is called healthy."""


def diagnose(run: Run, detectors: Sequence[Detector] | None = None) -> Diagnosis:
    """Judge what a run recorded.

    Parameters
    ----------
    run : the run, whole or as far as it was recorded
    detectors : instances with their thresholds, by default all of `gandiag.detectors.DETECTORS`

    Returns
    -------
    Diagnosis
        With `not_assessed` for every failure whose signals are missing, too short or ended early. A detector that
        raises becomes an entry of `errors`. No run with errors is called healthy, and none of which most steps, or
        most of the last tenth, were not recorded; `missing` says what the record lacks.
    """
    if detectors is None:
        from gandiag.detectors import DETECTORS

        detectors = DETECTORS
    findings: list[Finding] = []
    not_assessed: list[NotAssessed] = []
    errors: list[DetectorError] = []
    for detector in detectors:
        if reason := _obstacle(run, detector):
            not_assessed.append(reason)
            continue
        try:
            found = detector(run)
            if not found and (doubt := _doubt(run, detector)):
                not_assessed.append(doubt)
            findings += found
        except Exception as error:  # noqa: BLE001 - one broken detector must not cost the diagnosis
            errors.append(DetectorError(code=detector.code, message=f"{type(error).__name__}: {error}"))
    out = {f.code for f in findings} | {n.code for n in not_assessed} | {e.code for e in errors}
    findings.sort(key=lambda f: (f.onset_step, f.last_step))
    clean = tuple(d.code for d in detectors if d.code not in out)
    looked_for = {d.code for d in detectors} - {n.code for n in not_assessed}
    decided = not errors and not blind(run) and all(looked_for.intersection(group) for group in ESSENTIAL)
    return Diagnosis(
        verdict=_verdict(findings, decided=decided),
        decided=decided,
        findings=tuple(findings),
        clean=clean,
        not_assessed=tuple(not_assessed),
        errors=tuple(errors),
        missing=what_is_missing(run),
        last_step=run.last_step,
        last_healthy_step=_last_healthy_step(findings, run),
        provenance=_provenance(detectors),
    )


def _obstacle(run: Run, detector: Detector) -> NotAssessed | None:
    """Why a detector cannot judge this run, if so."""
    steps = run.last_step - int(run.scalars.index[0]) + 1 if len(run.scalars) else 0
    if steps < detector.min_run_steps:
        reason = f"the run has {steps:,} steps, this takes {detector.min_run_steps:,}"
        return NotAssessed(code=detector.code, reason=reason, how_to="train for longer")
    missing = tuple(n for n in detector.needs if not any(run.names(name) for name in n.split("|")))
    if missing:
        names = " and ".join(_readable(n) for n in missing)
        return NotAssessed(
            code=detector.code, reason=f"{names} was not recorded", how_to=detector.how_to, missing=missing
        )
    return None


def _doubt(run: Run, detector: Detector) -> NotAssessed | None:
    """Why it means nothing that a detector found nothing, if so."""
    names = " and ".join(_readable(n) for n in detector.needs)
    if detector.score(run).empty:
        reason = f"{names} was recorded too seldom, or never where it can be judged"
        return NotAssessed(code=detector.code, reason=reason, how_to=detector.how_to)
    ends = {names: max(_end(run, n) for name in names.split("|") for n in run.names(name)) for names in detector.needs}
    for name, (good_for, last) in ends.items():
        if good_for < run.last_step:
            reason = f"{_readable(name)} was recorded up to step {last:,} of {run.last_step:,}"
            return NotAssessed(code=detector.code, reason=reason, how_to=detector.how_to)
    return None


def _readable(need: str) -> str:
    """A need in words: "feedback/norm or grad/generator/norm", "diversity/class/..."."""
    return " or ".join(f"{n[:-1]}..." if n.endswith("/*") else n for n in need.split("|"))


def _end(run: Run, name: str) -> tuple[float, int]:
    """The step up to which the last value of a signal can stand for what follows, and the step of that value.

    It is good for twice the usual interval between two values, and for a tenth of the run.
    """
    steps = run.series(name).index.to_numpy()
    interval = float(np.median(np.diff(steps))) if len(steps) > 1 else 0.0
    span = run.last_step - int(run.scalars.index[0])
    return steps[-1] + max(2 * interval, END * span), int(steps[-1])


def _verdict(findings: Sequence[Finding], *, decided: bool) -> Verdict:
    if any(f.severity == "failure" and f.ongoing for f in findings):
        return "failing"
    if any(f.severity == "failure" or (f.severity == "warning" and f.ongoing) for f in findings):
        return "suspect"
    return "healthy" if decided else "undecided"


def _last_healthy_step(findings: Sequence[Finding], run: Run) -> int | None:
    """The last step before the first ongoing trouble; the last step of all when there is none."""
    onsets = [f.onset_step for f in findings if f.severity != "info" and f.ongoing]
    first = int(run.scalars.index[0]) if len(run.scalars) else 1
    last = min(onsets, default=run.last_step + 1) - 1
    return last if last >= first else None


def _provenance(detectors: Sequence[Detector]) -> dict[str, object]:
    from gandiag import __version__

    return {"gandiag": __version__, "thresholds": {d.code: asdict(d) for d in detectors}}  # type: ignore[call-overload]

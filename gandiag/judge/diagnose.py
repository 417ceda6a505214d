"""The only caller of detectors, live and offline: from a `Run` to its `Diagnosis`."""

from __future__ import annotations

import re
from collections import deque
from dataclasses import asdict, replace
from typing import TYPE_CHECKING

import numpy as np

from gandiag.findings import DetectorError, Diagnosis, Finding, NotApplicable, NotAssessed, Verdict
from gandiag.judge.checks import loop_checks, repairs_first
from gandiag.judge.mechanisms import MISTAKES
from gandiag.judge.missing import END, blind, intervals, what_is_missing
from gandiag.judge.policy import read_policy
from gandiag.judge.story import tell
from gandiag.remedy import offered, on_balance

if TYPE_CHECKING:
    from collections.abc import Sequence

    from gandiag.detectors import Detector
    from gandiag.judge.policy import PolicyLike
    from gandiag.remedy import Remedy
    from gandiag.rundir.run import Run

ESSENTIAL = (("non-finite",), ("vanishing-gradients",), ("mode-collapse",), ("sample-collapse",))
"""Of each of these groups one failure at least must have been looked for before a run is called healthy. Both kinds of
collapse are seen without labels, and neither shows the other: lost parts of the data leave a batch diverse.

A group none of whose rules applies to the run's loss family is left out: that a rule does not apply is a fact about the
loss, not a gap in the record, so nothing that could be recorded would ever close it, and the run would stay undecided
for ever. Whatever does apply must have been looked for: a group with one rule that does not apply and another whose
signals are missing stays open. Where no group applies at all nothing essential was looked at, and nothing is decided.
"""

LATEST = 8
"""Intervals between values of a signal that tell how often it is recorded at the end."""
_ATTACH = re.compile(r"^attach with gandiag\.attach(; |, or |, and |$)")


def diagnose(run: Run, detectors: Sequence[Detector] | None = None, *, policy: PolicyLike = None) -> Diagnosis:
    """Judge what a run recorded.

    Parameters
    ----------
    run : the run, whole or as far as it was recorded
    detectors : instances with their thresholds, by default all of `gandiag.detectors.DETECTORS`
    policy : a TOML file that sets thresholds, over those of the nearest pyproject.toml; or a `gandiag.Policy`, with
        which no file is read. What was set in `detectors` stays, see `gandiag.judge.policy`

    Returns
    -------
    Diagnosis
        With `not_assessed` for every failure whose signals are missing, too short or ended early, `not_applicable`
        for those that the run's loss family excludes, and findings with the remedies that fit it. A detector that
        raises becomes an entry of `errors`. No run with errors is called healthy, and none of which most steps, or
        most of the last tenth, were not recorded; `missing` says what the record lacks.

    Raises
    ------
    PolicyError
        A ValueError, when a policy cannot be read or makes no sense.
    """
    judgement = Judgement(run, detectors, policy=policy)
    while judgement.waiting:
        judgement.ask()
    return judgement.diagnosis()


class Judgement:
    """A diagnosis in the making: of a training that runs, detectors are asked a few at a time.

    The parameters are those of `diagnose`. `waiting` holds the detectors that `ask` will ask, in this order.
    """

    def __init__(self, run: Run, detectors: Sequence[Detector] | None = None, *, policy: PolicyLike = None) -> None:
        self.run = run
        self._selection = read_policy(policy).selection(detectors)
        self._not_applicable = _not_applicable(self._selection.detectors, run.loss_family)
        self._excluded = {n.code for n in self._not_applicable}
        self.waiting = deque(d for d in self._selection.detectors if d.code not in self._excluded)
        self._findings: list[Finding] = []
        self._not_assessed: list[NotAssessed] = list(self._selection.not_assessed())
        self._errors: list[DetectorError] = []

    def ask(self) -> None:
        """Note what the next detector found, could not assess, or broke on."""
        run, detector = self.run, self.waiting.popleft()
        if reason := _obstacle(run, detector):
            self._not_assessed.append(reason)
            return
        try:
            found = detector(run)
            if not found and (doubt := _doubt(run, detector)):
                self._not_assessed.append(doubt)
            family = run.loss_family
            self._findings += [replace(f, remedies=offered(f.remedies, family) if f.counts else ()) for f in found]
        except Exception as error:  # noqa: BLE001 - one broken detector must not cost the diagnosis
            self._errors.append(DetectorError(code=detector.code, message=f"{type(error).__name__}: {error}"))

    def _on_balance(self, finding: Finding) -> tuple[Remedy, ...]:
        mistaken = any(f.code in MISTAKES and f.counts for f in self._findings)
        unseen = [n.code for n in self._not_assessed] + [e.code for e in self._errors]
        return on_balance(finding.remedies, mistaken, [code for code in MISTAKES if code in unseen])

    def diagnosis(self) -> Diagnosis:
        """What the detectors asked so far say of the run."""
        run, codes = self.run, [d.code for d in self._selection.detectors]
        findings = sorted(self._findings, key=lambda f: (f.onset_step, f.last_step))
        findings = repairs_first([replace(f, remedies=self._on_balance(f)) for f in findings])
        unseen = {n.code for n in self._not_assessed} | {e.code for e in self._errors}
        out = {f.code for f in findings} | unseen | self._excluded
        looked_for = set(codes) - {n.code for n in self._not_assessed} - self._excluded
        clean = tuple(code for code in codes if code not in out)
        checks = loop_checks(codes, findings, clean)
        decided = not self._errors and not blind(run) and _essentials(looked_for, self._excluded)
        return Diagnosis(
            verdict=_verdict(findings, decided=decided),
            decided=decided,
            findings=tuple(findings),
            story=tell(findings, unseen, checks),
            clean=clean,
            not_assessed=tuple(self._not_assessed),
            not_applicable=self._not_applicable,
            errors=tuple(self._errors),
            checks=checks,
            missing=what_is_missing(run),
            last_step=run.last_step,
            last_healthy_step=_last_healthy_step(findings, run),
            provenance=_provenance(self._selection.detectors) | self._selection.provenance(),
        )


def _not_applicable(detectors: Sequence[Detector], family: str) -> tuple[NotApplicable, ...]:
    found = ((d.code, d.not_for.get(family)) for d in detectors)
    return tuple(NotApplicable(code=code, reason=reason) for code, reason in found if reason)


def _essentials(looked_for: set[str], excluded: set[str]) -> bool:
    """Whether something of each group of `ESSENTIAL` that applies was looked for, and at least one group applies."""
    groups = [set(group) for group in ESSENTIAL if not excluded.issuperset(group)]
    return bool(groups) and all(looked_for & group for group in groups)


def _obstacle(run: Run, detector: Detector) -> NotAssessed | None:
    """Why a detector cannot judge this run: it is too short or lacks signals; None where it can."""
    steps = run.last_step - int(run.scalars.index[0]) + 1 if len(run.scalars) else 0
    if steps < detector.min_run_steps:
        reason = f"the run has {steps:,} steps, this takes {detector.min_run_steps:,}"
        return NotAssessed(code=detector.code, reason=reason, how_to="train for longer")
    missing = tuple(n for n in detector.needs if all(run.series(name).empty for name in n.split("|")))
    if missing:
        names = " and ".join(n.replace("|", " or ") for n in missing)
        reason = f"{names} was not recorded"
        return NotAssessed(code=detector.code, reason=reason, how_to=_how_to(run, detector), missing=missing)
    return None


def _how_to(run: Run, detector: Detector, *, seldom: bool = False) -> str:
    """How signals are to be had that a run lacks, or has too `seldom`: no use to tell to attach who did."""
    found = detector.how_to
    if run.meta.get("roles"):
        found = _ATTACH.sub("", found)
    if seldom and intervals(run.meta.get("plan")):
        found = "pass max_overhead=None, for a record of every round of the game"
    return found or "look at run.json for what was attributed"


def _doubt(run: Run, detector: Detector) -> NotAssessed | None:
    """Why a detector that found nothing does not clear the run: its signals are few or end early; else None."""
    names = " and ".join(n.replace("|", " or ") for n in detector.needs)
    if detector.score(run).empty:
        reason = f"{names} was recorded too seldom, or never where it can be judged"
        return NotAssessed(code=detector.code, reason=reason, how_to=_how_to(run, detector, seldom=True))
    ends = {names: max(_end(run, n) for n in names.split("|")) for names in detector.needs}
    for name, (good_for, last) in ends.items():
        if good_for < run.last_step:
            reason = f"{name.replace('|', ' or ')} was recorded up to step {last:,} of {run.last_step:,}"
            return NotAssessed(code=detector.code, reason=reason, how_to=_how_to(run, detector))
    return None


def _end(run: Run, name: str) -> tuple[float, int]:
    """How far a signal reaches: the step up to which its last value still counts, and the step of that value.

    It is good for twice the interval of its latest values (the second longest of the last eight: one may be a gap),
    and for a tenth of the run.
    """
    steps = run.series(name).index.to_numpy()
    if not len(steps):
        return 0.0, 0
    latest = np.sort(np.diff(steps[-LATEST - 1 :]))
    interval = float(latest[max(len(latest) - 2, 0)]) if len(latest) else 0.0
    span = run.last_step - int(run.scalars.index[0])
    return steps[-1] + max(2 * interval, END * span), int(steps[-1])


def _verdict(findings: Sequence[Finding], *, decided: bool) -> Verdict:
    if any(f.severity == "failure" and f.ongoing for f in findings):
        return "failing"
    if any(f.counts for f in findings):
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

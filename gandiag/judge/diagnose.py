"""The only caller of detectors, live and offline: from a `Run` to its `Diagnosis`."""

from __future__ import annotations

from collections import deque
from dataclasses import asdict, replace
from os import PathLike
from typing import TYPE_CHECKING

from gandiag.findings import Diagnosis, Finding, NotApplicable, NotAssessed, Verdict
from gandiag.judge.asking import Answer, answered, asked_of, looked_for_by_part, merged_findings, merged_reasons
from gandiag.judge.checks import in_order, loop_checks, repairs_first
from gandiag.judge.doubts import is_essential, looked_at_essentials
from gandiag.judge.mechanisms import MISTAKES
from gandiag.judge.missing import blind, what_is_missing
from gandiag.judge.networks import parts_of
from gandiag.judge.normal import what_is_normal
from gandiag.judge.policy import read_policy
from gandiag.judge.sparse import dated, fitted
from gandiag.judge.story import tell
from gandiag.remedy import offered, on_balance
from gandiag.rundir.run import Run

if TYPE_CHECKING:
    from collections.abc import Sequence

    from gandiag.detectors import Detector
    from gandiag.judge.policy import PolicyLike
    from gandiag.remedy import Remedy


def diagnose(
    run: Run | str | PathLike[str], detectors: Sequence[Detector] | None = None, *, policy: PolicyLike = None
) -> Diagnosis:
    """Judge what a run recorded.

    Parameters
    ----------
    run : the run, whole or as far as it was recorded; or its directory, local or any fsspec path
    detectors : instances with their thresholds, by default all of `gandiag.detectors.DETECTORS`
    policy : a TOML file that sets thresholds, over those of the nearest pyproject.toml; or a `gandiag.Policy`, with
        which no file is read. What was set in `detectors` stays, see `gandiag.judge.policy`

    Returns
    -------
    Diagnosis
        With `not_assessed` for every failure whose signals are missing, too short or ended early, `not_applicable`
        for those that the run's loss family excludes, and findings with the remedies that fit it. A detector that
        raises becomes an entry of `errors`. No run with errors is called healthy, none whose files are damaged, and
        none of which most steps, or most of the last tenth, were not recorded; `missing` says what the record lacks.

    Raises
    ------
    PolicyError
        A ValueError, when a policy cannot be read or makes no sense.
    RunError
        When a directory holds no run that can be read.
    """
    if isinstance(run, (str, PathLike)):
        run = Run.open(run)
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
        selection = read_policy(policy).selection(detectors)
        self._selection = replace(selection, detectors=fitted(selection.detectors, run))
        self._not_applicable = _not_applicable(self._selection.detectors, run.loss_family)
        self._excluded = {n.code for n in self._not_applicable}
        self.waiting = deque(d for d in self._selection.detectors if d.code not in self._excluded)
        self._parts = parts_of(run)
        self._answers: list[Answer] = []
        self._findings: list[Finding] = []
        self._not_assessed: list[NotAssessed] = list(self._selection.not_assessed())

    @property
    def findings(self) -> list[Finding]:
        """What was found so far, in the order of asking."""
        return list(self._findings)

    def interim(self, findings: Sequence[Finding]) -> Diagnosis:
        """What is known before all were asked: these findings, and the last step before any of them."""
        known = tuple(in_order(findings))
        last = _last_healthy_step(known, self.run)
        verdict = _verdict(known, decided=False)
        return Diagnosis(verdict=verdict, findings=known, last_step=self.run.last_step, last_healthy_step=last)

    def leave_only(self, code: str) -> None:
        """Have but one detector asked, none where it does not apply to the run or is switched off."""
        self.waiting = deque(d for d in self.waiting if d.code == code)

    def ask(self) -> None:
        """Note what the next detector found, could not assess, or broke on: of each network where there are several."""
        detector = self.waiting.popleft()
        answers = [answered(detector, part) for part in asked_of(detector, self._parts)]
        self._answers += answers
        self._not_assessed += merged_reasons(answers)
        found = merged_findings(answers)
        family = self.run.loss_family
        found = [replace(f, remedies=offered(f.remedies, family) if f.counts else ()) for f in found]
        self._findings += [dated(f, self.run) for f in found]

    def _on_balance(self, finding: Finding) -> tuple[Remedy, ...]:
        mistaken = any(f.code in MISTAKES and f.counts for f in self._findings)
        unseen = [n.code for n in self._not_assessed] + [a.error.code for a in self._answers if a.error]
        return on_balance(finding.remedies, mistaken, [code for code in MISTAKES if code in unseen])

    def diagnosis(self) -> Diagnosis:
        """What the detectors asked so far say of the run."""
        run, codes = self.run, [d.code for d in self._selection.detectors]
        findings = [replace(f, remedies=self._on_balance(f)) for f in in_order(self._findings)]
        findings = repairs_first(findings)
        errors = tuple(dict.fromkeys(a.error for a in self._answers if a.error))
        unseen = {n.code for n in self._not_assessed} | {e.code for e in errors}
        out = {f.code for f in findings} | unseen | self._excluded
        pending = any(answer.in_grace and is_essential(answer.code) for answer in self._answers)
        looked_for = looked_for_by_part(self._parts, self._answers)
        sure = not errors and not run.damage and not pending and not blind(run)
        decided = sure and all(looked_at_essentials(found, self._excluded) for found in looked_for)
        clean = tuple(code for code in codes if code not in out)
        checks, verdict = loop_checks(codes, findings, clean), _verdict(findings, decided=decided)
        return Diagnosis(
            verdict=verdict,
            decided=decided,
            findings=tuple(findings),
            story=tell(findings, unseen, checks),
            clean=clean,
            not_assessed=tuple(self._not_assessed),
            not_applicable=self._not_applicable,
            errors=errors,
            checks=checks,
            normal=what_is_normal(run, verdict, clean),
            missing=what_is_missing(run),
            last_step=run.last_step,
            last_healthy_step=_last_healthy_step(findings, run),
            provenance=_provenance(self._selection.detectors) | self._selection.provenance(),
        )


def _not_applicable(detectors: Sequence[Detector], family: str) -> tuple[NotApplicable, ...]:
    found = ((d.code, d.not_for.get(family)) for d in detectors)
    return tuple(NotApplicable(code=code, reason=reason) for code, reason in found if reason)


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

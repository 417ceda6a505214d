"""What a check found, target by target and rule by rule, and the exit code that follows."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING, Any, Literal

from gandiag.findings import json_ready
from gandiag.gate.measured import Figures

if TYPE_CHECKING:
    from collections.abc import Mapping

    from gandiag.findings import Diagnosis, Finding
    from gandiag.gate.measured import Outcome
    from gandiag.gate.targets import Target

SCHEMA = "gandiag-check/1"
PASSED, FAILED, UNREADABLE, UNDECIDED = 0, 1, 2, 3
WORDS = {PASSED: "passed", FAILED: "failed", UNREADABLE: "could not be read", UNDECIDED: "could not decide"}
Kind = Literal["run", "samples", "checkpoint"]


@dataclass(frozen=True, kw_only=True)
class RuleResult(Figures):
    """One row of the table: what was found, and what follows from it under the policy in force."""

    rule: str
    code: str
    says: str
    outcome: Outcome
    confidence: float | None = None
    ignored_because: str = ""


@dataclass(frozen=True, kw_only=True)
class NotAsked:
    """A rule that could not be asked, and what it lacks."""

    rule: str
    code: str
    lacks: str


@dataclass(frozen=True, kw_only=True)
class TargetResult:
    """What was found about one target.

    Attributes
    ----------
    target, kind
        As it was named, and what it is.
    exit_code
        0 passed, 1 failing, 2 unreadable, 3 could not decide.
    rules, not_asked
        The rows, and what could not be asked.
    findings
        What failed or warned, as `Finding`s: code, evidence, mechanism, remedies.
    diagnosis
        Of a run.
    step
        Of a checkpoint, from its name; None where that carries none.
    reasons
        Why it could not be read, or not be decided.
    notes
        What a reader should know: which weights were taken, what was left out.
    series
        What the checkpoint is one of: its name with # for the step.
    grid
        Path of a picture of samples, where one was written.
    lost
        What is missing of a run's record though nobody meant it to; plain data has it among reasons or notes.
    """

    target: str
    kind: Kind
    exit_code: int
    rules: tuple[RuleResult, ...] = ()
    not_asked: tuple[NotAsked, ...] = ()
    findings: tuple[Finding, ...] = ()
    diagnosis: Diagnosis | None = None
    step: int | None = None
    n: int | None = None
    status: str | None = None
    status_reason: str | None = None
    reasons: tuple[str, ...] = ()
    notes: tuple[str, ...] = ()
    series: str = ""
    grid: str = ""
    seconds: float = 0.0
    lost: tuple[str, ...] = ()

    @property
    def verdict(self) -> str:
        """The exit code in words."""
        return WORDS[self.exit_code]

    def __getitem__(self, rule: str) -> RuleResult:
        """A row by its rule; KeyError where it was not asked."""
        for result in self.rules:
            if result.rule == rule:
                return result
        raise KeyError(f"{rule} was not asked, only {', '.join(r.rule for r in self.rules)}")

    def to_dict(self) -> dict[str, Any]:
        """As plain data."""
        return {
            "target": self.target,
            "kind": self.kind,
            "verdict": self.verdict,
            "exit_code": self.exit_code,
            "step": self.step,
            "series": self.series,
            "n": self.n,
            "status": self.status,
            "status_reason": self.status_reason,
            "reasons": list(self.reasons),
            "rules": [asdict(rule) for rule in self.rules],
            "not_asked": [asdict(rule) for rule in self.not_asked],
            "findings": [asdict(finding) for finding in self.findings],
            "diagnosis": self.diagnosis.to_dict() if self.diagnosis else None,
            "notes": list(self.notes),
            "grid": self.grid,
            "seconds": self.seconds,
        }


@dataclass(frozen=True, kw_only=True)
class Series:
    """Checkpoints of one training: from which on they fail, and the last one that passed before that."""

    name: str
    steps: tuple[int, ...]
    collapsed_from: int | None
    last_healthy: int | None

    @property
    def sentence(self) -> str:
        """In words."""
        if self.collapsed_from is None:
            return f"{self.name}: no collapse in {len(self.steps)} checkpoints"
        last = (
            "none before it passed" if self.last_healthy is None else f"the last healthy one is {self.last_healthy:,}"
        )
        return f"{self.name}: collapsed from step {self.collapsed_from:,} on; {last}"


@dataclass(frozen=True, kw_only=True)
class CheckResult:
    """What `gandiag.check` gives back.

    `bool(result)` is whether the check passed.
    """

    targets: tuple[TargetResult, ...]
    policy: Mapping[str, Any]
    series: tuple[Series, ...] = ()
    notes: tuple[str, ...] = ()
    seconds: float = 0.0

    @property
    def exit_code(self) -> int:
        """1 when a target fails; else 2 when one cannot be read, 3 when one cannot be decided, 0 when all passed."""
        codes = {target.exit_code for target in self.targets}
        return next((code for code in (FAILED, UNREADABLE, UNDECIDED) if code in codes), PASSED)

    def __bool__(self) -> bool:
        return self.exit_code == PASSED

    @property
    def findings(self) -> tuple[Finding, ...]:
        """Of all targets."""
        return tuple(finding for target in self.targets for finding in target.findings)

    def to_dict(self) -> dict[str, Any]:
        """As plain data of schema `gandiag-check/1`, ready for JSON."""
        from gandiag import __version__

        plain: dict[str, Any] = json_ready(
            {
                "schema": SCHEMA,
                "version": __version__,
                "exit_code": self.exit_code,
                "verdict": WORDS[self.exit_code],
                "targets": [target.to_dict() for target in self.targets],
                "series": [asdict(series) | {"sentence": series.sentence} for series in self.series],
                "policy": self.policy,
                "notes": list(self.notes),
                "seconds": self.seconds,
            }
        )
        return plain


def found_series(targets: tuple[TargetResult, ...]) -> tuple[Series, ...]:
    """The series among targets: two or more checkpoints of one name with different steps.

    Collapse begins at the first checkpoint from which on none passes: one that recovers did not collapse.
    """
    names = dict.fromkeys(t.series for t in targets if t.series and t.step is not None)
    found = []
    for name in names:
        members = sorted((t for t in targets if t.series == name and t.step is not None), key=lambda t: t.step or 0)
        if len(members) < 2:
            continue
        failing = None
        for position in range(len(members) - 1, -1, -1):
            if members[position].exit_code != FAILED:
                break
            failing = position
        healthy = [m.step for m in members[:failing] if m.exit_code == PASSED]
        found.append(Series(
            name=name, steps=tuple(m.step or 0 for m in members),
            collapsed_from=None if failing is None else members[failing].step,
            last_healthy=healthy[-1] if healthy else None,
        ))  # fmt: skip
    return tuple(found)


def unreadable(target: Target, error: BaseException) -> TargetResult:
    """The result of a target that cannot be read."""
    said = str(error) or type(error).__name__
    return TargetResult(target=target.name, kind=target.kind, exit_code=UNREADABLE, step=target.step,
                        series=target.series, reasons=(said,))  # fmt: skip

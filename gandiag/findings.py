"""The vocabulary of a verdict: what was found, on what evidence, and what could not be judged."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from typing import Any, Literal

Severity = Literal["info", "warning", "failure"]
Verdict = Literal["healthy", "suspect", "failing", "undecided"]

SEVERITIES: tuple[Severity, ...] = ("info", "warning", "failure")  # ascending


@dataclass(frozen=True, kw_only=True)
class Evidence:
    """One measured value and the threshold it was compared with."""

    signal: str
    value: float
    threshold: float
    unit: str = ""
    comparison: Literal["below", "above"] = "above"

    def __str__(self) -> str:
        unit = f" {self.unit}" if self.unit else ""
        return f"{self.signal} = {self.value:.3g}{unit} ({self.comparison} {self.threshold:.3g})"


@dataclass(frozen=True, kw_only=True)
class Finding:
    """A failure seen over one spell of steps, with what a reader needs to redo the judgement.

    `onset_step` is the first step of the spell and `last_step` the last one at which it still held;
    `ongoing` says whether that is the end of what was recorded. `columns` are the signals to plot.
    """

    code: str
    severity: Severity
    onset_step: int
    last_step: int
    ongoing: bool
    summary: str
    evidence: tuple[Evidence, ...]
    mechanism: str
    remedies: tuple[str, ...]
    columns: tuple[str, ...]

    def __post_init__(self) -> None:
        if self.severity not in SEVERITIES:
            raise ValueError(f"severity must be one of {', '.join(SEVERITIES)}, got {self.severity!r}")
        if self.last_step < self.onset_step:
            raise ValueError(f"last_step {self.last_step} lies before onset_step {self.onset_step}")


@dataclass(frozen=True, kw_only=True)
class NotAssessed:
    """A failure that could not be looked for, and what to add so that it can be."""

    code: str
    reason: str
    how_to: str
    missing: tuple[str, ...] = ()


@dataclass(frozen=True, kw_only=True)
class DetectorError:
    """A detector of ours that crashed: its failure is neither found nor excluded."""

    code: str
    message: str


@dataclass(frozen=True, kw_only=True)
class Diagnosis:
    """What is wrong with a run up to `last_step`, what is not, and what could not be judged.

    Findings stand in causal order: what came first stands first. `clean` names the failures that were looked for
    and not found. `last_healthy_step` is the last step before the first finding, of severity warning at least, that
    is still ongoing; None when there is no such step. `missing` says what the record lacks: steps that were not
    recorded, detail that was given up, faults of gandiag's own. `decided` is False when an essential failure could not
    be looked for, a detector crashed, or most steps are missing: the absence of findings then proves nothing.
    """

    verdict: Verdict
    decided: bool = False
    findings: tuple[Finding, ...] = ()
    clean: tuple[str, ...] = ()
    not_assessed: tuple[NotAssessed, ...] = ()
    errors: tuple[DetectorError, ...] = ()
    missing: tuple[str, ...] = ()
    last_step: int = 0
    last_healthy_step: int | None = None
    provenance: Mapping[str, Any] = field(default_factory=dict)

    def failed(self, at_or_above: Severity = "failure") -> bool:
        """Whether a finding of that severity or a higher one still held at the end of what was recorded."""
        bar = SEVERITIES.index(at_or_above)
        return any(f.ongoing and SEVERITIES.index(f.severity) >= bar for f in self.findings)

    def worst(self) -> Severity | None:
        """Highest severity among the findings, None without findings."""
        return max((f.severity for f in self.findings), key=SEVERITIES.index, default=None)

    def to_dict(self) -> dict[str, Any]:
        """A JSON-ready copy; numbers that are not finite become their names ("nan", "inf")."""
        plain: dict[str, Any] = json_ready(asdict(self))
        return plain

    @classmethod
    def from_dict(cls, data: Mapping[str, Any]) -> Diagnosis:
        """The inverse of `to_dict`.

        Raises KeyError or TypeError when `data` is not a diagnosis.
        """
        findings = tuple(
            Finding(
                **{
                    **f,
                    "evidence": tuple(_evidence(e) for e in f["evidence"]),
                    "remedies": tuple(f["remedies"]),
                    "columns": tuple(f["columns"]),
                }
            )
            for f in data["findings"]
        )
        not_assessed = tuple(NotAssessed(**{**n, "missing": tuple(n["missing"])}) for n in data["not_assessed"])
        errors = tuple(DetectorError(**e) for e in data["errors"])
        rest = {
            "findings": findings,
            "not_assessed": not_assessed,
            "errors": errors,
            "missing": tuple(data["missing"]),
            "clean": tuple(data["clean"]),
        }
        return cls(**{**data, **rest})


def _evidence(data: Mapping[str, Any]) -> Evidence:
    return Evidence(**{**data, "value": float(data["value"]), "threshold": float(data["threshold"])})


def json_ready(value: Any) -> Any:
    """`value` with tuples as lists, keys as text, and numbers that JSON lacks as their names."""
    if isinstance(value, Mapping):
        return {str(k): json_ready(v) for k, v in value.items()}
    if isinstance(value, (list, tuple)):
        return [json_ready(v) for v in value]
    if isinstance(value, float) and not math.isfinite(value):
        return str(value)
    return value

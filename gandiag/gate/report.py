"""Reports of a check: what `gandiag.reports` makes of a run, made of samples and checkpoints, too."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Any

from gandiag.findings import Diagnosis, NotAssessed, Verdict
from gandiag.gate.grid import folder_of
from gandiag.gate.results import FAILED, PASSED, TargetResult
from gandiag.rundir.run import Run, RunError, Sample

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from pathlib import Path

    from gandiag.findings import Finding
    from gandiag.gate.results import Series


def write_reports(results: Sequence[TargetResult], runs: Mapping[str, Run | None], out: Path) -> list[TargetResult]:
    """Write report.html and report.pdf of every target that could be read; the results with a note of where.

    Raises ValueError when they cannot be written.
    """
    from gandiag import reports

    written = []
    for result in results:
        run, diagnosis = runs.get(result.target), result.diagnosis
        if run is None or diagnosis is None:
            run, diagnosis = as_run(result), as_diagnosis(result)
        if not result.rules:
            written.append(result)
            continue
        folder = folder_of(result.target, out, alone=len(results) == 1)
        try:
            paths = reports.write(run, diagnosis, folder)
        except RunError as error:
            raise ValueError(f"--report: {error}") from error
        written.append(replace(result, notes=(*result.notes, f"report: {', '.join(paths)}")))
    return written


def write_series(series: Sequence[Series], results: Sequence[TargetResult], out: Path) -> tuple[str, ...]:
    """Write a report of every series in a folder of its own: where each was written, in words.

    Raises ValueError when one cannot be written.
    """
    from gandiag import reports

    notes = []
    for each in series:
        members = [result for result in results if result.series == each.name and result.rules]
        if not members:
            continue
        members.sort(key=lambda result: result.step or 0)
        try:
            paths = reports.write(*of_series(each, members), folder_of(each.name, out, alone=False))
        except RunError as error:
            raise ValueError(f"--report: {error}") from error
        notes.append(f"report of {each.name}: {', '.join(paths)}")
    return tuple(notes)


def of_series(series: Series, members: Sequence[TargetResult]) -> tuple[Run, Diagnosis]:
    """Checkpoints of one training as a run, whose signals are the rows' values by step, and what is wrong with it.

    A rule that fails at the last checkpoint began to at the first one from which on it always did.
    """
    import pandas as pd

    steps = [max(member.step or 0, 1) for member in members]
    values = [{row.rule: float(row.value) for row in m.rules if row.value is not None} for m in members]
    codes = {f"step {step:,}": member.verdict for step, member in zip(steps, members, strict=True)}
    run = Run(
        scalars=pd.DataFrame(values, index=pd.Index(steps, name="step"), dtype="float64"),
        meta={"id": series.name, "status": "closed", "hyperparameters": {"in short": series.sentence, **codes}},
        samples=tuple(sample for member in members for sample in as_run(member).samples),
    )
    last = as_diagnosis(members[-1])
    diagnosis = replace(
        last, findings=tuple(sorted((_since(finding, members) for finding in last.findings),
                                    key=lambda finding: finding.onset_step)),
        last_healthy_step=series.last_healthy,
    )  # fmt: skip
    return run, diagnosis


def _since(finding: Finding, members: Sequence[TargetResult]) -> Finding:
    """A finding of the last checkpoint, from the first one on that has it as all later ones do."""
    onset = finding.onset_step
    for member in reversed(members):
        if not any(each.columns == finding.columns for each in member.findings):
            break
        onset = max(member.step or 0, 1)
    return replace(finding, onset_step=onset)


def as_diagnosis(result: TargetResult) -> Diagnosis:
    """A target's rows as a diagnosis."""
    verdict: Verdict = "failing" if result.exit_code == FAILED else "undecided"
    if result.exit_code == PASSED:
        verdict = "suspect" if result.findings else "healthy"
    open_ = [
        NotAssessed(
            code=row.rule,
            reason=row.sentence,
            how_to=f"{row.needed:,} samples would do" if row.needed else "see the reason",
        )
        for row in result.rules
        if row.outcome == "undecided"
    ]
    open_ += [NotAssessed(code=entry.rule, reason="it was not asked", how_to=f"needs {entry.lacks}")
              for entry in result.not_asked]  # fmt: skip
    return Diagnosis(
        verdict=verdict, decided=result.exit_code in (PASSED, FAILED), findings=result.findings,
        clean=tuple(row.rule for row in result.rules if row.outcome == "passed"), not_assessed=tuple(open_),
        missing=result.reasons, last_step=max(result.step or 0, 1),
    )  # fmt: skip


def as_run(result: TargetResult) -> Run:
    """A target as a run of one step, whose signals are the rows' values."""
    import pandas as pd

    step = max(result.step or 0, 1)
    values = {row.rule: float(row.value) for row in result.rules if row.value is not None}
    rows: dict[str, Any] = {
        row.rule: f"{row.outcome}: {row.sentence}" + (f" (bound {row.bound:.4g})" if row.bound is not None else "")
        for row in result.rules
    }
    samples: tuple[Sample, ...] = ()
    if result.grid:
        samples = (Sample(step, "image" if result.grid.endswith(".png") else "points", result.grid),)
    return Run(
        scalars=pd.DataFrame(values, index=pd.Index([step], name="step"), dtype="float64"),
        meta={"id": result.target, "status": "closed", "hyperparameters": {"samples": result.n, **rows}},
        samples=samples,
    )

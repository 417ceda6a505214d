"""Reports of a check: what `gandiag.reports` makes of a run, made of samples and checkpoints, too."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from gandiag.findings import Diagnosis, NotAssessed, Verdict
from gandiag.gate.grid import folder_of
from gandiag.gate.results import FAILED, PASSED, TargetResult
from gandiag.rundir.run import Run, RunError, Sample

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from pathlib import Path


def write_reports(results: Sequence[TargetResult], runs: Mapping[str, Run | None], out: Path) -> list[TargetResult]:
    """Write report.html and report.pdf of every target that could be read; the results with a note of where.

    Raises ValueError when they cannot be written.
    """
    from dataclasses import replace

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

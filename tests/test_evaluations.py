"""Quality values come late and rarely: kept as events, read as signals by step, shown with their protocol."""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd
import pytest

from gandiag.findings import Diagnosis
from gandiag.judge.live import History
from gandiag.reports import html, sections
from gandiag.rundir.events import last_evaluation, with_evaluations
from gandiag.rundir.run import Run
from gandiag.signals import describe

PROTOCOL = {
    "extractor": "mnist", "extractor_hash": "ab" * 8, "resize": "none", "n": 5000, "reference_n": 60_000,
    "reference_hash": "cd" * 8, "settings": {},
}  # fmt: skip


def event(step: int, value: float, **beside: Any) -> dict[str, Any]:
    measured = {"name": "frechet", "value": value, "protocol": PROTOCOL, **beside}
    return {"kind": "quality", "step": step, "measurements": [measured]}


def rows(steps: int) -> pd.DataFrame:
    return pd.DataFrame({"d/auc": np.linspace(0.5, 0.9, steps)}, index=pd.RangeIndex(1, steps + 1, name="step"))


def test_values_become_signals_at_their_step() -> None:
    """With what stands beside them; other rows and signals stay as they are."""
    table = with_evaluations(rows(10), [event(4, 3.5, low=3.0, high=4.0), event(8, 2.5, perfect=0.5)])
    assert table["quality/frechet"].dropna().to_dict() == {4: 3.5, 8: 2.5}
    assert table["quality/frechet/low"].dropna().to_dict() == {4: 3.0}
    assert table["quality/frechet/perfect"].dropna().to_dict() == {8: 0.5}
    pd.testing.assert_series_equal(table["d/auc"], rows(10)["d/auc"])


def test_a_step_without_a_row_gets_one() -> None:
    """What was thinned away or not written yet does not lose the value."""
    table = with_evaluations(rows(3), [event(7, 1.0)])
    assert table.index.tolist() == [1, 2, 3, 7]
    assert np.isnan(table.loc[7, "d/auc"])


def test_a_table_without_evaluations_is_left_alone() -> None:
    """Nothing is copied for the runs that have none."""
    table = rows(3)
    assert with_evaluations(table, [{"kind": "gap", "from_step": 1, "to_step": 2}]) is table


def test_a_value_that_is_not_a_number_comes_back_from_json() -> None:
    """Events hold NaN by its name."""
    assert np.isnan(with_evaluations(rows(3), [event(2, "NaN")]).loc[2, "quality/frechet"])  # type: ignore[arg-type]


def test_live_judging_sees_them() -> None:
    """The history in memory shows the same table as the run on disk."""
    history = History()
    history.append(np.arange(1, 11), {"d/auc": np.linspace(0.5, 0.9, 10)})
    run = history.run({}, [event(4, 3.5)])
    assert run.series("quality/frechet").to_dict() == {4: 3.5}


def test_the_last_evaluation_is_that_of_the_latest_step() -> None:
    """However the events are ordered."""
    assert last_evaluation([event(8, 1.0), event(4, 2.0)])["step"] == 8  # type: ignore[index]
    assert last_evaluation([]) is None


@pytest.mark.parametrize(
    ("name", "meaning"),
    [("quality/fid", "Fréchet distance of Inception features"), ("quality/fid/low", "lower end of its 95 % interval")],
)
def test_the_table_of_signals_knows_them(name: str, meaning: str) -> None:
    """And what stands beside a value."""
    assert meaning in describe(name).meaning


def test_the_report_shows_values_and_their_protocol() -> None:
    """A chart with interval and perfect model, the last values, and what they depend on."""
    events = tuple(event(step, 10 / step, low=8 / step, high=12 / step, perfect=0.25) for step in (2, 4, 8))
    run = Run(scalars=with_evaluations(rows(10), events), events=events)
    report = sections.build(run, Diagnosis(verdict="undecided"))
    chart = next(panel for panel in report.panels if panel.title == "Fréchet distance")
    assert {line.name for line in chart.lines} == {f"quality/frechet{end}" for end in ("", "/low", "/high", "/perfect")}
    tables = {table.title: dict(table.rows) for table in report.provenance}
    assert tables["Quality at step 8"]["frechet"] == "1.25, 95 % interval 1 to 1.5, a perfect model about 0.25"
    assert tables["How quality was measured"]["n"] == "5000"
    assert "How quality was measured" in html.render(run, Diagnosis(verdict="undecided"))

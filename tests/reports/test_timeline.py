"""What stands on the first screen of a report: the axis of steps, what to do now, and what happened in one sentence."""

from __future__ import annotations

import doctest
from dataclasses import replace
from typing import TYPE_CHECKING

import numpy as np
import pytest

from gandiag import synthetic
from gandiag.detectors import DETECTORS
from gandiag.findings import Diagnosis, Finding
from gandiag.judge.story import tell
from gandiag.reports import best, sections, text, timeline
from gandiag.reports.plain import CLAUSES, clause

if TYPE_CHECKING:
    from gandiag.rundir.run import Run

RISE = {"kind": "change", "step": 1480, "what": "rate/generator", "before": 5e-4, "after": 5e-3}
FALL = {"kind": "change", "step": 1480, "what": "rate/discriminator", "before": 5e-4, "after": 2e-5}


def axis_of(run: Run, diagnosis: Diagnosis) -> timeline.Timeline:
    return sections.build(run, diagnosis).timeline


def test_the_examples_in_the_docstrings_hold() -> None:
    """Rates are told as their documentation shows."""
    assert doctest.testmod(timeline).failed == 0


def test_health_is_the_worst_of_each_step_and_gaps_are_no_health(failing: tuple[Run, Diagnosis]) -> None:
    """Steps that were not recorded are shown as that; of a run that is not decided the rest is unknown, not healthy."""
    run, diagnosis = failing
    states = [(s.start, s.end, s.state) for s in axis_of(run, diagnosis).health]
    assert states == [(1, 99, "unknown"), (100, 2200, "gap"), (2201, 3000, "failure")]
    whole = axis_of(replace(run, events=()), replace(diagnosis, decided=True)).health
    assert [(s.start, s.end, s.state) for s in whole] == [(1, 1499, "healthy"), (1500, 3000, "failure")]


def test_a_failure_that_goes_on_reaches_the_end_though_its_signal_is_rare(collapse: Finding) -> None:
    """Nothing healthy stands after it: it has not recovered."""
    diagnosis = Diagnosis(
        verdict="failing", decided=True, findings=(replace(collapse, last_step=2976),), last_step=3000
    )
    axis = axis_of(synthetic.healthy(), diagnosis)
    assert [(s.start, s.end, s.state) for s in axis.health] == [(1, 1499, "healthy"), (1500, 3000, "failure")]
    assert axis.bars[0].end == 3000


def test_what_the_user_did_is_flagged_and_told_together_where_it_stands_together() -> None:
    """Rates, resumes, notes and settings among what was logged; a measurement of the loop's own is no setting."""
    run = synthetic.healthy(steps=1000)
    stage = np.where(run.scalars.index < 700, 0.0, 1.0)
    frame = run.scalars.assign(stage=stage, noise=np.random.default_rng(0).normal(size=1000))
    events = (*(dict(e, step=300) for e in (FALL, RISE)), {"kind": "note", "step": 900, "text": "<b>64x64</b>"})
    meta = {**run.meta, "segments": [{"start_step": 1}, {"start_step": 500}]}
    flags = axis_of(
        replace(run, scalars=frame, events=events, meta=meta), Diagnosis(verdict="healthy", last_step=1000)
    ).flags
    assert [(f.step, f.label) for f in flags] == [
        (300, "lr(G) 5e-4 → 5e-3, lr(D) 5e-4 → 2e-5"),
        (500, "resumed"),
        (700, "stage 0 → 1"),
        (900, "<b>64x64</b>"),
    ]


def test_many_changes_and_findings_leave_room_and_are_counted(collapse: Finding) -> None:
    """A line holds twelve flags, the axis six findings, the worst ones."""
    events = tuple(dict(RISE, step=step) for step in range(10, 3000, 20))
    found = tuple(
        replace(collapse, code=f"c{i}", onset_step=100 * i, severity="warning" if i % 2 else "failure")
        for i in range(1, 11)
    )
    axis = axis_of(
        replace(synthetic.healthy(), events=events), Diagnosis(verdict="failing", findings=found, last_step=3000)
    )
    assert len(axis.flags) <= timeline.MOST_FLAGS
    assert (len(axis.bars), axis.more) == (6, 4)
    assert [bar.title for bar in axis.bars if bar.severity == "failure"] == ["c2", "c4", "c6", "c8", "c10"]


def test_a_change_before_the_onset_is_named_as_what_came_first_and_is_to_be_undone(
    failing: tuple[Run, Diagnosis],
) -> None:
    """With the rate to go back to, as code; a change long before or after the onset is no cause."""
    run, diagnosis = failing
    report = sections.build(replace(run, events=(RISE, FALL)), diagnosis)
    assert report.sentence.startswith(
        "At step 1,480 G's learning rate rose tenfold to 5e-3 and D's learning rate fell to 2e-5; "
        "20 steps later G covered only a part of the data."
    )
    load, undo, *_ = report.actions
    assert load.text.startswith("load the checkpoint of step ")
    assert undo.text == "set G's learning rate back to 5e-4 and D's learning rate back to 5e-4"
    assert 'for group in opt_G.param_groups:\n    group["lr"] = 5e-4' in undo.code
    for step in (900, 1600):
        other = sections.build(replace(run, events=(dict(RISE, step=step),)), diagnosis)
        assert other.sentence.startswith("From step 1,500 on G covered only a part")
        assert not any("back to" in action.text for action in other.actions)


def test_the_best_step_lies_before_the_trouble(failing: tuple[Run, Diagnosis]) -> None:
    """By the first metric that was recorded; none where nothing was healthy, or hardly anything measured."""
    run, diagnosis = failing
    kept = [name for name in run.scalars if not name.startswith("quality/")]
    run = replace(run, scalars=run.scalars[kept].copy())
    found = best.best_step(run, diagnosis)
    assert found is not None
    assert (found.signal, found.step < 1500) == ("distance/energy", True)
    fid = run.scalars.assign(**{"quality/fid": np.where(run.scalars.index % 500, np.nan, run.scalars.index)})
    assert best.best_step(replace(run, scalars=fid), diagnosis).step == found.step  # type: ignore[union-attr]
    many = run.scalars.assign(**{"quality/fid": np.where(run.scalars.index % 300, np.nan, 5000 - run.scalars.index)})
    assert best.best_step(replace(run, scalars=many), diagnosis).step == 1200  # type: ignore[union-attr]
    assert best.best_step(run, replace(diagnosis, last_healthy_step=None)) is None


def test_the_best_value_is_told_as_its_chart_shows_it(healthy: tuple[Run, Diagnosis]) -> None:
    """Not over the spread of the data; and of a run that is over nothing is the best so far."""
    run, diagnosis = healthy[0], replace(healthy[1], last_healthy_step=3000)
    kept = [name for name in run.scalars if not name.startswith("quality/")]
    run = replace(run, scalars=run.scalars[kept].copy())
    found = best.best_step(run, diagnosis)
    assert found is not None
    assert found.drawn == run.series("distance/energy").loc[found.step - 99 : found.step].median()
    texts = [
        sections.build(replace(run, meta={**run.meta, "status": status}), diagnosis).actions[0].text
        for status in ("closed", "running")
    ]
    assert all(f"{text.number(found.drawn)}, the median of 100 steps" in said for said in texts)
    assert ["the best of the run" in said for said in texts] == [True, False]


def test_advice_on_rates_sets_those_that_are_to_be_set_now(failing: tuple[Run, Diagnosis]) -> None:
    """The rates of before, not an example of rates."""
    from gandiag.detectors.remedies import named

    run, diagnosis = failing
    first, *rest = diagnosis.findings
    first = replace(first, remedies=named(["rates-of-one-scale", "roll-back"]))
    report = sections.build(replace(run, events=(RISE, FALL)), replace(diagnosis, findings=(first, *rest)))
    (advice,) = [a for a in report.advice if a.name == "rates-of-one-scale"]
    assert advice.code == next(a.code for a in report.actions if a.text.startswith("set "))
    assert "5e-4" in advice.code


def test_one_list_of_advice_names_what_each_remedy_answers(failing: tuple[Run, Diagnosis]) -> None:
    """A remedy of two findings stands there once."""
    advice = sections.build(*failing).advice
    assert sorted(a.name for a in advice) == ["slower", "whole-batches"]
    assert all([step.code for step in a.answers] == ["mode-collapse", "sample-collapse"] for a in advice)


@pytest.mark.parametrize("verdict", ["undecided", "healthy"])
def test_there_is_something_to_do_for_every_verdict(verdict: str, healthy: tuple[Run, Diagnosis]) -> None:
    """The step to keep, or the line that would let a run be judged."""
    from gandiag.judge.diagnose import diagnose

    run, diagnosis = healthy[0], replace(healthy[1], last_healthy_step=3000)
    if verdict == "undecided":
        run = run.until(100)
        diagnosis = diagnose(run)
    actions = sections.build(run, diagnosis).actions
    assert diagnosis.verdict == verdict
    assert actions
    assert ("keep the checkpoint" in actions[0].text) is (verdict == "healthy")


def test_every_failure_has_its_clause(collapse: Finding) -> None:
    """In words for people who have not read our code; of a detector that is not ours, by its code."""
    assert CLAUSES.keys() == {detector.code for detector in DETECTORS}
    assert clause(replace(collapse, network="a2b")) == "G covered only a part of the data (a2b)"
    assert clause(replace(collapse, code="mine")) == "mine was found"


def test_findings_that_nothing_links_are_told_in_one_line_without_a_picture(collapse: Finding) -> None:
    """The first cause is unclear: boxes without arrows would say nothing."""
    apart = replace(collapse, code="memorisation", onset_step=2900)
    findings = (collapse, apart)
    causes = sections.build(
        synthetic.healthy(), Diagnosis(verdict="failing", findings=findings, story=tell(findings), last_step=3000)
    ).causes
    assert not causes.drawn
    assert causes.sentence.startswith("The first cause is unclear")

"""What a report says of a run whose verdict is open."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

import pytest

from gandiag import synthetic
from gandiag.detectors import DETECTORS
from gandiag.findings import TRAIN_LONGER, Diagnosis, NotAssessed
from gandiag.judge.diagnose import diagnose
from gandiag.judge.doubts import is_essential
from gandiag.reports import sections
from gandiag.reports.undecided import AWAITED

if TYPE_CHECKING:
    from gandiag.rundir.run import Run

SWAPPED = "attach, once at step 0: the generator was given the discriminator's output: are the two swapped?"


@pytest.fixture
def log() -> Run:
    """The losses of every tenth step, from a log."""
    run = synthetic.healthy()
    kept = run.scalars.loc[::10, ["loss/generator", "loss/discriminator"]]
    return replace(run, scalars=kept, meta={"imported": {}, "status": "closed"})


def lacking(*entries: tuple[str, str]) -> Diagnosis:
    """Of an undecided run: what could not be looked for, and what would let it be."""
    found = tuple(NotAssessed(code=code, reason=f"{code} was not seen", how_to=how_to) for code, how_to in entries)
    return Diagnosis(verdict="undecided", not_assessed=found, last_step=600)


def test_networks_that_look_swapped_are_the_headline_and_the_first_thing_to_do() -> None:
    """Whatever else the record lacks follows from that."""
    diagnosis = replace(lacking(("mode-collapse", "pass modes="), ("divergence", TRAIN_LONGER)), missing=(SWAPPED,))
    report = sections.build(synthetic.healthy(steps=600), diagnosis)
    assert report.headline == "Undecided: are G and D swapped?"
    assert "swapped in the call of attach" in report.sentence
    first, second = report.actions
    assert first.text.startswith("check the order of G and D in the call of attach")
    assert "attach(generator, discriminator" in first.code
    assert "train again" in second.text


def test_a_log_is_told_one_thing_to_do_and_its_records_are_not_called_steps(log: Run) -> None:
    """Lines that all begin with attaching are one, in what to do and in what was not checked."""
    report = sections.build(log, diagnose(log))
    assert report.verdict == "undecided"
    assert [action.text.partition(":")[0] for action in report.actions] == ["record the training with one line of code"]
    assert sum("gandiag.attach" in group.how_to for group in report.not_assessed) == 1
    assert all(len(reason) < 150 for group in report.not_assessed for reason in group.reasons)
    facts = dict(report.facts)
    assert facts["Recorded"] == "300 records to step 2,991, 2 signals"
    assert "Duration" not in facts


def test_what_the_verdict_waits_for_comes_first() -> None:
    """What frees more failures, of which none is essential, does not help."""
    diagnosis = lacking(
        ("memorisation", "pass quality="),
        ("quality-regression", "pass quality="),
        ("mode-collapse of g2", "for labels pass modes="),
    )
    actions = sections.build(synthetic.healthy(steps=600), diagnosis).actions
    assert [action.text for action in actions] == ["pass modes=; then mode-collapse of g2 can be looked for"]


def test_a_short_run_is_told_to_go_on() -> None:
    """Without a number of steps for each failure."""
    diagnosis = lacking(*((code, TRAIN_LONGER) for code in ("oscillation", "stagnation", "divergence", "memorisation")))
    (action,) = sections.build(synthetic.healthy(steps=600), diagnosis).actions
    assert action.text == "train for longer: the run is too short to tell whether it shows 4 kinds of failure"
    grace = "train for longer: from step {} on this counts as a failure, unless it is still improving then"
    slow = lacking(("mode-collapse", grace.format("1,152")), ("sample-collapse", grace.format("1,024")))
    (action,) = sections.build(synthetic.healthy(steps=600), slow).actions
    assert action.text.startswith(
        "train for longer, past step 1,152: the run is too short to tell whether it shows mode"
    )


def test_the_failures_that_a_verdict_waits_for_are_the_essential_ones() -> None:
    """As those who judge have it."""
    assert {d.code for d in DETECTORS if is_essential(d.code)} == set(AWAITED)

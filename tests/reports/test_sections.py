"""What a report says."""

from __future__ import annotations

import doctest
from dataclasses import replace
from typing import TYPE_CHECKING

import pandas as pd
import pytest

from gandiag import synthetic
from gandiag.detectors import DETECTORS
from gandiag.findings import Diagnosis, Finding, NotAssessed
from gandiag.judge.diagnose import diagnose
from gandiag.judge.policy import Policy
from gandiag.judge.policy_files import Setting, thresholds
from gandiag.reports import sections, text

if TYPE_CHECKING:
    from gandiag.rundir.run import Run


def test_the_examples_in_the_docstrings_hold() -> None:
    """Formatting does what its documentation shows."""
    assert doctest.testmod(text).failed == 0


def test_a_failing_run_is_headed_by_the_finding_that_made_it_fail(failing: tuple[Run, Diagnosis]) -> None:
    """The first line of a report says what is wrong and since when."""
    report = sections.build(*failing)
    assert report.headline == "Failing: mode-collapse from step 1,500"
    assert report.sentence == (
        "From step 1,500 on G covered only a part of the data. It has not recovered. "
        "1 check crashed, which is a fault of gandiag."
    )
    assert report.checked == (("PASS", "2"), ("WARN", "1"), ("FAIL", "1"), ("NOT CHECKED", "2"))


@pytest.mark.parametrize(
    ("status", "headline"),
    [
        ("closed", "Healthy"),
        ("crashed", "Healthy; the training crashed at step 3,000"),
        ("interrupted", "Healthy; the training was interrupted at step 3,000"),
    ],
)
def test_how_a_training_broke_off_stands_in_the_headline(status: str, headline: str) -> None:
    """A crash is no health, whatever was found."""
    run = synthetic.healthy()
    run = replace(run, meta={**run.meta, "status": status})
    assert sections.build(run, Diagnosis(verdict="healthy", last_step=3000)).headline == headline


def test_findings_and_gaps_of_several_networks_name_theirs(collapse: Finding) -> None:
    """In the headline, on the card, and among what was not assessed."""
    diagnosis = Diagnosis(
        verdict="failing",
        findings=(replace(collapse, network="g1"),),
        not_assessed=(NotAssessed(code="sample-collapse", reason="it was not seen", how_to="pass it", network="g2"),),
        last_step=3000,
    )
    report = sections.build(synthetic.healthy(), diagnosis)
    assert report.headline == "Failing: mode-collapse of g1 from step 1,500"
    assert report.findings[0].when == "of g1, from step 1,500, ongoing"
    assert report.not_assessed[0].codes == ("sample-collapse of g2",)


def test_a_passed_failure_is_not_called_ongoing(collapse: Finding) -> None:
    """A failure that is over is headed with its end, and the run is not said to be healthy up to it."""
    over = replace(collapse, ongoing=False, last_step=2000)
    diagnosis = Diagnosis(verdict="suspect", findings=(over,), last_step=3000, last_healthy_step=3000)
    report = sections.build(synthetic.healthy(), diagnosis)
    assert report.headline == "Suspect: mode-collapse from step 1,500 to 2,000"
    assert report.sentence == "From step 1,500 on G covered only a part of the data. It was over by step 2,001."
    assert report.findings[0].when == "from step 1,500, until step 2,000"


@pytest.mark.parametrize(
    ("diagnosis", "sentence"),
    [
        (
            Diagnosis(verdict="healthy", clean=("a", "b"), last_step=5),
            "None of 2 kinds of failure was found in 5 steps.",
        ),
        (Diagnosis(verdict="undecided", last_step=5), "What was recorded of 5 steps is too little"),
        (Diagnosis(verdict="undecided"), "Nothing was recorded"),
    ],
)
def test_other_verdicts_say_what_they_rest_on(diagnosis: Diagnosis, sentence: str) -> None:
    """Healthy and undecided are told apart in words."""
    assert sections.build(synthetic.healthy(steps=5), diagnosis).sentence.startswith(sentence)


def test_a_healthy_verdict_says_that_nobody_looked_whether_d_learns_by_heart() -> None:
    """With the line that would change that; not where held-out samples were given, nor where it is not healthy."""
    whole = synthetic.healthy()
    held_out = [name for name in whole.scalars if name.startswith("d/held_out/")]
    run = replace(whole, scalars=whole.scalars.drop(columns=held_out))
    failing = synthetic.mode_collapse()
    failing = replace(failing, scalars=failing.scalars.drop(columns=held_out))
    said = [sections.build(r, diagnose(r)).sentence for r in (run, whole, failing)]
    assert "held_out=" in said[0]
    assert not any("held_out=" in sentence for sentence in said[1:])


def test_evidence_is_a_row_with_value_threshold_and_unit(failing: tuple[Run, Diagnosis]) -> None:
    """A reader can redo the comparison."""
    card = sections.build(*failing).findings[0]
    assert card.evidence == (("diversity/ratio", "0.113", "below 0.3", "ratio"),)
    assert card.when == "from step 1,500, ongoing"


def test_a_remedy_tells_what_speaks_for_it(failing: tuple[Run, Diagnosis]) -> None:
    """Cost, evidence with its standing, what to expect, and where to see it; no empty rows."""
    first, second = sections.build(*failing).findings[0].remedies
    assert (first.change, first.why) == ("let D see whole batches", "It sees that samples are alike.")
    assert first.facts == (
        ("Cost", "a wider layer"),
        ("Evidence", "79 of 1,000 modes to all of them. (verified)"),
        ("Expect", "diversity/ratio rises within 500 steps"),
        ("See", "gandiag zoo train ring8-pacgan2"),
    )
    assert dict(second.facts)["Evidence"] == "Two time scales. (recalled)"
    assert "See" not in dict(second.facts)


def test_the_story_points_at_the_cards(failing: tuple[Run, Diagnosis]) -> None:
    """Each step of a chain has its card's number; each link its mechanism and source."""
    causes = sections.build(*failing).causes
    assert [[(s.number, s.code, s.when) for s in chain] for chain in causes.chains] == [
        [(1, "mode-collapse", "step 1,500"), (2, "sample-collapse", "step 1,520")]
    ]
    assert [(cause, effect, source) for cause, effect, _, source in causes.links] == [
        ("mode-collapse", "sample-collapse", "definition")
    ]
    assert causes.sentence.startswith("It began with mode-collapse.")


def test_what_does_not_apply_is_listed_apart(failing: tuple[Run, Diagnosis]) -> None:
    """With its reason, and not among what could not be assessed."""
    report = sections.build(*failing)
    assert report.not_applicable == (("critic-constraint", "this loss asks for no constraint"),)
    assert "critic-constraint" not in [code for group in report.not_assessed for code in group.codes]


def test_facts_tell_a_killed_run_from_a_closed_one(healthy: tuple[Run, Diagnosis]) -> None:
    """A run without a recorded close is not passed off as finished."""
    run, diagnosis = healthy
    running = replace(run, meta={**run.meta, "status": "running"})
    assert "may still be training or was killed" in dict(sections.build(running, diagnosis).facts)["Status"]
    crashed = replace(run, meta={**run.meta, "status": "crashed", "reason": "KeyboardInterrupt"})
    assert dict(sections.build(crashed, diagnosis).facts)["Status"] == "crashed: KeyboardInterrupt"


def test_the_clock_gives_start_and_duration(healthy: tuple[Run, Diagnosis]) -> None:
    """Times are in UTC, durations in words."""
    run, diagnosis = healthy
    clock = pd.Series(range(3000), index=run.scalars.index, dtype="float64")
    facts = dict(sections.build(replace(run, time=clock), diagnosis).facts)
    assert facts["Started"] == "1970-01-01 00:00 UTC"
    assert facts["Duration"] == "49 min 59 s"


def test_faults_gaps_and_settings_are_all_told(failing: tuple[Run, Diagnosis]) -> None:
    """What gandiag itself got wrong or did not keep stands in the report, with how D was read."""
    report = sections.build(*failing)
    assert report.faults == (
        "steps 100 to 2,200 were not recorded: recording fell behind",
        "probes.diversity, 3 times from step 1,200: out of memory",
    )
    tables = {table.title: table.rows for table in report.provenance}
    assert tables["What D was shown"] == (("per generator step, D saw", "1 real, 2 generated"),)
    assert tables["Hyperparameters"] == (("lr", "0.0002"),)
    assert tables["Diagnosis"] == (("gandiag", "0.1.0"),)


def test_thresholds_that_somebody_set_are_told_and_the_others_counted() -> None:
    """Of a real diagnosis: nothing but a sentence at the defaults, one row with a policy that sets two of them."""
    run = synthetic.healthy(steps=300)
    policy = Policy(detectors={"divergence": {"decades": Setting(2.5, "a"), "far": Setting(0.5, "a")}})
    every = sum(len(thresholds(detector)) for detector in DETECTORS)
    for judged, rows, rest in (
        (diagnose(run, policy=Policy()), (), every),
        (diagnose(run, policy=policy), (("divergence", "decades 2.5, far 0.5"),), every - 2),
    ):
        table = next(t for t in sections.build(run, judged).provenance if t.title == "Thresholds")
        assert table.rows == rows
        assert table.note == f"{rest} thresholds at their defaults; gandiag detectors lists them."


def test_hundreds_of_settings_and_faults_are_capped_and_counted(healthy: tuple[Run, Diagnosis]) -> None:
    """No list in a report grows without bound."""
    run, diagnosis = healthy
    meta = {**run.meta, "hyperparameters": {f"p{i}": i for i in range(500)}}
    missing = tuple(f"probe, once: number {i}" for i in range(50))
    report = sections.build(replace(run, meta=meta), replace(diagnosis, missing=missing))
    assert report.provenance[0].note == "400 more rows not shown."
    assert report.faults[-1].startswith("30 more")

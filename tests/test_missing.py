"""What the record lacks is said, and a run of which most is missing is not called healthy."""

from __future__ import annotations

import json
from dataclasses import replace

import numpy as np
import pytest

from gandiag import synthetic
from gandiag.detectors import DETECTORS
from gandiag.findings import Diagnosis, seem_swapped
from gandiag.judge.diagnose import diagnose
from gandiag.judge.missing import blind, what_is_missing
from gandiag.probes import notices
from gandiag.record.announcing import verdict_line

RUN = synthetic.healthy()  # 3,000 steps


def gap(first, last, reason="recording fell behind", **fields):
    return {"kind": "gap", "from_step": first, "to_step": last, "reason": reason, **fields}


def without(first, last):
    """The healthy run without these steps, as their gap says."""
    steps = RUN.scalars.index
    return replace(RUN, scalars=RUN.scalars[(steps < first) | (steps > last)], events=(gap(first, last),))


def test_gaps_thinnings_and_faults_have_a_sentence_each():
    """In the words that a reader needs: which steps, how often, why."""
    faults = [
        {"where": "gradient probe", "message": "RuntimeError: boom", "count": 3, "first_step": 17},
        {"where": "attribution", "message": "no batch could be traced", "count": 1, "first_step": 20},
    ]
    thinned = [{"kind": "thinned", "what": "scalars", "from_step": a, "to_step": a + 99, "every": e, "reason": "full"}
               for a, e in ((1, 2), (101, 2), (1, 4))]  # fmt: skip
    events = (
        gap(1201, 1300),
        gap(7, 7),
        gap(5, 9, what="arrays"),
        gap(3, 4, rank=2),
        *thinned,
        {"kind": "finding", "step": 3},
    )
    run = replace(RUN, meta=RUN.meta | {"faults": faults}, events=events)
    assert what_is_missing(run) == (
        "step 7 was not recorded: recording fell behind",
        "steps 1,201 to 1,300 were not recorded: recording fell behind",
        "arrays of steps 5 to 9 were not recorded: recording fell behind",
        "rank 2: steps 3 to 4 were not recorded: recording fell behind",
        "scalars of steps 1 to 200 are kept in less detail, one in up to 4: full",
        "gradient probe, 3 times from step 17: RuntimeError: boom",
        "attribution, once at step 20: no batch could be traced",
    )


def test_gaps_that_touch_are_one_and_many_are_counted():
    """A recording that falls behind a thousand times is one sentence."""
    assert what_is_missing(replace(RUN, events=(gap(1, 50), gap(51, 99)))) == (
        "steps 1 to 99 were not recorded: recording fell behind",
    )
    many = tuple(gap(first, first + 9) for first in range(1001, 2001, 20))
    assert what_is_missing(replace(RUN, events=many)) == (
        "500 steps between 1,001 and 1,990, in 50 gaps, were not recorded: recording fell behind",
    )


@pytest.mark.parametrize(
    ("first", "last", "expected"),
    [
        (1001, 1100, False),  # a short gap
        (501, 1900, False),  # nearly half
        (401, 2000, True),  # more than half
        (2801, 3000, True),  # most of the last tenth
        (2901, 3000, False),  # a third of the last tenth
        (3001, 3100, False),  # after what was recorded, short
        (3001, 9000, True),  # after what was recorded: the writer died
        (1, 1600, True),  # before it
    ],
)
def test_a_run_is_blind_where_most_of_it_or_of_its_end_is_missing(first, last, expected):
    """Then nothing is decided; otherwise the gap is told and the verdict stands. Either way it is named."""
    run = without(first, last)
    diagnosis = diagnose(run)
    assert blind(run) is expected
    assert diagnosis.decided is not expected
    assert diagnosis.verdict == ("undecided" if expected else "healthy")
    assert diagnosis.missing == (f"steps {first:,} to {last:,} were not recorded: recording fell behind",)


def test_what_was_found_counts_however_much_is_missing():
    """A failing run does not become undecided."""
    run = synthetic.mode_collapse(at=1000)
    run = replace(run, scalars=run.scalars.loc[:2000], events=(gap(2001, 9000),))
    assert diagnose(run).verdict == "failing"


def test_steps_that_were_recorded_after_all_are_not_missing():
    """A gap over steps that another process recorded, or that were done again, and one of arrays only."""
    assert not blind(replace(RUN, events=(gap(1, 3000),)))
    assert not blind(replace(RUN.until(100), events=(gap(101, 3000, what="arrays"),)))


def test_overlapping_gaps_count_once():
    """Two ranks that fell behind over the same 1,400 of 3,000 steps."""
    run = without(501, 1900)
    assert not blind(replace(run, events=(gap(501, 1900), gap(501, 1900, rank=1), gap(700, 800))))


def test_a_run_of_nothing_but_a_gap_is_blind():
    """No row at all."""
    assert blind(replace(RUN.until(0), events=(gap(1, 10),)))


def test_a_signal_that_ended_early_is_not_assessed():
    """A probe that failed for good at step 1,000 of 3,000 leaves its failures open, not excluded."""
    cut = RUN.scalars["d/auc"].where(RUN.scalars.index <= 1000)
    run = replace(RUN, scalars=RUN.scalars.assign(**{"d/auc": cut}))
    diagnosis = diagnose(run)
    (entry,) = [n for n in diagnosis.not_assessed if n.code == "discriminator-dominance"]
    assert entry.reason == "d/auc was recorded up to step 1,000 of 3,000"
    assert "discriminator-dominance" not in diagnosis.clean


def test_a_signal_of_a_low_cadence_did_not_end():
    """Every 700 steps, last at 2,800 of 3,000: the next is not due."""
    steps = RUN.scalars.index
    sparse = RUN.scalars["d/auc"].where(np.isin(steps, range(700, 3001, 700)))
    run = replace(RUN, scalars=RUN.scalars.assign(**{"d/auc": sparse}))
    reasons = [n.reason for n in diagnose(run, DETECTORS).not_assessed]
    assert not any("recorded up to" in reason for reason in reasons)


def test_missing_survives_json():
    """As sentences."""
    diagnosis = diagnose(without(401, 2000))
    back = Diagnosis.from_dict(json.loads(json.dumps(diagnosis.to_dict())))
    assert back.missing == diagnosis.missing


def test_a_run_cut_before_a_gap_knows_nothing_of_it():
    """The verdict at a step depends on what was recorded up to there."""
    run = without(1001, 1100)
    assert diagnose(run.until(1000)).missing == ()
    assert diagnose(run.until(1050)).missing == diagnose(run).missing


def test_networks_that_look_swapped_are_what_the_last_line_says():
    """In place of how many kinds of failure were not assessed; a fault of another kind changes nothing."""
    fault = {"where": "attach", "message": notices.SWAPPED, "count": 20, "first_step": 0}
    swapped = diagnose(replace(RUN.until(100), meta=RUN.meta | {"faults": [fault]}))
    assert seem_swapped(swapped)
    assert "look swapped" in verdict_line("runs/a", swapped)
    assert "not assessed" not in verdict_line("runs/a", swapped)
    assert not seem_swapped(diagnose(without(401, 2000)))

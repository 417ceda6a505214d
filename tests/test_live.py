"""Judging while it trains: a history that does not grow, and findings that are told once."""

from __future__ import annotations

import time
from dataclasses import dataclass, replace
from typing import ClassVar

import numpy as np
import pytest

from gandiag import synthetic
from gandiag.findings import Finding
from gandiag.judge.diagnose import diagnose
from gandiag.judge.live import PART_SECONDS, History, Judge
from gandiag.judge.policy import Policy


def blocks(steps, size):
    """Blocks of rows of a run of that many steps: a dense ramp, a signal at every 50th step, one from halfway on."""
    for start in range(1, steps + 1, size):
        rows = np.arange(start, min(start + size, steps + 1))
        columns = {"dense": rows.astype(float), "sparse": np.where(rows % 50 == 0, 7.0, np.nan)}
        if start > steps // 2:
            columns["late"] = np.ones(len(rows))
        yield rows, columns


def fed(steps, size, max_rows):
    history = History(max_rows)
    for rows, columns in blocks(steps, size):
        history.append(rows, columns)
        yield history


def test_a_history_below_its_limit_is_complete():
    """Every row as it was, whatever the blocks; a signal that began late is NaN before."""
    (*_, history) = fed(1000, 37, max_rows=1000)
    frame = history.run({}).scalars
    assert frame.index.tolist() == list(range(1, 1001))
    np.testing.assert_array_equal(frame["dense"], np.arange(1, 1001))
    assert frame["sparse"].count() == 20
    assert frame["late"].first_valid_index() == 519  # the first block that starts after step 500
    assert frame["late"].loc[519:].notna().all()


def test_an_empty_history_is_an_empty_run():
    """Before the first block."""
    run = History().run({})
    assert run.last_step == 0
    assert diagnose(run).verdict == "undecided"


def test_a_history_stays_bounded():
    """A hundred thousand rows at a limit of a thousand: never more, in rows or in bytes, and always up to date."""
    for count, history in enumerate(fed(100_000, 100, max_rows=1000), start=1):
        columns = history.columns()
        assert len(columns["step"]) <= 1000
        assert sum(values.nbytes for values in columns.values()) <= 4 * 8 * 1000
        assert columns["step"][-1] == 100 * count


def test_one_block_beyond_the_limit_is_thinned_at_once():
    """However long it is."""
    (history,) = fed(100_000, 100_000, max_rows=1000)
    assert len(history.columns()["step"]) <= 1000


def test_a_history_never_forgets_its_beginning():
    """At every length the first step is there, and no gap is longer than 3 % of the run."""
    for history in fed(50_000, 100, max_rows=1000):
        steps = history.columns()["step"]
        assert steps[0] == 1
        assert np.diff(steps).max() <= max(4, 0.03 * steps[-1])


def test_infinities_survive_thinning():
    """Merged with their neighbours without a warning."""
    history = History(max_rows=100)
    history.append(np.arange(1, 201), {"signal": np.where(np.arange(200) % 2, np.inf, -np.inf)})
    assert not np.isfinite(history.columns()["signal"]).any()


def test_a_limit_too_small_to_thin_is_refused():
    """Eight rows leave two older pairs, the first of which stays."""
    with pytest.raises(ValueError, match="got 7"):
        History(max_rows=7)


def test_thinning_keeps_order_and_the_newest_rows_whole():
    """Steps ascend; the newer half has every step; older rows are means of their neighbours, dated by the later."""
    (*_, history) = fed(5000, 100, max_rows=1000)
    for _ in range(2):
        frame = history.run({}).scalars
        steps = frame.index.to_numpy()
        assert (np.diff(steps) > 0).all()
        assert steps[-500:].tolist() == list(range(4501, 5001))
        assert (frame["dense"] <= steps).all()  # a mean of rows up to there, of none from later
        np.testing.assert_array_equal(frame["dense"].iloc[-500:], steps[-500:])


def test_sparse_signals_survive_thinning():
    """A value beside a gap is kept as it is: of each stretch of rows its one value, never a mean with nothing."""
    (*_, history) = fed(3000, 100, max_rows=1000)
    frame = history.run({}).scalars
    sparse = frame["sparse"].dropna()
    assert (sparse == 7.0).all()
    assert len(sparse) >= 20
    assert sparse.index[-1] == 3000
    assert sparse.index[0] <= frame.index[0] + 64


@pytest.mark.parametrize("make", [synthetic.healthy, synthetic.mode_collapse, synthetic.non_finite])
def test_a_thinned_history_gives_the_same_verdict(make):
    """A run of 3,000 steps in 2,500 rows: codes as offline, onsets within 4 steps."""
    run = make(seed=3)
    history = History(max_rows=2500)
    for start in range(0, run.last_step, 100):
        block = run.scalars.iloc[start : start + 100]
        history.append(block.index.to_numpy(), {str(n): v.to_numpy() for n, v in block.items()})
        history.columns()
    live, offline = diagnose(history.run(run.meta)), diagnose(run)
    assert live.verdict == offline.verdict
    assert [f.code for f in live.findings] == [f.code for f in offline.findings]
    for mine, theirs in zip(live.findings, offline.findings, strict=True):
        assert abs(mine.onset_step - theirs.onset_step) <= 4


def test_each_finding_is_told_once():
    """Judged every 100 steps through a collapse: each failure once, and never again while its spell lasts."""
    run = synthetic.mode_collapse(at=1000)
    judge, told = Judge(None, every=100), []
    for step in range(100, 3001, 100):
        new = judge.judge(run.until(step))
        told += [(f.code, f.severity) for f in new]
        assert {f.code for f in new} <= {f.code for f in judge.diagnosis.findings}
    assert [t for t in told if t[1] == "failure"].count(("mode-collapse", "failure")) == 1
    assert told.count(("sample-collapse", "failure")) == 1
    assert len(told) == len(set(told))
    assert judge.diagnosis.verdict == "failing"


def test_a_finding_that_became_more_severe_is_told_again():
    """A warning at first, then a failure of the same spell: two tellings, with one onset."""
    run = synthetic.healthy()
    steps = run.scalars.index
    falling = run.scalars["diversity/ratio"].where(steps < 1000, 0.45).where(steps < 1500, 0.2)
    run = replace(run, scalars=run.scalars.assign(**{"diversity/ratio": falling}))
    judge, told = Judge(None, every=100), []
    for step in range(100, 3001, 100):
        told += judge.judge(run.until(step))
    assert [(f.code, f.severity) for f in told] == [("sample-collapse", "warning"), ("sample-collapse", "failure")]
    assert len({f.onset_step for f in told}) == 1


def test_a_second_spell_is_told_as_one():
    """The same failure again after a thousand healthy steps is news."""
    run = synthetic.healthy()
    steps = run.scalars.index.to_numpy()
    count = np.isin(steps, np.r_[510:520, 1510:1520]).astype(float)
    run = replace(run, scalars=run.scalars.assign(nonfinite=count))
    judge, told = Judge(None, every=100), []
    for step in range(100, 3001, 100):
        told += judge.judge(run.until(step))
    assert [(f.code, f.onset_step) for f in told] == [("non-finite", 510), ("non-finite", 1510)]


def test_judgements_are_due_by_steps_and_rest_in_between():
    """Not before `every` steps, and at once after no time at all only when the last one took none."""
    judge = Judge([], every=200)
    assert not judge.due(199)
    assert judge.due(200)
    judge.judge(synthetic.healthy().until(300))
    assert not judge.due(499)


def test_before_the_first_judgement_nothing_is_decided():
    """An undecided diagnosis without findings."""
    judge = Judge(None, every=100)
    assert judge.diagnosis.verdict == "undecided"
    assert judge.judge(synthetic.healthy().until(0)) == []
    assert judge.diagnosis.verdict == "undecided"


@dataclass(frozen=True)
class Slow:
    """A detector that takes longer than a part of a diagnosis and finds one thing."""

    code: str
    needs: tuple[str, ...] = ("d/auc",)
    how_to: str = ""
    not_for: ClassVar[dict[str, str]] = {}
    min_run_steps: int = 1

    def score(self, run):
        return run.series("d/auc")

    def __call__(self, run):
        end = time.thread_time() + 2 * PART_SECONDS
        while time.thread_time() < end:
            pass
        said = {"summary": "seen", "evidence": (), "mechanism": "so it is", "remedies": (), "columns": ("d/auc",)}
        last = run.last_step
        return [Finding(code=self.code, severity="warning", onset_step=last, last_step=last, ongoing=True, **said)]


def test_a_diagnosis_is_made_in_parts():
    """Slow detectors are asked one at a time, of the run as it was at the beginning; each one's news come at once."""
    judge, run = Judge([Slow(code) for code in "abc"], every=100, policy=Policy()), synthetic.healthy()
    judge.begin(run.until(300))
    for code, left in (("a", 2), ("b", 1)):
        assert [(f.code, f.onset_step) for f in judge.go_on()] == [(code, 300)]
        assert len(judge.judgement.waiting) == left
        assert judge.diagnosis.verdict == "undecided"
    assert [(f.code, f.onset_step) for f in judge.go_on()] == [("c", 300)]
    assert judge.judgement is None
    assert judge.diagnosis.last_step == 300
    assert judge.go_on() == []


def test_nothing_is_saved_up_when_a_training_begins():
    """After the first part of the first diagnosis the judge rests, however little time it took."""
    judge = Judge([Slow("a"), Slow("b")], every=100, policy=Policy())
    judge.begin(synthetic.healthy().until(300))
    judge.go_on()
    assert judge.rest > 0
    assert not judge.due(300)

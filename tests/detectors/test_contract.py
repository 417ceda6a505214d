"""What every detector keeps to, whatever it judges: one suite over the whole catalogue."""

from __future__ import annotations

import importlib
import os
import zlib
from dataclasses import FrozenInstanceError, fields, replace
from functools import cache

import numpy as np
import pandas as pd
import pytest

from gandiag import synthetic
from gandiag.detectors import DETECTORS, Detector, specification
from gandiag.detectors.specification import HEADINGS, remedies
from gandiag.families import FAMILIES
from gandiag.judge.diagnose import diagnose
from gandiag.judge.doubts import SAMPLES
from gandiag.judge.live import History, Judge
from gandiag.signals import describe

EVERY = pytest.mark.parametrize("detector", DETECTORS, ids=lambda d: d.code)


def of_its_test(detector):
    """The module tests/detectors/test_<code>.py."""
    return importlib.import_module("test_" + detector.code.replace("-", "_"))


def failing(detector):
    """What makes a run with the failure: `FAILING` of its test, or the function of `gandiag.synthetic` of its name."""
    return getattr(of_its_test(detector), "FAILING", None) or getattr(synthetic, detector.code.replace("-", "_"))


FAILURES = {d.code: failing(d) for d in DETECTORS}
HEALTHY = int(os.environ.get("GANDIAG_HEALTHY", "80"))
CERTAIN_AFTER = {d.code: of_its_test(d).CERTAIN_AFTER for d in DETECTORS}  # steps after the onset: found by then


@cache
def judged(code):
    """A run with the failure and its diagnosis, which several tests compare with; not to be changed."""
    run = FAILURES[code](seed=5)
    return run, diagnose(run)


def spells_of(diagnosis):
    """Code and onset of each finding, in order."""
    return [(f.code, f.onset_step) for f in diagnosis.findings]


def with_signals(run, **columns):
    return replace(run, scalars=run.scalars.assign(**columns))


def of_unknown_loss(run):
    """The run of a loss that nobody knows: no rule can be said not to apply."""
    return replace(run, meta=run.meta | {"loss_family": {"name": "unknown", "source": "inferred"}})


def every(run, interval):
    """The run as it had been recorded at every `interval`-th step only."""
    return replace(run, scalars=run.scalars[run.scalars.index % interval == 0])


def two_cycles(seed=0):
    """A slow cycle, seen in long windows, and later a fast one, seen in short ones."""
    run = synthetic.healthy(seed, steps=10_000)
    steps = run.scalars.index.to_numpy()
    swing = np.zeros(len(steps))
    for at, period, size in ((500, 320, 1.0), (7000, 40, 3.0)):
        swing += size * np.clip((steps - at) / period, 0, 1) * np.sin(2 * np.pi * (steps - at) / period)
    return with_signals(run, **{name: run.scalars[name] + swing for name in ("d/fake/mean", "d/real/mean")})


def gapped(run, seed):
    """The run with scattered values and one stretch of 40 rows missing in every signal."""
    columns = {}
    for name, series in run.scalars.items():
        rng = np.random.default_rng([seed, zlib.crc32(str(name).encode())])  # whatever else is recorded
        values = series.to_numpy(copy=True)
        values[rng.random(len(values)) < 0.05] = np.nan
        start = rng.integers(len(values) - 40)
        values[start : start + 40] = np.nan
        columns[name] = values
    return replace(run, scalars=pd.DataFrame(columns, run.scalars.index))


def test_the_catalogue_keeps_to_the_protocol():
    """Codes are unique, and each detector has what all have."""
    codes = [d.code for d in DETECTORS]
    assert len(set(codes)) == len(codes)
    assert all(isinstance(d, Detector) for d in DETECTORS)


@pytest.mark.parametrize("seeds", np.array_split(np.arange(HEALTHY), 4), ids=lambda s: f"seeds {s[0]} to {s[-1]}")
def test_healthy_runs_are_called_healthy(seeds):
    """Not one finding in 80 runs, each of which every detector could judge; GANDIAG_HEALTHY asks for more."""
    for seed in seeds:
        diagnosis = diagnose(of_unknown_loss(synthetic.healthy(int(seed))))
        assert diagnosis.findings == ()
        assert diagnosis.clean == tuple(d.code for d in DETECTORS)
        assert diagnosis.verdict == "healthy"


@pytest.mark.parametrize("code", FAILURES)
@pytest.mark.parametrize("seed", [0, 1, 5])
def test_each_failure_is_found_in_its_run(code, seed):
    """With steps inside the run, evidence beyond its threshold, and columns that were recorded."""
    run = FAILURES[code](seed=seed)
    diagnosis = judged(code)[1] if seed == 5 else diagnose(run)
    found = [f for f in diagnosis.findings if f.code == code]
    assert found
    for finding in found:
        assert run.scalars.index[0] <= finding.onset_step <= finding.last_step <= run.last_step
        assert finding.ongoing
        assert finding.summary
        assert finding.mechanism
        assert 1 <= len(finding.remedies) <= 3
        assert all(remedy.fits(run.loss_family) for remedy in finding.remedies)
        assert set(finding.columns) & set(run.scalars)
        for fact in finding.evidence:
            assert fact.value < fact.threshold if fact.comparison == "below" else fact.value > fact.threshold, fact


@pytest.mark.parametrize("steps", [0, 1])
def test_a_run_of_hardly_any_steps_is_undecided(steps):
    """No finding, no exception, and every failure either not assessed or clean."""
    diagnosis = diagnose(of_unknown_loss(synthetic.healthy().until(steps)))
    assert diagnosis.verdict == "undecided"
    assert diagnosis.findings == diagnosis.errors == ()
    assert {n.code for n in diagnosis.not_assessed} | set(diagnosis.clean) == {d.code for d in DETECTORS}
    assert set(diagnosis.clean) <= {"non-finite"}


@EVERY
def test_the_run_is_left_as_it_was_and_judged_the_same_again(detector):
    """Three calls, one of them with nothing remembered: equal findings, and not a value of the frame changed."""
    run = FAILURES[detector.code]()
    before = run.scalars.copy(deep=True)
    anew = replace(run)
    assert detector(run) == detector(run) == detector(anew)
    pd.testing.assert_series_equal(detector.score(run), detector.score(anew))
    pd.testing.assert_frame_equal(run.scalars, before)


@pytest.mark.parametrize("seed", range(3))
def test_gaps_in_a_healthy_run_raise_nothing(seed):
    """Five values in a hundred missing, and a stretch of each signal: still nothing found, nothing broken."""
    diagnosis = diagnose(gapped(synthetic.healthy(seed), seed))
    assert diagnosis.errors == diagnosis.findings == ()


@pytest.mark.parametrize("code", FAILURES)
def test_gaps_hide_no_failure(code):
    """The same gaps in a failing run: found, and dated within 50 steps of what it was. A window for cycles may miss
    no stretch, so that a longer one sees it first: within half of its 2,048 steps.
    """
    run, whole = judged(code)
    holed = diagnose(gapped(run, seed=4))
    onsets = [next(f.onset_step for f in d.findings if f.code == code) for d in (whole, holed)]
    assert holed.errors == ()
    assert abs(onsets[0] - onsets[1]) <= (1024 if code == "oscillation" else 50)


@EVERY
def test_a_signal_without_a_single_value_is_not_assessed(detector):
    """All-NaN columns are as good as none: the failure is named with its signals, and not called clean."""
    run = of_unknown_loss(synthetic.healthy())
    names = [n for need in detector.needs for pattern in need.split("|") for n in run.names(pattern)]
    diagnosis = diagnose(with_signals(run, **dict.fromkeys(names, np.nan)))
    assert diagnosis.errors == diagnosis.findings == ()
    entry = next(n for n in diagnosis.not_assessed if n.code == detector.code)
    assert entry.missing == detector.needs
    assert entry.how_to in (detector.how_to, SAMPLES)


@pytest.mark.parametrize("value", [np.inf, -np.inf])
def test_scattered_infinities_break_nothing(value):
    """Single infinite values anywhere are no failure but the one that counts them, which this run's count excludes."""
    run = synthetic.healthy()
    columns = {
        name: run.scalars[name].to_numpy(copy=True)
        for name in run.scalars
        if not {"nonfinite", "undefined"} & set(name.split("/"))
    }
    for name, values in columns.items():
        rng = np.random.default_rng(zlib.crc32(str(name).encode()))  # whatever else is recorded
        values[rng.choice(len(values), 5, replace=False)] = value
    diagnosis = diagnose(with_signals(run, **columns))
    assert diagnosis.errors == diagnosis.findings == ()


@pytest.mark.parametrize("value", [np.inf, 1e200, 0.0])
def test_signals_that_end_in_an_extreme_break_nothing(value):
    """From step 2001 on everything infinite, astronomically large, or zero: judged without an exception."""
    run = synthetic.healthy()
    frame = run.scalars.copy()
    frame.loc[2001:] = value
    diagnosis = diagnose(replace(run, scalars=frame))
    assert diagnosis.errors == ()
    assert diagnosis.verdict == "failing"


@pytest.mark.parametrize("code", [*{make: code for code, make in FAILURES.items()}.values(), "two cycles"])
def test_a_verdict_depends_on_nothing_later(code):
    """Cut at random steps: what is found in the cut run has the same code and onset in the whole one, and the
    other way round for what must have been certain by then. Live judgements, below, are cut where they are due.
    """
    run = two_cycles(seed=5) if code == "two cycles" else judged(code)[0]
    whole = diagnose(run) if code == "two cycles" else judged(code)[1]
    for step in np.random.default_rng(5).integers(300, run.last_step, 12 if code == "two cycles" else 4):
        cut = diagnose(run.until(int(step)))
        assert set(spells_of(cut)) <= set(spells_of(whole)), step
        assert all(f.last_step <= step for f in cut.findings)
        if code != "two cycles":  # the slow one of which takes a longer window
            certain = {(f.code, f.onset_step) for f in whole.findings if f.onset_step + CERTAIN_AFTER[f.code] <= step}
            assert certain <= set(spells_of(cut)), step


@EVERY
def test_the_score_depends_on_nothing_later(detector):
    """The score of the run cut at a random step is the score of the whole run up to there."""
    run = FAILURES[detector.code](seed=6)
    whole = detector.score(run)
    assert whole.index.is_monotonic_increasing
    assert whole.index.is_unique
    assert run.scalars.index[0] <= whole.index[0] <= whole.index[-1] <= run.last_step
    for step in np.random.default_rng(6).integers(700, run.last_step, 5):
        pd.testing.assert_series_equal(detector.score(run.until(int(step))), whole.loc[: int(step)])


@pytest.mark.parametrize("code", FAILURES)
def test_live_equals_offline(code):
    """Block by block through the live history and judge: each finding was told once, and the last diagnosis is
    the one of the whole run.
    """
    run, offline = judged(code)
    history, judge, told = History(), Judge(None, every=700), []
    for start in range(0, run.last_step, 700):
        block = run.scalars.iloc[start : start + 700]
        present = block.dropna(axis="columns", how="all")
        history.append(block.index.to_numpy(), {str(n): v.to_numpy() for n, v in present.items()})
        told += judge.judge(history.run(run.meta))
    assert judge.diagnosis == offline
    assert {(f.code, f.onset_step) for f in told} == set(spells_of(offline))


@pytest.mark.parametrize("interval", [2, 5])
@pytest.mark.parametrize("code", FAILURES)
def test_the_recording_interval_changes_no_verdict(code, interval):
    """Every second or fifth step recorded: the same failures, dated within 15 steps, or 50 where growth passes a mark
    slowly. A cycle of 80 steps is seen in windows of 512 steps, or of 2,048 where those hold too few records: dated
    within half a window.
    """
    run, dense = judged(code)
    sparse = diagnose(every(run, interval))
    assert [f.code for f in sparse.findings] == [f.code for f in dense.findings]
    assert [f.severity for f in sparse.findings] == [f.severity for f in dense.findings]
    for before, after in zip(dense.findings, sparse.findings, strict=True):
        slow = {"oscillation": {2: 256, 5: 1024}[interval], "divergence": 50}
        tolerance = slow.get(before.code, 15)
        assert abs(before.onset_step - after.onset_step) <= tolerance


def test_healthy_runs_recorded_seldom_are_not_called_failing():
    """At every fifth step nothing is found; at every hundredth little can be told, and that is said."""
    run = synthetic.healthy(seed=9)
    assert diagnose(every(run, 5)).findings == ()
    diagnosis = diagnose(every(run, 100))
    assert diagnosis.findings == diagnosis.errors == ()
    assert diagnosis.verdict == "undecided"
    assert {"vanishing-gradients", "exploding-gradients"} <= {n.code for n in diagnosis.not_assessed}


@EVERY
def test_the_docstring_is_a_complete_specification(detector):
    """A summary of one line and every heading, none of them empty, and no remedy named twice."""
    parts = specification(detector)
    assert tuple(parts) == ("Summary", *HEADINGS)
    assert all(parts.values())
    assert len(parts["Summary"].splitlines()) == 1
    assert len({remedy.name for remedy in remedies(detector)}) == len(remedies(detector))
    assert detector.how_to


@EVERY
@pytest.mark.parametrize("family", [*FAMILIES, "unknown"])
def test_there_is_something_to_try_under_every_loss(detector, family):
    """At least one remedy fits each loss family to which the rule applies, and the families it names exist."""
    assert set(detector.not_for) <= {*FAMILIES, "unknown"}
    assert all(len(reason) > 20 for reason in detector.not_for.values())
    if family not in detector.not_for:
        assert any(remedy.fits(family) for remedy in remedies(detector))


@EVERY
def test_needs_are_signals_of_the_table(detector):
    """A misspelt name would never be recorded, and the failure never be assessed."""
    for need in detector.needs:
        for name in need.split("|"):
            assert describe(name).meaning != "logged by the loop", name


@EVERY
def test_thresholds_are_fixed_and_checked(detector):
    """Frozen; a negative or NaN threshold is refused at once, by its name and value."""
    for field in fields(detector):
        with pytest.raises(FrozenInstanceError):
            setattr(detector, field.name, 1)
        for value in (-1, float("nan")):
            with pytest.raises(ValueError, match=f"{field.name}.*{value}"):
                replace(detector, **{field.name: value})


@pytest.mark.parametrize(
    ("code", "changes", "message"),
    [
        ("non-finite", {"failure_steps": 0}, "failure_steps must be at least 1, got 0"),
        ("exploding-gradients", {"ratio": 0.5}, "got 0.5 and 100"),
        ("exploding-gradients", {"failure_ratio": 5.0}, "got 10.0 and 5.0"),
        ("vanishing-gradients", {"ratio": 0.5}, "got 0.5 and 0.03"),
        ("discriminator-dominance", {"auc": 1.2}, r"auc must lie in \(0.5, 1\], got 1.2"),
        ("discriminator-dominance", {"auc": 0.4}, "got 0.4"),
        ("mode-collapse", {"share": 0.95}, "got 0.84, 0.95, 0.9"),
        ("sample-collapse", {"failure_ratio": 0.7}, "got 0.7, 0.5, 0.6"),
        ("oscillation", {"p_value": 1.5}, "p_value must lie in .*, got 1.5"),
        ("oscillation", {"window_steps": 100}, "window_steps must be at least 256, got 100"),
        ("divergence", {"critic_decades": 2.0}, "got 2.0 and 1.5"),
        ("dead-layer", {"stay": 0.5}, "stay must be at least 1, got 0.5"),
        ("discriminator-too-weak", {"reversed_auc": 0.6}, "got 0.6"),
        ("discriminator-too-weak", {"diversity": 1.0}, "got 1.0"),
        ("discriminator-too-weak", {"failure": 0.5}, "failure must be at least 1, got 0.5"),
        ("discriminator-overfitting", {"auc": 0.5}, "got 0.5 and 0.71"),
        ("discriminator-overfitting", {"min_checks": 0}, "min_checks must be at least 1, got 0"),
        ("memorisation", {"min_checks": 0}, "min_checks must be at least 1, got 0"),
        ("critic-constraint", {"steeper": 1.0}, "steeper must be above 1, got 1.0"),
    ],
)
def test_thresholds_that_contradict_each_other_are_refused(code, changes, message):
    """The message names the values, so that they can be found in a configuration."""
    detector = next(d for d in DETECTORS if d.code == code)
    with pytest.raises(ValueError, match=message):
        replace(detector, **changes)

"""Batches that can never agree."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from gandiag import synthetic
from gandiag.detectors.input_mismatch import InputMismatch
from gandiag.judge.diagnose import diagnose

CERTAIN_AFTER = 200

DETECT = InputMismatch()


def run_with(seed=0, at=1, base=None, **columns):
    """A healthy run with other ranges from a step on, at the steps at which ranges are recorded."""
    run = base or synthetic.healthy(seed)
    frame = run.scalars.copy()
    for name, value in columns.items():
        column = f"range/{name}"
        frame.loc[(frame.index >= at) & frame[column].notna(), column] = value
    return replace(run, scalars=frame)


def FAILING(seed=0):  # noqa: N802 - the name that the contract looks for
    return run_with(seed, **{"real/min": 0.0, "real/max": 255.0})


@pytest.mark.parametrize("at", [1, 1500])
def test_images_in_0_to_255_are_told_early_and_late(at):
    """Within 200 steps, with the scaling first; of a G that has just begun, as soon as its pace is known."""
    run = run_with(at=at, **{"real/min": 0.0, "real/max": 255.0}).until(at + 200)
    (found,) = DETECT(run)
    assert found.severity == "failure"
    assert at - 15 <= found.onset_step <= (at + 40 if at > 1 else 1)  # what was wrong from the start is dated there
    assert found.remedies[0].name == "scale-data"


@pytest.mark.parametrize(
    "columns",
    [
        {"real/min": -1.0, "fake/min": 0.0, "fake/max": 0.999},  # a G that ends in a sigmoid
        {"real/min": -2.1, "real/max": 2.6, "fake/min": -0.999, "fake/max": 0.999},  # tanh, standardised images
        {"fake/min": -200.0, "fake/max": 200.0},  # a G on another scale
    ],
)
def test_what_g_cannot_reach_or_is_far_above_is_a_failure(columns):
    """Bounds of its last layer, scales a hundred apart."""
    (found,) = DETECT(run_with(**columns))
    assert found.severity == "failure"


def test_data_scaled_twice_from_some_step_on():
    """Real values 255 times smaller than before, whatever G does."""
    (found,) = DETECT(run_with(at=1500, **{"real/min": -1 / 255, "real/max": 1 / 255}))
    assert found.onset_step == pytest.approx(1500, abs=40)


@pytest.mark.parametrize(
    "columns",
    [
        {"real/min": 0.0},  # data in [0, 1], tanh: G can learn it
        {"fake/min": -0.1, "fake/max": 0.1},  # an untrained G, or a collapsed one
        {
            "real/min": -5.0,
            "real/max": 5.0,
            "fake/min": -0.4,
            "fake/max": 0.4,
        },  # standardised data, small outputs at first
        {"real/max": 1.05, "fake/max": 0.999},
    ],
)
def test_what_g_can_learn_is_no_mismatch(columns):
    """Nor is a G that has run off later."""
    assert DETECT(run_with(**columns)) == []


@pytest.mark.parametrize("pace", [0.02, 0.1])
def test_a_g_without_a_bound_that_is_on_its_way_to_large_values_is_waited_for(pace):
    """Data of ten times the usual size, a G that starts near 0; one that hardly moves is told of."""
    run = run_with(**{"real/min": -40.0, "real/max": 40.0})
    for way, expected in ((pace, 0), (pace / 1000, 1)):
        frame = run.scalars.copy()
        reached = np.minimum(0.2 + way * frame.index.to_numpy(), 40.0)
        frame["range/fake/max"], frame["range/fake/min"] = reached, -reached
        assert len(DETECT(replace(run, scalars=frame))) == expected


def test_a_g_that_is_slow_where_tanh_would_end_and_passes_it_has_no_bound():
    """Some 200 steps between 0.995 and 1, then on; it is told of only as long as it stands there."""
    run = run_with(**{"real/max": 4.0})
    frame = run.scalars.copy()
    steps = frame.index.to_numpy()
    frame["range/fake/max"] = np.interp(steps, [1, 600, 800, 1200], [0.4, 0.995, 1.0, 1.6])
    assert DETECT(replace(run, scalars=frame)) == []
    assert [f.severity for f in DETECT(replace(run, scalars=frame).until(790))] == ["failure"]


def test_a_g_that_runs_off_or_collapses_late_is_no_mismatch():
    """Compared is what G could reach, not where it is."""
    assert DETECT(run_with(at=1500, **{"fake/min": -1e4, "fake/max": 1e4})) == []
    assert DETECT(run_with(at=1500, **{"fake/min": 0.0, "fake/max": 1e-3})) == []


def test_one_real_batch_with_nan_is_enough_and_is_the_root():
    """Of a run whose gradients are NaN from there on."""
    run = synthetic.non_finite(at=1500)
    frame = run.scalars.copy()
    frame.loc[1500, "range/real/nonfinite"] = 1.0
    run = replace(run, scalars=frame)
    (found,) = DETECT(run)
    assert (found.severity, found.onset_step, found.remedies[0].name) == ("failure", 1500, "finite-data")
    assert diagnose(run).story.root == "input-mismatch"


def test_a_batch_with_an_outlier_is_no_mismatch():
    """One of many."""
    run = synthetic.healthy()
    frame = run.scalars.copy()
    frame.loc[1000, "range/real/max"] = 500.0
    assert DETECT(replace(run, scalars=frame)) == []
    assert np.isfinite(frame.loc[1000, "range/real/max"])


def test_a_batch_with_nan_that_is_seen_when_all_is_spoiled_is_the_root_all_the_same():
    """Batches in between are not looked at: its sample comes again in the next epoch."""
    run = synthetic.non_finite(at=1500)
    frame = run.scalars.copy()
    frame.loc[1900, "range/real/nonfinite"] = 1.0
    diagnosis = diagnose(replace(run, scalars=frame))
    assert diagnosis.story.root == "input-mismatch"
    found = next(f for f in diagnosis.findings if f.code == "input-mismatch")
    assert (found.onset_step, "step 1,900" in found.summary) == (1500, True)

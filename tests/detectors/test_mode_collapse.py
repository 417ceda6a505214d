"""Modes that were lost, seen through labels."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from gandiag import synthetic
from gandiag.detectors.mode_collapse import ModeCollapse
from gandiag.judging import diagnose

DETECT = ModeCollapse()


def covering(effective, steps=3000, expected=10.0, **columns):
    """A run with `effective` modes of `expected`, by a function of the step, recorded every 50 steps."""
    run = synthetic.healthy(steps=steps)
    checks = run.scalars.index.to_numpy()
    values = {"modes/effective": effective(checks), "modes/expected_effective": expected, **columns}
    frame = run.scalars.assign(**values)
    modes = [name for name in frame if name.startswith("modes/")]
    frame.loc[checks % 50 != 0, modes] = np.nan
    return replace(run, scalars=frame)


@pytest.mark.parametrize("seed", range(5))
def test_lost_modes_are_found_at_the_first_histogram_that_shows_them(seed):
    """Dated within two histograms, which stand 50 steps apart; two of ten left are a failure."""
    (found,) = DETECT(synthetic.mode_collapse(at=1500, seed=seed))
    assert 1500 <= found.onset_step <= 1600
    assert (found.severity, found.ongoing) == ("failure", True)


def test_severity_follows_what_is_left():
    """Seven of ten are a warning, five a failure, nine nothing."""
    found = {left: DETECT(covering(lambda t, n=left: np.where(t < 1500, 10.0, n))) for left in (9.0, 7.0, 5.0)}
    assert [[f.severity for f in findings] for findings in found.values()] == [[], ["warning"], ["failure"]]


def test_one_bad_histogram_is_chance():
    """One alone is nothing, two in a row are a finding that is over."""
    assert DETECT(covering(lambda t: np.where(t == 1500, 2.0, 10.0))) == []
    (found,) = DETECT(covering(lambda t: np.where((t >= 1500) & (t < 1600), 2.0, 10.0)))
    assert (found.onset_step, found.last_step, found.ongoing) == (1500, 1550, False)


def test_modes_that_are_not_reached_yet_are_not_lost():
    """A generator that takes 1,900 steps to cover them all; one that never does counts from step 2,000 on."""
    assert DETECT(covering(lambda t: np.clip(t / 200, 1, 10))) == []
    (found,) = DETECT(covering(lambda t: np.full(len(t), 2.0)))
    assert 2000 <= found.onset_step <= 2100
    assert DETECT(covering(lambda t: np.full(len(t), 2.0), steps=1900)) == []


def test_modes_once_covered_are_lost_at_once():
    """Early in training too: no grace for a generator that had them."""
    (found,) = DETECT(covering(lambda t: np.where(t < 300, 10.0, 2.0)))
    assert 300 <= found.onset_step <= 400


def test_samples_on_no_mode_are_not_judged():
    """Fewer than half of high quality: the histogram says nothing, and the failure is not assessed."""
    diagnosis = diagnose(covering(lambda t: np.full(len(t), 2.0), **{"modes/high_quality": 0.3}), [DETECT])
    assert diagnosis.findings == diagnosis.clean == ()
    assert [n.code for n in diagnosis.not_assessed] == ["mode-collapse"]


def test_only_histograms_of_enough_quality_count():
    """Two modes while the samples are poor, all of them as soon as they are good."""
    steps = np.arange(1, 3001)
    quality = {"modes/high_quality": np.where(steps < 2500, 0.2, 0.9)}
    assert DETECT(covering(lambda t: np.where(t < 2500, 2.0, 10.0), **quality)) == []


def test_more_modes_than_the_data_have_are_no_collapse():
    """Direction: generated over expected, not the other way round."""
    assert DETECT(covering(lambda t: np.full(len(t), 10.0), expected=4.0)) == []
    assert len(DETECT(covering(lambda t: np.full(len(t), 4.0), expected=10.0))) == 1


def test_uneven_data_are_compared_with_their_own_evenness():
    """Four effective modes of four expected, whatever the number of labels: nothing is missing."""
    assert DETECT(covering(lambda t: np.full(len(t), 3.9), expected=4.0)) == []

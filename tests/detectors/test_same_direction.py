"""Losses that are not opposed."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from changed import run_with

from gandiag import synthetic
from gandiag.detectors.same_direction import SameDirection

CERTAIN_AFTER = 100

DETECT = SameDirection()


def FAILING(seed=0):  # noqa: N802 - the name that the contract looks for
    return run_with(seed, at=1000, **{"pull/agreement": 1.0})


def test_a_g_that_asks_for_what_d_asks_for_is_told_within_100_steps():
    """With the line to change first."""
    (found,) = DETECT(run_with(**{"pull/agreement": 1.0}).until(100))
    assert found.severity == "failure"
    assert found.onset_step <= 10
    assert found.summary.startswith("G's loss")
    assert found.remedies[0].name == "generator-target"


def test_a_d_with_one_target_is_told_apart_from_that():
    """Even though G's loss then agrees with it, too."""
    (found,) = DETECT(run_with(**{"pull/agreement": 1.0, "pull/apart": 0.0}))
    assert found.summary.startswith("D's loss")
    assert found.remedies[0].name == "discriminator-targets"
    assert len(DETECT(run_with(**{"pull/agreement": np.nan, "pull/apart": 0.0}))) == 1


@pytest.mark.parametrize("name", ["pull/agreement", "pull/apart"])
def test_single_steps_that_overshoot_are_no_mistake(name):
    """A third of all steps."""
    run = synthetic.healthy()
    frame = run.scalars.copy()
    frame.loc[frame.index % 3 == 0, name] = {"pull/agreement": 1.0, "pull/apart": 0.0}[name]
    assert DETECT(replace(run, scalars=frame)) == []


def test_signals_that_are_recorded_at_different_steps_are_one_failure_to_the_end():
    """As at a rare plan, where an update of D and one of G fall on different steps."""
    run = run_with(**{"pull/agreement": 1.0})
    frame = run.scalars.copy()
    frame.loc[frame.index % 8 != 0, "pull/agreement"] = np.nan
    frame.loc[frame.index % 8 != 7, "pull/apart"] = np.nan
    (found,) = DETECT(replace(run, scalars=frame))
    assert (found.ongoing, found.last_step) == (True, run.last_step)


def test_a_spell_that_is_interrupted_for_less_than_it_takes_to_be_sure_is_one():
    """Which batch is which may be told anew in between."""
    run = run_with(**{"pull/agreement": 1.0})
    frame = run.scalars.copy()
    frame.loc[500:540, "pull/agreement"] = -1.0
    (found,) = DETECT(replace(run, scalars=frame))
    assert found.ongoing


def test_a_loss_that_is_satisfied_at_once_leaves_what_it_said():
    """Hinge losses pull no more at samples of which D is sure."""
    run = run_with(**{"pull/agreement": 1.0})
    frame = run.scalars.copy()
    frame.loc[20:, ["pull/agreement", "pull/apart"]] = np.nan
    (found,) = DETECT(replace(run, scalars=frame).until(120))
    assert (found.severity, found.remedies[0].name) == ("failure", "generator-target")

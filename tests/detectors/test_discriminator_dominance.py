"""A discriminator that wins."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from gandiag import synthetic
from gandiag.detectors.discriminator_dominance import DiscriminatorDominance

CERTAIN_AFTER = 600

DETECT = DiscriminatorDominance()
STEPS = np.arange(1, 3001)


def run_with(auc):
    """A healthy run with another AUC, a number or (3000,)."""
    run = synthetic.healthy()
    return replace(run, scalars=run.scalars.assign(**{"d/auc": auc}))


@pytest.mark.parametrize("seed", range(5))
def test_a_lasting_win_is_found_where_it_begins(seed):
    """Dated within 100 steps; a warning, for G may still learn."""
    (found,) = DETECT(synthetic.discriminator_dominance(at=1000, seed=seed))
    assert 1000 <= found.onset_step <= 1100
    assert (found.severity, found.ongoing) == ("warning", True)


@pytest.mark.parametrize("steps", [200, 400])
def test_a_short_win_is_normal(steps):
    """As early in training."""
    for start in (0, 1000):
        since = STEPS - start
        assert DETECT(run_with(np.where((since > 0) & (since <= steps), 1.0, 0.75))) == []


def test_a_win_that_ends_is_over():
    """A thousand steps: found, not ongoing, with both ends within the window."""
    (found,) = DETECT(run_with(np.where((STEPS > 1000) & (STEPS <= 2000), 1.0, 0.75)))
    assert not found.ongoing
    assert abs(found.onset_step - 1000) <= 100
    assert abs(found.last_step - 2000) <= 100


def test_separating_well_is_not_winning():
    """An AUC of 0.95 is what many healthy games have."""
    assert DETECT(run_with(0.95)) == []


@pytest.mark.parametrize("auc", [0.0, 0.01])
def test_a_discriminator_that_is_always_wrong_does_not_win(auc):
    """Direction: real and generated swapped."""
    assert DETECT(run_with(auc)) == []
    assert len(DETECT(run_with(1 - auc))) == 1


def test_values_in_different_ranges_are_named_where_d_wins_from_the_start():
    """Real data in [0, 1], generated in [-1, 1]: D need not look any further."""
    (found,) = DETECT(synthetic.shortcut())
    assert "real data lie in [0, 1], generated in [-0.9" in found.summary
    assert found.evidence[1].value > found.evidence[1].threshold == DETECT.range_gap
    assert "range/fake/min" in found.columns


@pytest.mark.parametrize("kind", ["real", "fake"])
def test_values_that_never_change_in_one_of_the_two_are_named(kind):
    """A third of all pixels are padding, in one kind of batch only."""
    run = run_with(1.0)
    padded = np.where(STEPS % 10 == 0, 1 / 3, np.nan)
    (found,) = DETECT(replace(run, scalars=run.scalars.assign(**{f"range/{kind}/constant": padded})))
    shares = ("33%", "0%") if kind == "real" else ("0%", "33%")
    assert "{} of the values are equal in a whole real batch, {} in a generated one".format(*shares) in found.summary


def test_equal_ranges_are_no_hint():
    """A win from the start, by other means."""
    (found,) = DETECT(run_with(1.0))
    assert "lie in" not in found.summary
    assert len(found.evidence) == 1


def test_ranges_are_no_hint_where_d_comes_to_win_late():
    """They differed all the time."""
    run = synthetic.shortcut()
    late = run.scalars.assign(**{"d/auc": np.where(STEPS > 1000, 1.0, 0.75)})
    (found,) = DETECT(replace(run, scalars=late))
    assert len(found.evidence) == 1

"""A discriminator that wins."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from gandiag import synthetic
from gandiag.detectors.discriminator_dominance import DiscriminatorDominance

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

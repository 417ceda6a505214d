"""How often D is updated for each update of G."""

from __future__ import annotations

import numpy as np
import pytest
from changed import run_with

from gandiag.detectors.update_ratio import UpdateRatio

CERTAIN_AFTER = 200

DETECT = UpdateRatio()
PACE = "pace/discriminator"
STEPS = np.arange(1, 3001)


def FAILING(seed=0):  # noqa: N802 - the name that the contract looks for
    return run_with(seed, at=1000, **{PACE: 0.02})


@pytest.mark.parametrize(
    ("pace", "family", "severity", "first", "words"),
    [
        (0.04, "non-saturating", "warning", "count-updates", "G is updated 25 times per update of D"),
        (40.0, "hinge", "warning", "count-updates", "D is updated 40 times per update of G"),
        (0.5, "wgan", "warning", "critic-updates", "G is updated 2 times per update of D"),
        (0.5, "wgan-gp", "warning", "critic-updates", "under a Wasserstein loss"),
        (40.0, "wgan-gp", "warning", "count-updates", "D is updated 40 times"),
        (10.0, "wgan-gp", "info", "count-updates", "D is updated 10 times"),
        (0.125, "lsgan", "info", "count-updates", "G is updated 8 times"),
        (0.5, "minimax", "info", "count-updates", "G is updated 2 times"),
    ],
)
def test_a_steady_rhythm_is_held_against_what_is_published(pace, family, severity, first, words):
    """Told within 150 steps, a warning where nobody has it on purpose."""
    (found,) = DETECT(run_with(family=family, **{PACE: pace}).until(150))
    assert (found.severity, found.remedies[0].name) == (severity, first)
    assert words in found.summary


@pytest.mark.parametrize(("pace", "family"), [(5.0, "wgan"), (1.0, "wgan-gp"), (2.0, "hinge")])
def test_what_is_published_is_not_spoken_of(pace, family):
    """Five updates of a critic, one with two time scales, two of D."""
    assert DETECT(run_with(family=family, **{PACE: pace})) == []


def test_rhythms_that_begin_or_change_otherwise_are_no_mistake():
    """A hundred updates of the critic in the first 25 steps and every 500th; a D that is left out while it is good."""
    warm = np.where((STEPS <= 25) | (STEPS % 500 == 0), 100.0, 5.0)
    adaptive = 1 / np.random.default_rng(0).integers(8, 40, len(STEPS))
    assert DETECT(run_with(family="wgan", **{PACE: warm})) == []
    assert DETECT(run_with(**{PACE: adaptive})) == []


def test_a_rhythm_that_is_lost_is_over():
    """As of a D that is left out while it is good, which it was for long at first."""
    adaptive = np.where(STEPS < 800, 0.05, 1 / np.random.default_rng(0).integers(2, 40, len(STEPS)))
    (found,) = DETECT(run_with(**{PACE: adaptive}))
    assert (found.severity, found.ongoing) == ("info", False)


def test_a_rhythm_that_is_over_is_mentioned_only():
    """As where one network warms up."""
    (found,) = DETECT(run_with(**{PACE: np.where(STEPS < 800, 0.02, 1.0)}))
    assert (found.severity, found.ongoing) == ("info", False)

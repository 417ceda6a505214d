"""Pulls of closed form: how consistent they are, and what least squares pull towards."""

from __future__ import annotations

import numpy as np
import pytest

from gandiag.measure.calls import Answer
from gandiag.measure.pulls import KEPT, Evidence, consistency
from gandiag.measure.targets import straightened, targets

F = np.linspace(-2, 3, 8)[None]


def test_consistency_is_signed_sum_over_sum_of_sizes():
    """Some samples may be chosen; infinite pulls and rows without pull do not count."""
    pull = np.array([[1.0, 1.0, -2.0], [np.inf, -3.0, -1.0], [0.0, 0.0, 0.0]])
    assert consistency(pull) == pytest.approx([0, -1, np.nan], nan_ok=True)
    assert consistency(pull, np.array([[True, True, False]] * 3)) == pytest.approx([1, -1, np.nan], nan_ok=True)


def test_evidence_forgets_old_rows_at_a_known_rate_and_is_the_same_in_any_blocks():
    """A row counts for KEPT of the one after it; NaN is no row."""
    values = np.array([1.0, np.nan, -1.0, 1.0])
    whole, parts = Evidence(), Evidence()
    whole.add(values)
    for value in values:
        parts.add(np.array([value]))
    weights = KEPT ** np.array([3, 1, 0])
    assert float(whole.mean) == pytest.approx((weights * [1, -1, 1]).sum() / weights.sum())
    assert float(parts.mean) == pytest.approx(float(whole.mean))
    assert float(Evidence().mean) == 0


def test_least_squares_have_their_target_where_the_pull_is_zero():
    """One target for all, or two in one batch: with one slope, or with a slope for each half."""
    assert targets(F, 0.25 * (F - 1)) == pytest.approx(np.ones((1, 8)))
    goal = np.where(np.arange(8) < 4, 0.0, 1.0)[None]
    assert targets(F, 2 * (F - goal)) == pytest.approx(goal)
    assert targets(F, np.where(goal == 0, 2.0, 0.5) * (F - goal)) == pytest.approx(goal)
    interleaved = np.where(np.arange(8) % 2 == 0, 0.0, 1.0)[None]
    assert targets(F, 2 * (F - interleaved)) == pytest.approx(interleaved)


@pytest.mark.parametrize(
    "pull",
    [-1 / (1 + np.exp(F)), np.full_like(F, -1.0), np.where(F < 1, -1.0, 0.0), -2 * (F - 1), np.full_like(F, np.nan)],
)
def test_other_losses_have_no_target(pull):
    """Logistic, linear, hinge, a falling line, and what is not finite."""
    assert np.isnan(targets(F, pull)).all()


def test_too_few_samples_have_no_target():
    """Through two points there is always a line."""
    assert np.isnan(targets(F[:, :3], F[:, :3] - 1)).all()


def test_overshooting_least_squares_are_pulled_apart_all_the_same():
    """D's outputs beyond both targets: raw pulls have one sign, straightened ones two; G's goes against D's."""
    f = F + 10
    real, fake, back = Answer(f, f - 1), Answer(f, f - 0), Answer(f, f - 1)
    (as_real, as_fake), (of_generator,) = straightened([real, fake], [back])
    assert (as_real < 0).all()
    assert (as_fake > 0).all()
    assert (of_generator < 0).all()


def test_a_generator_that_aims_between_both_targets_says_nothing():
    """Targets -1 and 1 of D, 0 of G (Mao et al. 2017)."""
    _, (of_generator,) = straightened([Answer(F, F - 1), Answer(F, F + 1)], [Answer(F, F)])
    assert not of_generator.any()


def test_pulls_that_are_no_lines_stay_as_they_came():
    """Cross-entropy."""
    real, fake = -1 / (1 + np.exp(F)), 1 / (1 + np.exp(-F))
    (as_real, as_fake), (back,) = straightened([Answer(F, real), Answer(F, fake)], [Answer(F, real)])
    assert np.array_equal(as_real, real)
    assert np.array_equal(as_fake, fake)
    assert np.array_equal(back, real)

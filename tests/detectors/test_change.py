"""Cumulative sums: their run lengths, and where a change began."""

from __future__ import annotations

import numpy as np
import pytest

from gandiag.detectors.change import change_point, cusum, scatter_so_far

H = 5.0


def run_lengths(shift, runs, length):
    """How many values each of so many runs of normal values takes until either sum passes h = 5."""
    rng = np.random.default_rng(0)
    found = []
    for _ in range(runs):
        above = np.maximum(*cusum(rng.standard_normal(length) + shift, 0.0, 1.0)) > H
        found.append(int(above.argmax()) + 1 if above.any() else length)
    return np.array(found)


@pytest.mark.parametrize(
    ("shift", "expected", "runs", "length"), [(0.0, 465.0, 600, 4000), (1.0, 10.4, 2000, 200), (2.0, 4.0, 2000, 100)]
)
def test_run_lengths_are_those_of_the_tables(shift, expected, runs, length):
    """On average 465 values to a false alarm, 10.4 to a shift by one standard deviation, 4 by two: within 4 errors."""
    found = run_lengths(shift, runs, length)
    assert abs(found.mean() - expected) < 4 * found.std() / np.sqrt(runs)


def test_the_sums_are_those_of_the_recursion():
    """S = max(0, S + x - k), one value at a time, in both directions and in units of the deviation."""
    values = np.random.default_rng(1).normal(3.0, 2.0, 200)
    up = down = 0.0
    naive = []
    for value in (values - 3.0) / 2.0:
        up, down = max(0.0, up + value - 0.5), max(0.0, down - value - 0.5)
        naive.append((up, down))
    np.testing.assert_allclose(np.stack(cusum(values, 3.0, 2.0), axis=1), naive, atol=1e-12)


def test_a_shift_downwards_is_seen_in_the_other_sum():
    """Direction: only the sum of its own side passes h."""
    values = np.random.default_rng(2).standard_normal(100) - 2.0
    upwards, downwards = cusum(values, 0.0, 1.0)
    assert downwards[-1] > H
    assert upwards.max() < H


@pytest.mark.parametrize("place", [1, 20, 38])
def test_the_change_point_is_where_the_level_changed(place):
    """Four standard deviations up: within one place for each of 20 seeds."""
    for seed in range(20):
        values = np.random.default_rng(seed).standard_normal(40) + 4.0 * (np.arange(40) >= place)
        assert abs(change_point(values, 0.0, 4.0) - place) <= 1


def test_scatter_is_blind_to_trends_and_jumps():
    """Normal values on a slope with three jumps: their own standard deviation within a tenth, from the past alone."""
    values = np.random.default_rng(3).normal(0.0, 2.0, 4000) + 0.01 * np.arange(4000)
    values[1000:] += 50
    values[2000:] -= 80
    found = scatter_so_far(values)
    assert abs(found[-1] - 2.0) < 0.2
    np.testing.assert_array_equal(scatter_so_far(values[:100]), found[:100])


def test_without_a_deviation_there_is_no_sum():
    """The message names the argument and its value."""
    with pytest.raises(ValueError, match=r"deviation must be above 0, got 0\.0"):
        cusum(np.zeros(3), 0.0, 0.0)

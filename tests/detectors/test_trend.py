"""Slopes that outliers do not bend."""

from __future__ import annotations

import numpy as np
from scipy.stats import theilslopes

from gandiag.detectors.trend import slopes


def test_slopes_and_intervals_are_scipys():
    """Fifty random walks of sixteen values at once, against one call each."""
    walks = np.random.default_rng(0).standard_normal((50, 16)).cumsum(axis=1)
    middle, low, high = slopes(walks)
    for i, walk in enumerate(walks):
        expected = theilslopes(walk)
        np.testing.assert_allclose([middle[i], low[i], high[i]], [expected[0], expected[2], expected[3]])


def test_the_interval_holds_the_truth_as_often_as_it_says():
    """95 % of 5,000 series of white noise around a slope of 0.3: within a percent."""
    series = 0.3 * np.arange(16) + np.random.default_rng(1).standard_normal((5000, 16))
    _, low, high = slopes(series)
    assert abs(np.mean((low <= 0.3) & (high >= 0.3)) - 0.955) < 0.01


def test_two_outliers_of_sixteen_bend_nothing():
    """A line with two values far off: its slope to three digits."""
    line = 2.0 * np.arange(16)
    line[[3, 12]] = 1e6, -1e6
    assert abs(slopes(line[None])[0][0] - 2.0) < 2e-3

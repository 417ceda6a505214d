"""Shares and their intervals against published examples."""

from __future__ import annotations

import math

import pytest

from benchmarks.bench.shares import Delays, Share


@pytest.mark.parametrize(
    ("hits", "n", "low", "high"),
    [(81, 263, 0.2553, 0.3662), (15, 148, 0.0624, 0.1605), (0, 20, 0.0, 0.1611), (1, 29, 0.0061, 0.1718)],
)
def test_intervals_are_those_of_newcombe_1998(hits, n, low, high):
    """Table I of Newcombe 1998, the score method without continuity correction, is met to its four digits."""
    share = Share(hits, n)
    assert (share.low, share.high) == (pytest.approx(low, abs=5e-5), pytest.approx(high, abs=5e-5))


def test_no_false_alarm_in_thirty_runs_bounds_the_rate_at_11_4_percent():
    """And 381 clean runs are the first to bound it below 1 %."""
    assert round(Share(0, 30).high, 3) == 0.114
    assert Share(0, 381).high < 0.01 <= Share(0, 380).high


def test_the_share_of_nothing_is_unknown():
    """It is None in JSON, and its interval is everything."""
    assert math.isnan(Share(0, 0).value)
    assert Share(0, 0).to_dict() == {"hits": 0, "n": 0, "share": None, "low": 0.0, "high": 1.0}


def test_delays_give_median_and_ninetieth_percentile():
    """Of 0, 10, ..., 100 steps: 50 and 90; of nothing: None."""
    delays = Delays(tuple(range(0, 101, 10)), tuple(i / 1000 for i in range(0, 101, 10)), early=0)
    assert (delays.median, delays.p90) == (50, 90)
    assert delays.to_dict()["p90_share_of_run"] == pytest.approx(0.09)
    assert Delays().to_dict()["median_steps"] is None

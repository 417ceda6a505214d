"""Decimation keeps what matters and drops what does not."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

from gandiag.reports.lines import MAX_POINTS, Line, line_of


def line(values: np.ndarray, steps: np.ndarray | None = None) -> Line:
    index = np.arange(1, len(values) + 1) if steps is None else steps
    found = line_of(pd.Series(values, index=index, name="signal"))
    assert found is not None
    return found


def test_a_million_points_become_two_thousand_and_keep_a_single_spike() -> None:
    """A one-step spike anywhere in a long run must stay visible at its step and height."""
    values = np.random.default_rng(0).standard_normal(1_000_000)
    values[654_321], values[123_456] = 50.0, -70.0
    found = line(values)
    assert len(found.x) <= MAX_POINTS
    assert found.y[found.x.index(654_322)] == 50.0
    assert found.y[found.x.index(123_457)] == -70.0
    assert (found.x[0], found.x[-1]) == (1, 1_000_000)
    assert list(found.x) == sorted(found.x)


def test_short_signals_are_drawn_as_they_are() -> None:
    """Nothing is thinned that fits."""
    values = np.arange(50.0)
    assert line(values).y == tuple(values)
    assert line(values).dots
    assert not line(values).trend[0]


@pytest.mark.parametrize("values", [[], [np.nan, np.nan], [np.inf, -np.inf]])
def test_nothing_finite_gives_no_line(values: list[float]) -> None:
    """A column without a finite value has no line."""
    assert line_of(pd.Series(values, dtype="float64", name="x")) is None


def test_a_pause_breaks_the_line_and_its_trend() -> None:
    """Where recording stopped for long, no line suggests values."""
    steps = np.r_[1:1001, 3000:4001]
    found = line(np.ones(len(steps)), steps)
    for x, y in ((found.x, found.y), found.trend):
        broken = [at for at, value in zip(x, y, strict=True) if np.isnan(value)]
        assert len(broken) == 1
        assert 1000 < broken[0] < 3000


def test_a_slower_cadence_is_no_pause() -> None:
    """Logging every 50 steps and later every 1,000 leaves one connected line."""
    steps = np.r_[np.arange(0, 5000, 50), np.arange(5000, 40000, 1000)]
    assert not np.isnan(line(np.ones(len(steps)), steps).y).any()


def test_absurd_values_stay_drawable() -> None:
    """Values near the end of float64 do not overflow the arithmetic of axes."""
    found = line(np.array([1e308, -1e308, 1e-308]))
    assert np.isfinite(np.subtract(max(found.y), min(found.y)))

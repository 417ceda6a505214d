"""Fisher's test, its red-noise null, and envelopes, against published values, naive forms and simulations."""

from __future__ import annotations

from math import comb

import numpy as np
import pytest
from scipy.signal import lfilter

from gandiag.detectors.periodicity import fisher_p, strongest_cycle


def exact_fisher_p(g, m):
    """All terms of Fisher's series."""
    return sum((-1) ** (j - 1) * comb(m, j) * max(0.0, 1 - j * g) ** (m - 1) for j in range(1, int(1 / g) + 1))


def red_noise(rng, rho, count, n=400, warmup=1000):
    """First-order autoregressive noise in its stationary state, (count, n)."""
    noise = lfilter([1.0], [1.0, -rho], rng.standard_normal((count, n + warmup)), axis=1)
    return noise[:, warmup:]


def raw_fisher_p(series):
    """Fisher's test as the books have it, on the detrended series itself."""
    time = np.arange(len(series))
    detrended = series - np.polyval(np.polyfit(time, series, 1), time)
    power = np.abs(np.fft.rfft(detrended))[1 : (len(series) - 1) // 2 + 1] ** 2
    return fisher_p(float(power.max() / power.sum()), len(power))


@pytest.mark.parametrize(
    ("m", "critical"),
    [(100, (0.0739, 0.0888, 0.1098)), (200, (0.0408, 0.0485, 0.0595)), (500, (0.0183, 0.0214, 0.0260))],
)
def test_critical_values_of_fishers_g(m, critical):
    """At 5, 1 and 0.1 %, to the four digits of the table."""
    for g, alpha in zip(critical, (0.05, 0.01, 0.001), strict=True):
        assert 1 - (alpha / m) ** (1 / (m - 1)) == pytest.approx(g, abs=5.1e-5)
        assert fisher_p(g - 5.1e-5, m) > alpha > fisher_p(g + 5.1e-5, m)


def test_the_first_term_bounds_the_exact_series_closely():
    """From above, and within 1 % where it matters."""
    for m in (50, 100, 200):
        for g in np.linspace(0.05, 0.3, 11):
            exact = exact_fisher_p(g, m)
            assert fisher_p(g, m) >= exact - 1e-12
            if exact < 0.01:
                assert fisher_p(g, m) == pytest.approx(exact, rel=0.01)


@pytest.mark.parametrize(
    ("rho", "raw_rate"),
    [(0.0, (0.0, 0.02)), (0.3, (0.08, 0.2)), (0.5, (0.4, 0.75)), (0.9, (0.99, 1)), (0.99, (0.99, 1))],
)
def test_red_noise_is_not_called_periodic(rho, raw_rate):
    """Series of 400 at a nominal 1 %: at most 2 % are called periodic; the raw test calls nearly all of them so
    as soon as they remember, which is why it is not used.
    """
    noise = red_noise(np.random.default_rng(0), rho, count=500)
    cycles = [strongest_cycle(series) for series in noise]
    assert np.mean([c.p_value < 0.01 for c in cycles if c]) <= 0.02
    low, high = raw_rate
    assert low <= np.mean([raw_fisher_p(series) < 0.01 for series in noise]) <= high


def test_red_noise_stays_below_the_limit_of_the_detector():
    """Windows of 256 samples of noise with rho 0.9, the worst case, at p below 1e-4: fewer than one in 500."""
    noise = red_noise(np.random.default_rng(2), 0.9, count=2000, n=256)
    cycles = [strongest_cycle(series) for series in noise]
    assert np.mean([c.p_value < 1e-4 for c in cycles if c]) < 1 / 500


def test_a_strong_cycle_in_red_noise_is_found():
    """Ten cycles of 40 samples, as large as the noise (root mean square): nearly always, with its period."""
    noise = red_noise(np.random.default_rng(1), 0.9, count=100)
    cycle = np.sqrt(2) * noise.std() * np.sin(2 * np.pi * np.arange(400) / 40)
    found = [strongest_cycle(series + cycle) for series in noise]
    assert np.mean([c.p_value < 0.01 for c in found]) > 0.95
    assert np.median([c.period for c in found]) == pytest.approx(40)


@pytest.mark.parametrize("growth", [1.05, 1.0, 0.9])
@pytest.mark.parametrize("period", [16, 20, 32, 51.2])
def test_the_envelope_per_cycle_is_recovered(growth, period):
    """Within 2 % of the factor by which a pure cycle changes, on 256 samples."""
    time = np.arange(256)
    cycle = strongest_cycle(3.0 * growth ** (time / period) * np.sin(2 * np.pi * time / period + 0.7))
    assert cycle is not None
    assert cycle.envelope == pytest.approx(growth, rel=0.02)
    assert cycle.period == pytest.approx(period, rel=0.1)


def test_amplitude_is_in_the_units_of_the_series():
    """A cycle of amplitude 3 on a slope, and the same in other units, far beyond what a square can hold."""
    time = np.arange(256)
    series = 3.0 * np.sin(2 * np.pi * time / 32) + 0.05 * time - 100
    for scale in (1.0, 1e-200, 1e200):
        cycle = strongest_cycle(scale * series)
        assert cycle is not None
        assert cycle.amplitude / scale == pytest.approx(3.0, rel=0.05)
        assert cycle.period == 32


def test_a_constant_has_no_cycle():
    """Nor has a straight line, nor a series too short for one."""
    assert strongest_cycle(np.zeros(256)) is None
    assert strongest_cycle(np.full(256, 7.3)) is None
    assert strongest_cycle(np.linspace(0, 1, 256)) is None
    assert strongest_cycle(np.random.default_rng(0).normal(size=12)) is None


def test_only_periods_within_the_limits_are_looked_for():
    """Two cycles in the series are a trend, not a cycle; three samples are noise."""
    time = np.arange(256)
    for period in (128, 3):
        cycle = strongest_cycle(np.sin(2 * np.pi * time / period))
        assert cycle is None or 6 <= cycle.period <= 64

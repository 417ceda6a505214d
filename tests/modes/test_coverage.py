"""Coverage of a mixture: null distributions of a perfect sampler, and what collapse does to each number."""

from __future__ import annotations

import math

import numpy as np
import pytest
from scipy import stats

from gandiag.modes import PRESETS, coverage_of_labels, expected_high_quality, mode_coverage, preset

N = 2500


@pytest.mark.parametrize("name", PRESETS)
def test_perfect_sampler_stays_in_the_known_null(name: str) -> None:
    """All modes, high quality near 0.98889 and KL near (K - 1) / (2 N) with the published 99 % ranges."""
    mixture, rng = preset(name), np.random.default_rng(6)
    found = [mode_coverage(mixture.sample(N, rng)[0], mixture) for _ in range(150)]
    modes = len(mixture.weights)
    quality, kl = np.array([(f.high_quality, f.kl) for f in found]).T
    low, high, mean = (0.0003, 0.0039, 0.0014) if modes == 8 else (0.0023, 0.0100, 0.0050)
    assert {f.captured for f in found} == {f.robust for f in found} == {modes}
    assert {f.missing for f in found} == {0}
    assert quality.mean() == pytest.approx(0.98889, abs=5 * 0.0021 / math.sqrt(150))
    assert kl.mean() == pytest.approx(mean, rel=0.1)
    assert kl.mean() == pytest.approx((modes - 1) / (2 * N), rel=0.12)
    # 1 % lies outside a 99 % range; 9 of 150 outside has a probability below 1e-4
    assert ((quality < 0.984) | (quality > 0.994)).sum() < 9
    assert ((kl < low) | (kl > high)).sum() < 9


@pytest.mark.parametrize(("modes", "critical"), [(8, 0.0037), (25, 0.0086)])
def test_critical_divergence_is_that_of_the_chi_square_law(modes: int, critical: float) -> None:
    """The 99 % point chi2.ppf(.99, K - 1) / (2 N) is exceeded by about 1 % of perfect samplers."""
    point = stats.chi2.ppf(0.99, modes - 1) / (2 * N)
    assert point == pytest.approx(critical, abs=6e-5)
    rng, prior = np.random.default_rng(7), np.full(modes, 1 / modes)
    kl = np.array([coverage_of_labels(rng.integers(0, modes, N), prior).kl for _ in range(1000)])
    assert 0.002 < (kl > point).mean() < 0.022


@pytest.mark.parametrize(("dimensions", "share"), [(1, 0.9973), (2, 0.98889), (10, 0.4679)])
def test_perfect_quality_falls_with_the_dimension(dimensions: int, share: float) -> None:
    """The share of a Gaussian within 3 standard deviations of its centre."""
    assert expected_high_quality(dimensions) == pytest.approx(share, abs=5e-5)
    assert expected_high_quality(2) == pytest.approx(1 - math.exp(-4.5))


def test_perfect_quality_grows_with_the_radius() -> None:
    """0.99966 within 4 sigma; 3 sigma on each axis is the square of one axis, 0.99461."""
    assert expected_high_quality(2, radius=4) == pytest.approx(0.99966, abs=5e-6)
    assert expected_high_quality(1) ** 2 == pytest.approx(0.99461, abs=5e-6)


@pytest.mark.parametrize("name", ["ring8_pacgan", "grid25_pacgan"])
def test_corrected_divergence_of_a_perfect_sampler_is_about_zero(name: str) -> None:
    """The divergence less the floor, and all modes expected at N = 2500."""
    mixture, rng = preset(name), np.random.default_rng(10)
    found = [mode_coverage(mixture.sample(N, rng)[0], mixture) for _ in range(50)]
    assert np.mean([f.kl_corrected for f in found]) == pytest.approx(0, abs=4e-4)
    assert found[0].kl_corrected == pytest.approx(
        found[0].kl - (len(mixture.weights) - 1) / (2 * found[0].histogram.sum())
    )
    assert found[0].expected_captured == pytest.approx(len(mixture.weights), abs=1e-6)
    assert math.isnan(coverage_of_labels(np.full(3, -1), mixture.prior).kl_corrected)


@pytest.mark.parametrize("name", ["ring8_pacgan", "ring8_wgangp"])
def test_a_tight_blob_has_the_best_quality_and_the_worst_divergence(name: str) -> None:
    """Why high quality is never read alone: one mode, KL at its bound ln 8."""
    mixture, rng = preset(name), np.random.default_rng(8)
    blob = mixture.centres[3] + 0.1 * mixture.sigmas[0] * rng.standard_normal((N, 2))
    found = mode_coverage(blob, mixture)
    assert found.high_quality == 1 > expected_high_quality(2)
    assert (found.captured, found.robust, found.missing) == (1, 1, 7)
    assert found.kl == pytest.approx(math.log(8))
    assert found.effective == pytest.approx(1)
    assert found.expected_effective == pytest.approx(8)
    assert found.tv == pytest.approx(7 / 8)


def test_blurred_samples_lose_quality_and_keep_their_modes() -> None:
    """The opposite failure: twice the spread, 1 - exp(-9 / 8) of the samples within 3 sigma."""
    mixture, rng = preset("ring8_pacgan"), np.random.default_rng(9)
    _, labels = mixture.sample(N, rng)
    found = mode_coverage(mixture.centres[labels] + 0.02 * rng.standard_normal((N, 2)), mixture)
    assert found.high_quality == pytest.approx(1 - math.exp(-9 / 8), abs=0.04)
    assert (found.captured, found.robust, found.missing) == (8, 8, 0)
    assert found.kl < 0.02


@pytest.mark.parametrize("kept", range(1, 25))
def test_divergence_of_lost_modes_has_its_closed_form(kept: int) -> None:
    """Equal shares on some of 25 modes: KL = ln(25 / kept) and `kept` effective modes."""
    mixture = preset("grid25_pacgan")
    found = mode_coverage(np.repeat(mixture.centres[:kept], 60, axis=0), mixture)
    assert found.captured == kept
    assert found.kl == pytest.approx(math.log(25 / kept))
    assert found.effective == pytest.approx(kept)


def test_strays_capture_a_mode_but_not_robustly() -> None:
    """One sample counts by the papers' rule; ours wants max(5, a tenth of the expected number)."""
    labels = np.repeat(np.arange(8), [2449, 1, 4, 5, 30, 31, 32, 33])
    found = coverage_of_labels(labels, np.full(8, 1 / 8))
    assert (found.n, found.captured, found.robust) == (2585, 8, 2)
    assert coverage_of_labels(labels[-136:], np.full(8, 1 / 8)).robust == 5
    assert found.histogram.tolist() == [2449, 1, 4, 5, 30, 31, 32, 33]


def test_a_sampler_that_hits_no_mode_has_no_divergence() -> None:
    """Nothing captured, and NaN where there is no histogram to compare."""
    found = mode_coverage(np.full((N, 2), 50.0), preset("ring8_pacgan"))
    assert (found.captured, found.robust, found.high_quality, found.effective) == (0, 0, 0, 0)
    assert math.isnan(found.kl)
    assert math.isnan(found.tv)
    assert found.histogram.tolist() == [0] * 8


def test_nan_samples_count_as_poor_quality() -> None:
    """They are part of n and of no mode."""
    mixture = preset("ring8_pacgan")
    samples = mixture.centres.repeat(2, axis=0)
    samples[::2, 1] = np.nan
    found = mode_coverage(samples, mixture)
    assert (found.n, found.captured, found.high_quality) == (16, 8, 0.5)


def test_no_sample_gives_no_number() -> None:
    """An empty batch is neither good nor bad."""
    found = mode_coverage(np.empty((0, 2)), preset("ring8_pacgan"))
    assert (found.n, found.captured) == (0, 0)
    assert math.isnan(found.high_quality)


def test_samples_of_another_dimension_are_refused() -> None:
    """The message names the expected and the found shape."""
    with pytest.raises(ValueError, match=r"must have shape \(n, 2\), found \(4, 28, 28\)"):
        mode_coverage(np.zeros((4, 28, 28)), preset("ring8_pacgan"))

"""A distance to the data that shrinks no more."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from gandiag import synthetic
from gandiag.detectors.stagnation import Stagnation

CERTAIN_AFTER = 1700  # the first look is at step 2,400

DETECT = Stagnation()


def run_with(distance, seed=0, quality=None, noise=0.02):
    """A healthy run with another energy distance, (n,) over the real spread, and noise upon it."""
    run = synthetic.healthy(seed, len(distance))
    spread = run.scalars["diversity/real"]
    scatter = noise * np.random.default_rng(seed).standard_normal(len(distance))
    scalars = run.scalars.assign(**{"distance/energy": spread * (distance + scatter)})
    scalars = scalars.drop(columns=[n for n in scalars if n.startswith("quality/")])
    if quality is not None:
        scalars["quality/fid"] = np.where(scalars.index % 200 == 0, quality, np.nan)
    return replace(run, scalars=scalars)


@pytest.mark.parametrize("seed", range(3))
def test_a_distance_that_stays_is_found_and_dated(seed):
    """Within 150 steps, a block and a half, of where it stopped to fall."""
    (found,) = DETECT(synthetic.stagnation(at=800, seed=seed))
    assert abs(found.onset_step - 800) <= 150
    assert (found.severity, found.ongoing) == ("failure", True)


def test_severity_follows_the_distance():
    """0.05 of the real spread is nothing, 0.15 a warning, 0.5 a failure."""
    found = [DETECT(run_with(np.full(6000, level), noise=0.01)) for level in (0.05, 0.15, 0.5)]
    assert [[f.severity for f in findings] for findings in found] == [[], ["warning"], ["failure"]]


@pytest.mark.parametrize("seed", range(5))
def test_a_converged_run_is_none(seed):
    """The look-alike: at rest, and as near as a perfect generator; its distances scatter around 0."""
    assert DETECT(run_with(np.zeros(6000), seed)) == []


@pytest.mark.parametrize("shape", ["line", "exponential", "power"])
def test_a_run_that_still_improves_is_none(shape):
    """Slowly, and far from the data to the end: 20,000 steps along each kind of learning curve."""
    steps = np.arange(1, 20_001)
    curves = {"line": 1 - 0.7 * steps / 20_000, "exponential": np.exp(-steps / 15_000), "power": 2 * steps**-0.2}
    assert DETECT(run_with(curves[shape])) == []


def test_a_quality_metric_that_improves_excuses_the_distance():
    """FID from 100 to 20 while the energy distance stands: silent. FID that rises does not."""
    still = np.full(6000, 0.4)
    assert DETECT(run_with(still, quality=np.linspace(100, 20, 6000))) == []
    assert len(DETECT(run_with(still, quality=np.linspace(20, 100, 6000)))) == 1


def test_a_distance_that_grows_does_not_improve():
    """Direction: worse and worse is no gain either, the mirror image is silent."""
    rising = np.linspace(0.3, 0.9, 6000)
    assert len(DETECT(run_with(rising))) == 1
    assert DETECT(run_with(rising[::-1])) == []


def test_a_standstill_that_ends_is_over():
    """From step 5000 of 12,000 on the distance falls again."""
    steps = np.arange(1, 12_001)
    (found,) = DETECT(run_with(np.where(steps < 5000, 0.5, 0.5 * np.exp(-(steps - 5000) / 2000))))
    assert not found.ongoing
    assert found.last_step < 7500


def test_distances_recorded_at_every_50th_step_are_enough():
    """Two values to a block: found, and dated within two blocks."""
    run = synthetic.stagnation()
    seldom = run.scalars["distance/energy"].where(run.scalars.index % 50 == 0)
    (found,) = DETECT(replace(run, scalars=run.scalars.assign(**{"distance/energy": seldom})))
    assert abs(found.onset_step - 800) <= 200


@pytest.mark.parametrize("collapse", [1200, 1500, 2500])
def test_good_training_before_a_collapse_is_no_standstill(collapse):
    """Near the data until there, half of the real spread away from there on: dated from there, by a block or two."""
    steps = np.arange(1, 6001)
    (found,) = DETECT(run_with(np.where(steps < collapse, 0.02, 0.5)))
    assert collapse - 100 <= found.onset_step <= collapse + 200


@pytest.mark.parametrize("seed", range(3))
def test_a_distance_that_swings_for_ever_does_not_improve(seed):
    """Between 0.3 and 0.7 of the real spread, with a period of 700 steps; one that falls while it swings does."""
    swing = 1 + 0.4 * np.sin(2 * np.pi * np.arange(8000) / 700)
    (found,) = DETECT(run_with(0.5 * swing, seed))
    assert found.ongoing
    assert DETECT(run_with(0.5 * swing * np.linspace(1.6, 0.3, 8000), seed)) == []

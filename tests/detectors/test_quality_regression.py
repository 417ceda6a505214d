"""The best step lies behind."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pandas as pd
import pytest

from gandiag import synthetic
from gandiag.detectors.quality_regression import QualityRegression
from gandiag.signals.table import NOISE_TOO

CERTAIN_AFTER = 500

DETECT = QualityRegression()
CHECKS = np.arange(100, 6001, 100)
V_SHAPE = np.interp(CHECKS, [0, 2000, 2500, 6000], [100, 20, 20, 60])  # best from 2000 to 2500


def run_with(values, name="quality/fid", reach=None, seed=0):
    """A healthy run of 6,000 steps with one quality metric, and noise of 1 % upon it; `reach` of its interval."""
    run = synthetic.healthy(seed, 6000)
    scalars = run.scalars.drop(columns=[n for n in run.scalars if n.startswith("quality/")])
    values = values * (1 + 0.01 * np.random.default_rng(seed).standard_normal(60))
    ends = {} if reach is None else {"/low": values - reach, "/high": values + reach}
    columns = {f"{name}{end}": column for end, column in {"": values, **ends}.items()}
    added = pd.DataFrame(columns, index=CHECKS).reindex(scalars.index)
    return replace(run, scalars=pd.concat([scalars, added], axis=1))


def without_quality(run):
    return replace(run, scalars=run.scalars.drop(columns=[n for n in run.scalars if n.startswith("quality/")]))


@pytest.mark.parametrize("seed", range(5))
def test_a_metric_that_worsens_is_found_with_its_best_step(seed):
    """The best step within the valley; the turn within 700 steps of its end, a fifth of the way up."""
    (found,) = DETECT(run_with(V_SHAPE, seed=seed))
    assert 2500 <= found.onset_step <= 3200
    assert (found.severity, found.ongoing) == ("failure", True)
    best = int(found.summary.split("best at step ")[1].split(" ")[0].replace(",", ""))
    assert 1900 <= best <= 2600


@pytest.mark.parametrize("seed", range(3))
def test_the_energy_distance_serves_where_no_metric_is_recorded(seed):
    """As far as it worsens by more than a twentieth of the real spread; dated within 400 steps."""
    (found,) = DETECT(without_quality(synthetic.quality_regression(at=1500, seed=seed)))
    assert abs(found.onset_step - 1500) <= 400
    assert found.columns[0] == "distance/energy"


def test_a_metric_counts_before_the_energy_distance():
    """Batches come apart, but the recorded metric does not worsen: silent."""
    run = synthetic.quality_regression()
    healthy = synthetic.healthy().scalars["quality/frechet"]
    assert DETECT(replace(run, scalars=run.scalars.assign(**{"quality/frechet": healthy}))) == []


def test_severity_follows_the_loss():
    """5 % worse than the best is nothing, 30 % a warning, 100 % a failure."""
    found = [DETECT(run_with(np.where(CHECKS <= 2500, 20, 20 * worse))) for worse in (1.05, 1.3, 2.0)]
    assert [[f.severity for f in findings] for findings in found] == [[], ["warning"], ["failure"]]


@pytest.mark.parametrize("seed", range(10))
def test_noise_around_a_level_is_no_loss(seed):
    """The look-alike: converged, with noise so large that the best of 60 values is a quarter better than the last."""
    noise = 1 + 0.12 * np.random.default_rng(100 + seed).standard_normal(60)
    assert DETECT(run_with(20 * noise, seed=seed)) == []


def test_an_interval_that_is_wide_doubts_a_small_loss():
    """30 % worse: beyond doubt at a standard error of 1 %, not at one of 30 %."""
    worse = np.where(CHECKS <= 2500, 20.0, 26.0)
    assert len(DETECT(run_with(worse, reach=0.4))) == 1
    assert DETECT(run_with(worse, reach=12.0)) == []


@pytest.mark.parametrize(("name", "worse"), [("quality/fid", "up"), ("quality/is", "down"), ("quality/recall", "down")])
def test_the_direction_is_the_metrics_own(name, worse):
    """From 30 up to 60 or down to 15: a loss or a gain, by what the metric measures."""
    ways = {way: np.interp(CHECKS, [0, 2500, 5000], [30, 30, end]) for way, end in (("up", 60), ("down", 15))}
    assert {way for way, values in ways.items() if DETECT(run_with(values, name))} == {worse}


@pytest.mark.parametrize("name", [f"quality/{name}" for name in NOISE_TOO])
def test_what_noise_has_the_best_of_is_no_quality(name):
    """A young G is as varied and as far from the training samples as none will be later."""
    for values in (np.interp(CHECKS, [0, 1000], [1, 60]), np.interp(CHECKS, [0, 1000], [60, 1])):
        assert DETECT(run_with(values, name)) == []


def test_a_metric_that_falls_to_the_end_is_none():
    """Improving all the way, as fast or slowly as it may."""
    for tau in (500, 3000, 30_000):
        assert DETECT(run_with(10 + 90 * np.exp(-CHECKS / tau))) == []


def test_two_bad_checks_are_chance():
    """A median of five does not follow two values that are twice as bad."""
    assert DETECT(run_with(np.where((CHECKS == 4000) | (CHECKS == 4100), 40.0, 20.0))) == []


def test_a_loss_that_is_made_good_is_over():
    """Worse from step 2500 to 4000, then as good as ever."""
    (found,) = DETECT(run_with(np.where((CHECKS > 2500) & (CHECKS <= 4000), 40.0, 20.0)))
    assert not found.ongoing
    assert 3900 <= found.last_step <= 4400

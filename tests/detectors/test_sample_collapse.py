"""Samples that look alike, seen without labels."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from gandiag import synthetic
from gandiag.detectors.sample_collapse import SampleCollapse

FAILING = synthetic.mode_collapse
CERTAIN_AFTER = 150

DETECT = SampleCollapse()
STEPS = np.arange(1, 3001)
RATIOS = ("diversity/ratio", "diversity/nearest_ratio")


def run_with(ratio, nearest=None):
    """A healthy run with other distance ratios, numbers or (3000,); both alike unless told."""
    run = synthetic.healthy()
    values = dict(zip(RATIOS, (ratio, ratio if nearest is None else nearest), strict=True))
    return replace(run, scalars=run.scalars.assign(**values))


@pytest.mark.parametrize("seed", range(5))
def test_samples_that_become_alike_are_found_while_they_do(seed):
    """Dated within the 50 steps of the fall."""
    (found,) = DETECT(synthetic.mode_collapse(at=1500, seed=seed))
    assert 1500 <= found.onset_step <= 1550
    assert (found.severity, found.ongoing) == ("failure", True)


def test_severity_follows_the_ratio():
    """0.7 of the real distance is nothing, 0.45 a warning, 0.2 a failure."""
    found = [DETECT(run_with(np.where(STEPS < 1500, 0.95, low))) for low in (0.7, 0.45, 0.2)]
    assert [[f.severity for f in findings] for findings in found] == [[], ["warning"], ["failure"]]


def test_warming_up_is_not_collapsing():
    """Alike for the first 900 steps and diverse from then on."""
    assert DETECT(run_with(np.where(STEPS < 900, 0.2, 0.95))) == []


def test_a_generator_that_warms_up_slowly_is_left_alone():
    """Diversity that rises from a tenth to nine tenths over 6,000 steps is learning, however low it starts."""
    run = synthetic.healthy(steps=6000)
    slow = np.linspace(0.1, 0.9, 6000)
    scalars = run.scalars.copy()
    for name in ("diversity/ratio", "diversity/nearest_ratio"):
        scalars[name] = scalars[name] / scalars[name].rolling(200, min_periods=1).median() * slow
    assert DETECT(replace(run, scalars=scalars)) == []


def test_a_generator_that_never_was_diverse_counts_after_its_grace():
    """From a thousand steps on, dated from where it had stopped to become more so."""
    (found,) = DETECT(run_with(0.2))
    assert 450 <= found.onset_step <= 550
    assert found.ongoing
    assert DETECT(run_with(0.2).until(1000)) == []


def test_what_is_on_its_way_back_is_no_failure_any_more():
    """At 0.55, above where a collapse begins: mentioned where G was slow to learn, warned of where it had collapsed."""
    (slow,) = DETECT(run_with(np.where(STEPS < 2000, 0.25, 0.55)))
    assert slow.severity == "info"
    assert slow.summary.startswith("Generated samples were not yet as diverse")
    (back,) = DETECT(run_with(np.select([STEPS < 1500, STEPS < 2500], [0.95, 0.2], 0.55)))
    assert (back.severity, back.ongoing) == ("warning", True)


def test_groups_of_near_duplicates_are_seen_by_the_nearest_distance():
    """The mean distance keeps its level when samples fall into a few tight groups."""
    (found,) = DETECT(run_with(0.95, np.where(STEPS < 1500, 0.9, 0.05)))
    assert abs(found.onset_step - 1500) <= 25
    assert found.severity == "failure"


def test_the_nearest_distance_may_be_recorded_at_other_steps():
    """The mean distance at odd steps, the nearest one at even ones."""
    odd = STEPS % 2 == 1
    nearest = np.where(STEPS < 1500, 0.9, 0.05)
    (found,) = DETECT(run_with(np.where(odd, 0.95, np.nan), np.where(odd, np.nan, nearest)))
    assert abs(found.onset_step - 1500) <= 25


def test_a_generator_more_diverse_than_the_data_does_not_collapse():
    """Direction: generated over real, so that 2 is not 1/2."""
    assert DETECT(run_with(np.where(STEPS < 1500, 0.95, 2.0))) == []
    assert len(DETECT(run_with(np.where(STEPS < 1500, 0.95, 1 / 2.1)))) == 1


def test_a_few_batches_of_lookalikes_are_chance():
    """Twenty steps of low diversity do not move a median over fifty."""
    assert DETECT(run_with(np.where((STEPS >= 1500) & (STEPS < 1520), 0.1, 0.95))) == []


def test_a_collapse_that_ends_is_over():
    """Found with both ends within a window."""
    (found,) = DETECT(run_with(np.where((STEPS >= 1500) & (STEPS < 2000), 0.2, 0.95)))
    assert not found.ongoing
    assert abs(found.onset_step - 1500) <= 50
    assert abs(found.last_step - 2000) <= 50


def test_a_part_of_the_data_that_is_lost_is_seen_by_the_coverage():
    """Samples stay as different; two thirds of the data have no generated one near them. One value is chance."""
    every = STEPS % 100 == 0
    for low, found in ((STEPS >= 1500, 1), (STEPS == 1500, 0)):
        run = run_with(0.95)
        coverage = np.where(every, np.where(low, 0.25, 0.8), np.nan)
        findings = DETECT(replace(run, scalars=run.scalars.assign(**{"quality/coverage": coverage})))
        assert len(findings) == found
        for finding in findings:
            assert abs(finding.onset_step - 1600) <= 25
            assert finding.severity == "failure"
            assert "cover only 31% of what" in finding.summary


def test_insensitivity_to_latents_warns_where_no_real_batch_was_seen():
    """Distances of samples over those of their latents fall to a quarter; with real samples at hand these decide."""
    latent = np.where(STEPS % 10 == 0, np.where(STEPS < 1500, 1.0, 0.25), np.nan)
    run = run_with(0.95)
    seen = replace(run, scalars=run.scalars.assign(**{"diversity/latent": latent}))
    assert DETECT(seen) == []
    (found,) = DETECT(replace(seen, scalars=seen.scalars.drop(columns=[*RATIOS])))
    assert (found.severity, found.ongoing) == ("warning", True)
    assert abs(found.onset_step - 1500) <= 50
    assert "4 times less than at their best" in found.summary


def test_a_generator_that_never_was_diverse_did_not_become_alike():
    """Nor can it go back to where it was diverse."""
    (never,), (became,) = DETECT(run_with(0.2)), DETECT(run_with(np.where(STEPS < 1500, 0.95, 0.2)))
    assert "never were as diverse" in never.summary
    assert "never" not in became.summary
    assert "roll-back" in {r.name for r in became.remedies} - {r.name for r in never.remedies}


def test_a_generator_that_became_diverse_late_is_not_said_never_to_have_been():
    """Alike for 2,000 steps, and diverse from then on: a finding that is over."""
    (found,) = DETECT(run_with(np.where(STEPS < 2000, 0.2, 0.95)))
    assert not found.ongoing
    assert "were not yet as diverse" in found.summary


def test_real_samples_that_are_all_alike_are_remarked():
    """Generated ones that are alike, too, have lost nothing; nobody calls that a collapse, nor passes over it."""
    run = synthetic.healthy()
    none = run.scalars["diversity/real"] * 0
    (found,) = DETECT(replace(run, scalars=run.scalars.assign(**{"diversity/real": none, "diversity/fake": none})))
    assert (found.severity, found.onset_step) == ("info", 1)
    assert "no variety to lose" in found.summary

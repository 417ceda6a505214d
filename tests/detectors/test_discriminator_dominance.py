"""A discriminator that wins."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from gandiag import synthetic
from gandiag.detectors.discriminator_dominance import DiscriminatorDominance
from gandiag.judge.diagnose import diagnose

CERTAIN_AFTER = 600

DETECT = DiscriminatorDominance()
STEPS = np.arange(1, 3001)


def run_with(auc):
    """A healthy run with another AUC, a number or (3000,)."""
    run = synthetic.healthy()
    return replace(run, scalars=run.scalars.assign(**{"d/auc": auc}))


@pytest.mark.parametrize("seed", range(5))
def test_a_lasting_win_is_found_where_it_begins(seed):
    """Dated within 100 steps; a warning, for G may still learn."""
    (found,) = DETECT(synthetic.discriminator_dominance(at=1000, seed=seed))
    assert 1000 <= found.onset_step <= 1100
    assert (found.severity, found.ongoing) == ("warning", True)


@pytest.mark.parametrize("steps", [200, 400])
def test_a_short_win_is_normal(steps):
    """As early in training."""
    for start in (0, 1000):
        since = STEPS - start
        assert DETECT(run_with(np.where((since > 0) & (since <= steps), 1.0, 0.75))) == []


def test_a_win_that_ends_is_over():
    """A thousand steps: found, not ongoing, with both ends within the window."""
    (found,) = DETECT(run_with(np.where((STEPS > 1000) & (STEPS <= 2000), 1.0, 0.75)))
    assert not found.ongoing
    assert abs(found.onset_step - 1000) <= 100
    assert abs(found.last_step - 2000) <= 100


def test_separating_well_is_not_winning():
    """An AUC of 0.95 is what many healthy games have."""
    assert DETECT(run_with(0.95)) == []


@pytest.mark.parametrize("auc", [0.0, 0.01])
def test_a_discriminator_that_is_always_wrong_does_not_win(auc):
    """Direction: real and generated swapped."""
    assert DETECT(run_with(auc)) == []
    assert len(DETECT(run_with(1 - auc))) == 1


def test_values_in_different_ranges_are_named_where_d_wins_from_the_start():
    """Real data in [0, 1], generated in [-1, 1]: D need not look any further."""
    (found,) = DETECT(synthetic.shortcut())
    assert "real data lie in [0, 1], generated in [-0.9" in found.summary
    assert found.evidence[1].value > found.evidence[1].threshold == DETECT.range_gap
    assert "range/fake/min" in found.columns


@pytest.mark.parametrize("kind", ["real", "fake"])
def test_values_that_never_change_are_named_in_generated_batches_only(kind):
    """A third of all pixels: no G is born with that, while real ones may have a black border, which G learns."""
    run = run_with(1.0)
    padded = np.where(STEPS % 10 == 0, 0.36, np.nan)
    (found,) = DETECT(replace(run, scalars=run.scalars.assign(**{f"range/{kind}/constant": padded})))
    named = "36% of the values are the same in all generated samples of a batch, against 0% in real ones"
    assert (named in found.summary) is (kind == "fake")
    assert (found.remedies[0].name == "match-inputs") is (kind == "fake")


def test_a_win_is_a_remark_while_samples_come_closer():
    """Nine tenths of the distance within 1,500 steps; then they stay where they are, or are there."""
    run = run_with(1.0)
    noise = 1 + 0.05 * np.random.default_rng(0).standard_normal(3000)
    falling = 3.0 * np.maximum(0.1 ** (STEPS / 1500), 0.1) * noise
    found = replace(run, scalars=run.scalars.assign(**{"distance/energy": falling}))
    assert [[f.severity for f in DETECT(found.until(step))] for step in (800, 1400, 2600)] == [
        ["info"],
        ["info"],
        ["warning"],
    ]
    assert "come closer" in DETECT(found.until(800))[0].summary
    there = replace(run, scalars=run.scalars.assign(**{"distance/energy": np.where(STEPS < 1500, falling, 0.01)}))
    assert [f.severity for f in DETECT(there)] == ["info"]


def test_weakening_d_is_not_the_first_thing_to_try():
    """Inputs that match are looked at first where they do not; nowhere comes a weaker D first."""
    for run in (synthetic.discriminator_dominance(), synthetic.shortcut()):
        (found,) = [f for f in diagnose(run).findings if f.code == "discriminator-dominance"]
        assert (found.remedies[0].name == "match-inputs") is ("lie in" in found.summary)
        assert found.remedies[0].name != "train-d-less"


def test_equal_ranges_are_no_hint():
    """A win from the start, by other means."""
    (found,) = DETECT(run_with(1.0))
    assert "lie in" not in found.summary
    assert len(found.evidence) == 1


def test_ranges_are_no_hint_where_d_comes_to_win_late():
    """They differed all the time."""
    run = synthetic.shortcut()
    late = run.scalars.assign(**{"d/auc": np.where(STEPS > 1000, 1.0, 0.75)})
    (found,) = DETECT(replace(run, scalars=late))
    assert len(found.evidence) == 1

"""A discriminator that cannot tell what plainly differs."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from gandiag import synthetic
from gandiag.detectors.discriminator_too_weak import DiscriminatorTooWeak
from gandiag.judge.diagnose import diagnose

CERTAIN_AFTER = 400

DETECT = DiscriminatorTooWeak()
STEPS = np.arange(1, 3001)
LATE = STEPS >= 1500
CHANCE = 0.5 + 0.1 * np.random.default_rng(0).standard_normal(3000)


def run_with(seed=0, **columns):
    run = synthetic.healthy(seed)
    return replace(run, scalars=run.scalars.assign(**columns))


def distance(relative):
    """An energy distance of so much of the real spread, added to the healthy one."""
    frame = synthetic.healthy().scalars
    return {"distance/energy": frame["distance/energy"] + relative * frame["diversity/real"]}


@pytest.mark.parametrize("seed", range(5))
def test_a_d_that_loses_sight_is_found_where_it_does(seed):
    """Dated within 100 steps, with both the chance and the distance as evidence."""
    (found,) = DETECT(synthetic.discriminator_too_weak(at=1500, seed=seed))
    assert abs(found.onset_step - 1500) <= 100
    assert (found.severity, found.ongoing) == ("failure", True)
    assert [e.comparison for e in found.evidence[:2]] == ["below", "above"]
    assert "clearly differ" in found.summary


@pytest.mark.parametrize("seed", range(5))
def test_chance_with_samples_alike_is_equilibrium(seed):
    """The look-alike: D at chance from step 1500 on, while distances are what they are between real batches."""
    assert DETECT(run_with(seed, **{"d/auc": np.where(LATE, CHANCE, 0.78)})) == []


@pytest.mark.parametrize("auc", [0.7, 0.9, 1.0])
def test_a_d_that_sees_the_difference_is_not_weak(auc):
    """Direction: the same differences, and D right."""
    away = distance(np.where(LATE, 0.4, 0.0))
    assert DETECT(run_with(**{"d/auc": auc}, **away)) == []
    assert DETECT(run_with(**{"d/auc": auc, "diversity/ratio": 0.1})) == []
    assert len(DETECT(run_with(**{"d/auc": CHANCE}, **away))) == 1


def test_negative_distances_and_more_variety_are_no_difference():
    """Direction: the unbiased distance scatters below 0, and G may vary more than the data."""
    assert DETECT(run_with(**{"d/auc": CHANCE, "diversity/ratio": 1.9}, **distance(-0.4))) == []


def test_collapse_that_d_does_not_see_is_its_weakness():
    """Half the variety is a warning; a tenth is a failure."""
    for ratio, severity in ((0.4, "warning"), (0.1, "failure")):
        (found,) = DETECT(run_with(**{"d/auc": CHANCE, "diversity/ratio": np.where(LATE, ratio, 0.95)}))
        assert abs(found.onset_step - 1500) <= 100
        assert found.severity == severity
        assert "far less diverse" in found.summary


def test_a_d_that_is_wrong_all_the_time_is_found_without_a_distance():
    """Stopped while G goes on: it then prefers what G makes."""
    (found,) = DETECT(run_with(**{"d/auc": np.where(LATE, 0.02, 0.78)}))
    assert abs(found.onset_step - 1500) <= 100
    assert found.severity == "failure"
    assert "more real" in found.summary


def test_a_game_that_swings_around_chance_is_not_weak():
    """D is right half of the time, and then it is right."""
    swing = np.where(LATE, 0.5 + 0.45 * np.sin(2 * np.pi * STEPS / 60), 0.78)
    assert DETECT(run_with(**{"d/auc": swing}, **distance(0.4))) == []


def test_a_short_spell_is_normal():
    """As early in training, when G leaps ahead: 200 steps."""
    spell = (STEPS > 200) & (STEPS <= 400)
    assert DETECT(run_with(**{"d/auc": np.where(spell, 0.1, 0.78)})) == []


def junk(moves, rises=0.1):
    """D at chance from step 1000 on; the distance grows from 1500 on, by less than would be plain to see."""
    updates = np.where(STEPS % 10 == 0, 1e-3 * np.where(STEPS >= 1000, moves, 1.0), np.nan)
    rise = distance(rises * np.clip((STEPS - 1500) / 500, 0, 1))
    return run_with(**{"d/auc": np.where(STEPS >= 1000, CHANCE, 0.78), "update/generator/ratio": updates}, **rise)


def test_a_g_that_leaves_its_best_on_feedback_of_chance_gets_junk():
    """A warning, dated after D reached chance, while the distance rises."""
    (found,) = DETECT(junk(moves=1.0))
    assert 1500 <= found.onset_step <= 1900
    assert (found.severity, found.ongoing) == ("warning", True)
    assert "noise" in found.summary


@pytest.mark.parametrize(("moves", "rises"), [(0.05, 0.1), (1.0, 0.0), (1.0, -0.1)])
def test_a_g_that_rests_or_stays_at_its_best_gets_none(moves, rises):
    """Updates that shrink, a distance that stays, and one that still falls."""
    assert DETECT(junk(moves, rises)) == []


def test_one_of_the_two_differences_is_enough_to_be_assessed():
    """And without both, the failure is not assessed."""
    run = synthetic.healthy()
    for absent, codes in (
        (["distance/energy"], []),
        (["distance/energy", "diversity/ratio"], ["discriminator-too-weak"]),
    ):
        diagnosis = diagnose(replace(run, scalars=run.scalars.drop(columns=absent)), [DETECT])
        assert [n.code for n in diagnosis.not_assessed] == codes
        assert diagnosis.findings == ()

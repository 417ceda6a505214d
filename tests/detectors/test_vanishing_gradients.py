"""Feedback that fades away."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pandas as pd
import pytest

from gandiag import synthetic
from gandiag.detectors.vanishing_gradients import VanishingGradients
from gandiag.judge.diagnose import diagnose

CERTAIN_AFTER = 250

DETECT = VanishingGradients()
STEPS = np.arange(1, 3001)
FADING = 10.0 ** (-4 * np.clip((STEPS - 1500) / 100, 0, 1))


def run_with(loss_family="non-saturating", **columns):
    """A healthy run with other signals, under a loss family."""
    run = synthetic.healthy()
    meta = {**run.meta, "loss_family": {"name": loss_family, "source": "given"}}
    if loss_family == "minimax":  # as of logs, which only have D's outputs
        columns = {"pull/passed": np.nan, **columns}
    return replace(run, scalars=run.scalars.assign(**columns), meta=meta)


def faded(**columns):
    return run_with(**{"feedback/norm": 0.02 * FADING, "d/auc": 0.97, **columns})


@pytest.mark.parametrize("seed", range(5))
def test_fading_feedback_is_found_while_it_fades(seed):
    """Dated within the 100 steps of the fall; the game does not come back."""
    (found,) = DETECT(synthetic.vanishing_gradients(at=1500, seed=seed))
    assert 1500 <= found.onset_step <= 1600
    assert (found.severity, found.ongoing) == ("failure", True)


def test_a_sigmoid_under_a_loss_without_a_logarithm_is_named_once_it_is_flat():
    """Not before, and not under a loss whose logarithm makes up for it."""

    def found(family, end="sigmoid", make=faded, **columns):
        run = make(loss_family=family, **columns)
        return DETECT(replace(run, meta={**run.meta, "discriminator_ends": {"discriminator": end}}))

    for family in ("lsgan", "hinge"):
        (flat,) = found(family)
        assert "D ends in a sigmoid" in flat.summary
        assert flat.remedies[0].name == "linear-end"
        assert found(family, make=run_with) == []
    for family, end in (("non-saturating", "sigmoid"), ("lsgan", "other")):
        (other,) = found(family, end)
        assert "sigmoid" not in other.summary
        assert other.remedies[0].name != "linear-end"


@pytest.mark.parametrize("auc", [0.5, 0.7])
def test_feedback_that_fades_at_rest_is_convergence(auc):
    """The same fall with D at chance, or nearly: nobody is sure of anything."""
    assert DETECT(faded(**{"d/auc": auc})) == []


def test_a_discriminator_that_errs_every_time_does_not_separate():
    """Direction: AUC near 0 is not AUC near 1."""
    assert DETECT(faded(**{"d/auc": 0.02})) == []
    assert len(DETECT(faded(**{"d/auc": 0.98}))) == 1


def test_rising_feedback_is_no_failure():
    """Direction: the fall backwards in time."""
    assert DETECT(faded(**{"feedback/norm": 0.02 * FADING[::-1]})) == []


def test_a_twentyfold_fall_is_not_a_hundredfold_one():
    """As learning slows down in long runs."""
    assert DETECT(faded(**{"feedback/norm": 0.02 * FADING**0.3})) == []


def test_a_sure_discriminator_whose_feedback_lives_is_dominance_only():
    """D separates perfectly under the non-saturating loss: the gradient does not care."""
    diagnosis = diagnose(synthetic.discriminator_dominance())
    assert {f.code for f in diagnosis.findings} == {"discriminator-dominance"}
    assert "vanishing-gradients" in diagnosis.clean


def test_low_outputs_starve_the_generator_only_under_the_saturating_loss():
    """Logits of -8 let 0.03 % through log(1 - D), and all of it through -log D; feedback alone shows no fall here."""
    logits = {"d/fake/mean": np.where(STEPS >= 1500, -8.0, -1.0), "d/auc": 0.97}
    (found,) = DETECT(run_with("minimax", **logits))
    assert abs(found.onset_step - 1500) <= 100
    assert DETECT(run_with("non-saturating", **logits)) == []
    assert DETECT(run_with("minimax", **{**logits, "d/fake/mean": -logits["d/fake/mean"]})) == []


def test_outputs_that_are_probabilities_are_taken_as_such():
    """A D with a sigmoid: 0.3 is not starved, 0.001 is."""
    sigmoid = {"d/auc": 0.97, "d/fake/min": 0.0, "d/real/max": 1.0}
    assert DETECT(run_with("minimax", **sigmoid, **{"d/fake/mean": 0.3})) == []
    fallen = np.where(STEPS >= 1500, 0.001, 0.3)
    assert len(DETECT(run_with("minimax", **sigmoid, **{"d/fake/mean": fallen}))) == 1


def test_a_loss_that_becomes_the_saturating_one_is_seen_beside_other_terms():
    """G's gradient goes on, as with an L1 loss; D's outputs receive next to none of it from step 1,500 on."""
    beside = {"feedback/norm": 0.02, "d/auc": 0.97}
    (found,) = DETECT(run_with(**beside, **{"pull/passed": FADING}))
    assert 1500 <= found.onset_step <= 1600
    assert (found.severity, found.ongoing) == ("failure", True)
    assert "saturating" in found.summary
    assert found.remedies[0].name == "non-saturating-loss"
    assert found.remedies[0].fits("non-saturating"), "whatever the loss was at first"
    assert DETECT(run_with(**beside, **{"pull/passed": 1.0})) == []
    assert DETECT(run_with(**{**beside, "d/auc": 0.6, "pull/passed": FADING})) == []


def test_a_loss_that_lets_nothing_through_is_no_end_of_the_feedback():
    """Exactly 0 in single precision, at chance: G is moved all the same."""
    run = run_with(**{"feedback/norm": 0.02, "d/auc": 0.6, "pull/passed": np.where(STEPS > 1500, 0.0, 1.0)})
    assert DETECT(run) == []


def test_outputs_that_look_like_probabilities_at_first_are_judged_by_what_was_seen_so_far():
    """Logits within [0, 1] until step 1000 and outside later: the score of the first part does not change."""
    late = STEPS > 1000
    outputs = {"d/fake/min": np.where(late, -9.0, 0.1), "d/real/max": np.where(late, 9.0, 0.9)}
    run = run_with("minimax", **outputs, **{"d/fake/mean": np.where(late, -8.0, 0.3), "d/auc": 0.97})
    pd.testing.assert_series_equal(DETECT.score(run.until(900)), DETECT.score(run).loc[:900])
    assert len(DETECT(run)) == 1


def test_the_generators_gradient_stands_in_for_the_feedback():
    """Where D's input gradient was not recorded."""
    run = synthetic.vanishing_gradients()
    (found,) = DETECT(replace(run, scalars=run.scalars.drop(columns="feedback/norm")))
    assert 1500 <= found.onset_step <= 1600


def test_an_auc_recorded_at_other_steps_than_the_feedback_is_used():
    """Feedback at odd steps, the AUC at even ones."""
    run = faded()
    frame = run.scalars.copy()
    frame.loc[frame.index % 2 == 0, "feedback/norm"] = np.nan
    frame.loc[frame.index % 2 == 1, "d/auc"] = np.nan
    (found,) = DETECT(replace(run, scalars=frame))
    assert 1500 <= found.onset_step <= 1600


@pytest.mark.parametrize(
    "columns",
    [{"d/auc": np.where(STEPS % 50 == 0, 0.97, np.nan)}, {"feedback/norm": 0.0}],
    ids=["an AUC at every fiftieth step", "feedback that never was"],
)
def test_what_cannot_be_told_is_not_called_clean(columns):
    """Neither a fall nor its absence can be seen then."""
    diagnosis = diagnose(faded(**columns), [DETECT])
    assert diagnosis.clean == diagnosis.findings == diagnosis.errors == ()
    assert [n.code for n in diagnosis.not_assessed] == ["vanishing-gradients"]


def test_a_game_that_comes_to_rest_keeps_no_feedback():
    """A critically damped Dirac-GAN: D still ranks real above generated, but its outputs on both have met."""
    run = synthetic.vanishing_gradients(at=1500)
    resting = {name: np.where(run.scalars.index < 1500, run.scalars[name], 1e-6) for name in ("d/real/mean",)}
    resting["d/fake/mean"] = np.where(run.scalars.index < 1500, run.scalars["d/fake/mean"], 0.0)
    still = replace(
        run, scalars=run.scalars.assign(**resting), meta={**run.meta, "loss_family": {"name": "non-saturating"}}
    )
    assert DETECT(run) != []
    assert DETECT(still) == []


def test_feedback_of_exactly_zero_is_a_failure_whatever_d_says():
    """A dead D: at chance, constant, and nothing comes back from it."""
    run = synthetic.healthy()
    frame = run.scalars.copy()
    late = frame.index > 800
    frame.loc[late, "feedback/norm"] = 0.0
    frame.loc[late, "d/auc"] = 0.5
    (found,) = VanishingGradients()(replace(run, scalars=frame))
    assert (found.severity, found.ongoing, found.remedies[0].name) == ("failure", True, "leaky-relu")
    assert abs(found.onset_step - 800) < 60
    frame.loc[frame.index % 10 == 0, "feedback/norm"] = 0.02
    assert VanishingGradients()(replace(run, scalars=frame[frame.index < 900])) == []


def test_an_auc_that_ended_says_nothing_of_what_came_later():
    """D is not shown real samples any more from step 800 on, and feedback fades after 1,500: nobody knows why."""
    run = faded(**{"d/auc": np.where(STEPS <= 800, 0.99, np.nan)})
    assert DETECT(run) == []
    dead = replace(run, scalars=run.scalars.assign(**{"feedback/norm": np.where(STEPS <= 1500, 0.02, 0.0)}))
    (found,) = DETECT(dead)
    assert "real from generated" not in found.summary
    assert found.ongoing


def test_a_generator_that_never_got_any_gradient_is_a_failure():
    """Exactly 0 from the first step on; where G has a gradient from elsewhere, nothing can be said."""
    nothing = {"feedback/norm": 0.0, "grad/generator/norm": 0.0, "d/auc": 0.5}
    (found,) = DETECT(run_with(**nothing))
    assert (found.severity, found.ongoing, found.onset_step <= 100) == ("failure", True, True)
    assert DETECT(run_with(**{**nothing, "grad/generator/norm": 1.0})) == []
    assert DETECT(run_with(**nothing, **{"diversity/real": 0.0})) == []

"""Two sigmoids."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from gandiag import synthetic
from gandiag.detectors.double_sigmoid import DoubleSigmoid

CERTAIN_AFTER = 150

DETECT = DoubleSigmoid()


def run_with(seed=0, outputs="logits", low=0.02, high=0.9, end=""):
    """D's outputs as after a sigmoid."""
    run = synthetic.healthy(seed)
    rng = np.random.default_rng(seed)
    frame = run.scalars.copy()
    middle = (low + high) / 2
    for kind in ("real", "fake"):
        frame[f"d/{kind}/min"] = rng.uniform(low, middle, len(frame))
        frame[f"d/{kind}/max"] = rng.uniform(middle, high, len(frame))
    told = {"discriminator_outputs": outputs, "discriminator_ends": {"discriminator": end}}
    return replace(run, scalars=frame, meta=run.meta | told)


def FAILING(seed=0):  # noqa: N802 - the name that the contract looks for
    return run_with(seed)


def test_probabilities_that_are_taken_for_logits_are_told_within_150_steps():
    """With the line to change."""
    (found,) = DETECT(run_with().until(150))
    assert (found.severity, found.onset_step, found.remedies[0].name) == ("failure", 1, "one-sigmoid")


def test_a_convention_turned_round_is_the_same_mistake():
    """Scores are turned so that high is real: they lie between -1 and 0 then."""
    assert len(DETECT(run_with(low=-0.95, high=-0.05))) == 1


def test_where_the_last_operation_is_known_outputs_need_not_spread():
    """A D that has hardly begun."""
    (found,) = DETECT(run_with(low=0.45, high=0.55, end="sigmoid").until(110))
    assert found.evidence[0].signal == "sigmoid at D's end"
    assert DETECT(run_with(outputs="probabilities", end="sigmoid")) == DETECT(run_with(end="other")) == []


@pytest.mark.parametrize(
    "case", [{"outputs": "probabilities"}, {"outputs": ""}, {"low": 0.1, "high": 0.4}, {"low": -0.2}, {"high": 1.1}]
)
def test_a_sigmoid_with_its_own_loss_and_small_logits_are_no_mistake(case):
    """A loss of probabilities; logits that have not spread, or leave the range."""
    assert DETECT(run_with(**case)) == []

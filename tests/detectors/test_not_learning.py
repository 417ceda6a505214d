"""Weights that stand still."""

from __future__ import annotations

from dataclasses import replace

import pytest

from gandiag import synthetic
from gandiag.detectors.not_learning import NotLearning
from gandiag.judge.diagnose import diagnose

CERTAIN_AFTER = 100

DETECT = NotLearning()


def run_with(seed=0, steps=3000, meta=None, **columns):
    """A healthy run with other values throughout, or from a step on: (step, value)."""
    run = synthetic.healthy(seed, steps)
    frame = run.scalars.copy()
    for name, given in columns.items():
        first, value = given if isinstance(given, tuple) else (1, given)
        frame.loc[frame.index >= first, name] = value
    return replace(run, scalars=frame, meta=run.meta | (meta or {}))


def FAILING(seed=0):  # noqa: N802 - the name that the contract looks for
    return run_with(seed, **{"updates/generator": 0.0, "update/generator/ratio": float("nan")})


@pytest.mark.parametrize(("net", "other"), [("generator", "discriminator"), ("discriminator", "generator")])
def test_a_network_that_no_optimizer_steps_on_is_named_with_the_line_to_change(net, other):
    """From the first step on, and told by the hundredth."""
    run = run_with(**{f"updates/{net}": 0.0, f"update/{net}/ratio": float("nan")}).until(110)
    (found,) = DETECT(run)
    assert (found.severity, found.onset_step) == ("failure", 1)
    assert found.summary.startswith(f"The weights of the {net} do not move")
    assert other not in found.summary
    assert found.remedies[0].name == "step-each-optimizer"


@pytest.mark.parametrize(
    ("columns", "first"),
    [
        ({"update/generator/ratio": 0.0, "rate/generator": 0.0}, "set-rate"),
        ({"update/discriminator/ratio": 1e-11, "rate/discriminator": 1e-13}, "set-rate"),
        ({"update/generator/ratio": 0.0, "grad/generator/norm": 0.0}, "detach-for-d-only"),
        ({"feedback/norm": 0.0}, "detach-for-d-only"),
    ],
)
def test_the_first_remedy_is_of_the_cause(columns, first):
    """A rate of 0, samples that are detached from G."""
    (found,) = DETECT(run_with(**columns))
    assert (found.severity, found.remedies[0].name) == ("failure", first)


def test_a_discriminator_that_has_met_the_margins_of_a_hinge_loss_is_no_mistake():
    """Its loss is flat and its gradient exactly 0 because it has won; one that tells nothing apart is stuck."""
    stuck = {"update/discriminator/ratio": 0.0, "grad/discriminator/norm": 0.0}
    won = {"d/auc": 1.0, "d/real/mean": 4.0, "d/fake/mean": -3.0}
    assert DETECT(run_with(**stuck, **won)) == []
    (found,) = DETECT(run_with(**stuck))
    assert found.severity == "failure"


@pytest.mark.parametrize("net", ["generator", "discriminator"])
def test_layers_that_no_optimizer_holds_are_named(net):
    """A warning, as it may be meant; by the hundredth step, and only as long as it lasts."""
    run = run_with(meta={"unheld": {net: ["head", "body.0"]}}, **{f"unheld/{net}": 3.0})
    (found,) = DETECT(run.until(110))
    assert found.severity == "warning"
    assert f"The {net}'s optimizer does not hold layers head, body.0" in found.summary
    assert found.remedies[0].name == "whole-network"
    run.scalars.loc[2000:, f"unheld/{net}"] = 0.0
    assert DETECT(run) == []


def test_it_is_the_root_of_what_follows():
    """D that wins against a G that stands still."""
    run = synthetic.vanishing_gradients()
    frame = run.scalars.assign(**{"updates/generator": 0.0})
    assert diagnose(replace(run, scalars=frame)).story.root == "not-learning"


@pytest.mark.parametrize(
    "columns",
    [
        {"rate/generator": (2700, 0.0), "update/generator/ratio": (2700, 0.0)},  # the end of a schedule
        {"updates/generator": float("nan")},  # frozen, as by requires_grad_(False)
        {"update/generator/ratio": (1500, 0.0), "feedback/norm": (1500, 0.0)},  # another failure's affair
    ],
)
def test_what_is_meant_so_is_no_mistake(columns):
    """No warning, no failure."""
    assert [f for f in DETECT(run_with(**columns)) if f.severity != "info"] == []


def test_a_pause_is_no_mistake_and_a_lasting_one_is_a_warning():
    """D trained in every fifth step, then no more, first for a while and then for a third of the run."""
    run = synthetic.healthy()
    frame = run.scalars.copy()
    frame.loc[frame.index % 5 != 0, "updates/discriminator"] = 0.0
    assert DETECT(replace(run, scalars=frame)) == []
    frame.loc[frame.index >= 2000, "updates/discriminator"] = 0.0
    (found,) = DETECT(replace(run, scalars=frame).until(2300))
    assert (found.severity, found.ongoing) == ("info", True)
    (found,) = DETECT(replace(run, scalars=frame))
    assert (found.severity, found.ongoing) == ("warning", True)
    assert found.onset_step in range(1996, 2002)
    longer = frame.copy()
    longer.loc[longer.index >= 1000, "updates/discriminator"] = 0.0
    (found,) = DETECT(replace(run, scalars=longer))
    assert (found.severity, found.ongoing) == ("failure", True)  # for most of the training
    frame.loc[frame.index >= 2000, "updates/generator"] = 0.0
    assert {f.severity for f in DETECT(replace(run, scalars=frame))} == {"info"}  # neither goes on alone


def test_a_rate_that_a_schedule_warms_up_from_zero_is_mentioned_only():
    """As run.json says that a scheduler is at work."""
    run = run_with(
        meta={"optimizers": {"generator": {"scheduled": True}}},
        **{"update/generator/ratio": 0.0, "rate/generator": 0.0},
    )
    assert [f.severity for f in DETECT(run)] == ["info"]


def test_a_small_rate_on_purpose_and_a_network_that_begins_late_are_no_mistakes():
    """Weights that hardly move at a rate of 1e-6; a network frozen for the first 500 steps, once it is trained."""
    assert DETECT(run_with(**{"update/generator/ratio": 1e-11, "rate/generator": 1e-6})) == []
    run = run_with(**{"updates/discriminator": 0.0, "update/discriminator/ratio": float("nan")})
    frame = run.scalars.copy()
    frame.loc[frame.index > 500, ["updates/discriminator", "update/discriminator/ratio"]] = [1.0, 1e-3]
    (found,) = DETECT(replace(run, scalars=frame))
    assert (found.severity, found.last_step) == ("info", 500)

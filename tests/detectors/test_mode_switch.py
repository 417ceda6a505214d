"""Networks in another mode in their opponent's update."""

from __future__ import annotations

from dataclasses import replace

import pytest

from gandiag import synthetic
from gandiag.detectors.mode_switch import ModeSwitch

CERTAIN_AFTER = 100

DETECT = ModeSwitch()


def run_with(seed=0, at=1, every=1, layers=("BatchNorm2d",), net="generator", **values):
    run = synthetic.healthy(seed)
    frame = run.scalars.copy()
    for which, value in values.items():
        frame.loc[(frame.index >= at) & (frame.index % every == 0), f"mode/{net}/{which}"] = value
    return replace(run, scalars=frame, meta=run.meta | {"modes": {net: list(layers)}})


def FAILING(seed=0):  # noqa: N802 - the name that the contract looks for
    return run_with(seed, at=1000, own=1.0, others=0.0, switched=1.0)


@pytest.mark.parametrize(
    ("net", "layers", "severity"),
    [
        ("generator", ["BatchNorm2d", "Dropout"], "failure"),
        ("generator", ["Dropout"], "warning"),
        ("discriminator", ["BatchNorm2d"], "warning"),
        ("discriminator", ["Dropout"], "info"),
    ],
)
def test_a_switch_is_told_within_100_steps_by_how_much_it_matters(net, layers, severity):
    """Statistics of the batch matter more than dropped units, and what G makes more than what D says of it."""
    (found,) = DETECT(run_with(net=net, layers=layers, own=1.0, others=0.0, switched=1.0).until(100))
    assert found.severity == severity
    assert found.summary.startswith(f"The {net} is in training mode in its own update and in evaluation mode")
    assert " and ".join(layers) in found.summary
    assert found.remedies[0].name == "same-mode"


def test_a_switch_now_and_then_is_no_mistake():
    """Every second step."""
    assert DETECT(run_with(every=2, switched=1.0)) == []


def test_evaluation_mode_in_both_updates_is_none():
    """Frozen statistics."""
    assert DETECT(run_with(own=0.0, others=0.0, switched=0.0)) == []


@pytest.mark.parametrize(("layers", "told"), [(("BatchNorm2d",), 1), (("Dropout",), 0)])
def test_a_network_that_leaves_training_mode_and_does_not_come_back_is_told(layers, told):
    """In both updates alike; one that comes back, or was never in it, is not."""
    left = {"own": 0.0, "others": 0.0}
    run = run_with(at=400, layers=layers, **left)
    frame = run.scalars.copy()
    frame.loc[:399, ["mode/generator/own", "mode/generator/others"]] = 1.0
    found = DETECT(replace(run, scalars=frame))
    assert [(f.severity, f.onset_step, f.remedies[0].name) for f in found] == [("warning", 400, "same-mode")] * told
    frame.loc[2000:, "mode/generator/own"] = 1.0
    assert DETECT(replace(run, scalars=frame)) == []
    assert DETECT(run_with(layers=layers, **left)) == []

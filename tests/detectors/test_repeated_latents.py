"""The same input over and over."""

from __future__ import annotations

from dataclasses import replace

from gandiag import synthetic
from gandiag.detectors.repeated_latents import RepeatedLatents

CERTAIN_AFTER = 100

DETECT = RepeatedLatents()


def run_with(seed=0, at=1, every=1, **columns):
    run = synthetic.healthy(seed)
    frame = run.scalars.copy()
    for name, value in columns.items():
        frame.loc[(frame.index >= at) & (frame.index % every == 0), name] = value
    return replace(run, scalars=frame)


def FAILING(seed=0):  # noqa: N802 - the name that the contract looks for
    return run_with(seed, at=1000, **{"input/repeated": 1.0})


def test_noise_drawn_once_is_told_within_100_steps():
    """With the line to change."""
    (found,) = DETECT(run_with(**{"input/repeated": 1.0}).until(100))
    assert found.severity == "failure"
    assert found.onset_step <= 10
    assert found.remedies[0].name == "fresh-latents"


def test_two_steps_on_one_batch_of_noise_are_no_mistake():
    """Every second step repeats."""
    assert DETECT(run_with(every=2, **{"input/repeated": 1.0})) == []


def test_a_game_about_one_point_needs_no_noise():
    """As Dirac-GAN: the data are one point."""
    assert DETECT(run_with(**{"input/repeated": 1.0, "diversity/real": 0.0})) == []

"""Opponents that are copies."""

from __future__ import annotations

from dataclasses import replace

import pytest

from gandiag import synthetic
from gandiag.detectors.stale_copy import StaleCopy

CERTAIN_AFTER = 150

DETECT = StaleCopy()


def run_with(seed=0, at=1, until=None, **columns):
    run = synthetic.healthy(seed)
    frame = run.scalars.copy()
    for name, value in columns.items():
        frame.loc[at:until, name] = value
    return replace(run, scalars=frame)


def FAILING(seed=0):  # noqa: N802 - the name that the contract looks for
    return run_with(seed, at=1000, **{"copied/discriminator": 1.0})


@pytest.mark.parametrize(
    ("net", "words"), [("discriminator", "another one, built alike"), ("generator", "a copy of G")]
)
def test_a_copy_in_place_of_a_network_is_told_within_130_steps(net, words):
    """With the line to change."""
    (found,) = DETECT(run_with(**{f"copied/{net}": 1.0}).until(130))
    assert found.severity == "failure"
    assert words in found.summary
    assert found.remedies[0].name == "one-instance"


def test_a_copy_that_is_set_anew_is_none():
    """Before a hundred steps are over."""
    assert DETECT(run_with(until=80, **{"copied/discriminator": 1.0})) == []


def test_a_copy_of_g_that_follows_it_is_a_warning():
    """As a running mean does on whose samples D is trained."""
    (found,) = DETECT(run_with(**{"copied/generator": 0.5}))
    assert found.severity == "warning"
    assert "follows it" in found.summary

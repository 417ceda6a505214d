"""Updates by the other network's loss, or by gradients of before."""

from __future__ import annotations

from dataclasses import replace

import pytest
from changed import run_with

from gandiag import synthetic
from gandiag.detectors.shared_update import SharedUpdate

CERTAIN_AFTER = 60

DETECT = SharedUpdate()


def FAILING(seed=0):  # noqa: N802 - the name that the contract looks for
    return run_with(seed, at=1000, **{"leftover/discriminator": 1.0})


@pytest.mark.parametrize(
    ("name", "first", "words"),
    [
        ("optimizers/crossed", "one-optimizer-each", "one optimizer"),
        ("leftover/generator", "clear-gradients", "of the generator are not cleared"),
        ("leftover/discriminator", "clear-gradients", "of the discriminator are not cleared"),
    ],
)
def test_each_is_told_within_60_steps_with_its_own_line_to_change(name, first, words):
    """From the first step on."""
    (found,) = DETECT(run_with(**{name: 1.0}).until(60))
    assert found.severity == "failure"
    assert found.onset_step <= 10
    assert words in found.summary
    assert found.remedies[0].name == first


def test_single_updates_are_no_mistake():
    """Every second one, as a loop may have it that sums over two steps on purpose."""
    run = synthetic.healthy()
    frame = run.scalars.copy()
    frame.loc[frame.index % 2 == 0, "leftover/generator"] = 1.0
    assert DETECT(replace(run, scalars=frame)) == []

"""Weights that lose their spectrum."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from gandiag import synthetic
from gandiag.detectors.spectral_collapse import SpectralCollapse

CERTAIN_AFTER = 800  # the run must have 2,400 steps

DETECT = SpectralCollapse()
LOOKS = np.arange(100, 3001, 100)


def run_with(rank, sigma=2.0, net="discriminator"):
    """A healthy run with another rank and largest singular value at each look, numbers or (30,)."""
    run = synthetic.healthy()
    scalars = run.scalars.copy()
    scalars.loc[LOOKS, f"weights/{net}/effective_rank"] = rank
    scalars.loc[LOOKS, f"weights/{net}/sigma_max"] = sigma
    return replace(run, scalars=scalars)


@pytest.mark.parametrize("net", ["generator", "discriminator"])
@pytest.mark.parametrize("seed", range(3))
def test_a_rank_that_halves_is_found_in_either_network(net, seed):
    """Dated at the first look after it; the largest singular value that explodes makes it a failure."""
    (found,) = DETECT(synthetic.spectral_collapse(at=1550, seed=seed, net=net))
    assert 1600 <= found.onset_step <= 1700
    assert (found.severity, found.ongoing) == ("failure", True)
    assert f"the {net}'s" in found.summary
    assert len(found.evidence) == 2


def test_severity_follows_the_rank_and_the_largest_value():
    """A drop by a fifth is nothing, by 40 % a warning, by 70 % a failure; by 40 % with an explosion a failure."""
    after = LOOKS > 1500
    falls = [(0.8, 1.0), (0.6, 1.0), (0.3, 1.0), (0.6, 10.0)]
    found = [DETECT(run_with(np.where(after, 0.8 * a, 0.8), np.where(after, 2 * b, 2))) for a, b in falls]
    assert [[f.severity for f in findings] for findings in found] == [[], ["warning"], ["failure"], ["failure"]]


def test_a_rank_that_sinks_with_training_is_none():
    """The look-alike: from 0.9 at the start to 0.6, evenly over the run, while largest values grow."""
    assert DETECT(run_with(np.linspace(0.9, 0.6, 30), np.linspace(1, 3, 30))) == []


def test_a_rank_that_rises_is_none():
    """Direction: from 0.4 to 0.8 in the middle."""
    assert DETECT(run_with(np.where(LOOKS > 1500, 0.8, 0.4))) == []


def test_one_look_may_be_chance():
    """A single look at a third of the rank, two looks on end."""
    once, twice = (np.where((LOOKS >= 1500) & (end > LOOKS), 0.25, 0.8) for end in (1600, 1700))
    assert DETECT(run_with(once)) == []
    (found,) = DETECT(run_with(twice))
    assert (found.onset_step, found.last_step, found.ongoing) == (1500, 1600, False)


def test_a_collapse_does_not_become_the_usual_state():
    """Low for two thirds of the run: still found at its end."""
    (found,) = DETECT(run_with(np.where(LOOKS > 1100, 0.4, 0.8)))
    assert found.ongoing
    assert found.onset_step == 1200


def test_an_explosion_alone_is_none():
    """Second evidence only: the largest singular value grows with the scale of the weights."""
    assert DETECT(run_with(0.8, np.where(LOOKS > 1500, 50.0, 2.0))) == []

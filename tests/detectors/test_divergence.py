"""A game that runs away."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from gandiag import synthetic
from gandiag.detectors.divergence import Divergence
from gandiag.judge.diagnose import diagnose

CERTAIN_AFTER = 700  # of which 400 for the growth from one of its thresholds to the other

DETECT = Divergence()
STEPS = np.arange(1, 3001)
OUTPUTS = ("d/real/mean", "d/fake/mean")
GRADIENTS = ("grad/generator/norm", "grad/discriminator/norm")


def scaled(outputs, gradients, seed=0):
    """A healthy run with D's mean outputs and both gradient norms times factors, numbers or (3000,)."""
    run = synthetic.healthy(seed)
    factors = dict.fromkeys(OUTPUTS, outputs) | dict.fromkeys(GRADIENTS, gradients)
    return replace(run, scalars=run.scalars.assign(**{n: run.scalars[n] * f for n, f in factors.items()}))


def growth(first=1500, last=3000):
    """Factors (3000,): tenfold every 400 steps between two steps."""
    return 10 ** (np.clip(STEPS - first, 0, last - first) / 400)


@pytest.mark.parametrize("seed", range(5))
def test_joint_growth_is_found_early_in_it(seed):
    """Dated where it passed half a decade, 200 steps after its beginning: within 300."""
    (found,) = DETECT(synthetic.divergence(at=1500, seed=seed))
    assert 1500 <= found.onset_step <= 1800
    assert (found.severity, found.ongoing) == ("failure", True)


def test_fast_learning_is_not_divergence():
    """Outputs rise a hundredfold in the first 300 steps, from nothing, and gradients threefold; then both stay."""
    start = np.clip(STEPS / 300, 0.01, 1)
    assert DETECT(scaled(8 * start, 1 + 2 * start)) == []


@pytest.mark.parametrize(("outputs", "gradients"), [(growth(), 1.0), (1.0, growth())], ids=["outputs", "gradients"])
def test_one_that_grows_alone_does_not_diverge(outputs, gradients):
    """A confident D, or gradients of a hard task."""
    assert DETECT(scaled(outputs, gradients)) == []


def test_outputs_that_grow_while_samples_leave_the_data_are_found_without_gradients():
    """One step of a far too high learning rate: outputs a thousandfold, no gradient any more, samples elsewhere."""
    late = STEPS >= 1500
    run = scaled(np.where(late, 1e3, 1.0), np.where(late, 0.0, 1.0))
    spread = run.scalars["diversity/real"].median()
    for spreads, expected in ((0.5, []), (3.0, [1500])):
        away = run.scalars["distance/energy"] + np.where(late, spreads * spread, 0.0)
        found = DETECT(replace(run, scalars=run.scalars.assign(**{"distance/energy": away})))
        assert [round(f.onset_step, -2) for f in found] == expected
    assert "the samples left the data" in found[0].summary
    assert [e.value > e.threshold for e in found[0].evidence] == [True, True]


def test_samples_that_leave_the_data_alone_do_not_diverge():
    """D's outputs stay where they are: G fails, the game does not run away."""
    run = synthetic.healthy()
    away = run.scalars["distance/energy"] + np.where(STEPS >= 1500, 10 * run.scalars["diversity/real"], 0.0)
    assert DETECT(replace(run, scalars=run.scalars.assign(**{"distance/energy": away}))) == []


def test_growth_of_one_while_the_other_falls_does_not_diverge():
    """Direction: outputs up by orders of magnitude, gradients down by as many, and the other way round."""
    assert DETECT(scaled(growth(), 1 / growth())) == []
    assert DETECT(scaled(1 / growth(), growth())) == []


def test_decay_is_no_divergence():
    """Direction: both shrink."""
    assert DETECT(scaled(1 / growth(), 1 / growth())) == []


def test_a_tenfold_rise_is_within_a_healthy_game():
    """One decade of both."""
    assert DETECT(scaled(growth(1500, 1900), growth(1500, 1900))) == []


@pytest.mark.parametrize("family", ["wgan", "wgan-gp"])
def test_a_critic_must_not_grow_while_samples_are_far_from_the_data(family):
    """Fivefold, with samples half a real spread away: a failure; near the data, or doubled only, it is not."""
    meta = {"loss_family": {"name": family, "source": "given"}}

    def run(factor, spreads):
        run = scaled(np.where(STEPS > 1500, factor, 1.0), np.where(STEPS > 1500, factor, 1.0))
        away = run.scalars["diversity/real"] * spreads
        return replace(run, meta=run.meta | meta, scalars=run.scalars.assign(**{"distance/energy": away}))

    (found,) = DETECT(run(5.0, 0.5))
    assert abs(found.onset_step - 1500) <= 100
    assert found.evidence[0].threshold == DETECT.critic_decades
    assert DETECT(run(5.0, 0.05)) == DETECT(run(2.0, 0.5)) == []


def test_growth_that_comes_back_is_over():
    """Up by four decades and down again."""
    there_and_back = np.where(STEPS < 2250, growth(750, 2250), growth(750, 2250)[::-1])
    there_and_back = np.where(STEPS > 2600, 1.0, there_and_back)
    (found,) = DETECT(scaled(there_and_back, there_and_back))
    assert not found.ongoing
    assert 2250 <= found.last_step <= 2750


def test_gradients_recorded_at_other_steps_than_the_outputs_are_used():
    """Outputs at odd steps grow alone: no divergence; with gradients at even steps that grow too, one."""
    for gradients, expected in ((1.0, 0), (growth(), 1)):
        run = scaled(growth(), gradients)
        frame = run.scalars.copy()
        frame.loc[frame.index % 2 == 0, OUTPUTS] = np.nan
        frame.loc[frame.index % 2 == 1, GRADIENTS] = np.nan
        assert len(DETECT(replace(run, scalars=frame))) == expected


def test_gradients_too_seldom_to_follow_are_not_assessed():
    """At every fiftieth step: outputs alone prove nothing."""
    run = scaled(growth(), growth())
    frame = run.scalars.copy()
    frame.loc[frame.index % 50 != 0, GRADIENTS] = np.nan
    diagnosis = diagnose(replace(run, scalars=frame), [DETECT])
    assert diagnosis.findings == diagnosis.clean == ()
    assert [n.code for n in diagnosis.not_assessed] == ["divergence"]

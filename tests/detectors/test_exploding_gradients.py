"""Gradient norms that jump."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from gandiag import synthetic
from gandiag.detectors.exploding_gradients import ExplodingGradients
from gandiag.judge.diagnose import diagnose

CERTAIN_AFTER = 3

DETECT = ExplodingGradients()
NORMS = ("grad/generator/norm", "grad/discriminator/norm")


def scaled(factors, names=NORMS, seed=0):
    """A healthy run of 3,000 steps with gradient norms times `factors`, which is a number or (3000,)."""
    run = synthetic.healthy(seed)
    return replace(run, scalars=run.scalars.assign(**{name: run.scalars[name] * factors for name in names}))


def between(first, last, factor):
    """Factors (3000,): `factor` from step `first` to `last`, 1 elsewhere."""
    steps = np.arange(1, 3001)
    return np.where((steps >= first) & (steps <= last), factor, 1.0)


@pytest.mark.parametrize("seed", range(5))
def test_a_lasting_jump_is_found_in_both_networks_at_its_first_step(seed):
    """Dated within 5 steps; still ongoing at the end, long after the jump has become the level."""
    found = DETECT(synthetic.exploding_gradients(at=1500, seed=seed))
    assert len(found) == 2
    for finding in found:
        assert finding.severity == "failure"
        assert abs(finding.onset_step - 1500) <= 5
        assert (finding.last_step, finding.ongoing) == (3000, True)


@pytest.mark.parametrize(("net", "other"), [("generator", "discriminator"), ("discriminator", "generator")])
def test_the_network_that_exploded_is_named_and_not_the_other(net, other):
    """Swapped roles would halve the wrong learning rate."""
    (found,) = DETECT(scaled(between(1500, 3000, 1e3), [f"grad/{net}/norm"]))
    assert net in found.summary
    assert other not in found.summary


def test_a_jump_that_ends_is_over():
    """Twenty steps: not ongoing, with the last step of the jump."""
    found = DETECT(scaled(between(1500, 1519, 1e3)))
    assert [(f.onset_step, f.last_step, f.ongoing) for f in found] == [(1500, 1519, False)] * 2


def test_thirtyfold_is_a_warning_and_a_thousandfold_a_failure():
    """Severity follows the height."""
    assert {f.severity for f in DETECT(scaled(between(1500, 1600, 30.0)))} == {"warning"}
    assert {f.severity for f in DETECT(scaled(between(1500, 1600, 1e3)))} == {"failure"}


@pytest.mark.parametrize("factor", [1e2, 1e6])
def test_a_single_spike_is_not_an_explosion(factor):
    """One step, and two in a row, however high."""
    assert DETECT(scaled(between(1500, 1500, factor))) == []
    assert DETECT(scaled(between(1500, 1501, factor))) == []


def test_gradients_that_come_back_after_they_had_vanished_do_not_explode():
    """A thousandfold rise, to the level that was there before."""
    assert DETECT(scaled(between(1000, 2000, 1e-3))) == []


def test_slow_growth_is_left_to_divergence():
    """Tenfold in a thousand steps: the median of a hundred keeps up."""
    assert DETECT(scaled(10 ** (np.arange(3000) / 1000))) == []


def test_a_fall_is_no_explosion():
    """Direction: a thousandth, for long."""
    assert DETECT(scaled(between(1500, 3000, 1e-3))) == []


def test_small_norms_do_not_explode():
    """A thousandfold rise from 1e-5 of the usual level ends below it."""
    assert DETECT(scaled(1e-5 * between(1500, 3000, 1e3))) == []


def test_too_few_records_for_a_reference_are_not_assessed():
    """Every hundredth step: no median of a hundred steps, so a jump could not be seen, and none is excluded."""
    run = scaled(between(1500, 3000, 1e3))
    diagnosis = diagnose(replace(run, scalars=run.scalars[run.scalars.index % 100 == 0]), [DETECT])
    assert diagnosis.clean == diagnosis.findings == ()
    assert [n.code for n in diagnosis.not_assessed] == ["exploding-gradients"]


def test_the_reference_lags_by_steps_whatever_the_recording_interval():
    """At every second step the reference of a step is that of 6 steps before, the last one not after 5."""
    norms = synthetic.healthy().scalars["grad/generator/norm"].iloc[1::2]
    run = replace(synthetic.healthy(), scalars=norms.to_frame())
    score = replace(DETECT, min_norm=0.0).score(run)
    highest = norms.rolling(50, min_periods=20).median().cummax()
    assert score.loc[1000] == pytest.approx(norms.loc[1000] / highest.loc[994])


@pytest.mark.parametrize("start", [45, 200, 700])
def test_a_start_that_carries_no_signal_is_no_reference(start):
    """As of a boundary-seeking loss: next to nothing while D is at chance, and from then on bounded."""
    steps = np.arange(1, 3001)
    rise = 1500.0 ** (np.clip((steps - start) / 45, 0, 1) - 1)
    run = scaled(5 * rise, ["grad/generator/norm"])
    chance = np.where(steps < start, 0.5, run.scalars["d/auc"])
    run = replace(run, scalars=run.scalars.assign(**{"d/auc": chance}))
    assert DETECT(run) == []
    frame = run.scalars.copy()
    frame.loc[frame.index >= 1500, "grad/generator/norm"] *= 1e3
    assert [f.onset_step for f in DETECT(replace(run, scalars=frame))] == [1500]


def test_infinite_gradients_are_left_to_non_finite():
    """No explosion led to them: they came all at once."""
    run = scaled(between(1500, 3000, np.inf), ["grad/discriminator/norm"])
    assert DETECT(run) == []
    frame = run.scalars.assign(**{"grad/discriminator/nonfinite": np.where(run.scalars.index >= 1500, 1.0, 0.0)})
    assert diagnose(replace(run, scalars=frame)).story.root == "non-finite"


@pytest.mark.parametrize(("auc", "family", "found"), [(0.99, "lsgan", 0), (0.6, "lsgan", 1), (0.99, "wgan", 1)])
def test_a_discriminator_that_becomes_less_sure_gets_its_gradients_back(auc, family, found):
    """It was sure at first; then samples get better, it is still right, and its loss is no longer flat.

    One that is wrong now has been thrown off, and a critic's gradients do not depend on how sure it is.
    """
    steps = np.arange(1, 3001)
    sure = np.where(steps < 1400, 1.0, 0.3)
    run = scaled(np.where(steps < 1500, 1.0, 40.0), ["grad/discriminator/norm"])
    outputs = {"d/real/mean": 4 * sure, "d/fake/mean": -4 * sure, "d/auc": np.where(steps < 1400, 1.0, auc)}
    meta = {**run.meta, "loss_family": {"name": family, "source": "given"}}
    assert len(DETECT(replace(run, scalars=run.scalars.assign(**outputs), meta=meta))) == found

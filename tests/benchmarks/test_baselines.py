"""Each baseline on series that just cross its threshold, and on ones that just do not."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

from benchmarks.bench.autotrainer import DyingRelu, Explode, Vanish
from benchmarks.bench.baselines import BASELINES
from benchmarks.bench.loss_alarms import (
    DiscriminatorLossNearZero,
    DiscriminatorLossVariance,
    GeneratorLossFalling,
    GeneratorLossRising,
    GradientNormOverHundred,
)
from benchmarks.bench.recorded import Gradients, NotRecordedError, Recorded
from benchmarks.bench.sagemaker import (
    ExplodingTensor,
    LossNotDecreasing,
    VanishingGradient,
    VanishingKernelGradient,
    WeightUpdateRatio,
)
from gandiag.rundir.run import Run

STEPS = 1000


def recorded(gradients=None, **columns):
    """A run of 1,000 steps with these signals (_ for /)."""
    frame = pd.DataFrame({name.replace("_", "/"): values for name, values in columns.items()})
    frame.index = pd.RangeIndex(1, len(frame) + 1, name="step")
    return Recorded(Run(scalars=frame), gradients or {})


def gradients(*, mean_abs=1.0, kernel=1.0, norms=(1.0, 1.0), zeros=0.0, nonfinite=0.0, at=2):
    """Two networks with two kernels and a bias, three records; the given values in record `at` of D."""
    sound = {"mean_abs": np.ones((3, 3)), "norm": np.ones((3, 3))}
    sound |= {name: np.zeros((3, 3)) for name in ("zeros", "nonfinite")}
    bad = {name: values.copy() for name, values in sound.items()}
    bad["mean_abs"][at] = 1.0, mean_abs, kernel
    bad["norm"][at] = norms[0], 1e-12, norms[1]
    bad["zeros"][at] = zeros
    bad["nonfinite"][at, 2] = nonfinite
    fixed = {
        "steps": np.array([1, 11, 21]),
        "names": np.array(["0.weight", "0.bias", "1.weight"]),
        "kernels": np.array([True, False, True]),
        "sizes": np.array([8, 2, 4]),
    }
    return {"generator": Gradients(**fixed, **sound), "discriminator": Gradients(**fixed, **bad)}


def loss(*levels):
    """A loss that takes each level for an equal part of the run."""
    return np.repeat(np.asarray(levels, dtype=float), STEPS // len(levels))


def test_d_loss_near_zero_needs_a_hundred_steps_below_and_dates_their_first():
    """99 steps are too few; a loss of 0.05 is not near enough; a negative one is as near as a positive one."""
    level = np.full(STEPS, 0.7)
    level[300:399] = 0.01
    assert DiscriminatorLossNearZero()(recorded(loss_discriminator=level)) is None
    level[399] = -0.0499
    assert DiscriminatorLossNearZero()(recorded(loss_discriminator=level)) == 301
    level[350] = 0.05
    assert DiscriminatorLossNearZero()(recorded(loss_discriminator=level)) is None


def test_g_loss_rising_compares_medians():
    """A rise to more than twice is one, to twice is none; the step is that at which half the window had risen."""
    assert GeneratorLossRising()(recorded(loss_generator=loss(1, 2))) is None
    assert GeneratorLossRising()(recorded(loss_generator=loss(1, 2.01))) == 551  # 51 of the last 100 steps
    assert GeneratorLossRising()(recorded(loss_generator=loss(-1, -0.01))) is None
    assert GeneratorLossRising()(recorded(loss_generator=loss(-1, 0.01))) == 551


def test_g_loss_falling_compares_medians():
    """A fall to less than half is one, to half is none."""
    assert GeneratorLossFalling()(recorded(loss_generator=loss(1, 0.5))) is None
    assert GeneratorLossFalling()(recorded(loss_generator=loss(1, 0.49))) == 551


@pytest.mark.parametrize(("factor", "step"), [(3.1, True), (3.2, False)])
def test_d_loss_variance_is_compared_with_the_first_quarter(factor, step):
    """Ten times the variance is 3.16 times the standard deviation."""
    swing = np.tile([1.0, -1.0], STEPS // 2)
    swing[STEPS // 2 :] *= factor
    raised = DiscriminatorLossVariance()(recorded(loss_discriminator=swing))
    assert (raised is None) is step


def test_the_fall_at_the_start_does_not_count_as_variance():
    """The first twentieth of the training is left out: sixteen times the variance after it is an alarm."""
    level = np.tile([1.0, -1.0], STEPS // 2)
    level[: STEPS // 20] = 1000
    level[STEPS // 2 :] *= 4
    assert DiscriminatorLossVariance()(recorded(loss_discriminator=level)) is not None


def test_a_gradient_norm_over_a_hundred_is_one_step_over_it():
    """100 is none, in G or D."""
    norm, other = np.full(STEPS, 100.0), np.ones(STEPS)
    series = {"grad_generator_norm": other, "grad_discriminator_norm": norm}
    assert GradientNormOverHundred()(recorded(**series)) is None
    norm[641] = 100.1
    assert GradientNormOverHundred()(recorded(**series)) == 642


@pytest.mark.parametrize(
    ("rule", "crosses", "just_not"),
    [
        (VanishingGradient(), {"mean_abs": 9.9e-8}, {"mean_abs": 1e-7}),
        (VanishingKernelGradient(), {"kernel": 9.9e-8}, {"mean_abs": 9.9e-8}),
        (ExplodingTensor(), {"nonfinite": 1.0}, {"nonfinite": 0.0}),
        (Vanish(), {"norms": (9.9e-5, 0.1)}, {"norms": (1e-4, 1.0)}),
        (Vanish(), {"norms": (9.9e-5, 0.1)}, {"norms": (9.9e-5, 0.0989)}),
        (Explode(), {"norms": (70.1, 1.0)}, {"norms": (70.0, 1.0)}),
        (Explode(), {"nonfinite": 1.0}, {"norms": (0.0, 0.0)}),
        (Explode(), {"norms": (1e-9, 0.0)}, {"norms": (1.0, 1.0)}),
        (DyingRelu(), {"zeros": 0.7}, {"zeros": 0.699}),
    ],
)
def test_rules_on_gradients_have_their_published_thresholds(rule, crosses, just_not):
    """They raise at the record that crosses, and not at one that is on the other side."""
    assert rule(recorded(gradients(**crosses))) == 21
    assert rule(recorded(gradients(**crosses, at=0))) == 1
    assert rule(recorded(gradients(**just_not))) is None


@pytest.mark.parametrize(("ratio", "step"), [(10.1, 501), (10.0, None), (9e-9, 501), (1e-8, None)])
def test_update_ratios_are_bounded_on_both_sides(ratio, step):
    """More than 10 or less than 1e-8."""
    series = {"update_generator_ratio": loss(1e-3, ratio), "update_discriminator_ratio": loss(1e-3)}
    assert WeightUpdateRatio()(recorded(**series)) == step


def test_a_loss_that_does_not_fall_within_ten_steps_raises_an_alarm():
    """One that falls all the time does not; one that stops falling at step 500 does at the next comparison."""
    falling = np.linspace(2, 1, STEPS)
    assert LossNotDecreasing()(recorded(loss_generator=falling, loss_discriminator=falling)) is None
    stopped = np.maximum(falling, falling[499])
    assert LossNotDecreasing()(recorded(loss_generator=falling, loss_discriminator=stopped)) == 511


@pytest.mark.parametrize("rule", BASELINES, ids=lambda rule: rule.name)
def test_a_rule_says_when_the_run_lacks_what_it_reads(rule):
    """It does not pass such a run as sound."""
    with pytest.raises(NotRecordedError):
        rule(recorded(something=loss(1)))


def test_names_are_unique_and_each_rule_claims_a_failure():
    """Scores go by name."""
    assert len({rule.name for rule in BASELINES}) == len(BASELINES)
    assert all(rule.claims and rule.family for rule in BASELINES)

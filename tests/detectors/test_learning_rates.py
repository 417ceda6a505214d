"""Rates that do not fit together."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from gandiag import synthetic
from gandiag.detectors.learning_rates import LearningRates

CERTAIN_AFTER = 120

DETECT = LearningRates()


def run_with(seed=0, at=1, kinds=("Adam", "Adam"), segments=(1,), **columns):
    run = synthetic.healthy(seed)
    frame = run.scalars.copy()
    for name, values in columns.items():
        frame.loc[frame.index >= at, name] = values[at - 1 :] if isinstance(values, np.ndarray) else values
    told = {
        "optimizers": {
            net: {"optimizers": [kind]} for net, kind in zip(("generator", "discriminator"), kinds, strict=True)
        },
        "segments": [{"index": i, "start_step": step} for i, step in enumerate(segments)],
    }
    return replace(run, scalars=frame, meta=run.meta | told)


def FAILING(seed=0):  # noqa: N802 - the name that the contract looks for
    return run_with(seed, at=1000, **{"rate/generator": 1.0, "update/generator/ratio": 0.5})


@pytest.mark.parametrize(("times", "severity"), [(300, "warning"), (3000, "failure")])
def test_rates_hundreds_of_times_apart_are_told(times, severity):
    """Which network is the slow one, and by how much."""
    slow = {"rate/discriminator": 2e-4 / times, "update/discriminator/ratio": 1e-3 / times}
    (found,) = DETECT(run_with(**slow).until(120))
    assert found.severity == severity
    assert found.summary.startswith(f"The generator has {times:,} times the learning rate of the discriminator")
    assert found.remedies[0].name == "rates-of-one-scale"


def test_two_time_scales_other_optimizers_and_equal_updates_are_no_mistake():
    """What is meant, what cannot be compared, and what makes no difference."""
    slow = {"rate/discriminator": 1e-7, "update/discriminator/ratio": 1e-6}
    assert DETECT(run_with(**{"rate/discriminator": 2e-5, "update/discriminator/ratio": 1e-4})) == []
    assert DETECT(run_with(kinds=("Adam", "SGD"), **slow)) == []
    assert DETECT(run_with(**slow | {"update/discriminator/ratio": 1e-3})) == []


def decayed(resumed_at):
    """A rate that is halved every hundred steps, and begins anew where the run is resumed."""
    steps = np.arange(3000)
    return 2e-4 * 0.5 ** ((steps if resumed_at is None else np.where(steps < resumed_at - 1, steps, 0)) // 300)


def test_a_rate_that_begins_anew_at_a_resume_is_told():
    """And one that goes on is not, nor one that was changed without a resume."""
    rates = {"rate/generator": decayed(1001), "rate/discriminator": decayed(None)}
    (found,) = DETECT(run_with(segments=(1, 1001), **rates).until(1100))
    assert (found.severity, found.onset_step) == ("warning", 1001)
    assert "8 times as high after the resume at step 1,001" in found.summary
    assert found.remedies[0].name == "restore-schedule"
    assert DETECT(run_with(segments=(1, 1001), **{name: decayed(None) for name in rates}).until(1100)) == []
    assert DETECT(run_with(**rates).until(1100)) == []


def test_a_rate_that_fades_alone_is_told():
    """Of both it is a schedule, as long as it does not come to nothing half way."""
    steps = np.arange(3000)
    fading = 2e-4 * 0.99**steps
    (found,) = (f for f in DETECT(run_with(**{"rate/generator": fading}).until(900)) if "dropped to" in f.summary)
    assert found.onset_step == pytest.approx(688, abs=2)
    both = run_with(**{"rate/generator": fading, "rate/discriminator": fading})
    assert DETECT(both.until(1300)) == []
    (found,) = DETECT(both)
    assert (found.severity, found.remedies[0].name) == ("warning", "step-the-schedule")
    assert found.summary.startswith("By step 689 both learning rates have dropped to almost nothing")


def test_rates_that_leap_above_all_that_they_were_are_told():
    """A step that is 200 times as large; not a restart of a schedule, and not a warm-up."""
    leap = {f"rate/{net}": 2e-4 * 200 for net in ("generator", "discriminator")}
    (found,) = DETECT(run_with(at=801, **leap))
    assert (found.severity, found.onset_step) == ("warning", 801)
    assert "generator and the discriminator is 200 times as high" in found.summary
    assert found.remedies[0].name == "rates-as-before"
    again = np.where(np.arange(len(run_with().scalars)) % 500 < 250, 2e-4, 2e-6)
    warmed = np.minimum(np.arange(1, len(again) + 1) / 1000, 1.0) * 2e-4
    for values in (again, warmed):
        assert DETECT(run_with(**{f"rate/{net}": values for net in ("generator", "discriminator")})) == []


@pytest.mark.parametrize(
    ("ratio", "energy", "severities"),
    [(3e-6, 1.0, ["failure"]), (3e-5, 1.0, ["warning"]), (3e-6, 0.01, []), (1e-3, 1.0, [])],
)
def test_two_rates_that_are_both_too_low_are_told(ratio, energy, severities):
    """After 1,000 steps, where samples are far from the data; fine-tuning of a G that is close is none. Where hardly
    anything moves at all it is a failure.
    """
    run = synthetic.healthy()
    columns = {f"update/{net}/ratio": ratio for net in ("generator", "discriminator")}
    columns |= {"distance/energy": energy, "diversity/real": 1.0}
    run = replace(run, scalars=run.scalars.assign(**columns))
    findings = DETECT(run)
    assert [f.severity for f in findings] == severities
    assert all((f.onset_step, f.ongoing, f.remedies[0].name) == (1, True, "set-rate") for f in findings)
    assert all(f"generator by at most {ratio * 3e5:.2g}% of their size" in f.summary for f in findings)
    assert DETECT(run.until(900)) == []

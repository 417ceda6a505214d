"""NaN and infinite records."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from gandiag import synthetic
from gandiag.detectors.non_finite import GRADIENTS, NonFinite
from gandiag.judge.diagnose import diagnose

CERTAIN_AFTER = 0

DETECT = NonFinite()


def healthy_but(steps, **values):
    """A healthy run with other values at some steps."""
    run = synthetic.healthy()
    frame = run.scalars.copy()
    for name, value in values.items():
        frame.loc[steps, name] = value
    return replace(run, scalars=frame)


def test_lasting_nan_gradients_are_a_failure_dated_at_their_first_step():
    """Exactly: a count needs no window."""
    (found,) = DETECT(synthetic.non_finite(at=1234))
    assert (found.severity, found.onset_step, found.last_step, found.ongoing) == ("failure", 1234, 3000, True)
    assert diagnose(synthetic.non_finite()).verdict == "failing"


def test_one_step_that_recovers_is_a_warning():
    """As gradient scaling gives it: not ongoing, so that the verdict stays healthy."""
    run = healthy_but([1500], nonfinite=1.0)
    (found,) = DETECT(run)
    assert (found.severity, found.onset_step, found.last_step, found.ongoing) == ("warning", 1500, 1500, False)
    assert "recovered" in found.summary
    assert diagnose(run).verdict == "healthy"


def test_separate_steps_are_separate_warnings():
    """Three single steps far apart do not add up to a failure; three in a row are one."""
    assert [f.severity for f in DETECT(healthy_but([500, 1000, 1500], nonfinite=1.0))] == ["warning"] * 3
    assert [f.severity for f in DETECT(healthy_but([500, 501, 502], nonfinite=1.0))] == ["failure"]


@pytest.mark.parametrize(("net", "other"), [("generator", "discriminator"), ("discriminator", "generator")])
def test_the_summary_names_the_network_and_not_the_other(net, other):
    """Swapped roles would send the reader to the wrong optimizer."""
    (found,) = DETECT(healthy_but([1500], **{f"grad/{net}/nonfinite": 2.0}))
    assert f"Gradients of the {net}" in found.summary
    assert other not in found.summary


def test_a_loss_is_named_where_no_gradient_is_to_blame():
    """Only the count over all records says so then."""
    (found,) = DETECT(healthy_but([1500], nonfinite=1.0))
    assert found.summary.startswith("A loss or an output of the discriminator")


def test_astronomic_but_finite_values_are_not_its_business():
    """Large is exploding; NaN in a signal whose count says zero is a value that was not recorded."""
    assert DETECT(healthy_but([1500, 1501, 1502], **{"grad/generator/norm": 1e30})) == []
    assert DETECT(healthy_but([1500, 1501, 1502], **{"grad/generator/norm": np.nan})) == []


def test_any_one_of_its_signals_is_enough():
    """The other two never recorded."""
    run = synthetic.non_finite()
    (found,) = DETECT(replace(run, scalars=run.scalars[["grad/generator/nonfinite"]]))
    assert found.onset_step == 1500


@pytest.mark.parametrize(("net", "other"), [("generator", "discriminator"), ("discriminator", "generator")])
def test_updates_that_a_grad_scaler_keeps_skipping_are_a_failure(net, other):
    """Nothing reaches the weights any more; a scale that comes down by a few skipped steps is as it should be."""
    steps = list(range(1, 13)) + list(range(2000, 2101))  # at first while the scale is found, later for good
    run = healthy_but(steps, **{f"skipped/{net}": 1.0})
    (found,) = DETECT(run)
    assert (found.severity, found.onset_step, found.last_step) == ("failure", 2019, 2100)
    assert f"Gradients of the {net}, all of whose updates a GradScaler skips" in found.summary
    assert other not in found.summary


@pytest.mark.parametrize(
    ("values", "words", "first"),
    [
        ({"grad/discriminator/nonfinite": 1.0}, "on the way back through D or a penalty", "safe-norm"),
        ({"nonfinite/discriminator/loss": 1.0, "grad/discriminator/nonfinite": 1.0}, "in D's loss", "logits-loss"),
        ({"nonfinite/discriminator/samples": 1.0, "nonfinite/generator/outputs": 1.0}, "inside G", "safe-division"),
        ({"nonfinite/discriminator/outputs": 1.0, "nonfinite/generator/outputs": 1.0}, "inside D", "safe-division"),
        ({"nonfinite/generator/loss": 1.0, "nonfinite/discriminator/samples": 1.0}, "in G's loss", "logits-loss"),
        ({"nonfinite/generator/loss": 1.0, "grad/generator/nonfinite": 1.0}, "in G's loss", "logits-loss"),
        ({"grad/generator/nonfinite": 1.0}, "on the way back through D and G", "safe-division"),
        ({"range/real/nonfinite": 1.0, "nonfinite/discriminator/outputs": 1.0}, "with the real batch", "finite-data"),
    ],
)
def test_where_it_began_is_named_with_what_to_try_there(values, words, first):
    """The first place in an update that is not finite, and of two updates the one that spoilt the other."""
    (found,) = DETECT(healthy_but(range(1500, 3001), nonfinite=3.0, **values))
    assert f"it began {words}" in found.summary
    assert found.remedies[0].name == first


def test_where_the_step_was_not_recorded_nothing_is_said_of_where_it_began():
    """Once weights are NaN all is; a loss that is not finite, of outputs that are, still tells."""
    run = healthy_but(range(1504, 3001), nonfinite=3.0, **{"nonfinite/discriminator/samples": 1.0})
    sparse = replace(run, scalars=run.scalars[run.scalars.index % 8 == 0])
    (found,) = DETECT(sparse)
    assert "lies between steps 1,496 and 1,504, where nothing was recorded" in found.summary
    assert found.remedies[0].name == "detect-anomaly"
    sigmoid = replace(sparse, meta={**sparse.meta, "discriminator_ends": {"discriminator": "sigmoid"}})
    assert DETECT(sigmoid)[0].remedies[0].name == "logits-loss"
    run = healthy_but(range(1504, 3001), nonfinite=3.0, **{"nonfinite/discriminator/loss": 1.0})
    (found,) = DETECT(replace(run, scalars=run.scalars[run.scalars.index % 8 == 0]))
    assert "it began in D's loss" in found.summary


def test_where_a_loss_alone_was_recorded_it_is_said_so():
    """Losses are logged in every step, and all else in some."""
    (found,) = DETECT(healthy_but(range(1500, 3001), nonfinite=1.0, **dict.fromkeys(GRADIENTS, np.nan)))
    assert "of that step no more was recorded" in found.summary
    assert found.remedies[0].name == "detect-anomaly"


def test_half_precision_is_named_where_outputs_are_in_it():
    """Then no other cause is as likely."""
    run = healthy_but(range(1500, 3001), nonfinite=3.0, **{"nonfinite/discriminator/outputs": 1.0})
    (found,) = DETECT(replace(run, meta={**run.meta, "half_precision": {"discriminator": "float16"}}))
    assert "float16" in found.summary
    assert found.remedies[0].name == "bfloat16"

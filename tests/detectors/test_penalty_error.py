"""Penalties that are not what they are meant to be, or missing."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
import torch

from gandiag import synthetic
from gandiag.detectors.penalty_error import PenaltyError
from gandiag.probes.batches import penalty_gradient

CERTAIN_AFTER = 120

DETECT = PenaltyError()
CRITIC = {"parameters": 1000, "layers": ["0", "2"], "normalised": False}


def run_with(seed=0, at=1, family="wgan-gp", without=(), critic=CRITIC, **columns):
    run = synthetic.healthy(seed)
    frame = run.scalars.copy()
    for name, value in columns.items():
        frame.loc[frame.index >= at, name] = value
    told = {"loss_family": {"name": family, "source": "given"}, "roles": {"discriminator": critic}}
    return replace(run, scalars=frame.drop(columns=list(without)), meta=run.meta | told)


def FAILING(seed=0):  # noqa: N802 - the name that the contract looks for
    return run_with(seed, at=1000, **{"penalty/along": 0.3, "penalty/norm": 8.0})


@pytest.mark.parametrize(
    ("columns", "severity", "first"),
    [
        ({"penalty/along": 0.3, "penalty/norm": 8.0}, "failure", "norm-per-sample"),
        ({"penalty/along": 0.3}, "warning", "norm-per-sample"),
        ({"penalty/alone": 1.0}, "failure", "whole-loss"),
    ],
)
def test_each_is_told_within_120_steps_with_its_own_line_to_change(columns, severity, first):
    """From the first step on."""
    (found,) = DETECT(run_with(**columns).until(120))
    assert (found.severity, found.remedies[0].name) == (severity, first)


def test_the_step_at_which_a_penalty_has_no_finite_gradient_is_told():
    """As long as what follows is NaN."""
    run = run_with(at=500, nonfinite=3.0)
    run.scalars.loc[500, "penalty/undefined"] = 1.0
    (found,) = DETECT(run.until(503))
    assert (found.onset_step, found.severity, found.ongoing) == (500, "failure", True)
    assert "not finite where D's own gradient is 0" in found.summary
    assert found.remedies[0].name == "safe-norm"


def test_nan_from_one_record_to_the_next_is_most_likely_a_root():
    """Where a penalty is in use and D's gradient is NaN, but not after gradients that grew, after a bad batch, or in
    half precision.
    """
    bad = {"nonfinite": 3.0, "grad/discriminator/nonfinite": 2.0}
    (found,) = DETECT(run_with(at=500, **bad))
    assert found.onset_step == 500
    assert "most likely" in found.summary
    assert DETECT(run_with(at=500, without=["penalty/norm"], **bad)) == []
    assert DETECT(run_with(at=500, nonfinite=3.0)) == []  # D's gradient is finite
    for other in ("range/real/nonfinite", "skipped/discriminator", "penalty/to_zero"):  # a square has no root
        assert DETECT(run_with(at=500, **bad, **{other: 1.0})) == []
    for place in ("outputs", "samples"):  # weights were NaN before D was updated
        assert DETECT(run_with(at=500, **bad, **{f"nonfinite/discriminator/{place}": 1.0})) == []
    assert len(DETECT(run_with(at=500, **bad, **{"nonfinite/generator/outputs": 1.0}))) == 1
    grown = run_with(at=500, **bad)
    grown.scalars.loc[490:499, "grad/discriminator/norm"] = 1e3
    assert DETECT(grown) == []


def ever_steeper(**options):
    run = run_with(family="wgan", without=["penalty/norm", "penalty/along", "penalty/undefined"], **options)
    run.scalars["d/lipschitz"] = 5.0 + run.scalars.index / 20
    run.scalars["weights/discriminator/at_bound"] = np.where(run.scalars.index % 50 == 0, 3e-3, np.nan)
    return run


def test_a_critic_that_nothing_bounds_and_that_gets_steeper_is_told():
    """Unless its weights are clipped, or made of others that are normalised."""
    (found,) = DETECT(ever_steeper())
    assert (found.severity, found.remedies[0].name) == ("failure", "bound-the-critic")
    clipped = ever_steeper()
    clipped.scalars["weights/discriminator/at_bound"] *= 10
    assert DETECT(clipped) == []
    assert DETECT(ever_steeper(critic=CRITIC | {"normalised": True})) == []


def test_a_critic_that_nothing_bounds_is_warned_of_before_it_is_far_too_steep():
    """A slope of 1, then of 4 for a while: it never had a bound, and has none once its slope is 1 again."""
    run = ever_steeper()
    run.scalars["d/lipschitz"] = np.where((run.scalars.index > 1000) & (run.scalars.index < 1500), 4.0, 1.0)
    (found,) = DETECT(run)
    assert (found.severity, found.onset_step, found.ongoing) == ("warning", 1, True)
    assert "its slope is up to 4" in found.summary
    mild = ever_steeper()
    mild.scalars["d/lipschitz"] = np.where(mild.scalars.index > 1000, 1.8, 0.5)
    assert DETECT(mild) == []


def test_what_a_penalty_asks_for_is_told_from_its_gradient():
    """The norm per sample or its square pull along the gradient, one per pixel does not; a root at 0 is undefined."""

    def of(penalty, slopes):
        slopes = slopes.clone().requires_grad_()
        (back,) = torch.autograd.grad(penalty(slopes), slopes)
        return penalty_gradient(slopes, back).tolist()

    slopes = torch.randn(8, 3, 4, 4, generator=torch.Generator().manual_seed(0))
    norm = lambda s: (s.flatten(1).norm(dim=1) - 1).square().mean()  # noqa: E731
    assert of(norm, slopes) == pytest.approx([1.0, 0.0, 0.0], abs=1e-5)
    assert of(lambda s: s.square().sum(), slopes) == pytest.approx([1.0, 0.0, 1.0], abs=1e-5)
    assert of(lambda s: s.flatten(1).norm(dim=1).square().mean(), slopes) == pytest.approx([1.0, 0.0, 1.0], abs=1e-5)
    alike = slopes / slopes.flatten(1).norm(dim=1)[:, None, None, None] * 2
    assert np.isnan(of(norm, alike)[2])
    assert of(lambda s: (s.norm(dim=1) - 1).square().mean(), slopes)[0] < 0.9
    slopes[0] = 0
    assert of(lambda s: (s.flatten(1).square().sum(1).sqrt() - 1).square().mean(), slopes)[1] == 1.0

"""A critic whose Lipschitz constraint does not do what it is meant to."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from gandiag import synthetic
from gandiag.detectors.critic_constraint import CriticConstraint
from gandiag.judge.diagnose import diagnose

CERTAIN_AFTER = 450

DETECT = CriticConstraint()
STEPS = np.arange(1, 3001)
LATE = STEPS >= 1500
AT_BOUND = "weights/discriminator/at_bound"
FAMILIES = ("minimax", "non-saturating", "lsgan", "hinge", "relativistic")


def run_with(family="wgan", seed=0, **columns):
    run = synthetic.healthy(seed)
    meta = {**run.meta, "loss_family": {"name": family, "source": "given"}}
    return replace(run, scalars=run.scalars.assign(**columns), meta=meta)


def layers(decades, names=(0, 2, 4)):
    """Norms of D's layers that change by so many decades from one to the next, a number or (3000,)."""
    scatter = 10 ** (0.02 * np.random.default_rng(0).standard_normal((len(names), 3000)))
    shown = np.where(STEPS % 10 == 0, 1.0, np.nan)
    return {
        f"grad/discriminator/layer/{n}": 0.3 * shown * scatter[i] * 10.0 ** (decades * i) for i, n in enumerate(names)
    }


def bound(share):
    return {AT_BOUND: np.where(STEPS % 100 == 0, share, np.nan)}


@pytest.mark.parametrize("seed", range(5))
def test_weights_that_pile_up_are_found_where_they_do(seed):
    """Within 150 steps, of which 100 lie between two looks at the weights; the decay through depth is evidence, too."""
    (found,) = DETECT(synthetic.critic_constraint(at=1500, seed=seed))
    assert abs(found.onset_step - 1500) <= 150
    assert (found.severity, found.ongoing) == ("failure", True)
    assert {AT_BOUND, "decades of gradient norm per layer of D"} == {e.signal for e in found.evidence}


@pytest.mark.parametrize("family", [*FAMILIES, "wgan", "wgan-gp", "other", "unknown"])
def test_weights_at_a_bound_are_seen_under_any_loss(family):
    """It takes no family to see that they are all as large as the largest."""
    (found,) = DETECT(run_with(family, **bound(np.where(LATE, 0.95, 0.01))))
    assert found.severity == "failure"
    assert "95% of D's weights" in found.summary
    assert [f.severity for f in DETECT(run_with(family, **bound(np.where(LATE, 0.6, 0.01))))] == ["warning"]


@pytest.mark.parametrize("family", ["wgan", "wgan-gp", "unknown"])
@pytest.mark.parametrize("seed", range(5))
def test_a_critic_whose_constraint_holds_is_left_alone(family, seed):
    """The healthy run, under the losses to which all rules apply, with a fifth of the weights at the bound."""
    assert DETECT(run_with(family, seed, **bound(0.2))) == []


@pytest.mark.parametrize(("norm", "said"), [(30.0, "is 30, not 1"), (0.03, "is 0.03, not 1")])
def test_a_penalty_that_does_not_reach_its_target_is_found(norm, said):
    """A gradient norm of 30, or of a thirtieth, on interpolates; 3 is what a weak penalty leaves."""
    (found,) = DETECT(run_with("wgan-gp", **{"penalty/norm": np.where(LATE, norm, 1.0)}))
    assert abs(found.onset_step - 1500) <= 100
    assert found.severity == "warning"
    assert said in found.summary
    assert found.evidence[0].comparison == ("above" if norm > 1 else "below")
    assert DETECT(run_with("wgan-gp", **{"penalty/norm": 3.0 if norm > 1 else 1 / 3})) == []


def test_a_penalty_may_take_time_to_work():
    """A norm that rises to 1 within 1,000 steps is a start; one that never gets there is a failure from then on."""
    assert DETECT(run_with("wgan-gp", **{"penalty/norm": np.clip(STEPS / 1000, 0.01, 1.0)})) == []
    (found,) = DETECT(run_with("wgan-gp", **{"penalty/norm": 0.1}))
    assert 900 <= found.onset_step <= 1100


@pytest.mark.parametrize("factor", [20.0, 1000.0, 1e-3])
def test_a_critic_that_leaves_its_scale_is_found(factor):
    """Twenty times as steep, a thousand times, a thousandth."""
    steep = synthetic.healthy().scalars["d/lipschitz"] * np.where(LATE, factor, 1.0)
    (found,) = DETECT(run_with("wgan", **{"d/lipschitz": steep}))
    assert abs(found.onset_step - 1500) <= 100
    assert found.severity == "warning"
    assert DETECT(run_with("wgan", **{"d/lipschitz": synthetic.healthy().scalars["d/lipschitz"] * factor})) == []


def test_a_d_that_is_no_critic_may_be_as_steep_as_it_likes():
    """The look-alike: logits that grow, and a penalty whose target is 0, as R1's."""
    steep = {"d/lipschitz": np.where(LATE, 1e4, 1.0), "penalty/norm": 0.05, **layers(0.8)}
    for family in FAMILIES:
        diagnosis = diagnose(run_with(family, **steep), [DETECT])
        assert diagnosis.findings == ()
        assert [n.code for n in diagnosis.not_applicable] == ["critic-constraint"]


@pytest.mark.parametrize("family", ["wgan", "wgan-gp", "other", "unknown"])
@pytest.mark.parametrize("decades", [0.8, -0.8])
def test_gradients_that_grow_or_decay_with_every_layer_are_found(family, decades):
    """0.8 decades per layer, in either direction; 0.3 are normal."""
    (found,) = DETECT(run_with(family, **layers(np.where(LATE, decades, 0.0))))
    assert abs(found.onset_step - 1500) <= 100
    assert found.evidence[0].value == pytest.approx(0.8, abs=0.05)
    assert DETECT(run_with(family, **layers(np.where(LATE, decades * 3 / 8, 0.0)))) == []


def test_two_layers_have_no_slope():
    """And a layer without any gradient is a dead one, not a slope."""
    run = run_with("wgan", **layers(0.8, names=(0, 2)))
    assert DETECT(replace(run, scalars=run.scalars.drop(columns="grad/discriminator/layer/4"))) == []
    dead = {"grad/discriminator/layer/4": np.where(STEPS % 10 == 0, 0.0, np.nan)}
    assert DETECT(run_with("wgan", **dead)) == []


@pytest.mark.parametrize(("family", "asked"), [("wgan", True), ("unknown", True), ("other", False)])
def test_only_what_may_be_a_critic_is_asked(family, asked):
    """A loss that is known not to be Wasserstein's, nor any other of the catalogue, binds D to no slope."""
    diagnosis = diagnose(run_with(family, **bound(np.where(LATE, 0.95, 0.01))), [DETECT])
    assert bool(diagnosis.findings) is asked
    assert bool(diagnosis.not_applicable) is not asked

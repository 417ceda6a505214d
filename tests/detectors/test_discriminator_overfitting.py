"""A discriminator that knows its training samples by heart."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from gandiag import synthetic
from gandiag.detectors.discriminator_overfitting import DiscriminatorOverfitting
from gandiag.judge.diagnose import diagnose

CERTAIN_AFTER = 300

DETECT = DiscriminatorOverfitting()
STEPS = np.arange(1, 3001)


def run_with(every=50, family="non-saturating", **columns):
    """A healthy run with other held-out checks at every `every`-th step."""
    run = synthetic.healthy()
    held_out = {n: np.where(STEPS % every == 0, v, np.nan) for n, v in columns.items() if "held_out" in n}
    meta = {**run.meta, "loss_family": {"name": family, "source": "given"}}
    return replace(run, scalars=run.scalars.assign(**{**columns, **held_out}), meta=meta)


def checks(gap, auc, **rest):
    return run_with(**{"d/held_out/gap": gap, "d/held_out/auc": auc}, **rest)


@pytest.mark.parametrize("seed", range(5))
def test_a_d_that_learns_by_heart_is_found(seed):
    """Dated within 250 steps, over 200 of which it learns."""
    (found,) = DETECT(synthetic.discriminator_overfitting(at=1500, seed=seed))
    assert 1500 <= found.onset_step <= 1750
    assert (found.severity, found.ongoing) == ("failure", True)
    assert "held-out" in found.summary


def test_a_d_that_knows_them_a_little_better_is_a_warning():
    """G may be good all the same."""
    assert [f.severity for f in DETECT(checks(0.9, 0.68))] == ["warning"]
    assert [f.severity for f in DETECT(checks(0.9, 0.85))] == ["failure"]


def test_checks_between_that_scatter_do_not_end_it():
    """Four below the limit, then as before: one finding; twenty: two."""
    for until, spells in ((1700, 1), (2500, 2)):
        better = STEPS.clip(1501, until) == STEPS
        assert len(DETECT(checks(0.9, np.where(better, 0.55, 0.8)))) == spells


def test_a_d_that_wins_without_knowing_samples_by_heart_is_dominance_only():
    """The look-alike: every training sample called real, every held-out one, too."""
    run = synthetic.discriminator_dominance()
    run = replace(run, scalars=run.scalars.assign(**{"d/real/positive": 1.0}))
    diagnosis = diagnose(run)
    assert {f.code for f in diagnosis.findings} == {"discriminator-dominance"}
    assert "discriminator-overfitting" in diagnosis.clean


@pytest.mark.parametrize(("gap", "auc"), [(-0.9, 0.1), (-0.9, 0.9), (0.9, 0.1)])
def test_held_out_samples_that_d_likes_better_are_no_sign(gap, auc):
    """Direction: training and held-out samples swapped, in either measure."""
    assert DETECT(checks(gap, auc)) == []
    assert len(DETECT(checks(0.9, 0.9))) == 1


@pytest.mark.parametrize(("gap", "auc"), [(3.0, 0.55), (0.3, 0.9)])
def test_one_measure_alone_is_not_enough_where_both_are_known(gap, auc):
    """A gap divided by next to nothing, and training samples known a little better by a D that sees much else."""
    assert DETECT(checks(gap, auc)) == []


@pytest.mark.parametrize("name", ["d/held_out/gap", "d/held_out/auc"])
def test_one_measure_is_enough_where_the_other_is_not_known(name):
    """As for D's whose training outputs were not recorded."""
    other = {"d/held_out/gap": "d/held_out/auc", "d/held_out/auc": "d/held_out/gap"}[name]
    run = run_with(**{name: 0.9})
    (found,) = DETECT(replace(run, scalars=run.scalars.drop(columns=other)))
    assert [e.signal for e in found.evidence] == [name]


def test_a_single_wild_check_is_no_finding():
    """One of three is left out."""
    wild = np.where(STEPS == 1500, 50.0, 0.0)
    assert DETECT(checks(wild, 0.5 + wild)) == []


@pytest.mark.parametrize(("family", "told"), [("non-saturating", True), ("hinge", True), ("wgan-gp", False)])
def test_the_share_called_real_supports_the_finding_where_0_decides(family, told):
    """r_t is evidence beside the others; a Wasserstein critic's outputs have no decision point."""
    (found,) = DETECT(checks(0.9, 0.8, family=family, **{"d/real/positive": 0.99}))
    supporting = [e for e in found.evidence if "r_t" in e.signal]
    assert [round(e.value, 2) for e in supporting] == ([0.98] if told else [])


def test_nothing_is_said_without_held_out_samples():
    """r_t alone decides nothing: not assessed, with how to get the rest."""
    run = synthetic.discriminator_overfitting()
    run = replace(
        run, scalars=run.scalars.drop(columns=["d/held_out/gap", "d/held_out/auc"]).assign(**{"d/real/positive": 1.0})
    )
    diagnosis = diagnose(run, [DETECT])
    assert diagnosis.findings == diagnosis.clean == ()
    assert "held_out=" in diagnosis.not_assessed[0].how_to


def test_rare_checks_count_as_checks():
    """Every 500 steps is enough for a finding; two checks are too few for any."""
    (found,) = DETECT(checks(np.where(STEPS > 1000, 0.9, 0.0), np.where(STEPS > 1000, 0.9, 0.5), every=500))
    assert found.onset_step == 1500
    diagnosis = diagnose(checks(0.0, 0.5, every=1500), [DETECT])
    assert [n.code for n in diagnosis.not_assessed] == ["discriminator-overfitting"]

"""Labels from hand-made ground truth."""

from __future__ import annotations

from dataclasses import replace

import pandas as pd
import pytest

from benchmarks.corpus.configurations import Configuration
from benchmarks.corpus.labelling import Failure, label
from gandiag.zoo.events import LearningRates, WeightsNotFinite, at
from gandiag.zoo.recipes.analytic import DIRAC
from gandiag.zoo.recipes.points import R1_RING

STEPS = 1000
GOOD = {"lost": 0.0, "effective": 1.0, "near": 0.9, "within": 1.0, "top": 0.0, "finite": 1.0, "confidence": 0.5}
BAD = {**GOOD, "lost": 0.75, "effective": 0.25}


def labelled(*spells, meant=(), change=None, recipe=R1_RING):
    """The label of a run whose truth is made of (number of evaluations, values) spells, 20 in all."""
    rows = [{**GOOD, **values} for n, values in spells for _ in range(n)]
    assert len(rows) == 20
    truth = pd.DataFrame(rows, index=pd.Index(range(50, STEPS + 1, 50), name="step"))
    events = at(0.4, change) if change else ()
    configuration = Configuration(recipe=replace(recipe, steps=STEPS, events=events), seeds=1, meant=meant)
    return label(configuration.runs()[0], truth)


def codes(found):
    return {f.code: f.onset_step for f in found.failures}


def test_a_run_that_keeps_its_modes_is_healthy():
    """Whatever it did before it found them."""
    assert labelled((5, BAD), (15, {})).status == "healthy"


def test_a_collapse_to_the_end_is_failing_from_its_first_evaluation():
    """Both collapses: modes are lost, and half of the variety."""
    found = labelled((10, {}), (10, BAD))
    assert found.status == "failing"
    assert codes(found) == {"mode-collapse": 550, "sample-collapse": 550}


def test_a_mild_collapse_loses_modes_only():
    """Two of eight."""
    assert codes(labelled((10, {}), (10, {"lost": 0.25, "effective": 0.75}))) == {"mode-collapse": 550}


def test_modes_never_had_count_from_a_fifth_of_the_run_on():
    """A young generator is not called collapsed."""
    assert codes(labelled((20, BAD)))["mode-collapse"] == 200


def test_modes_lost_after_a_fault_count_from_the_fault_on():
    """The event is at step 401; before, the generator was young."""
    found = labelled((20, BAD), meant=("mode-collapse",), change=LearningRates(generator=1.0))
    assert codes(found)["mode-collapse"] == 450


def test_what_never_learned_anything_is_not_called_collapsed():
    """Samples far from all modes: neither collapse nor health."""
    found = labelled((20, {**BAD, "near": 0.01}))
    assert (found.status, found.failures) == ("partial", ())


@pytest.mark.parametrize(
    "spells",
    [
        [(17, {}), (3, BAD)],  # too short at the end
        [(5, {}), (6, BAD), (9, {})],  # passed through
        [(10, {}), (10, {"lost": 0.15})],  # too few
        [(10, {}), (10, {"near": 0.3})],  # all modes, far from them
    ],
)
def test_what_is_neither_good_nor_bad_is_partial(spells):
    """Such runs count neither for recall nor for false alarms."""
    assert labelled(*spells).status == "partial"


def test_the_same_few_samples_in_all_modes_are_a_sample_collapse():
    """No spread within a mode."""
    assert codes(labelled((10, {}), (10, {"within": 0.01}))) == {"sample-collapse": 550}


def test_hopping_from_mode_to_mode_is_named():
    """Another mode has most samples in each evaluation."""
    hops = [(1, {**BAD, "top": float(i % 8)}) for i in range(10)]
    assert "mode-hopping" in codes(labelled((10, {}), *hops))
    assert "mode-hopping" not in codes(labelled((10, {}), (10, BAD)))


def test_an_injected_fault_dates_its_failure():
    """By construction, at the step of the event."""
    found = labelled((8, {}), (12, {"finite": 0.0}), meant=("non-finite",), change=WeightsNotFinite())
    assert found.failures[0] == Failure("non-finite", 401, "construction")


def test_vanishing_gradients_need_a_saturated_loss_to_the_end():
    """D(G(z)) below 0.01; without it the run was meant to fail and did not."""
    spike, meant = LearningRates(discriminator=1.0), ("vanishing-gradients",)
    found = labelled((8, {}), (12, {"confidence": 1e-4}), meant=meant, change=spike)
    assert found.failures == (Failure("vanishing-gradients", 401, "construction"),)
    assert labelled((8, {}), (12, {"confidence": 0.1}), meant=meant, change=spike).status == "partial"


def test_copies_are_confirmed_by_what_lies_nearer_than_held_out_samples():
    """More than a tenth of the samples, to the end; fewer were meant to be copies and are not."""
    found = labelled((12, {"copied": 0.02}), (8, {"copied": 0.4}), meant=("memorisation",))
    assert found.failures == (Failure("memorisation", 650, "ground truth"),)
    assert labelled((20, {"copied": 0.05}), meant=("memorisation",)).status == "partial"


def test_divergence_is_confirmed_by_samples_far_from_the_data():
    """After they had been near."""
    spike, meant = LearningRates(generator=1.0), ("divergence",)
    found = labelled((8, {}), (12, {"near": 0.0}), meant=meant, change=spike)
    assert found.failures == (Failure("divergence", 401, "construction"),)
    assert labelled((20, {}), meant=meant, change=spike).status == "partial"


@pytest.mark.parametrize(("distance", "status"), [(1.2, "failing"), (0.1, "partial")])
def test_a_circling_game_never_comes_near_its_equilibrium(distance, status):
    """The label is the theory's; ground truth must not contradict it."""
    truth = pd.DataFrame({"distance": [1.4] * 10 + [distance] * 10, "finite": 1.0}, index=range(50, 1001, 50))
    configuration = Configuration(recipe=replace(DIRAC, steps=STEPS), seeds=1, meant=("oscillation",))
    found = label(configuration.runs()[0], truth)
    assert found.status == status
    assert found.failures == ((Failure("oscillation", 1, "analytic"),) if status == "failing" else ())


def test_a_settled_game_is_healthy():
    """And one that is still far away is not."""
    run = Configuration(recipe=replace(DIRAC, steps=STEPS), seeds=1).runs()[0]
    for distance, status in ((0.1, "healthy"), (0.9, "partial")):
        truth = pd.DataFrame({"distance": [distance] * 20, "finite": 1.0}, index=range(50, 1001, 50))
        assert label(run, truth).status == status

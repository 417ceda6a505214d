"""The corpus of what people train, and how a diagnosis is scored on it."""

from __future__ import annotations

import pickle
from dataclasses import replace

import pytest
import torch

from benchmarks.bench.causes import CAUSES
from benchmarks.bench.corpus import Entry, Label
from benchmarks.bench.kinds import VARIANTS, Asked, Said, fitted_without
from benchmarks.bench.kinds_tables import onset_error, tables
from benchmarks.corpus.generate import record
from benchmarks.corpus.kinds import BROKEN, KINDS, OF_KINDS, WORKING, without_mistake
from benchmarks.remedies.applied import EDITS, applied
from benchmarks.remedies.trying import first_seeds, table
from gandiag.detectors import DETECTORS
from gandiag.detectors.remedies import REMEDIES
from gandiag.judge.mechanisms import MISTAKES
from gandiag.rundir.run import Run
from gandiag.zoo.data import MissingDataError
from gandiag.zoo.training import train


def configuration(name):
    """One configuration by its name."""
    (found,) = [c for c in OF_KINDS if c.name == name]
    return found


def test_every_kind_works_and_fails_in_several_ways():
    """Names of their own; no cause without a table of what fits it; more works than fails on purpose."""
    assert len({c.name for c in OF_KINDS}) == len(OF_KINDS) >= 100
    for name in KINDS:
        assert sum(c.name.startswith(f"{name}-") for c in WORKING) >= 1
        assert sum(c.name.startswith(f"{name}-") for c in BROKEN) >= 2
    assert {c.cause for c in BROKEN} == set(CAUSES)
    assert all(not c.cause and not c.meant for c in WORKING)


def test_every_run_can_be_sent_to_another_process():
    """Trainings run beside each other."""
    for c in OF_KINDS:
        assert pickle.dumps(c)


def test_every_mistake_that_is_named_is_made():
    """By some configuration, and by two where it can be made on points, too."""
    assert {code for c in BROKEN for code in c.meant} >= set(MISTAKES)


def test_tables_of_causes_speak_of_what_exists():
    """Codes of detectors, names of remedies; thresholds that the detectors have."""
    known = {d.code: d for d in DETECTORS}
    assert {code for cause in CAUSES.values() for code in cause.roots} <= set(known)
    assert {name for cause in CAUSES.values() for name in cause.remedies} <= set(REMEDIES)
    assert set(EDITS) <= set(REMEDIES)
    for code, changes in VARIANTS.items():
        assert changes[0] == {}
        for change in changes:
            replace(known[code], **change)


@pytest.mark.parametrize("name", [c.name for c in BROKEN if c.cause in MISTAKES])
def test_loops_with_a_mistake_train(name):
    """Three steps; the loss of D is a number all the same."""
    try:
        game = train(replace(configuration(name).recipe, steps=3, batch=16))
    except MissingDataError as missing:
        pytest.skip(str(missing))
    assert torch.isfinite(game.discriminator_loss())
    assert without_mistake(name) is not None


def test_remedies_change_what_went_wrong():
    """Rates where G outran D, latents where they came again, the loss that saturates; a mistake is taken out."""
    outran = configuration("wine-runaway-g")
    changed = applied("rates-of-one-scale", outran.recipe, outran.cause)
    assert changed.events[0].change.generator == changed.events[0].change.discriminator
    few = configuration("unequal-2d-two-latents")
    assert applied("fresh-latents", few.recipe, few.cause).events == ()
    saturating = configuration("wine-optimal-d")
    changed = applied("non-saturating-loss", saturating.recipe, saturating.cause)
    assert len(changed.events) == len(saturating.recipe.events) - 1
    wrong = configuration("mixture-double-sigmoid")
    assert applied("one-sigmoid", wrong.recipe, wrong.cause).discriminator == KINDS["mixture-8d"].discriminator
    assert applied("test-d-alone", outran.recipe, outran.cause) is None
    assert applied("one-instance", wrong.recipe, wrong.cause) is None


def test_a_resumed_training_has_optimizers_without_a_past():
    """What Adam knew is gone, weights and rates stay."""
    (event,) = configuration("eight-digits-resumed").recipe.events
    game = train(replace(configuration("eight-digits-r1").recipe, steps=3))
    weight, rate = next(game.generator.parameters()).clone(), game.optimizer_g.param_groups[0]["lr"]
    assert game.optimizer_g.state
    event.change(game)
    assert not game.optimizer_g.state
    assert not game.optimizer_d.state
    assert torch.equal(next(game.generator.parameters()), weight)
    assert game.optimizer_g.param_groups[0]["lr"] == rate


def test_copies_are_looked_for_where_they_are_asked_about(tmp_path):
    """Ground truth counts them, and the run has the tests of copying against held-out samples."""
    asked_about = configuration("digits-copied")
    (run, *_) = replace(asked_about, recipe=replace(asked_about.recipe, steps=40)).runs()
    truth = record(run, tmp_path / "run")
    assert truth["copied"].between(0, 1).all()
    assert Run.open(tmp_path / "run").series("quality/c_t").size >= 2


def test_what_changes_nothing_is_not_tried():
    """Gradient descent has no momentum, and optimistic descent is a change of it alone."""
    outran, descent = configuration("wine-runaway-g"), configuration("unequal-2d-sgd")
    assert applied("lower-beta1", descent.recipe, descent.cause) is None
    assert applied("lower-beta1", outran.recipe, outran.cause).generator_optimizer.betas[0] == 0
    assert applied("optimistic-gradients", outran.recipe, outran.cause) is None
    assert applied("optimistic-gradients", descent.recipe, "").generator_optimizer.lr == 0.05


def test_a_training_that_is_rolled_back_goes_on_with_other_random_numbers():
    """The same up to the step before the onset; an accident does not come again, what was set stays set."""
    broken = configuration("eight-digits-nan")
    again = applied("roll-back", broken.recipe, broken.cause, onset=4)
    assert [event.step(broken.recipe.steps) for event in again.events] == [4]
    outran = replace(configuration("wine-runaway-g").recipe, steps=10, events=())
    weights = []
    for recipe in (outran, applied("roll-back", outran, "", onset=5)):
        seen = weights.append([]) or weights[-1]
        train(recipe, after_step=lambda game, _, seen=seen: seen.append(next(game.generator.parameters()).clone()))
    same = [torch.equal(a, b) for a, b in zip(*weights, strict=True)]
    assert same == [True] * 4 + [False] * 6
    kept = configuration("wine-runaway-g").recipe
    assert len(applied("roll-back", kept, "G outruns D", onset=700).events) == 2


def test_old_samples_are_shown_to_the_discriminator_alone():
    """Half of its batch is from earlier steps; G's own loss sees what G makes now."""
    recipe = replace(applied("experience-replay", configuration("wine-r1").recipe, ""), penalties=())
    game = train(replace(recipe, steps=20))
    labels = torch.zeros(8, dtype=torch.int64)
    seen = []
    game.judge = lambda samples, _labels: seen.append(samples) or samples.sum(dim=1, keepdim=True)
    with torch.no_grad():
        for weight in game.generator.parameters():
            weight.zero_()  # from now on all samples are the same
    game.discriminator_loss()
    _real, shown = seen
    assert not shown[:8].any()
    assert shown.any()
    seen.clear()
    game.generator_loss()
    assert not seen[0].any()
    assert game.fake(labels).shape == (8, 13)


def test_networks_are_built_without_relu_and_critics_are_clipped():
    """What is offered first where a layer is dead, or nothing bounds a critic."""
    dead = configuration("sines-dead-d")
    changed = applied("leaky-relu", dead.recipe, dead.cause)
    for network in (changed.generator(8, (2, 3)), changed.discriminator((2, 3))):
        kinds = {type(module) for module in network.modules()}
        assert torch.nn.ReLU not in kinds
        assert torch.nn.LeakyReLU in kinds
    unbound = configuration("wine-unbound-critic")
    critic = unbound.recipe.discriminator((13,))
    applied("bound-the-critic", unbound.recipe, unbound.cause).constraint(critic)
    assert max(float(weight.detach().abs().max()) for weight in critic.parameters()) <= 0.03


def test_remedies_are_tried_on_the_first_seeds_for_evaluation_that_failed():
    """Of each configuration; a seed that did not fail is not made up for."""
    runs = [
        replace(asked(name, "one", status).entry, configuration=name[0], split=split)
        for name, split, status in (
            ("a100", "tuning", "failing"), ("a200", "evaluation", "failing"), ("a201", "evaluation", "failing"),
            ("b200", "evaluation", "healthy"), ("b201", "evaluation", "failing"),
        )
    ]  # fmt: skip
    assert [run.name for run in first_seeds(runs, 1)] == ["a200"]
    assert [run.name for run in first_seeds(runs, 2)] == ["a200", "a201", "b201"]
    assert [run.name for run in first_seeds(runs, 1, tuning=True)] == ["a100"]


def asked(name, kind, status="healthy", codes=(), ends=None, cause="", **said):
    """A judged run."""
    labels = tuple(Label(code, 100) for code in codes)
    entry = Entry(
        name=name, configuration=name, data=kind, loss="hinge", seed=200, steps=1000, split="evaluation",
        status=status, failures=labels, kind=kind, cause=cause,
    )  # fmt: skip
    none = {code: tuple(False for _ in changes) for code, changes in VARIANTS.items()}
    defaults = {"verdict": status, "root": "", "remedy": "", "found": ()}
    return Asked(entry=entry, ends={**none, **(ends or {})}, **{**defaults, **said})


def test_thresholds_are_fitted_without_the_kind_at_hand():
    """What one kind alone would choose, another one is judged with; a false alarm of its own does not count."""

    def without(kind):
        return fitted_without(runs, lambda one: one.entry.kind == kind)

    hit = {"mode-collapse": (False, False, True, True)}
    runs = [
        asked("a", "one", "failing", ("mode-collapse",), ends=hit),
        asked("b", "one", ends={"mode-collapse": (False, False, True, False)}),
        asked("c", "two", "failing", ("mode-collapse",), ends=hit),
        asked("d", "two"),
    ]
    assert without("one")["mode-collapse"] == 2
    assert without("two")["mode-collapse"] == 3
    assert runs[1].verdict_with(without("one")) == "failing"
    assert runs[2].verdict_with(without("two")) == "failing"


def test_tables_count_verdicts_onsets_roots_and_remedies():
    """With what was wrong by name."""
    passed = Said("mode-collapse", "failure", 1, 30, ongoing=False)
    runs = [
        asked("fine", "one"),
        asked("warned", "one", verdict="suspect", found=(Said("mode-hopping", "warning", 5, 1000, ongoing=True),)),
        asked(
            "lost", "two", "failing", ("mode-collapse",),
            found=(passed, Said("mode-collapse", "failure", 130, 1000, ongoing=True)),
            cause="G outruns D", root="mode-collapse", remedy="packing",
        ),
        asked("missed", "two", "failing", ("mode-collapse",), verdict="healthy", cause="G outruns D"),
    ]  # fmt: skip
    text = tables(runs)
    assert "| `mode-collapse` | 1 of 2" in text
    assert "| 3.0 % |" in text
    assert "| G outruns D | 2 | 1 of 2" in text
    assert "- healthy, warned: suspect (`mode-hopping`?)" in text
    assert "- G outruns D, lost: failing (`mode-collapse`): first remedy packing" in text
    assert "- mode-collapse, missed: healthy (nothing found)" in text


def test_a_collapse_counts_as_found_under_either_name_and_once_more_by_its_own():
    """Samples that are alike, of which it is said that modes are lost."""
    alike = Said("mode-collapse", "failure", 110, 1000, ongoing=True)
    text = tables([asked("alike", "one", "failing", ("sample-collapse",), found=(alike,))])
    assert "| mode collapse, under either name: found at failure severity | 95% | 1 of 1" in text
    assert "| the same, each by its own name | 95% | 0 of 1" in text


def test_an_onset_that_ground_truth_shows_lies_between_two_looks():
    """Of 25 in a training of 1,000 steps."""
    entry = asked("a", "one").entry
    seen, made = Label("mode-collapse", 440, "ground truth"), Label("non-finite", 440)
    assert [onset_error(entry, seen, onset) for onset in (390, 400, 420, 440, 460)] == [0.01, 0, 0, 0, 0.02]
    assert [onset_error(entry, made, onset) for onset in (400, 440)] == [0.04, 0]


def test_remedies_are_counted_beside_the_unchanged_training():
    """By root and remedy, then all together; what was not tried is named."""
    good, bad = {"status": "healthy", "found": False}, {"status": "failing", "found": True}
    rows = [
        {"name": "a", "code": "mode-collapse", "remedy": "packing", "remedied": good, "rerun": bad},
        {"name": "b", "code": "mode-collapse", "remedy": "packing", "remedied": bad, "rerun": bad},
        {"name": "c", "code": "stagnation", "remedy": "test-d-alone"},
    ]
    text = table(rows)
    assert "| `mode-collapse` | `packing` | 1 of 2 | 0 of 2 | 1 of 2 | 0 of 2 |" in text
    assert "Not tried, as no change of a training: c (test-d-alone)." in text

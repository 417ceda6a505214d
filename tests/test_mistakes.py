"""Mistakes in the loop are named as the root, with the line to change; right loops that look alike are left alone."""

from __future__ import annotations

import pickle
import warnings
from itertools import islice
from multiprocessing.reduction import ForkingPickler

import pytest
import torch
from loops.parts import Game
from mistakes import CASES, CORRECTED, found, gallery
from mistakes.table import PAGE, outline, row, undated, without_findings

import gandiag
from gandiag.judge.mechanisms import MISTAKES
from gandiag.testing import assert_unchanged

WRONG = [name for name, case in CASES.items() if case.remedy]
RIGHT = [name for name, case in CASES.items() if not case.remedy]


BOTH = pytest.mark.parametrize(("seed", "seldom"), [(0, False), (1, True)], ids=["every round", "every eighth round"])


@BOTH
@pytest.mark.parametrize("name", WRONG)
def test_a_mistake_is_the_root_and_its_own_remedy_comes_first(name, seed, seldom):
    """By the end of 200 steps; docs/mistakes.md says the same of it."""
    _, diagnosis = found(name, seed, seldom=seldom)
    case = CASES[name]
    claimed = [f for f in diagnosis.findings if f.code in MISTAKES and f.severity != "info"]
    (finding,) = [f for f in claimed if f.code not in case.also]
    assert (finding.code, finding.severity) == (case.code, case.severity)
    assert diagnosis.story.root == case.code
    assert finding.remedies[0].name == case.remedy
    if (seed, seldom) == (0, False):
        assert undated(row(name, case)) in undated(PAGE.read_text(encoding="utf-8")).splitlines()


@BOTH
@pytest.mark.parametrize("name", RIGHT)
def test_what_looks_like_a_mistake_and_is_none_is_left_alone(name, seed, seldom):
    """No mistake is claimed, and none of the detectors breaks."""
    run, diagnosis = found(name, seed, seldom=seldom)
    assert run.last_step >= 90
    assert diagnosis.errors == ()
    assert [f for f in diagnosis.findings if f.code in MISTAKES and f.severity != "info"] == []


@pytest.mark.parametrize("name", gallery.EXAMPLES)
def test_an_example_of_the_gallery_is_told_as_the_page_has_it_and_its_corrected_loop_is_not(name):
    """docs/gallery.md; regenerate it with `cd tests && python -m mistakes.gallery`."""
    page = gallery.uncounted(gallery.PAGE.read_text(encoding="utf-8"))
    assert gallery.uncounted(gallery.section(name)) in page
    if name in CORRECTED:
        _, diagnosis = found(name, corrected=True)
        assert [f for f in diagnosis.findings if f.code in MISTAKES and f.severity != "info"] == []


def test_models_are_sent_to_other_processes_as_if_nobody_watched(tmp_path):
    """No hook lies on a parameter: torch warns of those, and other processes refuse them."""
    game = Game()
    with gandiag.attach(game.generator, game.discriminator, run_dir=tmp_path / "run", alerts=False):
        for _ in range(3):
            game.update_d()
            game.update_g()
        with warnings.catch_warnings():
            warnings.simplefilter("error")
            for network in (game.generator, game.discriminator):
                assert ForkingPickler.dumps(network)
                copy = pickle.loads(pickle.dumps(network))  # noqa: S301 - our own
                assert all(map(torch.equal, copy.state_dict().values(), network.state_dict().values()))


@pytest.mark.parametrize("name", ["copy_of_d", "copy_of_g", "root_of_zero", "one_hot_labels", "g_evaluates_for_d"])
def test_what_is_looked_at_for_mistakes_changes_nothing(name):
    """Weights and random states are bit-identical; a search for copies has left no hook on every module."""

    def train(attach, steps):
        list(islice(CASES[name].training(attach), steps))

    assert_unchanged(train, steps=40, options={"max_overhead": None, "alerts": False})
    assert not torch.nn.modules.module._global_forward_hooks


def test_the_table_in_the_docs_has_every_loop():
    """docs/mistakes.md; regenerate it with `cd tests && python -m mistakes.table`."""
    assert without_findings(PAGE.read_text(encoding="utf-8")) == outline()

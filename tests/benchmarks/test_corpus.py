"""The corpus: what it is made of, that it can be broken off and goes on, and that it comes out as committed."""

from __future__ import annotations

import json
from collections import Counter
from dataclasses import replace
from pathlib import Path

import pytest

from benchmarks.corpus import CONFIGURATIONS, FAILING, HEALTHY
from benchmarks.corpus.configurations import UNSEEN_DATA, Configuration
from benchmarks.corpus.generate import GRADIENTS, LABEL, TRUTH, make_corpus, make_run
from benchmarks.corpus.labelling import label
from gandiag.rundir.run import Run
from gandiag.zoo.description import describe
from gandiag.zoo.recipes.analytic import DIRAC, DIRAC_R1, started_anywhere
from gandiag.zoo.training import train
from gandiag.zoo.truth import SAMPLES, Referee

COMMITTED = json.loads((Path(__file__).parents[2] / "benchmarks" / "corpus.json").read_text())
SUBSET = (
    "dirac-wgan-gp-s200", "dirac-r1-s200", "gaussian-r1-s200", "ring8-nan-s200", "ring8-lsgan-s200",
)  # fmt: skip
"""test_commands.py has dirac-minimax-s200."""


def test_configurations_are_as_many_and_as_different_as_promised():
    """At least 20 of each kind, 400 runs, four losses, four data sets."""
    assert min(len(HEALTHY), len(FAILING)) >= 20
    runs = [run for configuration in CONFIGURATIONS for run in configuration.runs()]
    assert len(runs) >= 400
    assert len({run.name for run in runs}) == len(runs)
    for configurations in (HEALTHY, FAILING):
        assert len({c.recipe.loss.name for c in configurations}) >= 4
        assert len({c.recipe.data().name for c in configurations}) >= 4


def test_tuning_and_evaluation_have_no_seed_in_common():
    """And data that are kept for evaluation are in no tuning run."""
    runs = [run for configuration in CONFIGURATIONS for run in configuration.runs()]
    by_split = {s: {r.recipe.seed for r in runs if r.split == s} for s in ("tuning", "evaluation")}
    assert by_split["tuning"]
    assert not by_split["tuning"] & by_split["evaluation"]
    assert {r.recipe.data().name for r in runs if r.split == "unseen"} == set(UNSEEN_DATA)
    assert not {r.recipe.data().name for r in runs if r.split != "unseen"} & set(UNSEEN_DATA)


def test_the_committed_manifest_is_that_of_these_configurations():
    """Run by run: name, split, steps; and enough runs are labelled healthy."""
    planned = {r.name: (r.split, r.recipe.steps) for c in CONFIGURATIONS for r in c.runs()}
    assert {r["name"]: (r["split"], r["steps"]) for r in COMMITTED["runs"]} == planned
    assert Counter(r["status"] for r in COMMITTED["runs"])["healthy"] >= 300
    assert {c["name"]: c["recipe"] for c in COMMITTED["configurations"]} == {
        c.name: describe(c.recipe) for c in CONFIGURATIONS
    }


@pytest.mark.slow
@pytest.mark.parametrize("name", SUBSET)
def test_some_runs_come_out_as_committed(name):
    """Status, failures and onset; the figures too, where one number is not torn away by the next rounding.

    Trained unwatched, which ends where a watched training does and takes a fifth of the time.
    """
    (run,) = [r for c in CONFIGURATIONS for r in c.runs() if r.name == name]
    (expected,) = [r for r in COMMITTED["runs"] if r["name"] == name]
    referee = Referee(run.recipe.steps, SAMPLES)
    train(run.recipe, after_step=referee)
    found = label(run, referee.table).to_dict()
    assert found["status"] == expected["status"]
    assert {f["code"] for f in found["failures"]} == {f["code"] for f in expected["failures"]}
    if expected["data"] == "dirac":
        assert found["figures"] == pytest.approx(expected["figures"], rel=1e-3, abs=1e-3)


@pytest.mark.slow
def test_a_corpus_goes_on_where_it_was_broken_off(tmp_path):
    """Complete runs are kept, half a run is made anew, and every run holds all that the bench reads."""
    configurations = [
        Configuration(recipe=replace(started_anywhere(r), steps=60), seeds=2, meant=meant)
        for r, meant in ((DIRAC, ("oscillation",)), (DIRAC_R1, ()))
    ]
    (tmp_path / "runs").mkdir()
    for run in configurations[0].runs():
        make_run(run, tmp_path)
    kept, broken = (tmp_path / "runs" / name for name in ("dirac-minimax-s100", "dirac-minimax-s200"))
    before = (kept / LABEL).stat().st_mtime_ns
    (broken / LABEL).unlink()
    manifest = make_corpus(tmp_path, configurations, processes=2, quiet=True)
    assert (kept / LABEL).stat().st_mtime_ns == before
    assert len(manifest["runs"]) == 4
    assert json.loads((tmp_path / "manifest.json").read_text()) == manifest
    for run in manifest["runs"]:
        folder = tmp_path / "runs" / run["name"]
        assert all((folder / name).exists() for name in (LABEL, TRUTH, GRADIENTS))
        assert Run.open(folder).last_step == 60
        assert json.loads((folder / LABEL).read_text())["status"] == run["status"]


def test_a_corpus_of_another_schema_is_not_mixed_with_this_one(tmp_path):
    """One sentence that names the folder."""
    (tmp_path / "manifest.json").write_text('{"schema": "gandiag-corpus/0"}')
    with pytest.raises(ValueError, match=r"holds a corpus of schema 'gandiag-corpus/0'"):
        make_corpus(tmp_path, [], quiet=True)


def test_further_tuning_seeds_are_nobody_elses():
    """They come after those of the corpus, none belongs to an evaluation, and unseen data get none."""
    for configuration in CONFIGURATIONS:
        planned = {run.name for run in configuration.runs()}
        expected = [] if configuration.recipe.data().name in UNSEEN_DATA else [*range(110, 118)]
        more = [run for run in replace(configuration, more_tuning=8).runs() if run.name not in planned]
        assert [run.recipe.seed for run in more] == expected
        assert {run.split for run in more} <= {"tuning"}

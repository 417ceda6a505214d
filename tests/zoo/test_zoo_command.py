"""gandiag zoo: what the commands print, write and refuse."""

from __future__ import annotations

import json

from click.testing import CliRunner

from gandiag.cli.main import main
from gandiag.rundir.run import Run
from gandiag.zoo.recipes import RECIPES


def invoke(*arguments):
    return CliRunner().invoke(main, ["zoo", *map(str, arguments)], catch_exceptions=False)


def test_list_names_every_recipe():
    """As a table and for programs."""
    assert [r["name"] for r in json.loads(invoke("list", "--json").output)] == [r.name for r in RECIPES]
    table = invoke("list").output
    assert all(recipe.name in table for recipe in RECIPES)


def test_train_records_judges_and_reports(tmp_path):
    """A run directory that opens, a report in two formats, a summary."""
    done = invoke("train", "dirac-r1", "--steps", "80", "--seed", "3", "--out", tmp_path, "--json")
    (summary,) = json.loads(done.output)
    run = Run.open(tmp_path / "dirac-r1")
    assert (run.last_step, run.meta["hyperparameters"]["seed"]) == (80, 3)
    assert summary["verdict"] == "undecided"
    assert all((tmp_path / "dirac-r1" / name).exists() for name in ("report.html", "report.pdf"))


def test_an_unknown_recipe_is_answered_with_similar_ones():
    """One sentence, exit 2."""
    done = invoke("train", "ring8-wgen")
    assert done.exit_code == 2
    assert "no recipe is called 'ring8-wgen'; did you mean ring8-wgan" in done.stderr


def test_a_recipe_without_its_data_says_where_they_belong(tmp_path, monkeypatch):
    """MNIST is not part of the product."""
    from gandiag.zoo import data

    monkeypatch.delenv("GANDIAG_DATA", raising=False)
    monkeypatch.chdir(tmp_path)
    data.mnist.cache_clear()
    done = invoke("train", "dcgan-mnist", "--out", tmp_path / "runs")
    assert done.exit_code == 2
    assert "MNIST is not here: expected train-images-idx3-ubyte" in done.stderr

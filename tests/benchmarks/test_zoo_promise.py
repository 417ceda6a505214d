"""The zoo keeps its word: what `python -m benchmarks.zoo` last found of every recipe, and that it is still these."""

from __future__ import annotations

import json
from dataclasses import replace

import pytest

from benchmarks.zoo import BLOCK, MANIFEST, PAGE, kept, table, tried, with_known
from gandiag.detectors import DETECTORS
from gandiag.detectors.remedies import REMEDIES
from gandiag.zoo.description import describe
from gandiag.zoo.recipes import RECIPES

FOUND = json.loads(MANIFEST.read_text())["runs"]
EVERY = pytest.mark.parametrize("recipe", RECIPES, ids=lambda recipe: recipe.name)


@EVERY
def test_a_recipe_does_what_it_says(recipe):
    """Healthy by ground truth and by verdict, or failing by both and by what it is there to show."""
    runs = [run for run in FOUND if run["name"] == recipe.name]
    if not runs:
        pytest.skip("python -m benchmarks.zoo has not trained it yet")
    assert all(run["recipe"] == describe(recipe) and run["fails"] == list(recipe.fails) for run in runs)
    assert [run["seed"] for run in runs if not kept(run)] == []


def test_what_recipes_fail_by_is_known():
    """Codes of detectors."""
    assert {code for recipe in RECIPES for code in recipe.fails} <= {detector.code for detector in DETECTORS}


def test_a_recipe_that_shows_a_remedy_works():
    """Nobody is sent to a training that fails."""
    failing = {recipe.name for recipe in RECIPES if recipe.fails}
    assert {remedy.recipe for remedy in REMEDIES.values()} & failing == set()


def test_what_was_not_trained_again_stays():
    """A new row takes the place of that seed; rows of recipes that have changed since are left out."""
    new = {**FOUND[0], "verdict": "failing"}
    rows = with_known([new])
    assert rows[0] == new
    assert rows[1:] == [row for row in FOUND if (row["name"], row["seed"]) != (new["name"], new["seed"])]


def test_the_page_has_the_manifests_table():
    """docs/zoo.md."""
    assert BLOCK.search(PAGE.read_text())[0] == f"<!-- recipes -->\n\n{table(FOUND)}\n<!-- /recipes -->"


@pytest.mark.slow
@pytest.mark.parametrize("name", ["dirac-minimax", "dirac-r1"])
def test_quick_recipes_do_it_again(name, tmp_path):
    """Trained and judged here and now."""
    (recipe,) = [recipe for recipe in RECIPES if recipe.name == name]
    assert kept(tried(replace(recipe, seed=0), tmp_path))

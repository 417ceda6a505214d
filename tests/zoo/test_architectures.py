"""The architectures' recipes: watching them changes nothing, gandiag tells real from generated, names are unique."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
import torch

from gandiag.testing import assert_unchanged
from gandiag.zoo.data import MissingDataError
from gandiag.zoo.dynamics import Simultaneous
from gandiag.zoo.recipes.architectures import ARCHITECTURES
from gandiag.zoo.training import train

RECIPES = pytest.mark.parametrize("recipe", ARCHITECTURES, ids=lambda recipe: recipe.name)


@pytest.fixture
def short(recipe):
    """The recipe in ten steps and small batches; skipped where its data are not on this machine."""
    try:
        recipe.data()
    except MissingDataError as missing:
        pytest.skip(str(missing))
    return replace(recipe, steps=10, batch=16)


@RECIPES
def test_watching_changes_nothing_and_sees_both_kinds(short):
    """Weights, optimizers and random states bit by bit; D's outputs on real and on generated samples are recorded."""

    def loop(attach, steps):
        game = short.game(short)
        attach(*game.watched(), modes=game.data.modes)
        for step in range(steps):
            game.progress = step / steps
            game.dynamics(game)

    run = assert_unchanged(loop, steps=10)
    assert run.last_step == 10
    assert not run.meta.get("faults"), run.meta["faults"]
    for name in (n for n in run.scalars.columns if n.startswith("d") and n.endswith("auc")):
        assert np.isfinite(run.scalars[name]).sum() >= 9, name


@RECIPES
def test_moving_at_once_works_too(short):
    """Losses are finite under simultaneous updates, and samples have the data's shape."""
    game = train(replace(short, dynamics=Simultaneous(), steps=2))
    _, labels = game.data.batch(8)
    assert game.fake(labels).shape == (8, *game.data.shape)
    assert torch.isfinite(game.discriminator_loss())
    assert torch.isfinite(game.generator_loss())


def test_every_recipe_says_what_it_is():
    """A name of its own, one sentence, a paper with its year."""
    assert len({recipe.name for recipe in ARCHITECTURES}) == len(ARCHITECTURES)
    for recipe in ARCHITECTURES:
        assert recipe.says.endswith(".")
        assert any(year in recipe.paper for year in ("2014", "2016", "2017", "2018", "2019", "2020")), recipe.name

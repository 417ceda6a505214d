"""Every recipe: watching it changes nothing, gandiag tells real from generated, names are unique."""

from __future__ import annotations

import re
from dataclasses import replace

import numpy as np
import pytest
import torch

from gandiag.testing import assert_unchanged
from gandiag.zoo.data import MissingDataError
from gandiag.zoo.dynamics import Simultaneous
from gandiag.zoo.recipes import RECIPES
from gandiag.zoo.recipes.architectures import ARCHITECTURES
from gandiag.zoo.training import train

EVERY = pytest.mark.parametrize("recipe", RECIPES, ids=lambda recipe: recipe.name)
SHAPES = pytest.mark.parametrize("recipe", ARCHITECTURES, ids=lambda recipe: recipe.name)


@pytest.fixture
def short(recipe):
    """The recipe in ten steps and small batches; skipped where its data are not on this machine."""
    try:
        recipe.data()
    except MissingDataError as missing:
        pytest.skip(str(missing))
    return replace(recipe, steps=10, batch=min(recipe.batch, 24))


@EVERY
def test_watching_changes_nothing_and_sees_both_kinds(short):
    """Weights, optimizers and random states bit by bit; D's outputs on real and on generated samples are recorded."""

    def loop(attach, steps):
        game = short.game(short)
        game.callback = attach(*game.watched(), modes=game.data.modes)
        for step in range(steps):
            game.progress = step / steps
            game.dynamics(game)

    run = assert_unchanged(loop, steps=10)
    assert run.last_step == 10
    assert not run.meta.get("faults"), run.meta["faults"]
    for name in (n for n in run.scalars.columns if n.startswith("d") and n.endswith("auc")):
        assert np.isfinite(run.scalars[name]).sum() >= 9, name


@SHAPES
def test_moving_at_once_works_too(short):
    """Losses are finite under simultaneous updates, and samples have the data's shape."""
    game = train(replace(short, dynamics=Simultaneous(), steps=2))
    _, labels = game.data.batch(8)
    assert game.fake(labels).shape == (8, *game.data.shape)
    assert torch.isfinite(game.discriminator_loss())
    assert torch.isfinite(game.generator_loss())


def test_every_recipe_says_what_it_is():
    """A name of its own, one sentence, a paper with its year."""
    assert len({recipe.name for recipe in RECIPES}) == len(RECIPES)
    for recipe in RECIPES:
        assert recipe.says.endswith(".")
        assert re.search(r" 20\d\d", recipe.paper) or recipe.name == "digits-collapsing", recipe.name

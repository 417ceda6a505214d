"""The training loop, watched by gandiag as any user's loop would be."""

from __future__ import annotations

from contextlib import nullcontext
from typing import TYPE_CHECKING, Any

import torch

import gandiag

if TYPE_CHECKING:
    from collections.abc import Callable
    from os import PathLike

    from gandiag.record.callback import Callback
    from gandiag.zoo.game import Game
    from gandiag.zoo.recipe import Recipe


def train(
    recipe: Recipe,
    *,
    run_dir: str | PathLike[str] | None = None,
    before: Callable[[Game], None] | None = None,
    after_step: Callable[[Game, int], None] | None = None,
    **options: Any,
) -> Game:
    """Train a recipe for its `steps`.

    Parameters
    ----------
    recipe : what to train
    run_dir : where gandiag records; None trains without it
    before : called with the game before the first step
    after_step : called with the game and the number of each finished step, from 1
    **options : of `gandiag.attach`

    Returns
    -------
    The trained game.

    Raises
    ------
    MissingDataError
        When the recipe learns from files that are not there.
    RunError
        When `run_dir` cannot be written, or holds a run already.
    """
    torch.manual_seed(recipe.seed)
    game = recipe.game(recipe)
    if before is not None:
        before(game)
    with attached(game, run_dir, options) if run_dir is not None else nullcontext() as callback:
        game.callback = callback
        for step in range(1, recipe.steps + 1):
            game.progress = (step - 1) / recipe.steps
            for event in recipe.events:
                if event.step(recipe.steps) == step:
                    event.change(game)
            loss_d, loss_g = game.dynamics(game)
            if callback is not None:
                callback.log(loss_discriminator=loss_d, loss_generator=loss_g)
            if after_step is not None:
                after_step(game, step)
    return game


def attached(game: Game, run_dir: str | PathLike[str], options: dict[str, Any]) -> Callback:
    """gandiag's callback on a game's networks, with full detail on any machine."""
    generator, discriminator = game.watched()
    recipe = game.recipe
    settings = {"recipe": recipe.name, "says": recipe.says, "seed": recipe.seed, "steps": recipe.steps}
    defaults: dict[str, Any] = {
        "modes": game.data.modes,
        "hyperparameters": {**settings, "batch": recipe.batch, "loss": recipe.loss.name},
        "alerts": False,
        "max_overhead": None,  # the same numbers on any machine
    }
    return gandiag.attach(generator, discriminator, run_dir, **{**defaults, **options})

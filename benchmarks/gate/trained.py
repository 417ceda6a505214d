"""Checkpoints of the zoo, saved in the middle of healthy and of collapsing trainings, with what the referee says.

A checkpoint holds the generator's weights under `generator` beside the discriminator's, as training loops save them.
The referee judges 10,000 samples of the saved weights in evaluation mode, as the gate does, by labels that the gate is
not given.
"""

from __future__ import annotations

import json
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

import numpy as np
import torch

from benchmarks.corpus.failing import _hurt
from benchmarks.corpus.labelling import ALIKE, COLLAPSED, FEW, LEARNED
from gandiag.nets.frozen import forked_rng, frozen_copy
from gandiag.zoo import losses
from gandiag.zoo.events import DropClasses, LearningRates
from gandiag.zoo.penalties import R1
from gandiag.zoo.recipes import digits, points
from gandiag.zoo.training import train
from gandiag.zoo.truth import SAMPLES, coverage

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from gandiag.zoo.game import Game
    from gandiag.zoo.recipe import Recipe

SAVED_AT = (0.35, 0.6, 0.75, 0.9, 1.0)  # of a training; what is done to the collapsing ones happens at 0.4
VARIED = 0.8  # effective modes over expected, of a generator that is called healthy
_RUNAWAY = LearningRates(generator=5e-3, discriminator=2e-5)
_DIGITS = replace(digits.HEALTHY, steps=1200)
_HINGE = replace(_DIGITS, name="digits-hinge", loss=losses.HINGE, penalties=(R1(0.1),))
_LSGAN = replace(_DIGITS, name="digits-lsgan", loss=losses.LEAST_SQUARES)
_RING, _RING_LSGAN, _RING_HINGE = (replace(r, steps=1500) for r in (points.R1_RING, points.LSGAN, points.HINGE))

RECIPES = (
    _DIGITS,
    _LSGAN,
    _HINGE,
    _RING,
    _RING_LSGAN,
    _RING_HINGE,
    replace(digits.COLLAPSING, steps=1200),
    _hurt(_LSGAN, "digits-lsgan-runaway-g", _RUNAWAY),
    _hurt(_HINGE, "digits-hinge-runaway-g", _RUNAWAY),
    _hurt(_RING, "ring8-runaway-g", _RUNAWAY),
    _hurt(_RING_LSGAN, "ring8-lsgan-runaway-g", _RUNAWAY),
    _hurt(_RING_HINGE, "ring8-hinge-runaway-g", _RUNAWAY),
    _hurt(_DIGITS, "digits-dropped-classes", DropClasses((5, 6, 7, 8, 9))),
    _hurt(_RING, "ring8-dropped-modes", DropClasses((0, 1, 2))),
)
"""Three losses on two kinds of data: 8x8 images and points in the plane."""


@dataclass(frozen=True)
class Saved:
    """One checkpoint: `truth` is healthy, collapsed or partial, by the figures of the referee."""

    path: str
    recipe: str
    loss: str
    data: str
    step: int
    truth: str
    figures: dict[str, float]


def save_all(folder: Path, seeds: Sequence[int]) -> list[Saved]:
    """Train every recipe with these seeds and save its checkpoints; those of an earlier call are kept."""
    found: list[Saved] = []
    for recipe in RECIPES:
        for seed in seeds:
            found += _saved(replace(recipe, seed=seed), folder / f"{recipe.name}-{seed}")
    return found


def _saved(recipe: Recipe, folder: Path) -> list[Saved]:
    listed = folder / "truth.json"
    if listed.exists():
        return [Saved(**entry) for entry in json.loads(listed.read_text())]
    folder.mkdir(parents=True, exist_ok=True)
    wanted = {round(share * recipe.steps) for share in SAVED_AT}
    found: list[Saved] = []

    def after(game: Game, step: int) -> None:
        if step in wanted:
            found.append(_save(game, step, folder / f"ckpt_{step:06d}.pt"))

    train(recipe, after_step=after)
    listed.write_text(json.dumps([vars(saved) for saved in found], indent=1))
    return found


def _save(game: Game, step: int, path: Path) -> Saved:
    states = {"generator": game.generator.state_dict(), "discriminator": game.discriminator.state_dict(), "step": step}
    torch.save(states, path)
    figures = referee(game)
    recipe = game.recipe
    return Saved(str(path), recipe.name, recipe.loss.name, game.data.name, step, _truth(figures), figures)


def referee(game: Game) -> dict[str, float]:
    """Ground truth of 10,000 samples of the generator in evaluation mode."""
    generator = frozen_copy(game.generator)
    with forked_rng(torch.device("cpu"), seed=SAMPLES), torch.no_grad():
        samples = generator(torch.randn(SAMPLES, game.recipe.latent)).double().numpy()
    finite = np.isfinite(samples.reshape(len(samples), -1)).all(axis=1)
    seen: dict[str, Any] = {"finite": float(finite.mean())}
    if finite.any():
        seen |= coverage(samples[finite], game.recipe.data())
    return {name: float(value) for name, value in seen.items()}


def _truth(figures: dict[str, float]) -> str:
    """Collapsed as the corpus labels it; healthy with all modes there; partial in between."""
    if figures["finite"] < 1 or figures["lost"] >= COLLAPSED or figures["effective"] < FEW or figures["within"] < ALIKE:
        return "collapsed"
    whole = figures["lost"] == 0 and figures["effective"] >= VARIED and figures["near"] >= LEARNED
    return "healthy" if whole else "partial"

"""Faults that are injected at a known step."""

from __future__ import annotations

import pytest
import torch

from gandiag.zoo.data import Data
from gandiag.zoo.dynamics import Alternating
from gandiag.zoo.events import (
    Clip,
    DeadLayer,
    DropClasses,
    DuplicateLatents,
    Event,
    FewSamples,
    LearningRates,
    Move,
    WeightsNotFinite,
    at,
)
from gandiag.zoo.networks.mlp import MlpDiscriminator, MlpGenerator
from gandiag.zoo.training import train

NETWORKS = {"generator": MlpGenerator(8, 2), "discriminator": MlpDiscriminator(8, 2), "latent": 3}


def classes() -> Data:
    return Data("classes", torch.arange(400.0)[:, None] / 400, torch.arange(400) % 4)


@pytest.mark.parametrize(
    ("share", "steps", "step"), [(0.0, 10, 1), (0.5, 10, 6), (0.29, 100, 30), (0.25, 10, 3), (0.999, 10, 10)]
)
def test_the_first_step_that_an_event_affects(share: float, steps: int, step: int) -> None:
    assert Event(share, WeightsNotFinite()).step(steps) == step


def test_an_event_changes_the_game_from_its_step_on(points) -> None:
    rates: list[float] = []
    recipe = points.recipe(steps=10, events=at(0.6, LearningRates(discriminator=5.0)))
    train(recipe, after_step=lambda game, _: rates.append(game.optimizer_d.param_groups[0]["lr"]))
    assert rates == [0.2] * 6 + [5.0] * 4


def test_an_event_uses_the_weights_of_its_step(points) -> None:
    """Until then the training is, number by number, the one without it."""
    seen: dict[bool, list[tuple[float, float]]] = {False: [], True: []}
    for spiked in (False, True):
        events = at(0.5, LearningRates(generator=2.0)) if spiked else ()
        train(points.recipe(steps=8, events=events), after_step=lambda g, _, s=spiked: seen[s].append(points.where(g)))
    assert seen[True][:4] == seen[False][:4]
    assert seen[True][4][0] != seen[False][4][0]


def test_learning_rates_that_are_not_given_stay(points) -> None:
    game = points.game()
    LearningRates(generator=0.7)(game)
    assert (game.optimizer_g.param_groups[0]["lr"], game.optimizer_d.param_groups[0]["lr"]) == (0.7, 0.2)


def test_dropped_classes_are_no_longer_drawn(points) -> None:
    game = points.game(data=classes)
    DropClasses((0, 2))(game)
    assert set(game.data.batch(200)[1].tolist()) == {1, 3}
    assert len(game.recipe.data().samples) == 400


def test_few_samples_are_the_first_ones(points) -> None:
    game = points.game(data=classes)
    FewSamples(0.01)(game)
    assert game.data.samples.flatten().tolist() == classes().samples[:4].flatten().tolist()
    FewSamples(0.01)(game)
    assert len(game.data.samples) == 1  # never none


def test_duplicated_latents_are_the_same_in_every_batch(points) -> None:
    game = points.game(**NETWORKS)
    DuplicateLatents(2)(game)
    latents = game.latents(7)
    assert latents.shape == (7, 3)
    assert len(latents.unique(dim=0)) == 2
    assert torch.equal(game.latents(7), latents)


def test_a_weight_that_is_not_finite_spreads(points) -> None:
    bad: list[int] = []

    def note(game, _step: int) -> None:
        bad.append(sum(int((~torch.isfinite(w)).sum()) for w in game.generator.parameters()))

    train(points.recipe(steps=4, events=at(0.5, WeightsNotFinite()), **NETWORKS), after_step=note)
    assert bad[:2] == [0, 0]
    assert bad[3] > 1


@pytest.mark.parametrize("batch_norm", [False, True])
def test_no_gradient_passes_a_dead_layer(points, batch_norm: bool) -> None:
    game = points.game(**{**NETWORKS, "generator": MlpGenerator(8, 2, batch_norm=batch_norm)})
    DeadLayer()(game)
    game.generator_loss().backward()
    *before, last_weight, last_bias = game.generator.parameters()
    assert all(weight.grad is None or not weight.grad.any() for weight in (*before, last_weight))
    assert last_bias.grad.any()
    assert game.fake(torch.zeros(9, dtype=torch.int64)).std().item() == 0  # all samples are alike


def test_an_extreme_clip_holds_from_its_step_on(points) -> None:
    largest: list[float] = []

    def note(game, _step: int) -> None:
        largest.append(max(float(w.detach().abs().max()) for w in game.discriminator.parameters()))

    train(points.recipe(steps=4, events=at(0.5, Clip(1e-4)), **NETWORKS), after_step=note)
    assert min(largest[:2]) > 1e-2
    assert max(largest[2:]) <= 1e-4 * (1 + 1e-6)


def test_players_move_another_way_after_an_event(points) -> None:
    game = points.game()
    Move(Alternating(50))(game)
    assert game.dynamics == Alternating(50)
    assert game.recipe.dynamics == Alternating()

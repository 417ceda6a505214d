"""Ground truth: what real, collapsed and young generators get, and that measuring changes nothing."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
import torch

from gandiag.zoo import data
from gandiag.zoo.recipes.architectures import ACGAN, CONDITIONAL, MEMORY
from gandiag.zoo.recipes.digits import HEALTHY
from gandiag.zoo.recipes.points import R1_RING
from gandiag.zoo.training import train
from gandiag.zoo.truth import EVALUATIONS, Referee, copied, coverage, measure

WITH_MODES = (data.ring8, data.grid25, data.swiss_roll, data.tabular, data.digits)


def real(table, n=10_000):
    """Rows of a data set that `coverage` does not compare with itself."""
    rows = np.random.default_rng(1).integers(len(table.samples), size=n)
    return table.samples[rows].double().numpy(), table.labels[rows].numpy()


@pytest.mark.parametrize("make", WITH_MODES)
def test_real_samples_have_all_modes(make):
    """Nothing lost, all of it near a mode, spread as real data are."""
    seen = coverage(real(make())[0], make())
    assert seen["lost"] == 0
    assert seen["effective"] > 0.97
    assert seen["near"] > (0.4 if make is data.swiss_roll else 0.95)  # most of a roll lies between its parts
    assert seen["within"] == pytest.approx(1, abs=0.1)


@pytest.mark.parametrize("make", WITH_MODES)
def test_lost_modes_are_counted(make):
    """A sampler without the modes 0 and 1."""
    samples, labels = real(make())
    seen = coverage(samples[labels > 1], make())
    modes = len(make().truth.prior)
    assert seen["lost"] == pytest.approx(2 / modes, abs=0.01 if make is data.digits else 1e-9)
    assert seen["top"] >= 2


def test_one_sample_again_and_again_has_no_spread():
    """Total collapse: all modes but one are lost, nothing varies within it."""
    seen = coverage(np.repeat(real(data.ring8())[0][:1], 10_000, axis=0), data.ring8())
    assert seen["lost"] == pytest.approx(7 / 8)
    assert seen["effective"] == pytest.approx(1 / 8)
    assert seen["within"] == 0


def test_copies_are_nearer_to_the_data_than_held_out_samples_are():
    """Every second sample is a training sample, slightly changed; of held-out ones a hundredth counts as a copy."""
    few = replace(data.digits(), samples=data.digits().samples[:40])
    half = len(few.held_out) // 2
    changed = few.samples.repeat(4, 1, 1, 1)[:half] + 0.01 * torch.randn(half, 1, 8, 8)
    assert copied(few.held_out, few) == pytest.approx(0.01, abs=0.01)
    assert copied(torch.cat([few.held_out[:half], changed]), few) == pytest.approx(0.5, abs=0.02)
    assert np.isnan(copied(few.held_out * float("nan"), few))
    with pytest.raises(ValueError, match="digits: copies cannot be told without held-out samples"):
        copied(few.held_out, replace(few, held_out=None))


def test_a_sure_discriminator_has_an_auc_of_one():
    """D(x) > 0 exactly where the first number is above -3; G is moved to -6."""

    class Threshold(torch.nn.Module):
        def forward(self, points):
            return 100 * (points[:, :1] + 3)

    recipe = replace(R1_RING, discriminator=lambda _shape: Threshold(), discriminator_optimizer=lambda _weights: None)
    torch.manual_seed(0)
    game = recipe.game(recipe)
    with torch.no_grad():
        for weight in game.generator.parameters():
            weight.zero_()
        list(game.generator.parameters())[-1][0] = -6
    seen = measure(game)
    assert seen["auc"] == 1
    assert seen["confidence"] < 1e-9
    assert measure(game) == seen


@pytest.mark.parametrize("recipe", [R1_RING, HEALTHY], ids=lambda recipe: recipe.name)
def test_measuring_changes_nothing(recipe):
    """Weights, buffers and the random state of a training, bit by bit."""

    def end(after_step):
        game = train(replace(recipe, steps=8), after_step=after_step)
        return [*game.generator.state_dict().values(), *game.discriminator.state_dict().values(), torch.get_rng_state()]

    referee = Referee(8)
    assert all(torch.equal(a, b) for a, b in zip(end(None), end(referee), strict=True))
    assert list(referee.table.index) == list(range(1, 9))


def test_evaluations_are_evenly_spaced_and_see_the_end():
    """Every 1/25 of the steps, and the last one."""
    referee = Referee(110)
    train(replace(R1_RING, steps=110), after_step=referee)
    steps = list(referee.table.index)
    assert steps[:2] == [4, 8]
    assert steps[-1] == 110
    assert EVALUATIONS <= len(steps) <= EVALUATIONS + 3


@pytest.mark.parametrize("recipe", [ACGAN, CONDITIONAL, MEMORY], ids=lambda recipe: recipe.name)
def test_a_generator_that_is_told_more_than_noise_is_measured(recipe):
    """Labels as often as in the data, keys of the memory; D's answers are left out where it is told more, too."""
    game = recipe.game(recipe)
    state = torch.get_rng_state()
    seen = measure(game, 200)
    assert 0 <= seen["lost"] <= 1
    assert ("auc" in seen) == (recipe is MEMORY)
    assert torch.equal(torch.get_rng_state(), state)

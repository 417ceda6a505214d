"""The duality gap of games whose equilibrium is known."""

from __future__ import annotations

from functools import partial

import pytest
import torch
from games import bilinear, dirac, game, point

from gandiag.dynamics import duality_gap

SGD = partial(torch.optim.SGD, lr=0.1)


@pytest.mark.parametrize("steps", [1, 10, 100])
def test_the_gap_of_x_times_y_grows_with_the_steps(steps):
    """y gains k lr x per step, x loses k lr y: gap = k lr (x^2 + y^2)."""
    found = duality_gap(game(bilinear, x=0.3, y=-0.4), steps=steps, optimizer=SGD)
    assert found.gap == pytest.approx(steps * 0.1 * 0.25)
    assert found.value == pytest.approx(-0.12)
    assert found.worst_discriminator == pytest.approx(-0.12 + steps * 0.1 * 0.09)
    assert found.worst_generator == pytest.approx(-0.12 - steps * 0.1 * 0.16)
    assert (found.steps, found.lr, found.optimizer, found.perturbation) == (steps, 0.1, "SGD", 0.0)


def test_a_clipped_critic_cannot_gain_without_end():
    """y stops at the bound 1: max over y of 0.3 y."""
    found = duality_gap(game(bilinear, x=0.3, y=-0.4, clip=1.0), steps=200, optimizer=SGD)
    assert found.worst_discriminator == pytest.approx(0.3)


def test_the_gap_vanishes_at_the_equilibrium_of_dirac_gan_with_r1_and_nowhere_near_it():
    """It falls along a training that converges, from (1, 1) to 0."""
    gaps = [duality_gap(game(dirac(gamma=0.3)), point(r, r), steps=50, optimizer=SGD).gap for r in (1.0, 0.3, 0.1, 0.0)]
    assert gaps[-1] == pytest.approx(0, abs=1e-12)
    assert gaps == sorted(gaps, reverse=True)
    assert gaps[-2] > 1e-3


def test_perturbation_leaves_a_saddle_that_is_no_equilibrium():
    """M = y^2 - y^4 + x^2 is flat at y = 0, where D could gain 1/4 and G cannot gain anything."""
    saddle = game(lambda x, y: (-(y**2) + y**4 - x**2, x**2))
    blind = duality_gap(saddle, point(0.0, 0.0), steps=100, optimizer=SGD)
    seeing = duality_gap(saddle, point(0.0, 0.0), steps=100, optimizer=SGD, perturbation=0.01)
    assert blind.gap == 0
    assert seeing.worst_discriminator == pytest.approx(0.25, abs=1e-6)
    assert seeing.worst_generator == pytest.approx(0, abs=1e-6)
    assert seeing.gap == pytest.approx(0.25, abs=1e-6)
    assert seeing.perturbation == 0.01


def test_perturbation_hardly_moves_the_gap_of_an_equilibrium():
    """Where nothing can be gained the noise decays again."""
    found = duality_gap(game(dirac(gamma=1.0)), point(0.0, 0.0), steps=300, optimizer=SGD, perturbation=0.01)
    assert abs(found.gap) < 1e-4


def test_perturbation_follows_the_seed():
    """Equal seeds, equal gaps; another seed, another gap."""
    fields = [game(bilinear, x=0.3, y=-0.4, seed=seed) for seed in (0, 0, 1)]
    one, same, other = (duality_gap(f, steps=3, optimizer=SGD, perturbation=0.1).gap for f in fields)
    assert one == same != other


def test_both_terms_can_be_measured_on_other_data_than_they_were_searched_on():
    """The search follows 0.3 y, the measurement says 0.2 y."""
    search = game(lambda x, y: (-0.3 * y + x**2, x**2))
    measure = game(lambda x, y: (-0.2 * y + x**2, x**2))
    found = duality_gap(search, steps=10, optimizer=SGD, measured_on=measure)
    assert found.worst_discriminator == pytest.approx(0.2 * 10 * 0.1 * 0.3)


def test_the_default_optimizer_is_adam():
    """Named in the result, with its rate."""
    found = duality_gap(game(bilinear, x=0.3, y=-0.4), steps=2)
    assert (found.optimizer, found.lr) == ("Adam", 1e-3)
    assert found.gap > 0


@pytest.mark.parametrize(
    ("options", "said"),
    [
        ({"steps": 0}, "steps must be at least 1, found 0"),
        ({"perturbation": -1.0}, "perturbation must be at least 0, found -1"),
        ({"optimizer": partial(torch.optim.SGD, lr=1e200)}, r"loss_d is (inf|-inf|nan) after 1 steps of the discr"),
    ],
)
def test_what_gives_no_gap_is_named(options, said):
    """Bad options, and a search that diverges, with the step where it did."""
    steep = game(lambda x, y: (y**4 - x * y, x * y), x=1.0, y=1.0)
    with pytest.raises(ValueError, match=said):
        duality_gap(steep, **{"steps": 5, **options})


def test_a_detached_generator_is_noticed():
    """The worst generator would be the one that is there."""
    with pytest.raises(ValueError, match="losses must not detach"):
        duality_gap(game(lambda x, y: (-x.detach() * y, x * y)), steps=1)

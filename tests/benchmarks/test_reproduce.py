"""Dirac-GAN's table: every row, its statistics, and what is printed."""

from __future__ import annotations

import json
import math
from dataclasses import replace
from functools import cache

import numpy as np
import pytest
import torch
from scipy import stats

from benchmarks.reproduce.budgets import REDUCED
from benchmarks.reproduce.command import Reproduction, run_reproduce
from benchmarks.reproduce.dirac import DiracRow, behaviour, dirac_row, envelope, radius_by_step
from benchmarks.reproduce.intervals import chance_of_larger, estimate
from benchmarks.reproduce.methods import METHODS, RATE, WAYS, Method, Radius, damped
from benchmarks.reproduce.spectrum import _game, eigenvalues, field, spectrum
from benchmarks.reproduce.tables import dirac_tables, json_ready

EXACT = [method for method in METHODS if not method.noisy]
NOISY = next(method for method in METHODS if method.noisy)
BY_NAME = {method.name: method for method in METHODS}


def test_closed_forms_are_those_of_the_literature() -> None:
    """R1 with weight 1 is critical, with 2 it creeps; without damping the game only rotates."""
    assert damped(0) == (0.5j, -0.5j)
    assert damped(0.5) == (-0.5, -0.5)
    assert np.allclose(damped(1.0), (-0.1339746, -1.8660254))
    assert np.allclose(damped(0.15), (-0.15 + 0.4769696j, -0.15 - 0.4769696j))


@pytest.mark.parametrize("method", EXACT, ids=lambda method: method.name)
def test_eigenvalues_by_autograd_equal_their_closed_form(method: Method) -> None:
    found = spectrum(method)
    assert found.same
    assert (found.found is None) == (method.eigenvalues is None)
    assert found.jump == pytest.approx(method.jump, abs=1e-6)


def test_eigenvalues_under_noise_lie_around_their_closed_form() -> None:
    few = replace(NOISY, batch=20_000)
    found = np.array([eigenvalues(few, seed)[0] for seed in range(5)])
    assert NOISY.eigenvalues is not None
    assert abs(found - NOISY.eigenvalues[0]).max() < 0.005


def test_a_wrong_closed_form_is_noticed() -> None:
    method = replace(BY_NAME["GAN (minimax)"], eigenvalues=damped(0.01))
    assert not spectrum(method).same


@pytest.mark.parametrize("method", [m for m in EXACT if m.constraint is None], ids=lambda method: method.name)
def test_the_field_is_where_training_goes(method: Method) -> None:
    """One simultaneous step of the recipe is a step of 0.2 along the field, consensus included."""
    game = _game(method, seed=0, psi=-0.7)
    torch.nn.init.constant_(game.generator.theta, 0.4)
    way = RATE * field(game, method.consensus).detach()
    method.dynamics(WAYS[0])(game)
    after = [w.item() for network in (game.generator, game.discriminator) for w in network.parameters()]
    assert after == pytest.approx([0.4 + way[0].item(), -0.7 + way[1].item()], rel=1e-9)


@cache
def row_of(name: str) -> DiracRow:
    """A row of the table; read by several tests."""
    return dirac_row(BY_NAME[name])


@pytest.mark.parametrize("name", ["R1, gamma 0.3", "WGAN-GP, weight 0.35", "WGAN, clip 1"])
def test_a_damped_a_jumping_and_a_rotating_game_are_the_published_ones(name: str) -> None:
    row = row_of(name)
    assert row.same
    assert [t.same for t in row.trajectories] == [True] * 3
    assert row.converges == (name == "R1, gamma 0.3")


def test_figures_that_differ_are_called_so() -> None:
    wrong = replace(BY_NAME["NS-GAN"], radii=(Radius(0.5), Radius(), Radius()))
    row = dirac_row(wrong)
    assert [t.same for t in row.trajectories] == [False, None, None]
    assert not row.same


def test_noisy_trajectories_come_down_and_differ_by_seed() -> None:
    first, second = (radius_by_step(replace(NOISY, batch=200), WAYS[0], seed) for seed in (0, 1))
    assert not np.array_equal(first, second)
    assert max(first[-1], second[-1]) < 0.2
    assert behaviour(envelope(first, noisy=True)) == "damped"


def test_the_envelope_of_a_known_decay() -> None:
    radii = np.exp(-0.01 * np.arange(501)) * (1.2 + np.cos(np.arange(501)))
    assert envelope(radii) == pytest.approx(math.exp(-0.63), rel=0.02)
    assert envelope(np.ones(501)) == pytest.approx(1)
    assert envelope(np.zeros(501)) == pytest.approx(1)  # a radius that has become 0 is no error


@pytest.mark.parametrize(
    ("factor", "name"), [(1.02, "diverging"), (1.0, "sustained"), (0.9, "weakly damped"), (0.5, "damped")]
)
def test_classes_of_envelopes(factor: float, name: str) -> None:
    assert behaviour(factor) == name


def test_consensus_has_no_way_with_several_d_steps() -> None:
    with pytest.raises(ValueError, match="no way of moving with several D steps"):
        BY_NAME["consensus, gamma 1"].recipe(WAYS[2])
    with pytest.raises(ValueError, match="way must be one of simultaneous"):
        BY_NAME["consensus, gamma 1"].recipe("sideways")


def test_an_estimate_is_students_interval() -> None:
    values = [1.0, 2.0, 4.0, math.nan]
    found = estimate(values)
    low, high = stats.t.interval(0.95, 2, loc=7 / 3, scale=stats.sem(values[:3]))
    assert (found.mean, found.error, found.n) == (pytest.approx(7 / 3), pytest.approx(stats.sem(values[:3])), 3)
    assert (found.low, found.high) == (pytest.approx(low), pytest.approx(high))
    assert math.isnan(estimate([1.0]).error)
    assert math.isnan(estimate([]).mean)


def test_the_one_sided_test_knows_its_direction() -> None:
    low, high = np.arange(10.0), np.arange(10.0) + 8
    assert chance_of_larger(high, low) < 0.01
    assert chance_of_larger(low, high) > 0.99
    assert math.isnan(chance_of_larger([math.nan], low))


@pytest.fixture(scope="module")
def rows() -> tuple[DiracRow, ...]:
    return tuple(row_of(name) for name in ("WGAN, clip 1", "consensus, gamma 1"))


def test_the_tables_show_both_sides(rows: tuple[DiracRow, ...]) -> None:
    field_table, steps_table = dirac_tables(rows)
    assert field_table.rows[0][1:3] == ("+- 1.000i", "+- 1.000i")
    assert [row[-1] for row in field_table.rows] == ["same", "same"]
    assert len(steps_table.rows) == 5
    assert "| WGAN, clip 1 | simultaneous | 1 |" in Reproduction(dirac=rows).markdown()


def test_a_reproduction_is_json(rows: tuple[DiracRow, ...]) -> None:
    read = json.loads(json.dumps(json_ready(Reproduction(dirac=rows)), allow_nan=False))
    assert read["dirac"][0]["spectrum"]["found"][0] == {"real": 0.0, "imaginary": 1.0}
    assert read["ring"] is None


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"which": ("mars",)}, "'mars' cannot be reproduced, choose from dirac, ring, grid"),
        ({"trials": 0}, "trials must be at least 1, found 0"),
        ({"budget": replace(REDUCED, steps=0)}, "steps must be at least 1, found 0"),
    ],
)
def test_what_cannot_be_done_is_refused(arguments: dict, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        run_reproduce(**arguments)

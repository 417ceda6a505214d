"""PacGAN's table: the mechanism and the arithmetic; the ordering itself takes minutes."""

from __future__ import annotations

import json
from dataclasses import replace
from typing import TYPE_CHECKING

import pytest
import torch
from torch import nn

from benchmarks.reproduce.budgets import PACKS, PAPER, REDUCED, deviations
from benchmarks.reproduce.command import run_reproduce
from benchmarks.reproduce.pacgan import (
    PacganTable,
    Trial,
    _compare,
    _row,
    pack_recipe,
    reproduce_pacgan,
    target_data,
    trial,
)
from benchmarks.reproduce.tables import pacgan_table, packing_effects
from gandiag.zoo.networks.mlp import Maxout, MlpDiscriminator, MlpGenerator
from gandiag.zoo.optimizers import Adam

if TYPE_CHECKING:
    from pathlib import Path

TINY = replace(REDUCED, steps=3, generator=MlpGenerator(width=8), discriminator=MlpDiscriminator(width=4))


def trials_of(pack: int, modes: list[int], kl: list[float]) -> list[Trial]:
    return [
        Trial(pack=pack, seed=seed, modes=m, robust=m, high_quality=0.9, kl=k)
        for seed, (m, k) in enumerate(zip(modes, kl, strict=True))
    ]


def table_of(trials: list[Trial]) -> PacganTable:
    return PacganTable(
        target="ring", budget=PAPER, deviations=(), trials=tuple(trials),
        rows=tuple(_row("ring", pack, trials) for pack in (1, 2)), comparisons=(_compare(2, trials),),
    )  # fmt: skip


@pytest.mark.parametrize("pack", PACKS)
def test_d_of_the_papers_recipe_judges_100_packs_of_so_many_samples(pack: int) -> None:
    recipe = pack_recipe("ring", pack, 0, PAPER)
    torch.manual_seed(0)
    game = recipe.game(recipe)
    real, labels = game.data.batch(recipe.batch)
    assert game.judge(real, labels).shape == (100, 1)
    first = next(m for m in game.discriminator.modules() if isinstance(m, Maxout))
    assert (first.linear.in_features, first.linear.out_features) == (2 * pack, 200 * 5)


def test_the_papers_generator_and_weights() -> None:
    recipe = pack_recipe("ring", 1, 0, PAPER)
    torch.manual_seed(0)
    game = recipe.game(recipe)
    for network in (game.generator, game.discriminator):
        layers = [m for m in network.modules() if isinstance(m, nn.Linear)]
        assert all(not layer.bias.any() for layer in layers)
        assert torch.cat([layer.weight.flatten() for layer in layers]).std().item() == pytest.approx(0.02, rel=0.02)
    assert [m.out_features for m in game.generator if isinstance(m, nn.Linear)] == [400] * 4 + [2]
    assert game.optimizer_g.param_groups[0]["betas"][0] == 0.8


def test_a_budget_says_in_what_it_departs_from_the_paper() -> None:
    assert deviations(PAPER) == ()
    faster = replace(PAPER, optimizer=Adam(1e-3, (0.8, 0.999)))
    (deviation,) = deviations(faster)
    assert deviation == "optimizer Adam(lr=0.001, betas=(0.8, 0.999)), in the paper Adam(lr=0.0001, betas=(0.8, 0.999))"
    assert len(deviations(REDUCED)) > 1


def test_the_target_may_have_wider_modes() -> None:
    samples, labels = target_data("ring", 5.0).samples, target_data("ring", 5.0).labels
    assert samples[labels == 0].std(dim=0).tolist() == pytest.approx([0.05, 0.05], rel=0.05)
    assert len(target_data("grid", 1.0).truth.prior) == 25


def test_a_trial_is_repeatable_and_depends_on_its_seed() -> None:
    wide = replace(TINY, spread=20.0, steps=30)  # modes so wide that an untrained G hits some
    assert trial("ring", 2, 0, wide) == trial("ring", 2, 0, wide)
    assert trial("ring", 2, 0, wide) != trial("ring", 2, 1, wide)


def test_every_size_of_pack_is_trained_with_every_seed() -> None:
    told: list[tuple[int, int]] = []
    found = reproduce_pacgan("ring", trials=2, budget=TINY, processes=1, tell=lambda *now: told.append(now))
    assert sorted((t.pack, t.seed) for t in found.trials) == [(m, s) for m in PACKS for s in (100, 101)]
    assert [row.modes.n for row in found.rows] == [2] * 4
    assert told[-1] == (8, 8)


def test_packing_that_helps_is_called_better() -> None:
    plain, packed = trials_of(1, [5, 6, 6, 5, 7], [0.5, 0.4, 0.6, 0.5, 0.4]), trials_of(2, [8] * 5, [0.05] * 5)
    found = table_of(plain + packed)
    assert max(found.comparisons[0].modes, found.comparisons[0].kl) < 0.01
    assert "more modes than plain: yes (p = 0.00" in packing_effects(found)[0]


def test_packing_that_does_not_help_is_not() -> None:
    """The same figures with the roles swapped, and figures that are equal."""
    plain, packed = trials_of(1, [8] * 5, [0.05] * 5), trials_of(2, [5, 6, 6, 5, 7], [0.5, 0.4, 0.6, 0.5, 0.4])
    assert packing_effects(table_of(plain + packed)) == [
        "PacGAN2 finds more modes than plain: no; has a smaller KL: no."
    ]
    mixed = trials_of(2, [8, 8, 8, 8, 8], [0.04, 0.06, 0.05, 0.05, 0.04])
    assert "smaller KL: on average, but not beyond chance" in packing_effects(table_of(plain + mixed))[0]


def test_a_generator_that_finds_no_mode_counts_as_the_worst() -> None:
    plain, packed = trials_of(1, [0] * 5, [float("nan")] * 5), trials_of(2, [3] * 5, [1.0] * 5)
    assert table_of(plain + packed).comparisons[0].kl < 0.01


def test_the_table_holds_the_papers_figures_and_the_number_of_trials() -> None:
    found = table_of(trials_of(1, [6, 7], [0.4, 0.5]) + trials_of(2, [8, 8], [0.1, 0.0]))
    table = pacgan_table(found)
    assert table.rows[0][:3] == ("plain", "6.5 +- 0.5 [0.1, 12.9]", "6.3 +- 0.5")
    assert "n = 2 trials" in table.notes[0]


def test_reproduce_prints_json_and_writes_markdown(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    found = run_reproduce(
        ("ring",), trials=1, budget=replace(REDUCED, steps=2), as_json=True, out=tmp_path / "tables.md", processes=1
    )
    read = json.loads(capsys.readouterr().out)
    assert read["ring"]["budget"]["steps"] == 2
    assert read["dirac"] is None
    assert found.markdown() == (tmp_path / "tables.md").read_text()
    assert "PacGAN4" in found.markdown()


def test_another_target_or_no_trial_is_refused() -> None:
    with pytest.raises(ValueError, match="target must be ring or grid, found 'torus'"):
        reproduce_pacgan("torus")
    with pytest.raises(ValueError, match="at least one trial is needed, found 0"):
        reproduce_pacgan("ring", trials=0)

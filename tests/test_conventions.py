"""Whole diagnoses that must not depend on how a loop puts things: which way is up, which argument comes first."""

from __future__ import annotations

import math

import pytest
import torch
from torch import nn
from torch.nn.functional import softplus

import gandiag


def _played(run_dir, sign):
    """A game on a ring of eight points; with sign -1 its mirror, in which D's last layer and both losses are turned."""
    torch.manual_seed(0)
    angles = torch.arange(8) * math.pi / 4
    ring = torch.stack([angles.cos(), angles.sin()], 1)
    generator = nn.Sequential(nn.Linear(8, 32), nn.ReLU(), nn.Linear(32, 2))
    critic = nn.Sequential(nn.Linear(2, 32), nn.ReLU(), nn.Linear(32, 1))
    with torch.no_grad():
        critic[-1].weight.mul_(sign)
        critic[-1].bias.mul_(sign)
    adam_g, adam_d = (torch.optim.Adam(n.parameters(), 1e-3, betas=(0.5, 0.99)) for n in (generator, critic))
    with gandiag.attach(generator, critic, run_dir=run_dir, max_overhead=None, alerts=False):
        for _ in range(700):
            real = ring[torch.randint(8, (32,))] + 0.05 * torch.randn(32, 2)
            fake = generator(torch.randn(32, 8)).detach()
            adam_d.zero_grad()
            (softplus(-sign * critic(real)) + softplus(sign * critic(fake))).mean().backward()
            adam_d.step()
            adam_g.zero_grad()
            softplus(-sign * critic(generator(torch.randn(32, 8)))).mean().backward()
            adam_g.step()
    return gandiag.Run.open(run_dir)


def _without(signals, *parts):
    return signals.drop(columns=[c for c in signals if any(part in c for part in parts)])


@pytest.mark.slow
def test_a_game_and_its_mirror_get_the_same_diagnosis(tmp_path):
    """To the last digit: every signal, every finding, every value of evidence."""
    game, mirror = _played(tmp_path / "game", 1), _played(tmp_path / "mirror", -1)
    assert any("low output means real" in str(v) for v in mirror.meta["attribution"].values())
    assert not any("low output means real" in str(v) for v in game.meta["attribution"].values())
    one, other = (_without(run.scalars, "time") for run in (game, mirror))
    assert one.columns.tolist() == other.columns.tolist()
    differing = [c for c in one if not one[c].equals(other[c])]
    assert differing == []
    first, second = gandiag.diagnose(game), gandiag.diagnose(mirror)
    assert first.verdict == second.verdict
    assert first.findings == second.findings
    assert game.meta["loss_family"] == mirror.meta["loss_family"]


class Perfect(nn.Module):
    """G(x) has exactly the law of the real targets given x: 10 x + noise."""

    def __init__(self) -> None:
        super().__init__()
        self.scale = nn.Parameter(torch.tensor(10.0))

    def forward(self, given: torch.Tensor, latents: torch.Tensor) -> torch.Tensor:
        return self.scale * given[:, :2] + latents


class Pair(nn.Module):
    """D of a condition and a sample, in whichever order."""

    def __init__(self, inputs: int) -> None:
        super().__init__()
        self.body = nn.Sequential(nn.Linear(inputs, 32), nn.ReLU(), nn.Linear(32, 1))

    def forward(self, one: torch.Tensor, other: torch.Tensor) -> torch.Tensor:
        return self.body(torch.cat([one, other], 1))


@pytest.mark.slow
@pytest.mark.parametrize(("condition", "first"), [("numbers", "sample"), ("one-hot", "condition")])
def test_a_perfect_conditional_generator_is_not_failing(condition, first, tmp_path):
    """D(condition, sample): its reals are the samples, not the conditions. tests/loops has all four, shorter."""
    torch.manual_seed(0)
    width = 2 if condition == "numbers" else 5
    generator, critic = Perfect(), Pair(width + 2)
    sgd_g, adam_d = torch.optim.SGD(generator.parameters(), 1e-6), torch.optim.Adam(critic.parameters(), 1e-3)
    with gandiag.attach(generator, critic, run_dir=tmp_path / "run", max_overhead=None, alerts=False):
        for _ in range(700):
            given = torch.rand(64, 2) if condition == "numbers" else torch.eye(5)[torch.randint(0, 5, (64,))]
            real, fake = 10 * given[:, :2] + torch.randn(64, 2), generator(given, torch.randn(64, 2))
            pairs = [(given, s) if first == "condition" else (s, given) for s in (real, fake.detach(), fake)]
            adam_d.zero_grad()
            (softplus(-critic(*pairs[0])) + softplus(critic(*pairs[1]))).mean().backward()
            adam_d.step()
            sgd_g.zero_grad()
            softplus(-critic(*pairs[2])).mean().backward()
            sgd_g.step()
    run = gandiag.Run.open(tmp_path / "run")
    assert run.series("range/real/max").median() > 5
    assert run.series("diversity/ratio").median() == pytest.approx(1, abs=0.15)
    assert gandiag.diagnose(run).verdict != "failing"

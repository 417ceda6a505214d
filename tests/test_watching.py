"""Networks that a trainer keeps to itself: `watch_modules` attaches when they are first called."""

from __future__ import annotations

import pytest
import torch
from torch import nn
from torch.nn.modules import module as modules

import gandiag


class Generator(nn.Linear):
    """G of the trainer."""


class Critic(nn.Linear):
    """D of the trainer."""


def _fit(steps=12):
    """Train networks that nobody outside gets hold of; the weights at the end."""
    torch.manual_seed(0)
    generator, critic = Generator(3, 2), nn.Sequential(Critic(2, 1))
    sgd_g, sgd_d = (torch.optim.SGD(n.parameters(), lr=0.1) for n in (generator, critic))
    for _ in range(steps):
        fake = generator(torch.randn(8, 3))
        sgd_d.zero_grad()
        loss = nn.functional.softplus(critic(fake.detach())) + nn.functional.softplus(-critic(torch.randn(8, 2) + 1))
        loss.mean().backward()
        sgd_d.step()
        sgd_g.zero_grad()
        nn.functional.softplus(-critic(generator(torch.randn(8, 3)))).mean().backward()
        sgd_g.step()
    return [p.detach() for n in (generator, critic) for p in n.parameters()]


def _is_critic(module):
    return isinstance(module, nn.Sequential)


def test_a_trainer_is_recorded_and_left_as_it_is(tmp_path):
    """By class or by function; the weights are bit-identical; no global hook stays."""
    bare = _fit()
    with gandiag.watch_modules(Generator, _is_critic, tmp_path / "run", alerts=False) as callback:
        watched = _fit()
        assert callback.completed_steps == 12
        assert not modules._global_forward_pre_hooks
    assert all(torch.equal(one, other) for one, other in zip(bare, watched, strict=True))
    run = gandiag.Run.open(tmp_path / "run")
    assert run.meta["roles"]["discriminator"]["class"] == "Sequential"
    assert run.series("d/auc").notna().sum() >= 11
    assert run.meta["faults"] == []


def test_a_network_that_never_comes_is_named(tmp_path):
    """With the classes that did come, so that the mistake can be seen."""
    with gandiag.watch_modules(Generator, nn.Conv2d, tmp_path / "run", alerts=False):
        _fit()
    (fault,) = gandiag.Run.open(tmp_path / "run").meta["faults"]
    assert "the discriminator was called" in fault["message"]
    assert "Generator, Sequential, Critic" in fault["message"]
    assert not modules._global_forward_pre_hooks


def test_a_function_that_fails_does_not_reach_the_training(tmp_path):
    """It is a fault on record, and the training goes on."""
    with gandiag.watch_modules(lambda module: module.no_such_name, Critic, tmp_path / "run", alerts=False):
        _fit()
    first = gandiag.Run.open(tmp_path / "run").meta["faults"][0]
    assert "no_such_name" in first["message"]
    assert not modules._global_forward_pre_hooks


def test_networks_that_cannot_be_watched_do_not_reach_the_training(tmp_path):
    """Both functions true of the same module."""
    with gandiag.watch_modules(Generator, Generator, tmp_path / "run", alerts=False):
        _fit()
    first = gandiag.Run.open(tmp_path / "run").meta["faults"][0]
    assert "are the same module" in first["message"]


def test_networks_that_are_not_met_are_missed_soon_and_welcome_later(tmp_path, monkeypatch):
    """It is said while the trainer still runs, and withdrawn when they come."""
    monkeypatch.setattr("gandiag.probes.watching.ENOUGH_SECONDS", -1.0)
    with gandiag.watch_modules(Generator, Critic, tmp_path / "run", alerts=False) as callback:
        nn.Linear(1, 1)(torch.zeros(1, 1))
        (fault,) = callback._recording.faults.listed()
        assert "no module that is the generator and discriminator was called" in fault["message"]
        _fit()
    assert not gandiag.Run.open(tmp_path / "run").meta["faults"]


def test_networks_at_hand_are_for_attach(tmp_path):
    """A module in place of its class."""
    with pytest.raises(TypeError, match=r"networks at hand are for gandiag\.attach"):
        gandiag.watch_modules(Generator(1, 1), Critic, tmp_path / "run")
    assert not (tmp_path / "run").exists()

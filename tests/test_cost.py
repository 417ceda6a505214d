"""What recording may cost: no waiting for the device, and no more time than it was given."""

from __future__ import annotations

import pytest
import torch
from torch.utils._python_dispatch import TorchDispatchMode

import gandiag
from gandiag.record.budget import LEVELS, WINDOW_SECONDS, Budget
from gandiag.rundir.run import Run

WAITING = ("aten::_local_scalar_dense", "aten::equal", "aten::is_nonzero", "aten::nonzero", "aten::masked_select")


class Waiting(TorchDispatchMode):
    """Counts operations that make the host wait for a device: reading a value, copying to the host."""

    def __init__(self):
        super().__init__()
        self.found = []

    def __torch_dispatch__(self, func, types, args=(), kwargs=None):
        name = func.name().partition(".")[0]
        to_host = name == "aten::_to_copy" and (kwargs or {}).get("device") == torch.device("cpu")
        if name in WAITING or to_host:
            self.found.append(name)
        return func(*args, **(kwargs or {}))


def test_the_counter_sees_what_waits():
    """Otherwise the test below could not fail."""
    with Waiting() as waiting:
        torch.ones(3).sum().item()
        bool(torch.ones(1) > 0)
    assert waiting.found == ["aten::_local_scalar_dense", "aten::_local_scalar_dense"]


def test_no_step_reads_a_value_from_the_device(tiny, tmp_path):
    """With every default signal, a logged tensor, modes and snapshots: nothing waits between two flushes."""
    gan = tiny(batch=64)
    options = {"run_dir": tmp_path / "run", "modes": "ring8_pacgan", "max_overhead": None, "flush_seconds": 1000}
    with gandiag.attach(gan.generator, gan.discriminator, **options) as callback, Waiting() as waiting:
        for _ in range(90):  # below the 100 rows of one hand-over
            fake = gan.generator(torch.randn(64, 4))
            on_real, on_fake = gan.discriminator(torch.randn(64, 2)), gan.discriminator(fake.detach())
            gan.adam_d.zero_grad()
            (on_fake - on_real).mean().backward()
            gan.adam_d.step()
            gan.adam_g.zero_grad()
            loss = -gan.discriminator(fake).mean()
            loss.backward()
            gan.adam_g.step()
            callback.log(loss_generator=loss)
        steps_alone = len(waiting.found)
    assert [name for name in waiting.found[:steps_alone] if name != "aten::_local_scalar_dense"] == []
    assert steps_alone == 90 * adam_reads(gan)
    assert not Run.open(tmp_path / "run").meta["faults"]


def adam_reads(gan) -> int:
    """Values that the two optimizers themselves read per step (their step counters, on the CPU)."""
    with Waiting() as waiting:
        for module, adam in ((gan.generator, gan.adam_g), (gan.discriminator, gan.adam_d)):
            for parameter in module.parameters():
                parameter.grad = torch.zeros_like(parameter)
            adam.step()
    return len(waiting.found)


class Clock:
    """A clock that a test moves."""

    def __init__(self, monkeypatch):
        self.now, self.step = 0.0, 0
        monkeypatch.setattr("gandiag.record.budget.time.perf_counter", lambda: self.now)


def spend(budget, clock, share, *, windows=1):
    """Let windows of a hundred steps pass of which recording took a share."""
    changes = []
    for _ in range(windows):
        clock.step += 100
        clock.now += WINDOW_SECONDS + 0.1
        budget.spent += share * (WINDOW_SECONDS + 0.1)
        changes.append(budget.settle(clock.step))
    return changes


def test_recording_thins_itself_level_by_level_until_it_fits(monkeypatch):
    """Per-layer norms first, D's outputs last, and what was changed is returned for run.json."""
    clock = Clock(monkeypatch)
    budget = Budget(0.02)
    first, *_ = spend(budget, clock, 0.05, windows=len(LEVELS) + 3)
    assert first == {"step": 101, "share": 0.05, "every": LEVELS[1]}
    assert LEVELS[1]["layers"] > LEVELS[0]["layers"]
    assert LEVELS[1]["outputs"] == LEVELS[0]["outputs"] == 1
    assert budget.every == LEVELS[-1]
    assert not budget.due("outputs", 5)
    assert budget.due("outputs", 10)


def test_detail_comes_back_when_there_is_room_but_not_for_ever(monkeypatch):
    """A share between a quarter of the limit and the limit changes nothing; up and down ends after three times."""
    clock = Clock(monkeypatch)
    budget = Budget(0.02)
    spend(budget, clock, 0.05)
    assert spend(budget, clock, 0.015) == [None]
    for _ in range(5):
        spend(budget, clock, 0.001)
        spend(budget, clock, 0.05)
    assert budget.level > 0
    assert spend(budget, clock, 0.001) == [None]


@pytest.mark.parametrize("share", [None, 1.0])
def test_without_a_limit_nothing_is_thinned(monkeypatch, share):
    """None is full detail at any cost, and so is a limit that is not reached."""
    clock = Clock(monkeypatch)
    budget = Budget(share)
    assert spend(budget, clock, 0.9, windows=5) == [None] * 5
    assert budget.level == 0


def test_a_training_that_recording_would_slow_is_recorded_less_often(tiny, tmp_path, monkeypatch):
    """Tiny steps, a low limit: signals are there at every tenth step, the loss at each, and run.json says so."""
    monkeypatch.setattr("gandiag.record.budget.WINDOW_SECONDS", 0.01)
    gan = tiny()
    with gandiag.attach(gan.generator, gan.discriminator, run_dir=tmp_path / "run", max_overhead=1e-6) as callback:
        gan.train(400, callback)
    run = Run.open(tmp_path / "run")
    levels = run.meta["detail"]
    assert [entry["every"] for entry in levels] == list(LEVELS[1:])
    late = run.scalars.loc[levels[-1]["step"] :]
    assert late["loss/generator"].notna().all()
    for name in ("grad/generator/norm", "d/auc", "diversity/ratio"):
        steps = late[name].dropna().index
        assert len(steps) > 10
        assert (steps % 10 == 0).all()
    assert run.last_step == 400
    (sentence,) = gandiag.diagnose(run).missing
    assert "in the end layers every 100, updates every 100, points every 10, gradients every 10, outputs every 10" in (
        sentence
    )


@pytest.mark.parametrize("share", [0, -0.1, 1.5])
def test_a_share_that_makes_no_sense_is_refused(tmp_path, share):
    """In one sentence, before anything is written."""
    with pytest.raises(ValueError, match=f"max_overhead must be a share above 0 and at most 1, or None, got {share}"):
        gandiag.Callback(tmp_path / "run", max_overhead=share)
    assert not (tmp_path / "run").exists()

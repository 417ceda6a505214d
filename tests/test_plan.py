"""What is recorded how often: decided once, in rounds of the game, from what the loop and a record cost."""

from __future__ import annotations

import numpy as np
import pytest
import torch

import gandiag
from gandiag.measure.detail import PLANS
from gandiag.record import plan as planning
from gandiag.record.plan import MEASURED_ROUNDS, WARM_ROUNDS, Plan
from gandiag.rundir.run import Run

DECIDED = WARM_ROUNDS + MEASURED_ROUNDS + 1


class Clock:
    """The CPU time of a loop whose rounds, and whose records, take given microseconds."""

    def __init__(self, monkeypatch, loop, record):
        self.now, self.loop, self.record = 0.0, loop, record
        monkeypatch.setattr(planning.time, "thread_time", lambda: self.now)

    def play(self, plan, steps=60, updates=lambda _step: ("d", "g")):
        """Steps of a loop, from the first on; returns those in which D's outputs were due."""
        due = []
        for step in range(1, steps + 1):
            plan.begin(step)
            due += [step] if plan.outputs else []
            for optimizer in updates(step):
                plan.updated(hash(optimizer), step)
            self.now += 1e-6 * (self.loop + self.record * plan.outputs / 2 + self.record * plan.points / 2)
        return due


@pytest.mark.parametrize(
    ("loop", "record", "expected"),
    [(1_000_000, 500, PLANS[0]), (20_000, 500, PLANS[2]), (14_000, 700, PLANS[4]), (800, 700, PLANS[-1])],
)
def test_a_plan_is_as_rich_as_the_loop_can_afford(monkeypatch, loop, record, expected):
    """Two per cent of a round, the background's share included."""
    plan = Plan(0.02)
    Clock(monkeypatch, loop, record).play(plan)
    assert plan.decided_at == DECIDED
    assert plan.every == expected


def test_a_short_round_is_granted_50_microseconds(monkeypatch):
    """Two per cent of 100 us would leave no room for records of 25 us."""
    plan = Plan(0.02)
    Clock(monkeypatch, 100, 25).play(plan)
    assert plan.every == PLANS[0]


def test_what_disturbs_some_rounds_changes_no_plan(monkeypatch):
    """Other programs make a round longer now and then, by ten times."""
    clock, plan = Clock(monkeypatch, 14_000, 700), Plan(0.02)
    disturbed = iter(np.random.default_rng(0).random(1000) < 0.3)

    def updates(_step):
        clock.now += 0.14 * next(disturbed)
        return "d", "g"

    clock.play(plan, updates=updates)
    assert plan.every == PLANS[4]


def test_without_a_limit_every_round_is_recorded(monkeypatch):
    """None is full detail at any cost, from the first step on."""
    plan = Plan(None)
    assert Clock(monkeypatch, 1, 1000).play(plan) == list(range(1, 61))
    assert plan.every == PLANS[0]


@pytest.mark.parametrize("times", [2, 3, 5])
def test_a_round_with_several_updates_of_g_is_recorded_whole(monkeypatch, times):
    """D comes every few steps: each record holds one update of it, whatever the interval."""
    plan = Plan(0.02)
    with_d = {s for s in range(1, 1001) if s % times == 1}
    due = Clock(monkeypatch, 100, 1000).play(plan, 1000, lambda s: ("d", "g") if s in with_d else ("g",))
    assert plan.every == PLANS[-1]
    assert plan.round_steps == times
    late = [s for s in due if s > times * (DECIDED + 8)]
    blocks = np.split(late, np.flatnonzero(np.diff(late) > 1) + 1)[:-1]
    assert len(blocks) > 5
    assert all(len(with_d & set(block.tolist())) == 1 for block in blocks)


def test_an_optimizer_that_stays_away_stops_no_record(monkeypatch):
    """D is trained for 300 steps, and again from step 600 on."""
    plan = Plan(0.02)
    due = Clock(monkeypatch, 100, 1000).play(plan, 900, lambda s: ("g",) if 300 < s < 600 else ("d", "g"))
    assert plan.round_steps == 1
    assert [s for s in due if s > DECIDED] == list(range(40, 901, 8))


@pytest.mark.parametrize(("batch", "rarest"), [(64, 8), (32, 8), (16, 4), (8, 2), (4, 1), (2, 8)])
def test_points_are_as_frequent_as_coverage_needs(monkeypatch, batch, rarest):
    """A histogram pools a hundred steps at most: small batches are recorded more often, at any cost.

    Of two samples a step there would be none in full detail, either.
    """
    plan = Plan(0.02)
    plan.batch = batch
    Clock(monkeypatch, 100, 1000).play(plan)
    assert plan.every["points"] == rarest


def test_a_run_that_is_recorded_less_often_says_so(tiny, tmp_path, monkeypatch):
    """Rows at every eighth step, the loss at each; run.json and the diagnosis say why."""
    monkeypatch.setattr(planning, "LEAST_SECONDS", 0.0)
    gan = tiny(batch=32)
    with gandiag.attach(gan.generator, gan.discriminator, run_dir=tmp_path / "run", max_overhead=1e-6) as callback:
        gan.train(400, callback)
    run = Run.open(tmp_path / "run")
    assert run.meta["plan"]["rounds"] == PLANS[-1]
    assert run.meta["plan"]["from_step"] == DECIDED
    late = run.scalars.loc[DECIDED:]
    assert late["loss/generator"].notna().all()
    for name in ("grad/generator/norm", "feedback/norm", "d/auc", "diversity/ratio", "update/generator/ratio"):
        assert late[name].dropna().index.tolist() == list(range(40, 401, 8)), name
    assert run.series("grad/generator/layer/0").loc[DECIDED:].index.tolist() == list(range(40, 401, 8))
    for step in (40, 400):  # what is recorded is right
        for name in ("grad/discriminator/norm", "feedback/norm", "d/auc", "update/generator/ratio"):
            assert late[name][step] == pytest.approx(gan.expected[step - 1][name], rel=1e-4), (step, name)
    (sentence,) = gandiag.diagnose(run).missing
    assert sentence.startswith(f"since step {DECIDED} D's outputs, gradients, samples")
    assert "every 8 rounds: a round of the loop takes" in sentence


def test_a_loop_without_logs_keeps_only_rows_with_records(tiny, tmp_path, monkeypatch):
    """Nothing due, nothing logged: no row; the last step is there all the same."""
    monkeypatch.setattr(planning, "LEAST_SECONDS", 0.0)
    gan = tiny(batch=32)
    with gandiag.attach(gan.generator, gan.discriminator, run_dir=tmp_path / "run", max_overhead=1e-6):
        gan.train(203)
    run = Run.open(tmp_path / "run")
    assert run.last_step == 203
    late = run.scalars.loc[DECIDED:]
    assert set(range(40, 201, 8)) <= {*late.index}
    assert len(late) < 40


def test_updates_aside_are_told_apart_in_rounds_that_are_not_recorded(tiny, tmp_path, monkeypatch):
    """A regulariser of G with a step of its own, without D, is no step of the game, whether recorded or not."""
    monkeypatch.setattr(planning, "LEAST_SECONDS", 0.0)
    gan = tiny(batch=32)
    with gandiag.attach(
        gan.generator, gan.discriminator, run_dir=tmp_path / "run", max_overhead=1e-6, alerts=False
    ) as callback:
        for step in range(120):
            gan.step()
            if step % 4 == 3:
                gan.adam_g.zero_grad()
                gan.generator(torch.randn(32, 4)).square().mean().backward()
                gan.adam_g.step()
    assert callback.completed_steps == 120

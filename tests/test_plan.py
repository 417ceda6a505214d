"""What is recorded how often: decided once, in rounds of the game, from what the loop and a record cost."""

from __future__ import annotations

import time

import numpy as np
import pytest
import torch

import gandiag
from gandiag.measure.detail import PLANS
from gandiag.probes.work import MULTIPLICATIONS, forward_calls
from gandiag.record import plan as planning
from gandiag.record.plan import FULL_STEPS, Plan
from gandiag.rundir.run import Run

DECIDED = FULL_STEPS + 1


class Loop:
    """Steps of a loop that compute as much, and whose records take as much, as given calls of torch."""

    def __init__(self, loop, record):
        self.loop, self.record = loop, record

    def play(self, plan, steps=60, updates=lambda _step: ("d", "g")):
        """Plays them from the first on; returns those in which D's outputs were due."""
        plan.record = self.record / 2, self.record / 2
        due = []
        for step in range(1, steps + 1):
            plan.begin(step)
            plan.count(self.loop)
            due += [step] if plan.outputs else []
            for optimizer in updates(step):
                plan.updated(hash(optimizer), step)
        return due


@pytest.mark.parametrize(
    ("loop", "record", "expected"),
    [(1_000_000, 130, PLANS[0]), (4_000, 130, PLANS[2]), (1_700, 130, PLANS[4]), (240, 130, PLANS[-1])],
)
def test_a_plan_is_as_rich_as_the_loop_can_afford(loop, record, expected):
    """Two per cent of a step, the background's share included."""
    plan = Plan(0.02)
    Loop(loop, record).play(plan)
    assert plan.decided_at == DECIDED
    assert plan.every == expected


def test_nothing_is_wanted_of_most_steps_of_a_sparse_plan():
    """Neither records of the step nor of the one that a loop's calls may be used in, unless its batch is shown."""
    plan = Plan(0.02)
    due = Loop(240, 130).play(plan)
    idle = []
    for step in range(61, 101):
        plan.begin(step)
        idle += [step] if plan.idle else []
        plan.begin(step, shows=True)
        assert not plan.idle
    assert due[-2:] == [48, 56]
    assert idle == [step for step in range(61, 101) if step % 8]


def test_a_short_step_is_granted_15_calls():
    """Two per cent of 30 calls would leave no room for records of 10."""
    plan = Plan(0.02)
    Loop(30, 10).play(plan)
    assert plan.every == PLANS[0]


def test_a_plan_depends_on_the_loop_and_not_on_how_long_it_takes(tiny, tmp_path):
    """What is decided is the same, word for word, where each step takes ten times as long."""
    plans = []
    for pause in (0.0, 0.02):
        gan = tiny(batch=32)
        with gandiag.attach(gan.generator, gan.discriminator, run_dir=tmp_path / str(pause), max_overhead=0.02):
            for _ in range(12):
                gan.step()
                time.sleep(pause)
        plans.append(Run.open(tmp_path / str(pause)).meta["plan"])
    assert plans[0]["from_step"] == DECIDED
    assert plans[0] == plans[1]


def test_products_count_by_their_size():
    """A large layer, a convolution and a transposed one: as many multiplications as their weights have places."""
    most = MULTIPLICATIONS["cpu"] / 3
    linear = forward_calls(torch.nn.Linear(3000, 2000)(torch.zeros(500, 3000)))
    assert linear == pytest.approx(500 * 3000 * 2000 / most, rel=0.01)
    small, large = torch.zeros(50, 40, 30, 30, requires_grad=True), torch.zeros(50, 40, 15, 15, requires_grad=True)
    down = forward_calls(torch.nn.Conv2d(40, 40, 4, 2, 1)(small))
    assert down == pytest.approx(50 * 15 * 15 * 40 * 40 * 16 / most, rel=0.01)
    assert forward_calls(torch.nn.ConvTranspose2d(40, 40, 4, 2, 1)(large)) == pytest.approx(down, rel=0.01)


def test_a_generated_batch_is_not_counted_once_more(tiny, tmp_path):
    """D's pass on G's batch costs as much as on a real one."""
    gan = tiny(batch=32)
    with gandiag.attach(gan.generator, gan.discriminator, run_dir=tmp_path / "run"):
        on_real = forward_calls(gan.discriminator(torch.zeros(32, 2)))
        on_fake = forward_calls(gan.discriminator(gan.generator(torch.zeros(32, 4))))
    assert on_fake == pytest.approx(on_real, abs=3)


def test_without_a_limit_every_round_is_recorded():
    """None is full detail at any cost, from the first step on."""
    plan = Plan(None)
    assert Loop(1, 1000).play(plan) == list(range(1, 61))
    assert plan.every == PLANS[0]


@pytest.mark.parametrize("times", [2, 3, 5])
def test_a_round_with_several_updates_of_g_is_recorded_whole(times):
    """D comes every few steps: each record holds one update of it, whatever the interval."""
    plan = Plan(0.02)
    with_d = {s for s in range(1, 1001) if s % times == 1}
    due = Loop(100, 1000).play(plan, 1000, lambda s: ("d", "g") if s in with_d else ("g",))
    assert plan.every == PLANS[-1]
    assert plan.round_steps == times
    late = [s for s in due if s > times * (DECIDED + 8)]
    blocks = np.split(late, np.flatnonzero(np.diff(late) > 1) + 1)[:-1]
    assert len(blocks) > 5
    assert all(len(with_d & set(block.tolist())) == 1 for block in blocks)


def test_an_optimizer_that_stays_away_stops_no_record():
    """D is trained for 300 steps, and again from step 600 on."""
    plan = Plan(0.02)
    due = Loop(100, 1000).play(plan, 900, lambda s: ("g",) if 300 < s < 600 else ("d", "g"))
    assert plan.round_steps == 1
    assert [s for s in due if s > DECIDED] == list(range(16, 901, 8))


@pytest.mark.parametrize(("batch", "rarest"), [(64, 8), (32, 8), (16, 4), (8, 2), (4, 1), (2, 8)])
def test_points_are_as_frequent_as_coverage_needs(batch, rarest):
    """A histogram pools a hundred steps at most: small batches are recorded more often, at any cost.

    Of two samples a step there would be none in full detail, either.
    """
    plan = Plan(0.02)
    plan.batch = batch
    Loop(100, 1000).play(plan)
    assert plan.every["points"] == rarest


def test_a_run_that_is_recorded_less_often_says_so(tiny, tmp_path, monkeypatch):
    """Rows at every eighth step, the loss at each; run.json and the diagnosis say why."""
    monkeypatch.setattr(planning, "LEAST_CALLS", 0.0)
    gan = tiny(batch=32)
    with gandiag.attach(gan.generator, gan.discriminator, run_dir=tmp_path / "run", max_overhead=1e-6) as callback:
        gan.train(400, callback)
    run = Run.open(tmp_path / "run")
    assert run.meta["plan"]["rounds"] == PLANS[-1]
    assert run.meta["plan"]["from_step"] == DECIDED
    late = run.scalars.loc[DECIDED:]
    assert late["loss/generator"].notna().all()
    for name in ("grad/generator/norm", "feedback/norm", "d/auc", "diversity/ratio", "grad/generator/layer/0"):
        assert late[name].dropna().index.tolist() == list(range(16, 401, 8)), name
    assert late["update/generator/ratio"].dropna().index.tolist() == list(range(24, 401, 24))
    for step in (48, 384):  # what is recorded is right
        for name in ("grad/discriminator/norm", "feedback/norm", "d/auc", "update/generator/ratio"):
            assert late[name][step] == pytest.approx(gan.expected[step - 1][name], rel=1e-4), (step, name)
    (sentence,) = gandiag.diagnose(run).missing
    assert sentence.startswith(f"to keep the training fast, from step {DECIDED} on there is less detail: D's outputs")
    assert "every 24 steps; a full record takes" in sentence


def test_a_loop_without_logs_keeps_only_rows_with_records(tiny, tmp_path, monkeypatch):
    """Nothing due, nothing logged: no row; the last step is there all the same."""
    monkeypatch.setattr(planning, "LEAST_CALLS", 0.0)
    gan = tiny(batch=32)
    with gandiag.attach(gan.generator, gan.discriminator, run_dir=tmp_path / "run", max_overhead=1e-6):
        gan.train(203)
    run = Run.open(tmp_path / "run")
    assert run.last_step == 203
    late = run.scalars.loc[DECIDED:]
    assert set(range(16, 201, 8)) <= {*late.index}
    assert len(late) < 40


def test_updates_aside_are_told_apart_in_rounds_that_are_not_recorded(tiny, tmp_path, monkeypatch):
    """A regulariser of G with a step of its own, without D, is no step of the game, whether recorded or not."""
    monkeypatch.setattr(planning, "LEAST_CALLS", 0.0)
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


def test_a_sparse_plan_is_told_in_steps_and_without_counts_of_calls():
    """How often what is recorded, what all of it would take, and how to have it."""
    plan = Plan(0.02)
    Loop(240, 130).play(plan)
    words = plan.describe()["words"]
    assert words.startswith(f"to keep the training fast, from step {DECIDED} on there is less detail: D's outputs")
    assert "every 8 steps" in words
    assert "takes 0.54 times as much computation as a step of the training (max_overhead=0.02; None" in words
    assert "calls" not in words

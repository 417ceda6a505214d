"""What a training changes on its way stands on its timeline."""

from __future__ import annotations

import torch
from loops.parts import Game

import gandiag


def test_a_learning_rate_that_jumps_is_an_event_and_one_that_decays_is_none(tmp_path):
    """The step, the network, and both values."""
    game = Game()
    decay = torch.optim.lr_scheduler.ExponentialLR(game.adam_d, 0.99)
    with gandiag.attach(game.generator, game.discriminator, run_dir=tmp_path / "run", alerts=False):
        for step in range(1, 31):
            if step == 21:
                game.adam_g.param_groups[0]["lr"] = 1e-4
            game.update_d()
            game.update_g()
            decay.step()
    run = gandiag.Run.open(tmp_path / "run")
    (event,) = [e for e in run.events if e["kind"] == "change"]
    assert (event["step"], event["what"], event["before"], event["after"]) == (21, "rate/generator", 1e-3, 1e-4)
    assert run.meta["optimizers"]["discriminator"]["scheduled"]
    assert run.meta["optimizers"]["generator"]["optimizers"] == ["Adam"]
    assert run.meta["optimizers"]["generator"]["momentum"] == game.adam_g.param_groups[0]["betas"][0]

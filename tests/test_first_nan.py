"""The operation behind a NaN: told from real loops in which it comes from one place."""

from __future__ import annotations

import pytest
import torch
from loops.parts import Game, loss_of_d, loss_of_g, mlp, noise, reals
from torch import nn

import gandiag

AT = 12  # the step in which it comes


class Divided(nn.Module):
    """A network whose outputs are divided by `by`."""

    def __init__(self, body: nn.Module) -> None:
        super().__init__()
        self.body, self.by = body, 1.0

    def forward(self, batch: torch.Tensor) -> torch.Tensor:
        return self.body(batch) * self.by / self.by


class Rooted(Divided):
    """A network with the root of a square, times `by`: at 0 it has no derivative."""

    def forward(self, batch: torch.Tensor) -> torch.Tensor:
        return self.body(batch) + (self.body(batch) * self.by).square().sqrt()


def ordinary(game, step, real):
    game.update_d(real=real)
    game.update_g()


def real_batch(game, step):
    real = reals()
    if step >= AT:
        real[3, 0] = float("nan")
    ordinary(game, step, real)


def networks(which, kind):
    """A loop in which something inside a network breaks from a step on."""

    def update(game, step):
        getattr(game, which).by = 0.0 if step >= AT else 1.0
        ordinary(game, step, reals())

    update.game = lambda: Game(**{which: kind(mlp(4, 2) if which == "generator" else mlp(2, 1))})
    return update


def logarithm(of_d):
    """The logarithm of a probability of D, which is 0 from a step on."""

    def update(game, step):
        sure = 1e3 if step >= AT else 1.0
        on_real, on_fake = (game.discriminator(x) for x in (reals(), game.generator(noise()).detach()))
        by_hand = -torch.log(torch.sigmoid(-sure * on_fake.abs())).mean() - torch.log(torch.sigmoid(on_real)).mean()
        game.step_d(by_hand if of_d else loss_of_d(on_real, on_fake))
        on_fake = game.discriminator(game.generator(noise()))
        game.step_g(loss_of_g(on_fake) if of_d else -torch.log(torch.sigmoid(-sure * on_fake.abs())).mean())

    return update


LOOPS = {
    "with the real batch": real_batch,
    "inside G": networks("generator", Divided),
    "inside D": networks("discriminator", Divided),
    "on the way back through D or a penalty": networks("discriminator", Rooted),
    "on the way back through D and G": networks("generator", Rooted),
    "in D's loss": logarithm(of_d=True),
    "in G's loss": logarithm(of_d=False),
}


@pytest.mark.parametrize("words", LOOPS)
def test_the_place_where_it_began_is_named(tmp_path, words):
    """At the step in which it comes."""
    update = LOOPS[words]
    torch.manual_seed(0)
    game = getattr(update, "game", Game)()
    options = {"run_dir": tmp_path / "run", "max_overhead": None, "alerts": False}
    with gandiag.attach(game.generator, game.discriminator, **options):
        for step in range(1, 2 * AT):
            update(game, step)
    found = [f for f in gandiag.diagnose(gandiag.Run.open(tmp_path / "run")).findings if f.code == "non-finite"]
    assert [f.onset_step for f in found] == [AT]
    assert f"it began {words}" in found[0].summary

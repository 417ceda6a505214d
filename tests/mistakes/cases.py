"""Loops with one mistake each, and loops that look alike and are right; what is found in each."""

from __future__ import annotations

import tempfile
from dataclasses import dataclass
from functools import cache
from itertools import islice
from pathlib import Path
from typing import TYPE_CHECKING, Any

import torch
from loops.parts import BATCH, Game, adam, loss_of_d, loss_of_g, mlp, noise, reals
from torch import nn
from torch.nn.functional import softplus

import gandiag
from gandiag.record.callback import recording_of

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from gandiag.findings import Diagnosis
    from gandiag.rundir.run import Run

    Attach = Callable[[nn.Module, nn.Module], object]
    Training = Callable[[Attach], Iterator[None]]

STEPS = 200
SELDOM = 8  # rounds


@dataclass(frozen=True)
class Case:
    """A loop as a generator that yields after each step. `remedy` is the first one expected, "" for a right loop.

    `also` are further mistakes that follow from it.
    """

    code: str
    feature: str
    training: Training
    remedy: str = ""
    also: tuple[str, ...] = ()


CASES: dict[str, Case] = {}


def case(code: str, feature: str, remedy: str = "", also: tuple[str, ...] = ()) -> Callable[[Training], Training]:
    """Enter a training into the table: a mistake with its first remedy, or what looks like it."""

    def enter(training: Training) -> Training:
        CASES[training.__name__] = Case(code, feature, training, remedy, also)
        return training

    return enter


@cache
def found(name: str, seed: int = 0, *, seldom: bool = False) -> tuple[Run, Diagnosis]:
    """Train, and judge what was recorded: all, or `seldom`, as of a loop whose steps are short."""
    torch.manual_seed(seed)
    callbacks: list[Any] = []
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "run"

        def attach(generator: nn.Module, discriminator: nn.Module) -> None:
            made = gandiag.attach(generator, discriminator, run_dir=path, max_overhead=None, alerts=False)
            callbacks.append(made)
            if seldom:
                plan = recording_of(made).plan
                plan.every = dict.fromkeys(plan.every, SELDOM)

        list(islice(CASES[name].training(attach), STEPS))
        callbacks[0].close()
        run = gandiag.Run.open(path)
        return run, gandiag.diagnose(run)


# not-learning


@case("not-learning", "G's optimizer is never stepped", "step-each-optimizer")
def g_never_stepped(attach: Attach) -> Iterator[None]:
    game = Game()
    attach(game.generator, game.discriminator)
    while True:
        game.update_d()
        game.adam_g.zero_grad()
        loss_of_g(game.discriminator(game.generator(noise()))).backward()
        yield


@case("not-learning", "G's optimizer is stepped in D's place", "step-each-optimizer")
def d_never_stepped(attach: Attach) -> Iterator[None]:
    game = Game()
    attach(game.generator, game.discriminator)
    while True:
        game.adam_d.zero_grad()
        loss_of_d(game.discriminator(reals()), game.discriminator(game.generator(noise()).detach())).backward()
        game.adam_g.step()
        game.update_g()
        yield


@case("not-learning", "G's optimizer was given D's parameters", "step-each-optimizer")
def wrong_parameters(attach: Attach) -> Iterator[None]:
    game = Game()
    game.adam_g = adam(game.discriminator)
    attach(game.generator, game.discriminator)
    while True:
        game.update_d()
        game.update_g()
        yield


@case("not-learning", "a learning rate of 0", "set-rate")
def rate_zero(attach: Attach) -> Iterator[None]:
    game = Game()
    game.adam_d = adam(game.discriminator, lr=0.0)
    attach(game.generator, game.discriminator)
    while True:
        game.update_d()
        game.update_g()
        yield


@case("not-learning", "a learning rate of 0 for G", "set-rate")
def rate_zero_of_g(attach: Attach) -> Iterator[None]:
    game = Game()
    game.adam_g = adam(game.generator, lr=0.0)
    attach(game.generator, game.discriminator)
    while True:
        game.update_d()
        game.update_g()
        yield


@case("not-learning", "samples are detached in G's step", "detach-for-d-only")
def detached_for_g(attach: Attach) -> Iterator[None]:
    game = Game()
    attach(game.generator, game.discriminator)
    while True:
        game.update_d()
        game.step_g(loss_of_g(game.discriminator(game.generator(noise()).detach())))
        yield


@case("not-learning", "the ordinary loop")
def ordinary(attach: Attach) -> Iterator[None]:
    game = Game()
    attach(game.generator, game.discriminator)
    while True:
        game.update_d()
        game.update_g()
        yield


@case("not-learning", "D's samples are made by a G in inference mode")
def inference(attach: Attach) -> Iterator[None]:
    game = Game()
    attach(game.generator, game.discriminator)
    while True:
        with torch.inference_mode():
            fake = game.generator(noise())
        game.update_d(fake=fake.clone())
        game.update_g()
        yield


@case("not-learning", "D is trained ahead for a hundred steps, G's samples not detached")
def d_ahead(attach: Attach) -> Iterator[None]:
    game = Game()
    attach(game.generator, game.discriminator)
    for _ in range(100):
        game.update_d(fake=game.generator(noise()))
        yield
    while True:
        game.update_d()
        game.update_g()
        yield


@case("not-learning", "D is frozen (requires_grad) while G warms up")
def frozen_d(attach: Attach) -> Iterator[None]:
    game = Game()
    attach(game.generator, game.discriminator)
    game.discriminator.requires_grad_(False)
    for _ in range(120):
        game.update_g()
        yield
    game.discriminator.requires_grad_(True)
    while True:
        game.update_d()
        game.update_g()
        yield


@case("not-learning", "D is left as it is while G warms up: its loss is not computed")
def d_not_played(attach: Attach) -> Iterator[None]:
    game = Game()
    attach(game.generator, game.discriminator)
    for _ in range(120):
        game.update_g()
        yield
    while True:
        game.update_d()
        game.update_g()
        yield


@case("not-learning", "G is frozen (requires_grad) while D warms up")
def frozen_g(attach: Attach) -> Iterator[None]:
    game = Game()
    attach(game.generator, game.discriminator)
    game.generator.requires_grad_(False)
    for _ in range(100):
        game.update_d(fake=game.generator(noise()))
    game.generator.requires_grad_(True)
    while True:
        game.update_d()
        game.update_g()
        yield


@case("not-learning", "D's rate is 0 by hand while G warms up")
def rate_zero_at_first(attach: Attach) -> Iterator[None]:
    game = Game()
    attach(game.generator, game.discriminator)
    for step in range(STEPS):
        game.adam_d.param_groups[0]["lr"] = 0.0 if step < 120 else 1e-3
        game.update_d()
        game.update_g()
        yield


@case("not-learning", "rates of a millionth, with plain gradient descent")
def small_rates(attach: Attach) -> Iterator[None]:
    game = Game()
    game.adam_g, game.adam_d = (torch.optim.SGD(n.parameters(), 1e-6) for n in (game.generator, game.discriminator))
    attach(game.generator, game.discriminator)
    while True:
        game.update_d()
        game.update_g()
        yield


@case("not-learning", "the first layer of G is frozen, as for fine-tuning")
def frozen_layer(attach: Attach) -> Iterator[None]:
    game = Game()
    game.generator[0].requires_grad_(False)
    attach(game.generator, game.discriminator)
    while True:
        game.update_d()
        game.update_g()
        yield


@case("not-learning", "a schedule brings both rates to 0 at the end")
def scheduled(attach: Attach) -> Iterator[None]:
    game = Game()
    decay = [
        torch.optim.lr_scheduler.LambdaLR(o, lambda step: max(0.0, 1 - step / 60)) for o in (game.adam_g, game.adam_d)
    ]
    attach(game.generator, game.discriminator)
    while True:
        game.update_d()
        game.update_g()
        for each in decay:
            each.step()
        yield


# same-direction


@case("same-direction", "G's loss has D's target for generated samples", "generator-target")
def wrong_target(attach: Attach) -> Iterator[None]:
    game = Game()
    attach(game.generator, game.discriminator)
    while True:
        game.update_d()
        game.step_g(softplus(game.discriminator(game.generator(noise()))).mean())
        yield


@case("same-direction", "G's Wasserstein loss has the wrong sign", "generator-target")
def wrong_sign(attach: Attach) -> Iterator[None]:
    return _wasserstein(attach, 1)


@case("same-direction", "D's loss has one target for everything", "discriminator-targets")
def one_target(attach: Attach) -> Iterator[None]:
    game = Game()
    attach(game.generator, game.discriminator)
    while True:
        on_real, on_fake = game.discriminator(reals()), game.discriminator(game.generator(noise()).detach())
        game.step_d(softplus(-on_real).mean() + softplus(-on_fake).mean())
        game.update_g()
        yield


@case("same-direction", "real is low and generated is high, in both losses")
def flipped(attach: Attach) -> Iterator[None]:
    game = Game()
    attach(game.generator, game.discriminator)
    while True:
        on_real, on_fake = game.discriminator(reals()), game.discriminator(game.generator(noise()).detach())
        game.step_d(softplus(on_real).mean() + softplus(-on_fake).mean())
        game.step_g(softplus(game.discriminator(game.generator(noise()))).mean())
        yield


@case("same-direction", "Wasserstein losses, which are negative")
def wasserstein(attach: Attach) -> Iterator[None]:
    return _wasserstein(attach, -1)


def _wasserstein(attach: Attach, sign: float) -> Iterator[None]:
    game = Game()
    attach(game.generator, game.discriminator)
    while True:
        on_real, on_fake = game.discriminator(reals()), game.discriminator(game.generator(noise()).detach())
        game.step_d(on_fake.mean() - on_real.mean())
        with torch.no_grad():
            for parameter in game.discriminator.parameters():
                parameter.clamp_(-0.3, 0.3)
        game.step_g(sign * game.discriminator(game.generator(noise())).mean())
        yield


@case("same-direction", "least squares")
def least_squares(attach: Attach) -> Iterator[None]:
    game = Game()
    attach(game.generator, game.discriminator)
    while True:
        on_real, on_fake = game.discriminator(reals()), game.discriminator(game.generator(noise()).detach())
        game.step_d((on_real - 1).square().mean() + on_fake.square().mean())
        game.step_g((game.discriminator(game.generator(noise())) - 1).square().mean())
        yield


# shared-update


@case("shared-update", "both optimizers hold the parameters of both networks", "one-optimizer-each")
def both_hold_both(attach: Attach) -> Iterator[None]:
    game = Game()
    game.adam_g, game.adam_d = (adam(game.generator, game.discriminator) for _ in range(2))
    attach(game.generator, game.discriminator)
    while True:
        game.step_d(loss_of_d(game.discriminator(reals()), game.discriminator(game.generator(noise()))))
        game.step_g(loss_of_g(game.discriminator(game.generator(noise()))))
        yield


@case("shared-update", "D's optimizer holds the parameters of G as well", "one-optimizer-each")
def d_holds_both(attach: Attach) -> Iterator[None]:
    game = Game()
    game.adam_d = adam(game.generator, game.discriminator)
    attach(game.generator, game.discriminator)
    while True:
        game.step_d(loss_of_d(game.discriminator(reals()), game.discriminator(game.generator(noise()))))
        game.update_g()
        yield


@case("shared-update", "D's gradients of passes over real and over generated are never cleared", "clear-gradients")
def never_cleared_apart(attach: Attach) -> Iterator[None]:
    game = Game()
    attach(game.generator, game.discriminator)
    while True:
        softplus(-game.discriminator(reals())).mean().backward()
        fake = game.generator(noise())
        softplus(game.discriminator(fake.detach())).mean().backward()
        game.adam_d.step()
        game.step_g(loss_of_g(game.discriminator(fake)))
        yield


@case("shared-update", "D's gradients are never cleared", "clear-gradients")
def never_cleared(attach: Attach) -> Iterator[None]:
    game = Game()
    attach(game.generator, game.discriminator)
    while True:
        loss_of_d(game.discriminator(reals()), game.discriminator(game.generator(noise()).detach())).backward()
        game.adam_d.step()
        game.update_g()
        yield


@case(
    "shared-update",
    "D's gradients are cleared after its step, and G's loss adds to them before the next",
    "clear-gradients",
)
def cleared_too_early(attach: Attach) -> Iterator[None]:
    game = Game()
    attach(game.generator, game.discriminator)
    while True:
        loss_of_d(game.discriminator(reals()), game.discriminator(game.generator(noise()).detach())).backward()
        game.adam_d.step()
        game.adam_d.zero_grad()
        game.update_g()
        yield


@case("shared-update", "one optimizer with two groups, stepped once on the losses of both")
def joint(attach: Attach) -> Iterator[None]:
    game = Game()
    both = torch.optim.Adam([{"params": n.parameters(), "lr": 1e-3} for n in (game.generator, game.discriminator)])
    attach(game.generator, game.discriminator)
    while True:
        both.zero_grad()
        loss_of_d(game.discriminator(reals()), game.discriminator(game.generator(noise()).detach())).backward()
        game.discriminator.requires_grad_(False)
        loss_of_g(game.discriminator(game.generator(noise()))).backward()
        game.discriminator.requires_grad_(True)
        both.step()
        yield


@case("shared-update", "a third optimizer for a loss that both networks have in common (InfoGAN)")
def third(attach: Attach) -> Iterator[None]:
    game = Game()
    common = adam(game.generator, game.discriminator)
    attach(game.generator, game.discriminator)
    while True:
        game.update_d()
        game.update_g()
        common.zero_grad()
        game.discriminator(game.generator(noise())).square().mean().mul(0.01).backward()
        common.step()
        yield


@case("shared-update", "samples are not detached in D's step, with an optimizer for each network")
def not_detached(attach: Attach) -> Iterator[None]:
    game = Game()
    attach(game.generator, game.discriminator)
    while True:
        game.update_d(fake=game.generator(noise()))
        game.update_g()
        yield


@case("shared-update", "gradients are zeroed in place, also by .data")
def zeroed_in_place(attach: Attach) -> Iterator[None]:
    game = Game()
    attach(game.generator, game.discriminator)
    while True:
        game.adam_d.zero_grad(set_to_none=False)
        loss_of_d(game.discriminator(reals()), game.discriminator(game.generator(noise()).detach())).backward()
        game.adam_d.step()
        for parameter in game.generator.parameters():
            if parameter.grad is not None:
                parameter.grad.data.zero_()
        loss_of_g(game.discriminator(game.generator(noise()))).backward()
        game.adam_g.step()
        yield


@case("shared-update", "gradients of three batches are added before each step")
def accumulated(attach: Attach) -> Iterator[None]:
    game = Game()
    attach(game.generator, game.discriminator)
    while True:
        game.adam_d.zero_grad()
        for _ in range(3):
            loss_of_d(game.discriminator(reals()), game.discriminator(game.generator(noise()).detach())).backward()
        game.adam_d.step()
        game.adam_g.zero_grad()
        for _ in range(3):
            loss_of_g(game.discriminator(game.generator(noise()))).backward()
        game.adam_g.step()
        yield


@case("shared-update", "G's gradients of two batches are added while D steps on each")
def accumulated_across(attach: Attach) -> Iterator[None]:
    game = Game()
    attach(game.generator, game.discriminator)
    while True:
        game.adam_g.zero_grad()
        for _ in range(2):
            game.update_d()
            loss_of_g(game.discriminator(game.generator(noise()))).backward()
        game.adam_g.step()
        yield


@case("shared-update", "samples are not detached in D's step, and G's gradients of it are kept", "clear-gradients")
def leaked(attach: Attach) -> Iterator[None]:
    game = Game()
    attach(game.generator, game.discriminator)
    while True:
        game.adam_d.zero_grad()
        game.adam_g.zero_grad()
        loss_of_d(game.discriminator(reals()), game.discriminator(game.generator(noise()))).backward()
        game.adam_d.step()
        loss_of_g(game.discriminator(game.generator(noise()))).backward()
        game.adam_g.step()
        yield


@case("shared-update", "a penalty takes D's gradient before D's gradients are zeroed in place")
def penalty_before_zeroing(attach: Attach) -> Iterator[None]:
    game = Game()
    attach(game.generator, game.discriminator)
    while True:
        between = (reals() + game.generator(noise()).detach()).requires_grad_()
        (slope,) = torch.autograd.grad(game.discriminator(between).sum(), between, create_graph=True)
        loss = loss_of_d(game.discriminator(reals()), game.discriminator(game.generator(noise()).detach()))
        game.adam_d.zero_grad(set_to_none=False)
        (loss + (slope.norm(dim=1) - 1).square().mean()).backward()
        game.adam_d.step()
        game.update_g()
        yield


# input-mismatch


def _images(attach: Attach, last: nn.Module, scale: float, shift: float, bad_at: int = 0) -> Iterator[None]:
    """Data in [-1, 1] times scale plus shift, a G with a bounded end."""
    game = Game(generator=nn.Sequential(*mlp(4, 2), last))
    game.adam_g = adam(game.generator, lr=1e-2)
    attach(game.generator, game.discriminator)
    step = 0
    while True:
        step += 1
        real = torch.tanh(reals()) * scale + shift
        if bad_at and step >= bad_at and not step % 20:  # once in each epoch
            real[0, 0] = float("nan")
        game.update_d(real=real)
        game.update_g()
        yield


@case("input-mismatch", "images in 0 to 255, a G that ends in tanh", "scale-data")
def bytes_and_tanh(attach: Attach) -> Iterator[None]:
    return _images(attach, nn.Tanh(), 127.5, 127.5)


@case("input-mismatch", "one sample with NaN in the data", "finite-data")
def nan_in_the_data(attach: Attach) -> Iterator[None]:
    return _images(attach, nn.Tanh(), 1.0, 0.0, bad_at=60)


def _table(attach: Attach, *, scaled: bool) -> Iterator[None]:
    """Two numbers, one of them an income, and a category."""
    game = Game(generator=mlp(4, 5), discriminator=mlp(5, 1))
    attach(game.generator, game.discriminator)
    middle, spread = torch.tensor([[45.0, 38_000.0], [12.0, 9_000.0]])
    while True:
        numbers = torch.randn(BATCH, 2)
        kinds = nn.functional.one_hot(torch.randint(0, 3, (BATCH,)), 3)
        game.update_d(real=torch.cat([numbers if scaled else numbers * spread + middle, kinds], dim=1))
        game.update_g()
        yield


@case("input-mismatch", "a table with a column in its own unit", "scale-data")
def table_unscaled(attach: Attach) -> Iterator[None]:
    return _table(attach, scaled=False)


@case("input-mismatch", "the same table, standardised")
def table_scaled(attach: Attach) -> Iterator[None]:
    return _table(attach, scaled=True)


@case("input-mismatch", "images in [-1, 1], a G that ends in tanh")
def images_and_tanh(attach: Attach) -> Iterator[None]:
    return _images(attach, nn.Tanh(), 1.0, 0.0)


@case("input-mismatch", "data in [0, 1], a G that ends in tanh and can learn it")
def unit_and_tanh(attach: Attach) -> Iterator[None]:
    return _images(attach, nn.Tanh(), 0.5, 0.5)


@case("input-mismatch", "a G without a bound that starts near 0")
def unbounded(attach: Attach) -> Iterator[None]:
    return _images(attach, nn.Identity(), 5.0, 0.0)


class Conditional(nn.Module):
    """A G that is given a class beside its noise, and a D that is given one beside each sample."""

    def __init__(self, inputs: int, outputs: int, classes: int = 4) -> None:
        super().__init__()
        self.classes, self.body = nn.Embedding(classes, 8), nn.Sequential(*mlp(inputs + 8, outputs))

    def forward(self, given: torch.Tensor, label: torch.Tensor) -> torch.Tensor:
        return self.body(torch.cat([given, self.classes(label)], dim=1))


@case("input-mismatch", "data of ten times the usual size, a conditional G without a bound that starts near 0")
def tenfold(attach: Attach) -> Iterator[None]:
    game = Game(generator=Conditional(4, 2), discriminator=Conditional(2, 1))
    with torch.no_grad():
        for parameter in game.generator.body[-1].parameters():
            parameter.mul_(0.3)
    attach(game.generator, game.discriminator)
    while True:
        label = torch.randint(0, 4, (BATCH,))
        real = torch.randn(BATCH, 2) * 5 + torch.stack([label * 10.0, label * -10.0], dim=1)
        fake = game.generator(noise(), label)
        game.step_d(loss_of_d(game.discriminator(real, label), game.discriminator(fake.detach(), label)))
        game.step_g(loss_of_g(game.discriminator(fake, label)))
        yield


# repeated-latents


@case("repeated-latents", "noise is drawn once, before the loop", "fresh-latents")
def noise_drawn_once(attach: Attach) -> Iterator[None]:
    game, z = Game(), noise()
    attach(game.generator, game.discriminator)
    while True:
        game.update_d(fake=game.generator(z).detach())
        game.step_g(loss_of_g(game.discriminator(game.generator(z))))
        yield


@case("repeated-latents", "a fixed batch of noise for pictures, beside new noise for each step")
def noise_for_pictures(attach: Attach) -> Iterator[None]:
    game, z = Game(), noise()
    attach(game.generator, game.discriminator)
    while True:
        game.update_d()
        game.update_g()
        game.generator(z)
        yield


@case("repeated-latents", "two updates of G on each batch of noise")
def noise_used_twice(attach: Attach) -> Iterator[None]:
    game = Game()
    attach(game.generator, game.discriminator)
    while True:
        game.update_d()
        z = noise()
        for _ in range(2):
            game.step_g(loss_of_g(game.discriminator(game.generator(z))))
            yield


# double-sigmoid


def _sigmoid(attach: Attach, *, twice: bool) -> Iterator[None]:
    game = Game(discriminator=nn.Sequential(*mlp(2, 1), nn.Sigmoid()))
    game.adam_d, game.adam_g = adam(game.discriminator, lr=1e-2), adam(game.generator, lr=1e-3)
    attach(game.generator, game.discriminator)
    loss = nn.BCEWithLogitsLoss() if twice else nn.BCELoss()
    while True:
        on_real, on_fake = game.discriminator(reals()), game.discriminator(game.generator(noise()).detach())
        game.step_d(loss(on_real, torch.ones_like(on_real)) + loss(on_fake, torch.zeros_like(on_fake)))
        on_fake = game.discriminator(game.generator(noise()))
        game.step_g(loss(on_fake, torch.ones_like(on_fake)))
        yield


@case("double-sigmoid", "D ends in a sigmoid, under BCEWithLogitsLoss", "one-sigmoid")
def two_sigmoids(attach: Attach) -> Iterator[None]:
    return _sigmoid(attach, twice=True)


@case("double-sigmoid", "D ends in a sigmoid, under BCELoss")
def sigmoid_with_its_loss(attach: Attach) -> Iterator[None]:
    return _sigmoid(attach, twice=False)


class Mapped(nn.Module):
    """A D that returns features, in [0, 1], and a map of judgements."""

    def __init__(self) -> None:
        super().__init__()
        self.features, self.end = nn.Sequential(nn.Linear(2, 12), nn.Sigmoid()), nn.Linear(12, 3)

    def forward(self, batch: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
        found = self.features(batch)
        return found, self.end(found)


@case("double-sigmoid", "D returns features in [0, 1] beside a map of logits")
def features_and_map(attach: Attach) -> Iterator[None]:
    game = Game(discriminator=Mapped())
    game.adam_d = adam(game.discriminator, lr=1e-2)
    attach(game.generator, game.discriminator)
    while True:
        game.step_d(loss_of_d(game.discriminator(reals())[1], game.discriminator(game.generator(noise()).detach())[1]))
        game.step_g(loss_of_g(game.discriminator(game.generator(noise()))[1]))
        yield


@case("double-sigmoid", "data of one point, by which D's outputs rise from 0 to 1")
def one_point(attach: Attach) -> Iterator[None]:
    game = Game(discriminator=nn.Linear(2, 1))
    attach(game.generator, game.discriminator)
    while True:
        game.update_d(real=torch.ones(BATCH, 2))
        game.update_g()
        yield

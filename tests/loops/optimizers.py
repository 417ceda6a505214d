"""Precision, optimizers, and parameters that are unlike others."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import torch
from torch import nn

from .matrix import NEEDS_CUDA, loop
from .parts import Game, adam, judged, loss_of_d, loss_of_g, mean, mlp, noise, norm, reals

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from gandiag.rundir.run import Run

    Attach = Callable[..., object]
    Steps = Iterator[dict[str, float]]

GROUP = "precision and optimizers"


def _skipped_once(run: Run) -> None:
    assert run.series("skipped/generator").tolist() == [1.0]
    assert run.series("grad/generator/norm").index.tolist() == [s for s in range(1, 26) if s != 13]
    assert not (run.series("nonfinite") > 0).any()


def _mixed_precision(attach: Attach, *, unscale: bool, overflow_at: int = 0, **options: Any) -> Steps:
    """Both networks under float16 autocast with one GradScaler; one step of G can be made to overflow."""
    game = Game()
    game.adam_g, game.adam_d = adam(game.generator, **options), adam(game.discriminator, **options)
    scaler = torch.amp.GradScaler("cpu", init_scale=1024.0)
    attach(game.generator, game.discriminator)
    step = 0
    while True:
        step += 1
        with torch.autocast("cpu", dtype=torch.float16):
            on_real, on_fake = game.discriminator(reals()), game.discriminator(game.generator(noise()).detach())
        loss = loss_of_d(on_real.float(), on_fake.float())
        game.adam_d.zero_grad()
        scaler.scale(loss).backward()
        values = judged(on_real, on_fake) | {"grad/discriminator/norm": norm(game.discriminator) / scaler.get_scale()}
        scaler.step(game.adam_d)
        with torch.autocast("cpu", dtype=torch.float16):
            fake = game.generator(noise())
            fake.retain_grad()
            loss = loss_of_g(game.discriminator(fake).float())
        game.adam_g.zero_grad()
        scaler.scale(loss * (float("inf") if step == overflow_at else 1.0)).backward()
        if step != overflow_at:
            values["grad/generator/norm"] = norm(game.generator) / scaler.get_scale()
            values["feedback/norm"] = mean(fake.grad.float().norm(dim=1)) / scaler.get_scale()
        if unscale:
            scaler.unscale_(game.adam_g)
        scaler.step(game.adam_g)
        scaler.update()
        yield values


@loop(GROUP, "float16 autocast with a GradScaler: gradients and feedback unscaled", tolerance=2e-3)
def amp(attach: Attach) -> Steps:
    return _mixed_precision(attach, unscale=False)


@loop(GROUP, "a GradScaler that unscales early, for clipping", tolerance=2e-3)
def amp_unscaled(attach: Attach) -> Steps:
    return _mixed_precision(attach, unscale=True)


@loop(GROUP, "a GradScaler with fused optimizers, which unscale by themselves", tolerance=2e-3)
def amp_fused(attach: Attach) -> Steps:
    return _mixed_precision(attach, unscale=False, fused=True)


def _overflow(name: str, feature: str, **options: Any) -> None:
    def training(attach: Attach) -> Steps:
        for values in _mixed_precision(attach, unscale=False, overflow_at=13, **options):
            yield {name: value for name, value in values.items() if name != "feedback/norm"}

    training.__name__ = name
    loop(GROUP, feature, tolerance=2e-3, checks=(_skipped_once if not options else _skipped_in_kernel,))(training)


def _skipped_in_kernel(run: Run) -> None:
    assert run.series("skipped/generator").idxmax() == 13
    assert run.series("skipped/generator").sum() == 1.0
    assert run.series("grad/generator/norm").index.tolist() == [s for s in range(1, 26) if s != 13]
    assert not (run.series("nonfinite") > 0).any()


_overflow("amp_skipped", "a step that the GradScaler skips, recorded as such")
_overflow("amp_fused_skipped", "a step that a fused optimizer skips, recorded as such", fused=True)


@loop(GROUP, "bfloat16 autocast", tolerance=2e-2)
def bf16(attach: Attach) -> Steps:
    game = Game()
    attach(game.generator, game.discriminator)
    while True:
        with torch.autocast("cpu", dtype=torch.bfloat16):
            values = game.update_d()
            values |= game.update_g()
        yield values


def _plain(name: str, feature: str, make: Callable[[nn.Module], torch.optim.Optimizer]) -> None:
    def training(attach: Attach) -> Steps:
        game = Game()
        game.adam_g, game.adam_d = make(game.generator), make(game.discriminator)
        attach(game.generator, game.discriminator)
        while True:
            yield game.update_d() | game.update_g()

    training.__name__ = name
    loop(GROUP, feature)(training)


_plain("adam_foreach", "Adam(foreach=True)", lambda m: adam(m, foreach=True))
_plain("adam_fused", "Adam(fused=True)", lambda m: adam(m, fused=True))
_plain("rmsprop", "RMSprop", lambda m: torch.optim.RMSprop(m.parameters(), lr=1e-4))


@loop(GROUP, "Adam(capturable=True)", marks=(NEEDS_CUDA,))
def adam_capturable(attach: Attach) -> Steps:
    game = Game(mlp(4, 2).cuda(), mlp(2, 1).cuda())
    game.adam_g, game.adam_d = adam(game.generator, capturable=True), adam(game.discriminator, capturable=True)
    attach(game.generator, game.discriminator)
    while True:
        on_real, on_fake = (
            game.discriminator(reals().cuda()),
            game.discriminator(game.generator(noise().cuda()).detach()),
        )
        game.step_d(loss_of_d(on_real, on_fake))
        values = {"grad/discriminator/norm": norm(game.discriminator)} | judged(on_real, on_fake)
        game.step_g(loss_of_g(game.discriminator(game.generator(noise().cuda()))))
        yield values | {"grad/generator/norm": norm(game.generator)}


@loop(
    GROUP, "optimizers with closures (LBFGS)", saw=("3 real, 3 generated, 0 penalty", "0 real, 3 generated, 0 penalty")
)
def lbfgs(attach: Attach) -> Steps:
    game = Game()
    settings = {"lr": 0.01, "max_iter": 3, "max_eval": 3, "tolerance_grad": 0.0, "tolerance_change": 0.0}
    game.adam_g = torch.optim.LBFGS(game.generator.parameters(), **settings)
    game.adam_d = torch.optim.LBFGS(game.discriminator.parameters(), **settings)
    attach(game.generator, game.discriminator)
    while True:
        real, fake, latent = reals(), game.generator(noise()).detach(), noise()
        seen = []

        def of_d(real: torch.Tensor = real, fake: torch.Tensor = fake, seen: list[Any] = seen) -> torch.Tensor:
            game.adam_d.zero_grad()
            on_real, on_fake = game.discriminator(real), game.discriminator(fake)
            loss = loss_of_d(on_real, on_fake)
            loss.backward()
            seen.append((on_real.detach(), on_fake.detach(), norm(game.discriminator)))
            return loss

        def of_g(latent: torch.Tensor = latent) -> torch.Tensor:
            game.adam_g.zero_grad()
            loss = loss_of_g(game.discriminator(game.generator(latent)))
            loss.backward()
            return loss

        for optimizer, closure in ((game.adam_d, of_d), (game.adam_g, of_g)):
            optimizer.state.clear()  # curvature between two batches may point uphill, where LBFGS stops early
            optimizer.step(closure)
        # D's outputs of all evaluations, gradients of the last
        on_real, on_fake, norms = zip(*seen, strict=True)
        values = judged(torch.cat(on_real), torch.cat(on_fake)) | {"grad/discriminator/norm": norms[-1]}
        yield values | {"grad/generator/norm": norm(game.generator)}


class Odd(nn.Module):
    """G with an embedding of sparse gradients, tied weights, a frozen layer and a parameter that nothing uses."""

    def __init__(self) -> None:
        super().__init__()
        self.words = nn.Embedding(10, 4, sparse=True)
        self.first, self.second, self.frozen = nn.Linear(4, 4), nn.Linear(4, 4), nn.Linear(4, 4)
        self.second.weight = self.first.weight
        self.frozen.requires_grad_(False)
        self.unused = nn.Parameter(torch.ones(3, 3))
        self.last = nn.Linear(4, 2)

    def forward(self, latent: torch.Tensor) -> torch.Tensor:
        words = self.words((latent[:, 0].abs() * 3).long().clamp(max=9))
        return self.last(self.frozen(torch.relu(self.second(torch.relu(self.first(latent + words))))))


def _odd_layers(run: Run) -> None:
    assert run.series("grad/generator/layer/frozen").empty
    assert (run.series("grad/generator/layer/unused") == 0).all()
    assert (run.series("grad/generator/layer/words") > 0).all()


@loop(GROUP, "parameters that are sparse, shared, frozen or without gradient", checks=(_odd_layers,))
def odd_parameters(attach: Attach) -> Steps:
    game = Game(Odd())
    game.adam_g = torch.optim.SGD(game.generator.parameters(), lr=1e-3)
    attach(game.generator, game.discriminator)
    while True:
        yield game.update_d() | game.update_g()


@loop(GROUP, "networks frozen in turn, D while attaching")
def frozen_in_turn(attach: Attach) -> Steps:
    game = Game()
    game.discriminator.requires_grad_(False)
    attach(game.generator, game.discriminator)
    while True:
        game.discriminator.requires_grad_(True)
        game.generator.requires_grad_(False)
        values = game.update_d()
        game.discriminator.requires_grad_(False)
        game.generator.requires_grad_(True)
        yield values | game.update_g()


def _grown(run: Run) -> None:
    assert run.series("grad/generator/norm").size == 25


@loop(GROUP, "a layer added to G and its optimizer midway", checks=(_grown,))
def growing(attach: Attach) -> Steps:
    game = Game()
    attach(game.generator, game.discriminator)
    step = 0
    while True:
        step += 1
        if step == 12:
            game.generator.append(nn.Linear(2, 2))
            game.adam_g.add_param_group({"params": game.generator[-1].parameters()})
        yield game.update_d() | game.update_g()

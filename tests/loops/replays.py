"""Generated samples that reach D as something else: older ones, copies, augmented ones, parts of a larger batch."""

from __future__ import annotations

from typing import TYPE_CHECKING

import torch
from torch import nn

from .matrix import PLAIN, loop
from .parts import BATCH, Game, adam, auc, judged, loss_of_d, loss_of_g, mlp, noise, norm, reals

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    Attach = Callable[..., object]
    Steps = Iterator[dict[str, float]]

GROUP = "replayed, copied and augmented batches"
WITH_OLD = ("1 real, 2 generated, 0 penalty", PLAIN[1])


def _replayed(name: str, feature: str, *, first: bool) -> None:
    """D's step is given an older batch, too: before the reals, or after them."""

    def training(attach: Attach) -> Steps:
        game = Game()
        kept = [reals() - 2 for _ in range(4)]
        attach(game.generator, game.discriminator)
        while True:
            old = kept[int(torch.randint(len(kept), ()))]
            on_old = [game.discriminator(old)] if first else []
            on_real = game.discriminator(reals())
            on_old = on_old or [game.discriminator(old)]
            fake = game.generator(noise()).detach()
            on_fake = torch.cat([*on_old, game.discriminator(fake)])
            kept = [*kept[1:], fake.clone()]
            game.step_d(loss_of_d(on_real, on_fake))
            values = {"grad/discriminator/norm": norm(game.discriminator)} | judged(on_real, on_fake)
            yield values | game.update_g()

    training.__name__ = name
    loop(GROUP, feature, saw=WITH_OLD)(training)


_replayed("old_first", "a batch from a replay buffer given before the reals", first=True)
_replayed("old_last", "a batch from a replay buffer given after the reals", first=False)


def _accumulated(
    name: str,
    feature: str,
    batches: int,
    change: Callable[[torch.Tensor], torch.Tensor],
    of_d: Callable[..., torch.Tensor],
) -> None:
    """Gradients of several batches, generated ones first, each given to D as `change` makes it."""

    def training(attach: Attach) -> Steps:
        game = Game()
        attach(game.generator, game.discriminator)
        while True:
            outputs = []
            game.adam_d.zero_grad()
            for _ in range(batches):
                on_fake = game.discriminator(change(game.generator(noise()).detach()))
                on_real = game.discriminator(change(reals()))
                (of_d(on_real, on_fake) / batches).backward()
                outputs.append((on_real, on_fake))
            values = {"grad/discriminator/norm": norm(game.discriminator)}
            game.adam_d.step()
            game.adam_g.zero_grad()
            for _ in range(batches):
                (loss_of_g(game.discriminator(change(game.generator(noise())))) / batches).backward()
            values["grad/generator/norm"] = norm(game.generator)
            game.adam_g.step()
            yield values | judged(*(torch.cat(parts) for parts in zip(*outputs, strict=True)))

    training.__name__ = name
    saw = f"{batches} real, {batches} generated, 0 penalty", f"0 real, {batches} generated, 0 penalty"
    loop(GROUP, feature, saw=saw)(training)


def _hinge(real: torch.Tensor, fake: torch.Tensor) -> torch.Tensor:
    return torch.relu(1 - real).mean() + torch.relu(1 + fake).mean()


def _at_times(batch: torch.Tensor) -> torch.Tensor:
    return batch + 0.1 * torch.randn_like(batch) if torch.rand(()) < 0.5 else batch


_accumulated("copies", "copies, accumulated over six batches", 6, torch.clone, _hinge)
_accumulated("augmented_at_times", "augmented at random, accumulated over four batches", 4, _at_times, _hinge)


class Pool:
    """The last generated samples: D is shown a new one as often as one from here, in whose place the new one comes."""

    def __init__(self, size: int) -> None:
        self._size, self._kept = size, []

    def __call__(self, batch: torch.Tensor) -> torch.Tensor:
        shown = []
        for sample in batch:
            if len(self._kept) < self._size:
                self._kept.append(sample)
                shown.append(sample)
            elif torch.rand(()) < 0.5:
                place = int(torch.randint(self._size, ()))
                shown.append(self._kept[place])
                self._kept[place] = sample
            else:
                shown.append(sample)
        return torch.stack(shown)


def _pooled(name: str, feature: str, batch: int, saw: tuple[str, ...] = PLAIN) -> None:
    def training(attach: Attach) -> Steps:
        game, pool = Game(), Pool(20)
        game.adam_d = adam(game.discriminator, lr=1e-2)
        attach(game.generator, game.discriminator)
        past: list[tuple[torch.Tensor, torch.Tensor]] = []
        while True:
            fake = game.generator(noise(batch))
            game.step_g((game.discriminator(fake) - 1).square().mean())
            values = {"grad/generator/norm": norm(game.generator)}
            on_real, on_fake = game.discriminator(reals(batch)), game.discriminator(pool(fake.detach()))
            game.step_d(((on_real - 1).square().mean() + on_fake.square().mean()) / 2)
            past = [*past[-31:], (on_real, on_fake)]
            values |= judged(on_real, on_fake)
            yield values | ({"d/auc": auc(*(torch.cat(of) for of in zip(*past, strict=True)))} if batch == 1 else {})

    training.__name__ = name
    loop(GROUP, feature, saw=saw, steps=60)(training)


_pooled("image_pool", "a pool of single samples, batches of 4, G first, least squares: CycleGAN", 4)
_pooled(
    "image_pool_of_one",
    "a pool of single samples, batches of 1: P(real > generated) over 32 steps",
    1,
    (*PLAIN, "over the last 32 recorded steps, as D gives one output for each batch"),
)


def _joined(name: str, feature: str, *, reals_first: bool, graph: bool) -> None:
    """Reals and generated samples in one batch of D."""

    def training(attach: Attach) -> Steps:
        game = Game()
        attach(game.generator, game.discriminator)
        while True:
            with torch.set_grad_enabled(graph):
                fake = game.generator(noise()).detach()
            batches = [reals(), fake] if reals_first else [fake, reals()]
            halves = game.discriminator(torch.cat(batches)).split(BATCH)
            on_real, on_fake = halves if reals_first else halves[::-1]
            game.step_d(loss_of_d(on_real, on_fake))
            values = {"grad/discriminator/norm": norm(game.discriminator)} | judged(on_real, on_fake)
            yield values | game.update_g()

    training.__name__ = name
    loop(GROUP, feature)(training)


_joined("joined_reals_last", "in one batch with reals, these last, after .detach()", reals_first=False, graph=True)
_joined("joined_no_grad", "in one batch with reals, made under no_grad", reals_first=True, graph=False)
_joined(
    "joined_no_grad_last", "in one batch with reals, these last, made under no_grad", reals_first=False, graph=False
)


@loop(GROUP, "in one batch with reals, both augmented")
def joined_augmented(attach: Attach) -> Steps:
    game = Game()
    attach(game.generator, game.discriminator)
    while True:
        both = torch.cat([game.generator(noise()).detach(), reals()]) + 0.1 * torch.randn(2 * BATCH, 2)
        on_fake, on_real = game.discriminator(both).split(BATCH)
        game.step_d(loss_of_d(on_real, on_fake))
        values = {"grad/discriminator/norm": norm(game.discriminator)} | judged(on_real, on_fake)
        yield values | game.update_g()


@loop(
    GROUP,
    "activated after G, and a penalty first, at points between that autograd connects to G: CTGAN",
    saw=("1 real, 1 generated, 1 penalty", PLAIN[1]),
    checks=(lambda run: _is_family(run, "wgan-gp"),),
)
def activated(attach: Attach) -> Steps:
    game = Game()
    attach(game.generator, game.discriminator)
    while True:
        fake, real = torch.tanh(game.generator(noise())), reals()
        between = torch.lerp(real, fake, torch.rand(BATCH, 1))
        (slope,) = torch.autograd.grad(game.discriminator(between).sum(), between, create_graph=True)
        on_fake, on_real = game.discriminator(fake), game.discriminator(real)
        game.step_d(on_fake.mean() - on_real.mean() + 10 * (slope.norm(dim=1) - 1).square().mean())
        values = {"grad/discriminator/norm": norm(game.discriminator)} | judged(on_real, on_fake)
        game.step_g(-game.discriminator(torch.tanh(game.generator(noise()))).mean())
        yield values | {"grad/generator/norm": norm(game.generator)}


def _is_family(run: object, name: str) -> None:
    assert run.meta["loss_family"]["name"] == name


class Labelled(torch.Tensor):
    """Noise that keeps what it was drawn from, as BigGAN's."""

    def to(self, *arguments: object, **options: object) -> torch.Tensor:
        return super().to(*arguments, **options) if self.drawn else self


@loop(GROUP, "made of noise that is a subclass of torch.Tensor, under no_grad, then in one batch with reals: BigGAN")
def subclass(attach: Attach) -> Steps:
    game = Game(discriminator=nn.Sequential(mlp(2, 8), nn.LeakyReLU(0.2), nn.Linear(8, 1)))
    attach(game.generator, game.discriminator)

    def drawn() -> torch.Tensor:
        latents = noise().as_subclass(Labelled)
        latents.drawn = "normal"
        return latents

    while True:
        with torch.no_grad():
            fake = game.generator(drawn())
        on_fake, on_real = game.discriminator(torch.cat([fake, reals()])).split(BATCH)
        game.step_d(_hinge(on_real, on_fake))
        values = {"grad/discriminator/norm": norm(game.discriminator)}
        values |= judged(on_real.as_subclass(torch.Tensor), on_fake.as_subclass(torch.Tensor))
        game.step_g(-game.discriminator(game.generator(drawn())).mean())
        yield values | {"grad/generator/norm": norm(game.generator)}

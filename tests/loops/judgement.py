"""Which argument of D is judged, and which of its outputs is the judgement."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
import torch
from torch import nn

from .matrix import PLAIN, loop
from .parts import BATCH, Game, adam, judged, loss_of_d, loss_of_g, mlp, noise, norm, reals

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from gandiag.rundir.run import Run

    Attach = Callable[..., object]
    Steps = Iterator[dict[str, float]]
    Tensors = tuple[torch.Tensor, ...]

GROUP = "arguments and outputs of D"


class Pair(nn.Module):
    """D of two batches (B, n) and (B, m), in whichever order."""

    def __init__(self, inputs: int) -> None:
        super().__init__()
        self.body = mlp(inputs, 1)

    def forward(self, one: torch.Tensor, other: torch.Tensor) -> torch.Tensor:
        return self.body(torch.cat([one, other], dim=1))


def _conditions() -> torch.Tensor:
    return torch.rand(BATCH, 2)


def _one_hot() -> torch.Tensor:
    return torch.eye(5)[torch.randint(5, (BATCH,))]


def _sample_is_looked_at(run: Run) -> None:
    """The real side's samples lie in [90, 110], its conditions in [0, 1]."""
    low, high = (run.series(f"range/real/{end}") for end in ("min", "max"))
    assert min(low.min(), high.min()) > 50, "range/real is not that of the samples"
    spread = run.series("diversity/real")
    assert len(spread) >= 20, "diversity/real is missing"
    assert np.all(abs(spread - 9.0) < 4), "diversity/real is not that of the samples"


def _conditioned(name: str, feature: str, condition: Callable[[], torch.Tensor], *, first: bool) -> None:
    """D(condition, sample) or D(sample, condition), where samples are 100 +- 5."""

    def training(attach: Attach) -> Steps:
        width = condition().shape[1]
        generator, discriminator = mlp(width + 4, 2), Pair(width + 2)
        adam_g, adam_d = adam(generator), adam(discriminator)
        attach(generator, discriminator)

        def asked(given: torch.Tensor, sample: torch.Tensor) -> torch.Tensor:
            return discriminator(given, sample) if first else discriminator(sample, given)

        while True:
            given = condition()
            fake = generator(torch.cat([given, noise()], dim=1))
            on_real, on_fake = asked(given, 100 + 5 * torch.randn(BATCH, 2)), asked(given, fake.detach())
            adam_d.zero_grad()
            loss_of_d(on_real, on_fake).backward()
            values = {"grad/discriminator/norm": norm(discriminator)} | judged(on_real, on_fake)
            adam_d.step()
            adam_g.zero_grad()
            loss_of_g(asked(given, fake)).backward()
            adam_g.step()
            yield values | {"grad/generator/norm": norm(generator)}

    training.__name__ = name
    loop(GROUP, feature, checks=(_sample_is_looked_at,))(training)


_conditioned("condition_first", "D(condition, sample)", _conditions, first=True)
_conditioned("condition_last", "D(sample, condition)", _conditions, first=False)
_conditioned("one_hot_first", "D(one-hot condition, sample)", _one_hot, first=True)
_conditioned("one_hot_last", "D(sample, one-hot condition)", _one_hot, first=False)


@dataclass
class Answer:
    """What a D of our day returns."""

    features: torch.Tensor
    logits: torch.Tensor


class Features(nn.Module):
    """D with features (B, 8) on the way to scores (B, `scores`), as `wrap` arranges them."""

    def __init__(self, wrap: Callable[[torch.Tensor, torch.Tensor], object], scores: int = 1) -> None:
        super().__init__()
        self.first, self.last, self.wrap = nn.Linear(2, 8), nn.Linear(8, scores), wrap

    def forward(self, batch: torch.Tensor) -> object:
        hidden = self.first(batch).relu()
        return self.wrap(hidden, self.last(hidden))


def _featured(
    name: str, feature: str, wrap: Callable[..., object], pick: Callable[..., Tensors], scores: int = 1
) -> None:
    """D returns features and scores; G's loss also matches features, as most of such loops have it."""

    def training(attach: Attach) -> Steps:
        game = Game(discriminator=Features(wrap, scores))
        attach(game.generator, game.discriminator)
        while True:
            real = reals()
            _, on_real = pick(game.discriminator(real))
            _, on_fake = pick(game.discriminator(game.generator(noise()).detach()))
            game.step_d(loss_of_d(on_real, on_fake))
            values = {"grad/discriminator/norm": norm(game.discriminator)} | _by_sample(on_real, on_fake)
            wanted, _ = pick(game.discriminator(real))
            found, on_fake = pick(game.discriminator(game.generator(noise())))
            game.step_g(loss_of_g(on_fake) + 10 * (found - wanted.detach()).abs().mean())
            yield values | {"grad/generator/norm": norm(game.generator)}

    training.__name__ = name
    loop(GROUP, feature)(training)


def _by_sample(on_real: torch.Tensor, on_fake: torch.Tensor) -> dict[str, float]:
    return judged(*(out.detach().flatten(1).mean(dim=1) for out in (on_real, on_fake)))


_featured("features_first", "a list of features, the score last", lambda h, s: [h, s], lambda out: (out[0], out[1]))
_featured(
    "features_and_map",
    "a list of features, a map of scores last: pix2pixHD, MelGAN",
    lambda h, s: [h, s],
    lambda out: (out[0], out[1]),
    4,
)
_featured(
    "score_then_features", "a score, then a list of features", lambda h, s: (s, [h]), lambda out: (out[1][0], out[0])
)
_featured("dataclass", "a dataclass of features and logits", Answer, lambda out: (out.features, out.logits))
_featured(
    "dictionary",
    "a dictionary of features and logits",
    lambda h, s: {"features": h, "logits": s},
    lambda out: (out["features"], out["logits"]),
)


class Scales(nn.Module):
    """Judgements at several scales, each a list of features with a map of scores (B, 1, n) last."""

    def __init__(self, count: int = 3) -> None:
        super().__init__()
        self.first = nn.ModuleList(nn.Conv1d(1, 4, 3, padding=1) for _ in range(count))
        self.last = nn.ModuleList(nn.Conv1d(4, 1, 3, padding=1) for _ in range(count))

    def forward(self, batch: torch.Tensor) -> list[list[torch.Tensor]]:
        found = []
        for first, last in zip(self.first, self.last, strict=True):
            hidden = first(batch).relu()
            found.append([hidden, last(hidden)])
            batch = nn.functional.avg_pool1d(batch, 2)
        return found


def _waves() -> torch.Tensor:
    return torch.randn(BATCH, 1, 16).cumsum(dim=2)


@loop(GROUP, "a list of scales, each a list of features and a map of scores: pix2pixHD, MelGAN")
def scales(attach: Attach) -> Steps:
    generator = nn.Sequential(nn.Linear(4, 16), nn.Unflatten(1, (1, 16)))
    game = Game(generator, Scales())
    attach(game.generator, game.discriminator)
    while True:
        real = _waves()
        on_real = game.discriminator(real)
        on_fake = game.discriminator(generator(noise()).detach())
        game.step_d(sum(loss_of_d(r[-1], f[-1]) for r, f in zip(on_real, on_fake, strict=True)))
        values = {"grad/discriminator/norm": norm(game.discriminator)} | _over_scales(on_real, on_fake)
        wanted, found = game.discriminator(real), game.discriminator(generator(noise()))
        matched = sum((f[0] - w[0].detach()).abs().mean() for w, f in zip(wanted, found, strict=True))
        game.step_g(sum(loss_of_g(f[-1]) for f in found) + 10 * matched)
        yield values | {"grad/generator/norm": norm(generator)}


def _over_scales(on_real: list[list[torch.Tensor]], on_fake: list[list[torch.Tensor]]) -> dict[str, float]:
    """Of each sample the mean over scales of the mean over a scale's map."""
    by_sample = [
        torch.stack([of[-1].detach().flatten(1).mean(dim=1) for of in out]).mean(dim=0) for out in (on_real, on_fake)
    ]
    return judged(*by_sample)


class Both(nn.Module):
    """D(real, fake) that returns its judgements of both."""

    def __init__(self) -> None:
        super().__init__()
        self.body = mlp(2, 1)

    def forward(self, real: torch.Tensor, fake: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
        return self.body(real), self.body(fake)


BOTH_AT_ONCE = "1 real, 1 generated, 0 penalty"


@loop(GROUP, "D(real, fake) returns its judgements of both", saw=(BOTH_AT_ONCE, PLAIN[1]))
def both_at_once(attach: Attach) -> Steps:
    game = Game(discriminator=Both())
    attach(game.generator, game.discriminator)
    while True:
        real = reals()
        on_real, on_fake = game.discriminator(real, game.generator(noise()).detach())
        game.step_d((on_real - 1).square().mean() + on_fake.square().mean())
        values = {"grad/discriminator/norm": norm(game.discriminator)} | judged(on_real, on_fake)
        _, on_fake = game.discriminator(real, game.generator(noise()))
        game.step_g((on_fake - 1).square().mean())
        yield values | {"grad/generator/norm": norm(game.generator)}


class Periods(nn.Module):
    """D(real, fake) with several sub-networks, which returns lists of scores and of features, of reals first."""

    def __init__(self, count: int = 2) -> None:
        super().__init__()
        self.parts = nn.ModuleList(Features(lambda h, s: (s, [h])) for _ in range(count))

    def forward(self, real: torch.Tensor, fake: torch.Tensor) -> tuple[list, list, list, list]:
        on_real, on_fake = ([part(batch) for part in self.parts] for batch in (real, fake))
        return [s for s, _ in on_real], [s for s, _ in on_fake], [f for _, f in on_real], [f for _, f in on_fake]


@loop(GROUP, "D(real, fake) returns lists of scores and of features of both: HiFi-GAN", saw=(BOTH_AT_ONCE, PLAIN[1]))
def both_in_lists(attach: Attach) -> Steps:
    game = Game(discriminator=Periods())
    attach(game.generator, game.discriminator)
    while True:
        real = reals()
        on_real, on_fake, _, _ = game.discriminator(real, game.generator(noise()).detach())
        game.step_d(sum((r - 1).square().mean() + f.square().mean() for r, f in zip(on_real, on_fake, strict=True)))
        values = {"grad/discriminator/norm": norm(game.discriminator)}
        values |= judged(*(torch.stack(out).mean(dim=0) for out in (on_real, on_fake)))
        _, on_fake, wanted, found = game.discriminator(real, game.generator(noise()))
        matched = sum((w[0] - f[0]).abs().mean() for w, f in zip(wanted, found, strict=True))
        game.step_g(sum((f - 1).square().mean() for f in on_fake) + 2 * matched)
        yield values | {"grad/generator/norm": norm(game.generator)}


class Masked(nn.Module):
    """G that returns a mask and a sample, as `wrap` arranges them."""

    def __init__(self, wrap: Callable[[torch.Tensor, torch.Tensor], object]) -> None:
        super().__init__()
        self.mask, self.sample, self.wrap = mlp(4, 1), mlp(4, 2), wrap

    def forward(self, latents: torch.Tensor) -> object:
        return self.wrap(torch.sigmoid(self.mask(latents)), self.sample(latents))


def _masked(name: str, feature: str, wrap: Callable[..., object], pick: Callable[..., torch.Tensor]) -> None:
    def training(attach: Attach) -> Steps:
        game = Game(Masked(wrap))
        attach(game.generator, game.discriminator)
        while True:
            values = game.update_d(fake=pick(game.generator(noise())).detach())
            game.step_g(loss_of_g(game.discriminator(pick(game.generator(noise())))))
            yield values | {"grad/generator/norm": norm(game.generator)}

    training.__name__ = name
    loop(GROUP, feature)(training)


_masked("mask_first", "G returns (mask, image)", lambda m, s: (m, s), lambda out: out[1])
_masked(
    "named_outputs",
    "G returns a dictionary of masks and images",
    lambda m, s: {"mask": m, "image": s},
    lambda o: o["image"],
)


class Averaged(nn.Module):
    """D that returns one number for a whole batch."""

    def __init__(self) -> None:
        super().__init__()
        self.body = mlp(2, 1)

    def forward(self, batch: torch.Tensor) -> torch.Tensor:
        return self.body(batch).mean()


POOLED = "over the last 32 recorded steps, as D gives one output for each batch"


@loop(GROUP, "D returns the mean over its batch: P(real > generated) over 32 steps", saw=(*PLAIN, POOLED), steps=40)
def batch_mean(attach: Attach) -> Steps:
    game = Game(discriminator=Averaged())
    game.adam_d = adam(game.discriminator, lr=1e-2)
    attach(game.generator, game.discriminator)
    past: list[tuple[torch.Tensor, torch.Tensor]] = []
    while True:
        on_real, on_fake = game.discriminator(reals()), game.discriminator(game.generator(noise()).detach())
        game.step_d(on_fake - on_real)
        past = [*past[-31:], (on_real.detach(), on_fake.detach())]
        values = {"grad/discriminator/norm": norm(game.discriminator)} | judged(on_real, on_fake)
        values["d/auc"] = judged(*(torch.stack(of) for of in zip(*past, strict=True)))["d/auc"]
        game.step_g(-game.discriminator(game.generator(noise())))
        yield values | {"grad/generator/norm": norm(game.generator)}

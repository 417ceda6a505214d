"""Random adversarial games, each with what D answered on real and on generated samples, noted where it was called."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import torch
from torch import nn
from torch.nn.functional import softplus

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    Attach = Callable[..., Any]
    Loss = Callable[[torch.Tensor, torch.Tensor], torch.Tensor]

BATCH = 12
OF_D: dict[str, Loss] = {
    "cross-entropy": lambda r, f: softplus(-r).mean() + softplus(f).mean(),
    "minimax": lambda r, f: softplus(-r).mean() + softplus(f).mean(),
    "hinge": lambda r, f: torch.relu(1 - r).mean() + torch.relu(1 + f).mean(),
    "least squares": lambda r, f: (r - 1).square().mean() + f.square().mean(),
    "least squares, centred": lambda r, f: (r - 1).square().mean() + (f + 1).square().mean(),
    "critic": lambda r, f: f.mean() - r.mean(),
    "wgan-gp": lambda r, f: f.mean() - r.mean(),
    "relativistic": lambda r, f: softplus(f - r[: len(f)].mean()).mean() + softplus(f.mean() - r).mean(),
    "smoothed": lambda r, f: 0.9 * softplus(-r).mean() + 0.1 * softplus(r).mean() + softplus(f).mean(),
}
OF_G: dict[str, Callable[[torch.Tensor], torch.Tensor]] = {
    "cross-entropy": lambda f: softplus(-f).mean(),
    "minimax": lambda f: -softplus(f).mean(),
    "hinge": lambda f: -f.mean(),
    "least squares": lambda f: (f - 1).square().mean(),
    "least squares, centred": lambda f: f.square().mean(),
    "critic": lambda f: -f.mean(),
    "wgan-gp": lambda f: -f.mean(),
    "relativistic": lambda f: softplus(-f).mean(),
    "smoothed": lambda f: softplus(-f).mean(),
}
REACHING = ("detached", "copied", "cast", "made under no_grad", "attached")
AUGMENTED = ("never", "at times", "always")
REPLAYED = ("nothing", "a batch before", "a batch after", "batches", "samples")
JOINED = ("no", "reals first", "reals last")


@dataclass(frozen=True)
class Rules:
    """What sets one game apart from another."""

    loss: str = "cross-entropy"
    up: bool = True  # a high output means real
    n_critic: int = 1
    batches: int = 1  # whose gradients are accumulated in one update
    reals_first: bool = True
    generator_first: bool = False
    reaching: str = "detached"
    augmented: str = "never"
    replayed: str = "nothing"
    joined: str = "no"
    penalty_first: bool = False
    lr: float = 1e-3
    flushed_at: int = 0  # a step after which the rows so far are handed over, 0 for none
    seed: int = 0


@dataclass
class Play:
    """A game in progress."""

    rules: Rules
    generator: nn.Module = field(init=False)
    discriminator: nn.Module = field(init=False)

    def __post_init__(self) -> None:
        torch.manual_seed(self.rules.seed)
        self.generator = nn.Sequential(nn.Linear(4, 12), nn.LeakyReLU(0.2), nn.Linear(12, 2))
        self.discriminator = nn.Sequential(nn.Linear(2, 12), nn.LeakyReLU(0.2), nn.Linear(12, 1))
        self.adam_g, self.adam_d = (
            torch.optim.Adam(n.parameters(), lr=self.rules.lr, betas=(0.5, 0.99))
            for n in (self.generator, self.discriminator)
        )
        self.sign = 1 if self.rules.up else -1
        self.older = [torch.randn(BATCH, 2) * 0.1 for _ in range(6)]  # by batches

    def rounds(self, attach: Attach) -> Iterator[tuple[torch.Tensor, torch.Tensor]]:
        """After each round D's outputs on real and on generated samples in its last update, high for real."""
        callback = attach(self.generator, self.discriminator)
        for step in range(1, 10**9):
            if self.rules.generator_first:
                self.update_g()
            for _ in range(self.rules.n_critic):
                found = self.update_d()
            if not self.rules.generator_first:
                self.update_g()
            yield found
            if step == self.rules.flushed_at:
                callback.flush()

    def update_d(self) -> tuple[torch.Tensor, torch.Tensor]:
        """One update of D, on several batches perhaps."""
        self.adam_d.zero_grad()
        found = []
        for _ in range(self.rules.batches):
            real, fake = torch.randn(BATCH, 2) + 1.5, self.made()
            penalty = self.penalty(real, fake) if self.rules.penalty_first else 0
            on_real, on_fake = self.judged(self.augmented(real), fake)
            if not self.rules.penalty_first:
                penalty = self.penalty(real, fake)
            loss = OF_D[self.rules.loss](self.sign * on_real, self.sign * on_fake) + penalty
            (loss / self.rules.batches).backward()
            found.append((self.sign * on_real.detach(), self.sign * on_fake.detach()))
        self.adam_d.step()
        if self.rules.loss == "critic":
            with torch.no_grad():
                for parameter in self.discriminator.parameters():
                    parameter.clamp_(-0.3, 0.3)
        return tuple(torch.cat(of) for of in zip(*found, strict=True))  # type: ignore[return-value]

    def update_g(self) -> None:
        """One update of G."""
        self.adam_g.zero_grad()
        for _ in range(self.rules.batches):
            on_fake = self.discriminator(self.augmented(self.generator(torch.randn(BATCH, 4))))
            (OF_G[self.rules.loss](self.sign * on_fake) / self.rules.batches).backward()
        self.adam_g.step()

    def made(self) -> torch.Tensor:
        """A generated batch as D's update is given it, from a pool perhaps."""
        with torch.set_grad_enabled(self.rules.reaching != "made under no_grad"):
            fake = self.generator(torch.randn(BATCH, 4))
        if self.rules.reaching != "attached":
            fake = fake.detach()
        if self.rules.reaching == "copied":
            fake = fake.clone()
        if self.rules.reaching == "cast":
            fake = fake.double().float()
        if self.rules.replayed == "batches" and torch.rand(()) < 0.5:
            fake = self.replaced(fake)
        if self.rules.replayed == "samples":
            fake = torch.where(torch.rand(BATCH, 1) < 0.5, fake, self.replaced(fake))
        return self.augmented(fake)

    def replaced(self, fake: torch.Tensor) -> torch.Tensor:
        """An older batch, in whose place a new one is kept."""
        self.older.append(fake.detach().clone())
        return self.older.pop(int(torch.randint(len(self.older) - 1, ())))

    def augmented(self, batch: torch.Tensor) -> torch.Tensor:
        """A batch as an augmentation may have it."""
        share = {"never": 0.0, "at times": 0.5, "always": 1.0}[self.rules.augmented]
        return batch + 0.1 * torch.randn_like(batch) if torch.rand(()) < share else batch

    def judged(self, real: torch.Tensor, fake: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
        """D's outputs on both, and on older generated samples with them, in the order of the rules."""
        older = [self.replaced(fake)] if self.rules.replayed.startswith("a batch") else []
        before, after = (older, []) if self.rules.replayed == "a batch before" else ([], older)
        if self.rules.joined != "no":
            first, second = (real, fake) if self.rules.joined == "reals first" else (fake, real)
            on_before = [self.discriminator(b) for b in before]
            one, other = self.discriminator(torch.cat([first, second])).split(BATCH)
            on_real, on_fake = (one, other) if self.rules.joined == "reals first" else (other, one)
            return on_real, torch.cat([*on_before, on_fake, *(self.discriminator(b) for b in after)])
        on_before = [self.discriminator(b) for b in before]
        if self.rules.reals_first:
            on_real, on_fake = self.discriminator(real), self.discriminator(fake)
        else:
            on_fake, on_real = self.discriminator(fake), self.discriminator(real)
        return on_real, torch.cat([*on_before, on_fake, *(self.discriminator(b) for b in after)])

    def penalty(self, real: torch.Tensor, fake: torch.Tensor) -> torch.Tensor | float:
        """WGAN-GP's."""
        if self.rules.loss != "wgan-gp":
            return 0.0
        at = torch.lerp(real, fake.detach(), torch.rand(BATCH, 1)).requires_grad_()
        (slope,) = torch.autograd.grad(self.discriminator(at).sum(), at, create_graph=True)
        return 10 * (slope.norm(dim=1) - 1).square().mean()

"""Small networks, data and naive computations that the loops share."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import torch
from torch import nn
from torch.nn.functional import softplus

if TYPE_CHECKING:
    from collections.abc import Iterable

BATCH = 16


def mlp(inputs: int, outputs: int, *, hidden: int = 12) -> nn.Sequential:
    return nn.Sequential(nn.Linear(inputs, hidden), nn.LeakyReLU(0.2), nn.Linear(hidden, outputs))


def noise(count: int = BATCH) -> torch.Tensor:
    return torch.randn(count, 4)


def reals(count: int = BATCH) -> torch.Tensor:
    return torch.randn(count, 2) + 2


def adam(*modules: nn.Module, lr: float = 1e-3, **options: Any) -> torch.optim.Adam:
    return torch.optim.Adam([p for m in modules for p in m.parameters()], lr=lr, betas=(0.5, 0.999), **options)


def loss_of_d(on_real: torch.Tensor, on_fake: torch.Tensor) -> torch.Tensor:
    return softplus(-on_real).mean() + softplus(on_fake).mean()


def loss_of_g(on_fake: torch.Tensor) -> torch.Tensor:
    return softplus(-on_fake).mean()


def norm(*modules: nn.Module) -> float:
    """The length of all gradients as one vector."""
    return length(p.grad for m in modules for p in m.parameters() if p.grad is not None)


def length(tensors: Iterable[torch.Tensor]) -> float:
    whole = [t.full_tensor() if hasattr(t, "full_tensor") else t.to_dense() for t in tensors]
    return float(torch.cat([t.detach().double().flatten() for t in whole]).norm())


def mean(tensor: torch.Tensor) -> float:
    return float(tensor.detach().float().mean())


def auc(real: torch.Tensor, fake: torch.Tensor) -> float:
    return float((real.detach().reshape(-1, 1) > fake.detach().reshape(1, -1)).float().mean())


def judged(real: torch.Tensor, fake: torch.Tensor) -> dict[str, float]:
    """What is recorded of D's outputs on a real and a generated batch."""
    return {"d/real/mean": mean(real), "d/fake/mean": mean(fake), "d/auc": auc(real, fake)}


@dataclass
class Game:
    """A generator, a discriminator and an optimizer for each, with the two updates that most loops are made of.

    Each update returns, by signal, what is to be recorded of it.
    """

    generator: nn.Module = field(default_factory=lambda: mlp(4, 2))
    discriminator: nn.Module = field(default_factory=lambda: mlp(2, 1))
    adam_g: Any = None
    adam_d: Any = None

    def __post_init__(self) -> None:
        self.adam_g = self.adam_g or adam(self.generator)
        self.adam_d = self.adam_d or adam(self.discriminator)

    def update_d(self, real: torch.Tensor | None = None, fake: torch.Tensor | None = None) -> dict[str, float]:
        real = reals() if real is None else real
        fake = self.generator(noise()).detach() if fake is None else fake
        on_real, on_fake = self.discriminator(real), self.discriminator(fake)
        self.step_d(loss_of_d(on_real, on_fake))
        return {"grad/discriminator/norm": norm(self.discriminator), **judged(on_real, on_fake)}

    def update_g(self) -> dict[str, float]:
        fake = self.generator(noise())
        fake.retain_grad()
        self.step_g(loss_of_g(self.discriminator(fake)))
        assert fake.grad is not None
        return {"grad/generator/norm": norm(self.generator), "feedback/norm": mean(fake.grad.norm(dim=1))}

    def step_d(self, loss: torch.Tensor) -> None:
        self.adam_d.zero_grad()
        loss.backward()
        self.adam_d.step()

    def step_g(self, loss: torch.Tensor) -> None:
        self.adam_g.zero_grad()
        loss.backward()
        self.adam_g.step()

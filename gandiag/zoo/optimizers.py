"""Optimizers as values, so that a recipe can hold and replace them."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Protocol

import torch
from torch import nn

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable


class Optimizer(Protocol):
    """Makes a torch optimizer."""

    @property
    def lr(self) -> float:
        """Learning rate."""
        ...

    def __call__(self, parameters: Iterable[nn.Parameter]) -> torch.optim.Optimizer:
        """The optimizer of these parameters."""
        ...


@dataclass(frozen=True)
class Adam:
    """Adam (Kingma & Ba 2015); a first beta of 0.5 since Radford et al. 2016 (DCGAN)."""

    lr: float = 2e-4
    betas: tuple[float, float] = (0.5, 0.999)

    def __call__(self, parameters: Iterable[nn.Parameter]) -> torch.optim.Optimizer:
        return torch.optim.Adam(parameters, lr=self.lr, betas=self.betas)


@dataclass(frozen=True)
class RmsProp:
    """RMSProp, which Arjovsky et al. 2017 use for WGAN: momentum makes its critic unstable."""

    lr: float = 5e-5

    def __call__(self, parameters: Iterable[nn.Parameter]) -> torch.optim.Optimizer:
        return torch.optim.RMSprop(parameters, lr=self.lr)


@dataclass(frozen=True)
class Sgd:
    """Gradient descent, as theory on GAN dynamics has it."""

    lr: float = 0.1

    def __call__(self, parameters: Iterable[nn.Parameter]) -> torch.optim.Optimizer:
        return torch.optim.SGD(parameters, lr=self.lr)


@dataclass(frozen=True)
class Optimistic:
    """Optimistic gradient descent, see `OptimisticDescent`."""

    lr: float = 0.1

    def __call__(self, parameters: Iterable[nn.Parameter]) -> torch.optim.Optimizer:
        return OptimisticDescent(parameters, lr=self.lr)


class OptimisticDescent(torch.optim.Optimizer):
    """w <- w - lr (2 g_t - g_{t-1}): the gradient, and where it is heading (Daskalakis et al. 2018).

    Where gradient descent circles a saddle point of a bilinear game or spirals away from it, this converges.
    """

    def __init__(self, parameters: Iterable[nn.Parameter], *, lr: float) -> None:
        super().__init__(parameters, {"lr": lr})

    @torch.no_grad()
    def step(self, closure: Callable[[], float] | None = None) -> Any:
        """Update all parameters that have a gradient."""
        for group in self.param_groups:
            for weight in group["params"]:
                if weight.grad is None:
                    continue
                previous = self.state[weight].get("gradient", weight.grad)
                weight.sub_(group["lr"] * (2 * weight.grad - previous))
                self.state[weight]["gradient"] = weight.grad.clone()

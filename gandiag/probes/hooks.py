"""Forward hooks that leave copies of a module alone, and the check of what they are put on."""

from __future__ import annotations

import contextlib
from typing import TYPE_CHECKING, Any

import torch

if TYPE_CHECKING:
    from collections.abc import Callable


class ModuleHook:
    """A forward hook whose copies do nothing: a module copied or saved while watched is not watched itself."""

    def __init__(self, function: Callable[..., None]) -> None:
        self._function = function

    def __call__(self, *arguments: Any) -> None:
        if not torch._C._get_tracing_state():  # noqa: SLF001 - is a trace being recorded? (torch.jit.is_tracing)
            self._function(*arguments)

    def __reduce__(self) -> tuple[Any, ...]:
        # a bound method of the standard library that takes anything and returns None: loads without gandiag
        return getattr, (contextlib.nullcontext(), "__exit__")


def loss_may_be_scaled(batch: torch.Tensor) -> bool:
    """Whether gradients of a batch may carry a GradScaler's factor: under float16 autocast.

    Parameters' gradients are read after the optimizer's unscaling; a gradient that flows by is not, and its factor
    cannot be known. It is then left out, and judged by the generator's own gradients instead.
    """
    device = batch.device.type
    return torch.is_autocast_enabled(device) and torch.get_autocast_dtype(device) == torch.float16


def check_networks(generator: torch.nn.Module, discriminator: torch.nn.Module) -> None:
    """Raise a TypeError or ValueError that says what is wrong with the two networks."""
    for name, module in (("generator", generator), ("discriminator", discriminator)):
        if not isinstance(module, torch.nn.Module):
            raise TypeError(f"{name} must be a torch.nn.Module, got {type(module).__name__}")
        if not any(p.requires_grad for p in module.parameters()):
            raise ValueError(f"{name} ({type(module).__name__}) has no parameter that requires grad")
        if any(isinstance(hook, ModuleHook) for hook in module._forward_hooks.values()):  # noqa: SLF001
            raise ValueError(f"{name} ({type(module).__name__}) is watched already; close that callback first")
    if generator is discriminator:
        raise ValueError("generator and discriminator are the same module")
    shared = {id(p) for p in generator.parameters()} & {id(p) for p in discriminator.parameters()}
    if shared:
        raise ValueError(f"generator and discriminator share {len(shared)} parameters; pass disjoint modules")

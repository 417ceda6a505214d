"""Tensors within what modules take and return, and the module within its wrappers."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import fields, is_dataclass
from typing import TYPE_CHECKING

import torch

if TYPE_CHECKING:
    from collections.abc import Iterator

    from torch import nn


def tensors(value: object) -> Iterator[torch.Tensor]:
    """The tensors in a module's input or output: itself, or within tuples, lists, dictionaries and dataclasses."""
    if isinstance(value, torch.Tensor):
        yield value
    elif isinstance(value, (list, tuple, Mapping)):
        for member in value.values() if isinstance(value, Mapping) else value:
            yield from tensors(member)
    elif is_dataclass(value) and not isinstance(value, type):
        for member in fields(value):
            yield from tensors(getattr(value, member.name))


def first_tensor(value: object) -> torch.Tensor | None:
    """The first floating-point tensor of a module's input or output, the first of any kind where there is none."""
    if isinstance(value, torch.Tensor):
        return value
    found = list(tensors(value))
    return next((t for t in found if t.is_floating_point()), found[0] if found else None)


def unwrapped(module: nn.Module) -> nn.Module:
    """The user's own module inside torch.compile, DataParallel or DistributedDataParallel."""
    wrappers = torch.nn.DataParallel, torch.nn.parallel.DistributedDataParallel
    while True:
        if isinstance(module, wrappers):
            module = module.module
        elif isinstance(inner := getattr(module, "_orig_mod", None), torch.nn.Module):
            module = inner
        else:
            return module


def detached(tensor: torch.Tensor) -> torch.Tensor:
    """The same values without history, as an ordinary tensor: a subclass of the loop's own may change what methods do.

    Subclasses that hold their values elsewhere (DTensor) stay what they are.
    """
    if type(tensor) in (torch.Tensor, torch.nn.Parameter):
        return tensor.detach()
    plain = torch.Tensor.detach(tensor)
    own = type(tensor).__torch_dispatch__ is not torch.Tensor.__torch_dispatch__
    return plain if own else plain.as_subclass(torch.Tensor)

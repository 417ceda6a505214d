"""Runs a generator to look at its samples, and leaves no trace in the training: weights, modes, random states."""

from __future__ import annotations

import copy
import random
import weakref
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

import numpy as np
import torch

from gandiag.nets.tensors import first_tensor, unwrapped

if TYPE_CHECKING:
    from collections.abc import Iterator

    from torch import nn

OURS: weakref.WeakSet[nn.Module] = weakref.WeakSet()
"""Copies made here: whoever looks at all modules that are called leaves them out."""


def frozen_copy(generator: nn.Module, *, training: bool = False) -> nn.Module:
    """A copy that shares nothing with the generator: without forward hooks, without gradients.

    Parameters
    ----------
    generator
        The module, or what torch.compile or DistributedDataParallel made of it.
    training
        Whether the copy is in training mode; by default it is in evaluation mode, as FIDs are published.
    """
    return detached_copy(generator).requires_grad_(requires_grad=False).train(training)


def detached_copy(module: nn.Module) -> nn.Module:
    """A copy that shares nothing with the module, in the same mode and without forward hooks.

    What the module keeps from its last forward pass (the weight of `torch.nn.utils.spectral_norm`, for one) is copied
    without its history, which `copy.deepcopy` refuses.
    """
    inner = unwrapped(module)
    kept = (value for part in inner.modules() for value in vars(part).values() if isinstance(value, torch.Tensor))
    copied = copy.deepcopy(inner, {id(value): value.detach().clone() for value in kept if not value.is_leaf})
    for part in copied.modules():
        part._forward_hooks.clear()  # noqa: SLF001 - somebody's monitoring; normalised weights use pre-hooks
    OURS.add(copied)
    return copied


@contextmanager
def forked_rng(device: torch.device, seed: int | None = None) -> Iterator[None]:
    """Put back the random states of torch, numpy and Python afterwards; inside, start from a seed if one is given.

    torch's states are those of the CPU and of the one device.
    """
    python, legacy = random.getstate(), np.random.get_state()  # noqa: NPY002 - whatever the loop uses
    apple = torch.mps.get_rng_state() if device.type == "mps" else None
    with torch.random.fork_rng(devices=[device] if device.type == "cuda" else []):
        try:
            if seed is not None:
                _seed(device, seed)
            yield
        finally:
            random.setstate(python)
            np.random.set_state(legacy)  # noqa: NPY002
            if apple is not None:
                torch.mps.set_rng_state(apple)


def _seed(device: torch.device, seed: int) -> None:
    """Seed the CPU and one device; `torch.manual_seed` would seed devices whose states are not put back."""
    torch.default_generator.manual_seed(seed)
    if device.type == "cuda":
        with torch.cuda.device(device):
            torch.cuda.manual_seed(seed)
    elif device.type == "mps":
        torch.mps.manual_seed(seed)
    random.seed(seed)
    np.random.seed(seed % 2**32)  # noqa: NPY002


def generate(frozen: nn.Module, arguments: tuple[Any, ...], kwargs: dict[str, Any]) -> torch.Tensor:
    """The samples (B, ...) of one call, the first tensor of what the generator returns.

    Raises
    ------
    ValueError
        When it returns no tensor.
    """
    with torch.no_grad():
        samples = first_tensor(output := frozen(*arguments, **kwargs))
    if samples is None:
        raise ValueError(f"the generator must return a tensor of samples (B, ...), found {type(output).__name__}")
    return samples


def device_of(module: nn.Module) -> torch.device:
    """The device of a module's first parameter or buffer, the CPU without one."""
    for tensor in (*module.parameters(), *module.buffers()):
        return tensor.device
    return torch.device("cpu")

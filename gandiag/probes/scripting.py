"""torch.jit.script compiles the hooks of a module: ours are left out of what it sees."""

from __future__ import annotations

import functools
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

import torch
from torch.jit import _recursive

from gandiag.probes.hooks import Handle, ModuleHook

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from torch import nn

_watching: list[Handle] = []
_original: list[Callable[..., Any]] = []


def leave_out_of_scripts() -> Handle:
    """Have our hooks left out of scripted modules; the last handle removed restores torch's function."""
    if not _watching:
        _install()
    handle = Handle(lambda: _dismiss(handle))
    _watching.append(handle)
    return handle


def _install() -> None:
    original: Callable[..., Any] = _recursive.create_script_module

    @functools.wraps(original)
    def create_script_module(nn_module: nn.Module, *arguments: Any, **options: Any) -> Any:
        with _without_hooks(nn_module):
            return original(nn_module, *arguments, **options)

    _original.append(original)
    _recursive.create_script_module = create_script_module


def _dismiss(handle: Handle) -> None:
    if handle in _watching:
        _watching.remove(handle)
        if not _watching:
            _recursive.create_script_module = _original.pop()


@contextmanager
def _without_hooks(module: nn.Module) -> Iterator[None]:
    """Our hooks on a module and on its parts taken off, and put back in their order."""
    hidden = []
    for part in module.modules() if isinstance(module, torch.nn.Module) else ():
        hooks = part._forward_hooks  # noqa: SLF001
        if any(isinstance(hook, ModuleHook) for hook in hooks.values()):
            hidden.append((hooks, dict(hooks)))
            for key, hook in hidden[-1][1].items():
                if isinstance(hook, ModuleHook):
                    del hooks[key]
    try:
        yield
    finally:
        for hooks, before in hidden:
            hooks.clear()
            hooks.update(before)

"""Hooks that leave copies, traces, transforms and compiled graphs of a module alone, and never raise."""

from __future__ import annotations

import contextlib
import functools
import os
import weakref
from typing import TYPE_CHECKING, Any

import torch

if TYPE_CHECKING:
    from collections.abc import Callable

    from torch import nn

    from gandiag.record.plan import Plan
    from gandiag.record.recording import Recording

_transformed = torch._C._functorch.maybe_current_level  # noqa: SLF001 - in vmap, jacrev: not the loop's own values
MAX_FAULTS = 3  # a hook that failed this often is not tried again


class ModuleHook:
    """A forward hook whose copies do nothing: a module copied or saved while watched is not watched itself."""

    def __init__(self, function: Callable[..., None], idle: Callable[..., bool] | None = None) -> None:
        self._function, self._idle = function, idle

    def __call__(self, *arguments: Any) -> None:
        # a graph that torch.compile or torch.export builds must not hold us: no graph break, no recompilation
        if torch.compiler.is_compiling():
            return
        if self._idle is not None and self._idle(*arguments):
            return
        if not (torch._C._get_tracing_state() or _transformed()):  # noqa: SLF001 - see torch.jit.is_tracing
            self._function(*arguments)

    def __reduce__(self) -> tuple[Any, ...]:
        # a bound method of the standard library that takes anything and returns None: loads without gandiag
        return getattr, (contextlib.nullcontext(), "__exit__")


class Guard:
    """Wraps hooks: no exception leaves them, and other processes skip them."""

    def __init__(self, recording: Recording) -> None:
        self._recording = recording
        self._failures: dict[str, int] = {}
        self._process = os.getpid()

    def hook(self, where: str, function: Callable[..., None]) -> Callable[..., None]:
        """A hook: nothing in a compiled graph or in another process, guarded elsewhere."""
        process, getpid, is_compiling = self._process, os.getpid, torch.compiler.is_compiling
        failures = self._failures

        @functools.wraps(function)
        def here(*arguments: Any) -> None:
            if is_compiling() or getpid() != process or (failures and failures.get(where, 0) >= MAX_FAULTS):
                return
            try:
                function(*arguments)
            except Exception as error:  # noqa: BLE001 - a fault of ours never reaches the training
                self._failed(where, error)

        return here

    def part(self, where: str, function: Callable[..., None]) -> Callable[..., None]:
        """A part of a hook that may fail without the others, given up after three failures."""

        def guarded(*arguments: Any) -> None:
            if self._failures and self._failures.get(where, 0) >= MAX_FAULTS:
                return
            try:
                function(*arguments)
            except Exception as error:  # noqa: BLE001 - a fault of ours never reaches the training
                self._failed(where, error)

        return guarded

    def _failed(self, where: str, error: Exception) -> None:
        self._failures[where] = self._failures.get(where, 0) + 1
        self._recording.faults.add(where, error, self._recording.completed_steps)


def held_weakly(function: Callable[..., None]) -> Callable[..., None]:
    """Calls a function as long as somebody else holds it: a hook for registries that outlive what is watched."""
    reference = weakref.ref(function)

    def called(*arguments: Any) -> None:
        if (alive := reference()) is not None:
            alive(*arguments)

    return called


def unless_idle(function: Callable[..., None], plan: Plan) -> Callable[..., None]:
    """Calls a function in steps in which a plan wants anything; nothing of it is seen in a compiled graph."""
    is_compiling = torch.compiler.is_compiling

    def called(*arguments: Any) -> None:
        if not (is_compiling() or plan.idle):
            function(*arguments)

    return called


class Handle:
    """Undoes one hook."""

    def __init__(self, undo: Callable[[], None]) -> None:
        self.remove = undo


def hook_forward(module: nn.Module, hook: Callable[..., None], idle: Callable[..., bool] | None = None) -> Handle:
    """Have `hook(module, args, kwargs, output)` called after each forward pass, unless `idle`, which is asked first,
    says that nothing is due; it must not fail.
    """
    inert = ModuleHook(hook, idle)
    handle = module.register_forward_hook(inert, with_kwargs=True)
    compiled = getattr(module, "_compiled_call_impl", None)
    if compiled is None:
        return Handle(handle.remove)

    def observed(*args: Any, **kwargs: Any) -> Any:  # module.compile() runs hooks inside its graph: look from outside
        output = compiled(*args, **kwargs)
        inert(module, args, kwargs, output)
        return output

    def undo() -> None:
        handle.remove()
        module._compiled_call_impl = compiled  # noqa: SLF001

    module._compiled_call_impl = observed  # noqa: SLF001 - copies and saves drop it
    return Handle(undo)

"""GradScaler has no hooks: its `step` is wrapped while someone watches, to see skipped steps and the scale."""

from __future__ import annotations

import functools
from typing import TYPE_CHECKING, Any, NamedTuple

import torch

from gandiag.probes.hooks import Handle

if TYPE_CHECKING:
    from collections.abc import Callable

    Optimizer = torch.optim.Optimizer


class Observer(NamedTuple):
    """Functions told before and after each `GradScaler.step`, of the scaler and the optimizer; they must not raise."""

    before: Callable[..., None]
    after: Callable[..., None]


_observers: list[Observer] = []
_original: list[Callable[..., Any]] = []


def watch_scalers(observer: Observer) -> Handle:
    """Have `observer` told of every GradScaler step in this process; the last handle removed restores the class."""
    if not _observers:
        _install()
    _observers.append(observer)
    return Handle(lambda: _dismiss(observer))


def _install() -> None:
    original = torch.amp.GradScaler.step

    @functools.wraps(original)
    def step(self: torch.amp.GradScaler, optimizer: Optimizer, *arguments: Any, **options: Any) -> Any:
        for observer in tuple(_observers):
            observer.before(self, optimizer)
        result = original(self, optimizer, *arguments, **options)
        for observer in tuple(_observers):
            observer.after(self, optimizer)
        return result

    _original.append(original)
    torch.amp.GradScaler.step = step  # type: ignore[method-assign]


def _dismiss(observer: Observer) -> None:
    if observer in _observers:
        _observers.remove(observer)
        if not _observers:
            torch.amp.GradScaler.step = _original.pop()  # type: ignore[method-assign]


def current_scale(scaler: torch.amp.GradScaler) -> torch.Tensor | None:
    """The factor in the gradients, a scalar tensor; None when the scaler is disabled or was not used yet."""
    scale = getattr(scaler, "_scale", None)  # get_scale() would wait for the device
    return scale if isinstance(scale, torch.Tensor) and scaler.is_enabled() else None

"""A clock for what a training thread spends inside hooks, whoever registered them."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING, Any

from torch.optim import optimizer as optimizers

if TYPE_CHECKING:
    from collections.abc import Callable

    from benchmarks.gans import Loop


class Clock:
    """Adds up the time spent in what it wraps; calls within such calls count once."""

    def __init__(self) -> None:
        self.spent, self._depth = 0.0, 0

    def __call__(self, function: Callable[..., Any]) -> Callable[..., Any]:
        def clocked(*arguments: Any, **options: Any) -> Any:
            started = time.perf_counter()
            self._depth += 1
            try:
                return function(*arguments, **options)
            finally:
                self._depth -= 1
                if not self._depth:
                    self.spent += time.perf_counter() - started

        return clocked


def clock_hooks(loop: Loop, clock: Clock) -> None:
    """Time every hook on the networks and the optimizers: the bare loop has none of its own."""
    registries: list[Any] = [optimizers._global_optimizer_pre_hooks, optimizers._global_optimizer_post_hooks]  # noqa: SLF001
    for adam in (loop.adam_g, loop.adam_d):
        registries += [adam._optimizer_step_pre_hooks, adam._optimizer_step_post_hooks]  # noqa: SLF001
    for network in (loop.generator, loop.discriminator):
        for module in network.modules():
            registries += [module._forward_pre_hooks, module._forward_hooks]  # noqa: SLF001
            registries += [module._backward_pre_hooks, module._backward_hooks]  # noqa: SLF001
    for registry in registries:
        for key, hook in registry.items():
            registry[key] = clock(hook)

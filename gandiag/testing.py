"""For your own test suite: shows that watching your training loop changes nothing in it."""

from __future__ import annotations

import random
import tempfile
from itertools import zip_longest
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import torch
from torch.optim.optimizer import register_optimizer_step_post_hook

from gandiag.findings import Diagnosis
from gandiag.probes.attach import attach
from gandiag.probes.networks import watched_networks
from gandiag.rundir.run import Run

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from typing import Self

    from gandiag.record.options import AttachOptions

    Train = Callable[[Callable[..., Any], int], object]


def assert_unchanged(train: Train, *, steps: int = 20, seed: int = 0, options: AttachOptions | None = None) -> Run:
    """Train twice without gandiag and once with it, from the same seed, and compare everything bit by bit.

    Compared are the weights and buffers of the attached networks, their train/eval mode, the state of every torch
    optimizer that updated them, and the random states of torch (CPU and CUDA), numpy and Python.

    Parameters
    ----------
    train : called as `train(attach, steps)`: builds networks and optimizers, calls
        `callback = attach(generator, discriminator)`, which may be used as usual, and trains for `steps` steps
    steps : handed to `train`
    seed : of torch, numpy and Python before each of the three trainings
    options : of `gandiag.attach`

    Returns
    -------
    Run
        What was recorded of the watched training.

    Raises
    ------
    AssertionError
        Naming the first difference, or saying that the loop itself is not deterministic.

    Examples
    --------
    >>> def train(attach, steps):
    ...     generator, discriminator = torch.nn.Linear(2, 2), torch.nn.Linear(2, 1)
    ...     attach(generator, discriminator)
    ...     sgd = torch.optim.SGD(generator.parameters(), lr=0.1)
    ...     for _ in range(steps):
    ...         sgd.zero_grad()
    ...         discriminator(generator(torch.randn(8, 2))).mean().backward()
    ...         sgd.step()
    >>> assert_unchanged(train, steps=5).last_step
    5
    """
    bare, again = (_trained(train, steps, seed, None, {}) for _ in range(2))
    if difference := _first_difference(bare, again):
        raise AssertionError(f"the loop is not deterministic, so nothing can be compared: {difference}")
    with tempfile.TemporaryDirectory() as folder:
        run_dir = Path(folder) / "run"
        watched = _trained(train, steps, seed, run_dir, dict(options or {}))
        if difference := _first_difference(bare, watched):
            raise AssertionError(f"watching changed the training: {difference}")
        return Run.open(run_dir)


class _Unwatched:
    """Stands in for a callback where nothing is watched: takes every call, does nothing, finds nothing."""

    diagnosis = Diagnosis(verdict="undecided")
    should_stop = False
    last_healthy_step = stop_reason = None

    def __getattr__(self, name: str) -> Callable[..., None]:
        if name.startswith("__"):
            raise AttributeError(name)
        return lambda *_, **__: None

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        return None


def _trained(train: Train, steps: int, seed: int, run_dir: Path | None, options: dict[str, Any]) -> dict[str, Any]:
    """Everything that a training changed, by name."""
    modules: dict[str, torch.nn.Module] = {}
    optimizers: list[torch.optim.Optimizer] = []
    callbacks: list[Any] = []

    def attach_or_not(generator: Any, discriminator: Any, **own: Any) -> Any:
        modules.update({n.name: n.module for n in watched_networks(generator, discriminator)})
        own.pop("run_dir", None)
        if run_dir is None:
            return _Unwatched()
        callbacks.append(attach(generator, discriminator, run_dir=run_dir, **{"alerts": False, **own, **options}))
        return callbacks[-1]

    def note(optimizer: torch.optim.Optimizer, *_: object) -> None:
        if not any(optimizer is known for known in optimizers):
            optimizers.append(optimizer)

    _seed_all(seed)
    handle = register_optimizer_step_post_hook(note)
    try:
        train(attach_or_not, steps)
        state = dict(_state(modules, optimizers))
    finally:
        handle.remove()
        for callback in callbacks:
            callback.close()
    if not modules:
        raise ValueError("train did not call attach(generator, discriminator)")
    return state


def _seed_all(seed: int) -> None:
    random.seed(seed)
    np.random.seed(seed)  # noqa: NPY002 - the loop under test may use the legacy generator
    torch.manual_seed(seed)


def _state(modules: dict[str, torch.nn.Module], optimizers: list[torch.optim.Optimizer]) -> Iterator[tuple[str, Any]]:
    for name, module in modules.items():
        for key, value in module.state_dict().items():
            yield f"{name}: {key}", _copy(value)
        yield f"{name}: train mode", [m.training for m in module.modules()]
    for number, optimizer in enumerate(optimizers):
        for parameter, slots in enumerate(optimizer.state.values()):
            for key, value in slots.items():
                yield f"optimizer {number}: {key} of parameter {parameter}", _copy(value)
    yield "torch's random state", torch.get_rng_state()
    if torch.cuda.is_available():
        for device, state in enumerate(torch.cuda.get_rng_state_all()):
            yield f"the random state of CUDA device {device}", state
    yield "numpy's random state", [part.tolist() if hasattr(part, "tolist") else part for part in np.random.get_state()]  # noqa: NPY002
    yield "Python's random state", random.getstate()


def _copy(value: Any) -> Any:
    local = value.to_local() if hasattr(value, "to_local") else value  # this rank's shard
    return local.detach().clone() if isinstance(local, torch.Tensor) else local


def _first_difference(one: dict[str, Any], other: dict[str, Any]) -> str | None:
    for first, second in zip_longest(one, other):
        if first != second:
            return f"{first or 'nothing'} in one training, {second or 'nothing'} in the other"
        if not _same(one[first], other[first]):
            return f"{first} differs"
    return None


def _same(one: Any, other: Any) -> bool:
    if isinstance(one, torch.Tensor) and isinstance(other, torch.Tensor):
        same_kind = one.dtype == other.dtype and one.shape == other.shape
        return same_kind and torch.equal(_bits(one), _bits(other))
    if isinstance(one, (list, tuple)) and isinstance(other, (list, tuple)):
        return len(one) == len(other) and all(_same(a, b) for a, b in zip(one, other, strict=True))
    return bool(one == other)


def _bits(tensor: torch.Tensor) -> torch.Tensor:
    """The bytes, so that NaN equals NaN and 0 differs from -0."""
    return tensor.detach().cpu().contiguous().reshape(-1).view(torch.uint8)

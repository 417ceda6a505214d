"""Rows of raw per-step records, and how a block of them leaves the training thread.

Values stay where they are (on the GPU, say) until a block is handed over: then equal shapes are stacked, one
copy to the host is started for each key, and nobody waits for it but the thread that reads the block.
"""

from __future__ import annotations

import time
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import numpy as np

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence


@dataclass
class Row:
    """What one step recorded: `raw` maps a raw key to a number, an array or a tensor on any device."""

    step: int = 0
    time: float = field(default_factory=time.time)
    raw: dict[str, Any] = field(default_factory=dict)


@dataclass
class Block:
    """Stacked rows: each group holds row positions and, for each key, one array-like of shape (k, ...)."""

    steps: list[int]
    times: list[float]
    groups: list[tuple[list[int], dict[str, Any]]]
    wait: Callable[[], None]

    def arrays(self) -> list[tuple[list[int], dict[str, np.ndarray]]]:
        """The groups as numpy arrays; waits until their copies have arrived."""
        self.wait()
        return [(rows, {k: np.asarray(v) for k, v in raw.items()}) for rows, raw in self.groups]


def stack(rows: Sequence[Row]) -> Block:
    """Start to bring rows to the host; does not wait for a device."""
    signatures: dict[tuple[Any, ...], list[int]] = {}
    for position, row in enumerate(rows):
        signature = tuple((key, _shape(value)) for key, value in row.raw.items())
        signatures.setdefault(signature, []).append(position)
    devices: set[Any] = set()
    groups = []
    for positions in signatures.values():
        keys = rows[positions[0]].raw
        groups.append((positions, {k: _stack([rows[p].raw[k] for p in positions], devices) for k in keys}))
    return Block([r.step for r in rows], [r.time for r in rows], groups, _waiter(devices))


def is_tensor(value: Any) -> bool:
    """Whether `value` is a torch tensor, without importing torch."""
    return hasattr(value, "detach") and hasattr(value, "device")


def _shape(value: Any) -> tuple[int, ...]:
    return tuple(value.shape) if hasattr(value, "shape") else ()


def _stack(values: list[Any], devices: set[Any]) -> Any:
    if all(type(v) is float for v in values):
        return np.array(values)
    if not all(is_tensor(v) for v in values):
        return np.stack([np.asarray(v, dtype=np.float64) for v in values])
    import torch

    stacked = torch.stack(values)
    if not stacked.is_floating_point() or stacked.dtype in (torch.bfloat16, torch.float16):
        stacked = stacked.float()
    if stacked.device.type != "cuda":
        return stacked.cpu().numpy()
    devices.add(stacked.device)
    return torch.empty(stacked.shape, dtype=stacked.dtype, pin_memory=True).copy_(stacked, non_blocking=True)


def _waiter(devices: set[Any]) -> Callable[[], None]:
    """A function that waits until the copies started so far on `devices` have arrived."""
    if not devices:
        return lambda: None
    import torch

    events = []
    for device in devices:
        event = torch.cuda.Event()
        event.record(torch.cuda.current_stream(device))
        events.append(event)

    def wait() -> None:
        for event in events:
            event.synchronize()

    return wait

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

    Group = tuple[list[int], dict[str, Any]]


@dataclass
class Row:
    """What one step recorded: `raw` maps a raw key to a number, an array or a tensor on any device."""

    step: int = 0
    time: float = field(default_factory=time.time)
    raw: dict[str, Any] = field(default_factory=dict)


@dataclass
class Block:
    """Stacked rows: each group holds row positions and, for each key, one array-like of shape (k, ...).

    Where a value cannot be read it is None, `failed` says why, and the rest of the rows is as it was.
    """

    steps: list[int]
    times: list[float]
    groups: list[Group]
    wait: Callable[[], None] = lambda: None
    awaited: set[tuple[int, str]] = field(default_factory=set)  # group and key of values that are still on their way
    failed: dict[str, Exception] = field(default_factory=dict)
    unread: list[int] = field(default_factory=list)  # steps of which nothing could be read

    def arrays(self) -> list[tuple[list[int], dict[str, np.ndarray]]]:
        """The groups as numpy arrays; waits until their copies have arrived, and leaves out those that do not."""
        try:
            self.wait()
        except Exception as error:  # noqa: BLE001 - after an assertion on a device all that is asked of it fails
            self.lose(error)
        found = []
        for rows, raw in self.groups:
            read = {k: np.asarray(v) for k, v in raw.items() if v is not None}
            if raw and not read:
                self.unread += [self.steps[row] for row in rows]
            found.append((rows, read))
        return found

    def lose(self, error: Exception) -> None:
        """What is on its way does not arrive."""
        for number, key in self.awaited:
            self.groups[number][1][key], self.failed[key] = None, error


def stack(rows: Sequence[Row]) -> Block:
    """Start to bring rows to the host; does not wait for a device, and does not raise.

    Together are rows whose values agree in shape and device. Of an empty batch there is nothing to keep.
    """
    signatures: dict[tuple[Any, ...], list[int]] = {}
    for position, row in enumerate(rows):
        signature = tuple(
            [(key, getattr(value, "shape", ()), getattr(value, "device", None)) for key, value in row.raw.items()]
        )
        signatures.setdefault(signature, []).append(position)
    block, devices = Block([r.step for r in rows], [r.time for r in rows], []), set[Any]()
    for signature, positions in signatures.items():
        raw: dict[str, Any] = {}
        for key, shape, device in signature:
            if 0 in shape:
                continue
            try:
                raw[key] = _stack([rows[p].raw[key] for p in positions])
            except Exception as error:  # noqa: BLE001 - as in `Block.arrays`
                raw[key], block.failed[key] = None, error
            if getattr(device, "type", None) == "cuda":
                devices.add(device)
                block.awaited.add((len(block.groups), key))
        block.groups.append((positions, raw))
    try:
        block.wait = _waiter(devices)
    except Exception as error:  # noqa: BLE001 - as in `Block.arrays`
        block.lose(error)
    return block


def is_tensor(value: Any) -> bool:
    """Whether `value` is a torch tensor, without importing torch."""
    return hasattr(value, "detach") and hasattr(value, "device")


def _stack(values: list[Any]) -> Any:
    if all(type(v) is float for v in values):
        return np.array(values)
    if not is_tensor(values[0]):
        return np.stack([np.asarray(v, dtype=np.float64) for v in values])
    import torch

    stacked = torch.stack(values)
    if not stacked.is_floating_point() or stacked.dtype in (torch.bfloat16, torch.float16):
        stacked = stacked.float()
    if stacked.device.type != "cuda":
        return stacked.cpu().numpy()
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

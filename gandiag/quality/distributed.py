"""One evaluation by many processes: each reads its share of the samples, and what they found is put together."""

from __future__ import annotations

import os
from contextlib import contextmanager
from typing import TYPE_CHECKING, TypeVar

import torch
from torch import distributed

if TYPE_CHECKING:
    from collections.abc import Iterator

T = TypeVar("T")


def active() -> bool:
    """Whether this process is one of several that know of each other."""
    return distributed.is_available() and distributed.is_initialized() and distributed.get_world_size() > 1


def rank() -> int:
    """The number of this process, 0 when it is alone."""
    return distributed.get_rank() if active() else 0


def world_size() -> int:
    """How many processes know of each other, 1 when this one is alone."""
    return distributed.get_world_size() if active() else 1


def all_of(found: dict[str, T]) -> dict[str, T]:
    """What all processes found, put together, on every one of them."""
    if not active():
        return found
    parts: list[dict[str, T] | None] = [None] * distributed.get_world_size()
    distributed.all_gather_object(parts, found)
    return {name: value for part in parts for name, value in (part or {}).items()}


@contextmanager
def started(device: torch.device) -> Iterator[torch.device]:
    """Join the processes that `torchrun` started, for the time of a with block; gives the device of this one.

    NCCL where the device is CUDA (then each process takes the GPU of its LOCAL_RANK), gloo elsewhere. Without
    torchrun, or where a process group is there already, nothing happens.
    """
    launched = int(os.environ.get("WORLD_SIZE", "1")) > 1 and distributed.is_available()
    if not launched or distributed.is_initialized():
        yield device
        return
    if device.type == "cuda":
        device = torch.device("cuda", int(os.environ.get("LOCAL_RANK", "0")))
        torch.cuda.set_device(device)
    distributed.init_process_group("nccl" if device.type == "cuda" else "gloo")
    try:
        yield device
    finally:
        distributed.destroy_process_group()


def share(n: int, batch_size: int) -> tuple[int, int]:
    """The samples [start, stop) of n that this process reads: whole batches, in the order of the ranks.

    Batches are those that a single process would read, so that rounding inside a network is the same.

    Raises
    ------
    ValueError
        In every process, when there are fewer batches than processes.

    >>> share(1000, 64)
    (0, 1000)
    """
    if not active():
        return 0, n
    batches = -(-n // batch_size)
    if batches < distributed.get_world_size():
        found = f"{n:,} samples in batches of {batch_size:,}"
        raise ValueError(f"{found} are too few for {distributed.get_world_size()} processes; take a smaller batch size")
    first, last = (batches * r // distributed.get_world_size() for r in (rank(), rank() + 1))
    return min(first * batch_size, n), min(last * batch_size, n)


def of_the_first(value: T) -> T:
    """Give every process the value that the first process passes; those of the others are ignored."""
    if not active():
        return value
    box = [value]
    distributed.broadcast_object_list(box, src=0)
    return box[0]


def gathered(rows: torch.Tensor) -> torch.Tensor:
    """The rows (n_r, ...) of all processes in the order of the ranks, (n, ...), on every process."""
    if not active():
        return rows
    sizes = [torch.zeros(1, dtype=torch.int64, device=rows.device) for _ in range(distributed.get_world_size())]
    distributed.all_gather(sizes, torch.tensor([len(rows)], device=rows.device))
    longest = max(int(size) for size in sizes)
    padded = rows.new_zeros((longest, *rows.shape[1:]))
    padded[: len(rows)] = rows
    parts = [torch.empty_like(padded) for _ in sizes]
    distributed.all_gather(parts, padded)
    return torch.cat([part[: int(size)] for part, size in zip(parts, sizes, strict=True)])

"""What the benchmarks print alike: the machine, and a ratio beside its target."""

from __future__ import annotations

import os
import platform
import statistics
from typing import TYPE_CHECKING

import torch

if TYPE_CHECKING:
    from collections.abc import Sequence


def machine(device: torch.device) -> str:
    """One line: torch, processor or GPU, cores."""
    place = f"{torch.cuda.get_device_name(device)}, " if device.type == "cuda" else ""
    place += f"{os.cpu_count()} cores, {platform.machine()}"
    return f"torch {torch.__version__}, {place}, Python {platform.python_version()}"


def median_ratio(values: Sequence[float], peers: Sequence[float]) -> float:
    """The median over rounds of `values` over `peers`, round by round: what slows a whole round cancels."""
    return statistics.median(a / b for a, b in zip(values, peers, strict=True))


def judged(ratio: float, target: float) -> str:
    """Whether a ratio keeps within its target."""
    return f"(target <= {target:g}x: {'ok' if ratio <= target else 'MISSED'})"

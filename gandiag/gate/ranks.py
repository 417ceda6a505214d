"""Which of the processes that `torchrun` started this is, told without importing torch."""

from __future__ import annotations

import os


def rank() -> int:
    """Of this process: the first one, 0, writes and prints; 0 also where there is only one."""
    return int(os.environ.get("RANK", "0")) if int(os.environ.get("WORLD_SIZE", "1")) > 1 else 0

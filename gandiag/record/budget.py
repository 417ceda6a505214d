"""Keeps the time that recording takes on the training thread below a share of the training, by recording less often."""

from __future__ import annotations

import time
from dataclasses import dataclass
from typing import Any

from gandiag.measure.detail import LEVELS

WINDOW_SECONDS = 2.0  # measured over at least so long: single steps vary too much
WINDOW_STEPS = 20
MAX_LOWERED = 3  # times that detail is restored in a training: it must not go up and down for ever


@dataclass
class Budget:
    """Counts the seconds that recording took (`spent`) and chooses the level of detail that keeps to `share`.

    `share` is the largest part of the training's time that recording may take, None for full detail at any cost.
    """

    share: float | None = None
    spent: float = 0.0
    level: int = 0
    _lowered: int = 0
    _spent_before: float = 0.0
    _step: int = 0

    def __post_init__(self) -> None:
        self._since = time.perf_counter()

    @property
    def every(self) -> dict[str, int]:
        """Steps between two records of each kind."""
        return LEVELS[self.level]

    def due(self, kind: str, step: int) -> bool:
        """Whether a kind is to be recorded at this step."""
        return step % LEVELS[self.level][kind] == 0

    def settle(self, step: int) -> dict[str, Any] | None:
        """Choose the level for the steps after `step`; returns what changed, for run.json, or None."""
        now = time.perf_counter()
        if self.share is None or step - self._step < WINDOW_STEPS or now - self._since < WINDOW_SECONDS:
            return None
        used = (self.spent - self._spent_before) / (now - self._since)
        self._since, self._spent_before, self._step = now, self.spent, step
        if used > self.share and self.level < len(LEVELS) - 1:
            self.level += 1
        elif used < self.share / 4 and self.level > 0 and self._lowered < MAX_LOWERED:
            self.level -= 1
            self._lowered += 1
        else:
            return None
        return {"step": step + 1, "share": round(used, 4), "every": dict(self.every)}

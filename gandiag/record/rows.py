"""The rows of a training on their way from the step in progress to the background thread."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING, Any

from gandiag.measure.blocks import Row, stack

if TYPE_CHECKING:
    from gandiag.record.worker import Worker

BLOCK_ROWS = 100  # rows handed to the background thread at a time, or what there is after flush_seconds; more of them,
# 1,600 at most, where only every few rows hold more than a loop's own logs: a block takes much the same time however
# long it is


class Rows:
    """The step in progress (`current`) and completed ones; the last of those is kept at hand for late records."""

    def __init__(self, worker: Worker, completed: int, flush_seconds: float) -> None:
        self.completed = completed
        self.current = Row()
        self._worker, self._flush_seconds = worker, flush_seconds
        self.block_rows = BLOCK_ROWS
        self._done: list[Row] = []
        self._gap: list[int] = []
        self._handed_over = time.monotonic()

    def end(self) -> None:
        """Complete the step in progress and hand over what is due."""
        self.completed += 1
        if self._done and not self._done[-1].raw:  # nothing was due, nothing was logged
            if not self.current.raw:
                last = self._done[-1]
                last.step, last.time = self.completed, time.time()
                return
            self._done.pop()
        self.current.step = self.completed
        self._done.append(self.current)
        self.current = Row()
        overdue = len(self._done) > 1 and time.monotonic() - self._handed_over > self._flush_seconds
        if len(self._done) > self.block_rows or overdue:
            self._handed_over = time.monotonic()
            due, self._done = self._done[:-1], self._done[-1:]
            self._hand_over(due)

    def reopen(self) -> bool:
        """Make the last step the one in progress again, with what came since; False when it is out of reach."""
        if not self._done:
            return False
        last = self._done.pop()
        last.raw |= self.current.raw
        self.current = last
        self.completed -= 1
        return True

    def for_late(self, key: str) -> dict[str, Any]:
        """The row for a record that may come after its step was ended: the last one, until something else happens."""
        late = not self.current.raw and self._done and key not in self._done[-1].raw
        return (self._done[-1] if late else self.current).raw

    def hand_over_all(self) -> None:
        """Hand over every completed step, waiting for room."""
        due, self._done = self._done, []
        self._hand_over(due, wait=True)

    def _hand_over(self, rows: list[Row], *, wait: bool = False) -> None:
        offer = self._worker.put if wait else self._worker.offer
        if self._gap and offer(self._worker.gap, *self._gap, "recording fell behind"):
            self._gap = []
        taken = False
        try:
            taken = not rows or offer(self._worker.block, stack(rows))
        finally:
            if not taken:
                self._gap = [self._gap[0] if self._gap else rows[0].step, rows[-1].step]

"""The rows of a training on their way from the step in progress to the background thread."""

from __future__ import annotations

import time
from functools import partial
from typing import TYPE_CHECKING, Any

from gandiag.measure.blocks import Row, stack
from gandiag.rundir.schema import MAX_STEP

if TYPE_CHECKING:
    from collections.abc import Callable

    from gandiag.record.faults import Faults
    from gandiag.record.worker import Worker

BLOCK_ROWS = 100  # rows handed to the background thread at a time, or what there is after flush_seconds
HAND_OVER_SECONDS = 1.0  # or after so long, however few they are: a failure is to be told soon
LONGER_ROWS, LONGER_SECONDS = 4, 2  # times as much at most, of rows and of seconds, where only every few rows hold more
# than a loop's own logs: a block takes much the same time however long it is
BUSY = 4  # tasks waiting in the background: then rows are only handed over when there are enough of them
BEHIND = (
    "the background thread does not keep up, because the disk is slow or hangs, or because there is no CPU time left "
    "for it: steps are not recorded until it does"
)


class Rows:
    """The step in progress (`current`) and completed ones; the last of those is kept at hand for late records."""

    def __init__(self, worker: Worker, completed: int, faults: Faults, flush_seconds: float) -> None:
        self.completed = completed
        self.current = Row()
        self._worker, self._faults = worker, faults
        self._flush_seconds = flush_seconds
        self.full_every(1)
        self._done: list[Row] = []
        self._gap: list[int] = []
        self._handed_over = time.monotonic()

    def full_every(self, rounds: int) -> None:
        """Of so many rounds of the game one holds more than the loop's own logs."""
        self.block_rows = BLOCK_ROWS * rounds * min(rounds, LONGER_ROWS)
        self._patience = min(HAND_OVER_SECONDS * min(rounds, LONGER_SECONDS), self._flush_seconds)

    def end(self, number: Any = None) -> None:
        """Complete the step in progress, as the `number` that the loop counts or as the next; hand over what is due."""
        self.completed = self._next(number)
        if self._done and not self._done[-1].raw:  # nothing was due, nothing was logged
            if not self.current.raw:
                last = self._done[-1]
                last.step, last.time = self.completed, time.time()
                return
            self._done.pop()
        self.current.step = self.completed
        self._done.append(self.current)
        self.current = Row()
        if len(self._done) > self.block_rows or (len(self._done) > 1 and self._is_overdue()):
            self._handed_over = time.monotonic()
            due, self._done = self._done[:-1], self._done[-1:]
            self._hand_over(due, self._worker.offer)

    def _next(self, number: Any) -> int:
        """The number of the step; one that does not come after the last is a fault, and left out."""
        step = self.completed + 1
        if number is None:
            return step
        given = float(number)
        if given.is_integer() and step <= given <= MAX_STEP:
            return int(given)
        told = f"step={number} does not come after step {self.completed:,}; it is counted as the next"
        self._faults.add("step(step=)", told, self.completed)
        return step

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

    def hand_over_all(self, timeout: float = 60.0) -> None:
        """Hand over every completed step, waiting for room.

        Raises TimeoutError when there is none after so many seconds.
        """
        due, self._done = self._done, []
        self._hand_over(due, partial(self._worker.put, timeout=timeout))

    def leave(self) -> None:
        """Hand over every completed step if there is room for them."""
        due, self._done = self._done, []
        self._hand_over(due, self._worker.offer)

    def _is_overdue(self) -> bool:
        return time.monotonic() - self._handed_over > self._patience and self._worker.waiting < BUSY

    def _hand_over(self, rows: list[Row], offer: Callable[..., bool]) -> None:
        if self._gap and offer(self._worker.gap, *self._gap, "recording fell behind"):
            self._gap = []
        taken = False
        try:
            taken = not rows or offer(self._worker.block, stack(rows))
        finally:
            if not taken:
                self._gap = [self._gap[0] if self._gap else rows[0].step, rows[-1].step]
                if self._worker.falls_behind:
                    self._faults.add("falling behind", BEHIND, rows[0].step)

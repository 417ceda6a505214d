"""The way from gandiag's background thread to the sinks: a bounded queue and a thread of its own, which may hang."""

from __future__ import annotations

import queue
import threading
import time
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    import numpy as np

    from gandiag.sinks.base import Event, Sink

WAITING = 256  # calls that wait; beyond, scalars are dropped, and said so once
TRIES = 3  # failures in a row after which a sink is left alone
CLOSING_SECONDS = 5.0
FULL = "a sink does not keep up; values are dropped for it, all of them are in the run directory"


class Channel:
    """Hands what is recorded to sinks; never blocks, never raises.

    Parameters
    ----------
    sinks : where to
    fault : told of what fails: the place and the exception or sentence
    """

    def __init__(self, sinks: Sequence[Sink], fault: Callable[[str, BaseException | str], None]) -> None:
        self._sinks = list(sinks)
        self._fault = fault
        self._failed = dict.fromkeys(map(id, self._sinks), 0)
        self._queue: queue.Queue[Callable[[Sink], Any] | None] = queue.Queue(WAITING)
        self._thread = threading.Thread(target=self._work, name="gandiag sinks", daemon=True)
        if self._sinks:
            self._thread.start()

    def scalars(self, steps: np.ndarray, times: np.ndarray, columns: Mapping[str, np.ndarray]) -> None:
        """Offer k rows."""
        self._offer(lambda sink: sink.scalars(steps, times, columns))

    def event(self, event: Event) -> None:
        """Offer a finding or the verdict."""
        self._offer(lambda sink: sink.event(event))

    def close(self, seconds: float = CLOSING_SECONDS) -> None:
        """Have what waits done, for at most so many seconds."""
        if not self._sinks:
            return
        deadline = time.monotonic() + seconds
        try:
            self._queue.put(None, timeout=seconds)
        except queue.Full:
            self._fault("sinks", FULL)
            return
        self._thread.join(max(deadline - time.monotonic(), 0.0))
        if self._thread.is_alive():
            self._fault("sinks", f"not all was handed over within {seconds:g} s")

    def _offer(self, call: Callable[[Sink], Any]) -> None:
        if not self._sinks:
            return
        try:
            self._queue.put_nowait(call)
        except queue.Full:
            self._fault("sinks", FULL)

    def _work(self) -> None:
        while (call := self._queue.get()) is not None:
            for sink in self._sinks:
                self._call(sink, call)
        for sink in self._sinks:
            self._call(sink, lambda sink: sink.close())

    def _call(self, sink: Sink, call: Callable[[Sink], Any]) -> None:
        if self._failed[id(sink)] >= TRIES:
            return
        try:
            call(sink)
            self._failed[id(sink)] = 0
        except Exception as error:  # noqa: BLE001 - a sink never breaks a training
            self._failed[id(sink)] += 1
            self._fault(f"sink {sink.name}", error)

"""A thread that does what the training hands over, and tells when it cannot."""

from __future__ import annotations

import os
import queue
import threading
import time
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Callable

    Task = tuple[Callable[..., None], tuple[Any, ...], bool]

MAX_TASKS = 64  # waiting; beyond, `offer` refuses
LOOK_SECONDS = 0.2  # between two looks at whether the thread still lives


class Tasks(threading.Thread):
    """Does tasks in order, in the background, until the one that `finish` gives.

    Parameters
    ----------
    failed : called, in the background, with the name of a task that raised and its exception; "thread" when that
        is no `Exception` and ends the thread
    after : called in the background after each task
    """

    def __init__(self, failed: Callable[[str, BaseException], None], after: Callable[[], None]) -> None:
        super().__init__(name="gandiag", daemon=True)
        self._failed, self._after = failed, after
        self._queue: queue.Queue[Task] = queue.Queue(MAX_TASKS)
        self._process = os.getpid()
        self._finished = False

    def offer(self, task: Callable[..., None], *arguments: Any) -> bool:
        """Queue a task; False when the queue is full, the thread ended, or this is a forked process. Never blocks."""
        if os.getpid() != self._process or not self.is_alive():
            return False
        try:
            self._queue.put_nowait((task, arguments, False))
        except queue.Full:
            return False
        return True

    def put(self, task: Callable[..., None], *arguments: Any, last: bool = False, timeout: float = 60.0) -> bool:
        """Queue a task, waiting for room; False when the thread ended.

        Raises TimeoutError when there is no room after `timeout` seconds.
        """
        deadline = time.monotonic() + timeout
        while self.is_alive():
            try:
                self._queue.put((task, arguments, last), timeout=LOOK_SECONDS)
            except queue.Full:
                if time.monotonic() > deadline:
                    raise TimeoutError("the background thread is busy") from None
            else:
                return True
        return False

    def wait(self, timeout: float = 60.0) -> None:
        """Wait until what was queued so far is done.

        Raises TimeoutError when it is not after `timeout` seconds, RuntimeError when the thread ended.
        """
        done = threading.Event()
        deadline = time.monotonic() + timeout
        alive = self.put(done.set, timeout=timeout)
        while not done.wait(LOOK_SECONDS):
            if not (alive and self.is_alive()):
                raise RuntimeError("the background thread ended")
            if time.monotonic() > deadline:
                raise TimeoutError("the background thread is busy")

    def finish(self, task: Callable[..., None], *arguments: Any, timeout: float = 120.0) -> bool:
        """Have one last task done and end the thread; False when the thread ended before.

        Raises TimeoutError when that takes more than `timeout` seconds.
        """
        deadline = time.monotonic() + timeout
        self.put(task, *arguments, last=True, timeout=timeout)
        while self.is_alive():
            self.join(LOOK_SECONDS)
            if time.monotonic() > deadline:
                raise TimeoutError("the background thread is busy")
        return self._finished

    def run(self) -> None:
        """Work the queue off."""
        try:
            while not self._finished:
                task, arguments, last = self._queue.get()
                try:
                    task(*arguments)
                except Exception as error:  # noqa: BLE001 - one failing task must not take the others with it
                    self._failed(getattr(task, "__name__", "task").strip("_"), error)
                self._after()
                self._finished = last
        except BaseException as error:  # noqa: BLE001 - nobody is left to raise to
            self._failed("thread", error)

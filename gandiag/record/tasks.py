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
ROOM_SECONDS = 0.01  # between two looks at whether there is room


class Tasks(threading.Thread):
    """Does tasks in order, in the background, until the one that `finish` gives.

    The queue takes a task also while the same thread is about to put in another: from a signal's handler, or while
    garbage is collected.

    Parameters
    ----------
    failed : called, in the background, with the name of a task that raised and its exception; "thread" when that
        is no `Exception` and ends the thread
    after : called in the background after each task
    between : called in the background while nothing is waiting; returns after how many seconds it is to be called
        again, None for not before the next task
    """

    def __init__(
        self,
        failed: Callable[[str, BaseException], None],
        after: Callable[[], None],
        between: Callable[[], float | None] = lambda: None,
    ) -> None:
        super().__init__(name="gandiag", daemon=True)
        self._failed, self._after, self._between = failed, after, between
        self._queue: queue.SimpleQueue[Task] = queue.SimpleQueue()
        self._process = os.getpid()
        self._finished = False

    @property
    def waiting(self) -> int:
        """How many tasks wait."""
        return self._queue.qsize()

    @property
    def is_full(self) -> bool:
        """Whether there is no room for another task."""
        return self.waiting >= MAX_TASKS

    def offer(self, task: Callable[..., None], *arguments: Any, last: bool = False) -> bool:
        """Queue a task; False when the queue is full, the thread ended, or this is a forked process. Never blocks.

        The last one finds room in any case, and is not waited for.
        """
        if os.getpid() != self._process or not self.is_alive() or (self.is_full and not last):
            return False
        self._queue.put((task, arguments, last))
        return True

    def put(self, task: Callable[..., None], *arguments: Any, last: bool = False, timeout: float = 60.0) -> bool:
        """Queue a task, waiting for room; False when the thread ended.

        Raises TimeoutError when there is no room after `timeout` seconds.
        """
        deadline = time.monotonic() + timeout
        while self.is_alive():
            if not self.is_full:
                self._queue.put((task, arguments, last))
                return True
            if time.monotonic() > deadline:
                raise TimeoutError("the background thread is busy")
            time.sleep(ROOM_SECONDS)
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

    def finish(self, task: Callable[..., None], *arguments: Any, timeout: float) -> bool:
        """Have one last task done and end the thread; False when the thread ended before.

        Raises TimeoutError when that takes more than `timeout` seconds; it goes on all the same.
        """
        self.offer(task, *arguments, last=True)
        self.join(timeout)
        if self.is_alive():
            raise TimeoutError("the background thread is busy")
        return self._finished

    def run(self) -> None:
        """Work the queue off."""
        try:
            while not self._finished:
                try:
                    task, arguments, last = self._next()
                    task(*arguments)
                except Exception as error:  # noqa: BLE001 - one failing task must not take the others with it
                    self._failed(getattr(task, "__name__", "task").strip("_"), error)
                self._after()
                self._finished = last
        except BaseException as error:  # noqa: BLE001 - nobody is left to raise to
            self._failed("thread", error)

    def _next(self) -> Task:
        """The next task; what is done meanwhile is a task as well."""
        pause: float | None = 0.0
        while True:
            try:
                return self._queue.get(timeout=pause)
            except queue.Empty:
                pause = self._between()

"""Recordings that are open when the program ends, is told to end by a signal, or has dropped them."""

from __future__ import annotations

import atexit
import contextlib
import os
import signal
import sys
import threading
import weakref
from typing import TYPE_CHECKING, Any, Protocol

from gandiag.record import exits
from gandiag.rundir.ending import ended_by

if TYPE_CHECKING:
    from collections.abc import Callable

    Handler = Callable[[int, Any], Any] | int

SIGNALS = tuple(getattr(signal, name) for name in ("SIGTERM", "SIGHUP") if hasattr(signal, name))
"""What schedulers, containers and torchrun send to end a process, and terminals that are closed."""
SIGNAL_SECONDS = 20.0
"""Closing takes at most so long then: thirty are usual before a process is killed."""
EXIT_SECONDS = 30.0


class Open(Protocol):
    """A recording that is open."""

    @property
    def completed_steps(self) -> int: ...
    def close(self, status: str, reason: str | None, patience: float = ...) -> None: ...
    def interrupted(self) -> None: ...
    def join(self, patience: float) -> None: ...


class Ending(Protocol):
    """A thread that is about to end."""

    def join(self, timeout: float) -> None: ...


_open: weakref.WeakSet[Any] = weakref.WeakSet()
_ending: list[Ending] = []
_before: dict[int, Handler] = {}  # by signal, whose place our handler has taken
_received: list[str] = []
_exited: weakref.WeakKeyDictionary[Any, tuple[int, SystemExit]] = weakref.WeakKeyDictionary()
"""By recording: after which step the program called `sys.exit`, and with what."""


def watch(recording: Open) -> None:
    """Have a recording closed when the program ends without closing it.

    Handlers of signals are set in the main thread only, and never where a signal is ignored.
    """
    _open.add(recording)
    exits.listen(_on_exit)
    if threading.current_thread() is not threading.main_thread():
        return
    for number in SIGNALS:
        present = signal.getsignal(number)
        if present is not _on_signal and (callable(present) or present == signal.SIG_DFL):
            _before[number] = present
            signal.signal(number, _on_signal)


def forget(recording: Open) -> None:
    """A recording is closed; with the last one the program's own handlers come back."""
    _open.discard(recording)
    if not _open:
        exits.forget(_on_exit)
    if _open or threading.current_thread() is not threading.main_thread():
        return
    for number, before in [*_before.items()]:
        if signal.getsignal(number) is _on_signal:  # else somebody has set another one meanwhile
            signal.signal(number, before)
            del _before[number]


def wait_for(ending: Ending) -> None:
    """Let a thread come to its end before the program does."""
    _ending.append(ending)


def _on_exit(error: SystemExit) -> None:
    for recording in [*_open]:
        _exited[recording] = recording.completed_steps, error


def _on_signal(number: int, frame: Any) -> None:
    """Close what is open and end as the signal has it; where the program has a handler of its own, that decides."""
    name, before = signal.Signals(number).name, _before.get(number, signal.SIG_DFL)
    _received[:] = [name]
    recordings = [*_open]
    if callable(before):
        for recording in recordings:
            recording.interrupted()
        before(number, frame)
        return
    for recording in recordings:
        recording.join(SIGNAL_SECONDS)  # where it is being closed
        recording.close("crashed", name, SIGNAL_SECONDS)
    signal.signal(number, before)
    os.kill(os.getpid(), number)


@atexit.register
def _at_exit() -> None:
    error = getattr(sys, "last_value", None)  # set when the interpreter ends on an unhandled exception
    for recording in [*_open]:
        left, exited = _exited.get(recording, (-1, None))
        status, reason = ended_by(error or (exited if left == recording.completed_steps else None))
        if reason is None and _received:
            status, reason = "crashed", _received[0]
        recording.close(status, reason or "the interpreter exited")
    for ending in _ending:
        with contextlib.suppress(RuntimeError):
            ending.join(EXIT_SECONDS)

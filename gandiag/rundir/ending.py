"""How a training ended, if it did: as run.json says, or as its process does."""

from __future__ import annotations

import os
import platform
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

if TYPE_CHECKING:
    from collections.abc import Mapping

KILLED = "killed"
UNKNOWN = "no close was recorded, so the process may still be training or was killed"
STATE, STARTED = 0, 19  # fields of /proc/PID/stat after the name: those that proc(5) counts as 3 and 22
NAMESPACE = Path("/proc/self/ns/pid")


class Ending(NamedTuple):
    """`status` is closed, interrupted (Ctrl-C), crashed, running or killed.

    `over_or_alive` is False where a training may have broken off.
    """

    status: str
    reason: str | None
    over_or_alive: bool

    def __str__(self) -> str:
        return f"{self.status}: {' '.join(str(self.reason).split())}" if self.reason else self.status


def ending(meta: Mapping[str, Any]) -> Ending:
    """How the run with this run.json ended; one that was not closed is killed once its process is known to be gone.

    >>> str(ending({"status": "crashed", "reason": "RuntimeError: CUDA out of memory"}))
    'crashed: RuntimeError: CUDA out of memory'
    """
    status, reason = str(meta.get("status", "unknown")), meta.get("reason")
    if status != "running":
        return Ending(status, reason, status == "closed")
    alive = _alive(meta)
    if alive is None:
        return Ending(status, UNKNOWN, over_or_alive=False)
    process = f"process {meta['pid']}"
    if alive:
        return Ending(status, f"{process} is alive", over_or_alive=True)
    return Ending(KILLED, f"{process} ended without closing the run", over_or_alive=False)


def ended_by(error: BaseException | None) -> tuple[str, str | None]:
    """The status, and the reason in one line, of a training that an exception ended, or none.

    >>> ended_by(ValueError("no data")), ended_by(SystemExit(0)), ended_by(KeyboardInterrupt())
    (('crashed', 'ValueError: no data'), ('closed', None), ('interrupted', 'KeyboardInterrupt'))
    """
    if error is None or (isinstance(error, SystemExit) and error.code in (None, 0)):
        return "closed", None
    reason = " ".join(f"{type(error).__name__}: {error}".split()).removesuffix(":")
    return "interrupted" if isinstance(error, KeyboardInterrupt) else "crashed", reason


def this_process() -> dict[str, Any]:
    """What run.json says of the process that records, so that others can tell whether it still lives."""
    pid = os.getpid()
    return {"pid": pid, "host": platform.node(), "pid_namespace": _namespace(), "pid_started": _stat(pid, STARTED)}


def _alive(meta: Mapping[str, Any]) -> bool | None:
    """Whether the recording process lives, None where that cannot be told: on another machine, in another container."""
    pid = meta.get("pid")
    here = (meta.get("host"), meta.get("pid_namespace")) == (platform.node(), _namespace())
    if not here or not isinstance(pid, int) or pid <= 0 or os.name != "posix":
        return None
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    except PermissionError:  # somebody else's process
        pass
    return _stat(pid, STATE) != "Z" and _stat(pid, STARTED) == meta.get("pid_started")


def _namespace() -> str | None:
    """In which numbering of processes a pid counts, None where the system has but one."""
    try:
        return str(NAMESPACE.readlink())
    except OSError:
        return None


def _stat(pid: int, field: int) -> str | None:
    """A field of a process's state, None where the system does not tell."""
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[field]
    except (OSError, IndexError):
        return None

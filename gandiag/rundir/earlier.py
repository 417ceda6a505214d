"""What a run directory holds before a recording begins, and how it comes back when the recording is given up."""

from __future__ import annotations

import contextlib
import re
from typing import Any

from gandiag.rundir.ending import ending
from gandiag.rundir.folder import Folder, RunError, events_name, meta_name
from gandiag.rundir.parts import KINDS, parse

FOLDERS = (*KINDS, "samples")
"""Within a run directory."""
MOST_NUMBERS = 10_000


class Earlier:
    """The files of one rank as they are now, and the folders; nothing of what was recorded is read."""

    def __init__(self, folder: Folder, rank: int) -> None:
        self._folder, self._rank = folder, rank
        names = ("", *FOLDERS)
        self._missing = [name for name in names if not folder.fs.isdir(folder.join(name) if name else folder.root)]
        here = folder.fs.exists(folder.join(meta_name(rank)))
        self.content = folder.read_bytes(meta_name(rank)) if here else None  # of run.json, None without one

    def meta(self) -> dict[str, Any]:
        """The checked content of run.json; raises RunError as reading it does."""
        return self._folder.read_meta(self._rank)

    def is_empty(self) -> bool:
        """Whether the run has no step and is over: its place can be taken."""
        try:
            meta = self.meta()
        except RunError:
            return False  # damaged: somebody may want to mend it
        parts = (part for kind in KINDS for name in self._folder.names(kind) if (part := parse(name)))
        written = any(self._rank in (0, part.rank) for part in parts)
        return not written and (meta.get("status") != "running" or ending(meta).status == "killed")

    def clear(self) -> None:
        """Remove what an earlier run without a step has left."""
        self._remove(events_name(self._rank))
        if self._rank == 0:
            self._remove("diagnosis.json")
            for name in self._folder.names("samples"):
                self._remove("samples", name)

    def _remove(self, *names: str) -> None:
        if self._folder.fs.exists(self._folder.join(*names)):
            self._folder.remove(*names)

    def restore(self) -> None:
        """Put run.json back, and remove what was not there, as far as nothing else has been put into it since."""
        if self.content is not None:
            self._folder.write(self.content, meta_name(self._rank))
        else:
            self._remove(meta_name(self._rank))
            self._remove(events_name(self._rank))
        for name in sorted(self._missing, reverse=True):  # the run directory itself comes last
            with contextlib.suppress(OSError):
                self._folder.fs.rmdir(self._folder.join(name) if name else self._folder.root)


def numbered(path: str, number: int = 2) -> str:
    """The path with another number behind it.

    >>> numbered("runs/dcgan"), numbered("runs/dcgan-2/", 3)
    ('runs/dcgan-2', 'runs/dcgan-2-3')
    """
    return re.sub(r"[/\\]*$", "", path) + f"-{number}"


def free(path: str) -> str:
    """The path itself or, where it holds a run, the first of path-2, path-3, ... that does not.

    Raises RunError when there are ten thousand of them.
    """
    for candidate in (path, *(numbered(path, number) for number in range(2, MOST_NUMBERS))):
        earlier = Earlier(Folder(candidate), rank=0)
        if earlier.content is None or earlier.is_empty():
            return candidate
    raise RunError(f"{path}: holds a run, and so do all of {numbered(path)} to {numbered(path, MOST_NUMBERS - 1)}")

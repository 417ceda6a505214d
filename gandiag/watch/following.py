"""One run as it grows: read and judged again whenever its directory has changed, whatever state that is in."""

from __future__ import annotations

import time
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

from gandiag.compare.rows import row_of
from gandiag.judge.diagnose import diagnose
from gandiag.rundir.ending import KILLED, ending
from gandiag.rundir.folder import Folder, RunError, meta_name
from gandiag.rundir.run import Run
from gandiag.wording import one_line, shown

if TYPE_CHECKING:
    from collections.abc import Iterator

    from gandiag.compare.rows import Row
    from gandiag.findings import Diagnosis, Finding
    from gandiag.judge.policy import Policy

    Stamp = tuple[tuple[Any, ...], ...]

CHANGED = ("mtime", "LastModified", "last_modified", "updated", "ETag", "created")
"""Where file systems say when a file was written, each under a name of its own."""
KINDS = ("", "scalars", "arrays", "samples")  # folders of a run directory
LEAST_REST, SHARE = 1.0, 0.1  # seconds between two looks, and of the time what reading and judging may take
LONGEST_REST = 60.0
MOST_ALERTS = 200


@dataclass(frozen=True)
class Alert:
    """A finding that was not there when the run was looked at before."""

    version: int
    severity: str
    text: str


@dataclass(frozen=True)
class View:
    """What is known of a run at one moment. `run` and its judgement are None until there is one that can be read.

    `state` is a sentence for the reader: that the training runs, how it ended, what is waited for, what is wrong.
    """

    version: int = 0
    state: str = "Not looked at yet."
    waiting: bool = True
    run: Run | None = None
    diagnosis: Diagnosis | None = None
    row: Row | None = None
    alerts: tuple[Alert, ...] = ()


class Followed:
    """A run directory, local or on any fsspec file system, that may not exist yet; `view` is what is known of it."""

    def __init__(self, path: str, policy: Policy) -> None:
        self.path, self.policy = path, policy
        self.folder = Folder(path)
        self.view = View(row=None)
        self._stamp: Stamp | None = None
        self._ending = ""
        self.rest_until = 0.0

    def look(self) -> bool:
        """Read and judge again if there is anything new; whether there was."""
        if time.monotonic() < self.rest_until:
            return False
        started, spent = time.monotonic(), time.thread_time()
        before = self.view
        try:
            self._look()
        except (RunError, OSError) as error:
            self._trouble(error)
        except Exception as error:  # noqa: BLE001 - the page goes on, and says so
            self._say(f"A fault of gandiag's own ({type(error).__name__}: {error}); the page tries again.")
        self.rest(time.thread_time() - spent, time.monotonic() - started)
        return self.view is not before

    def rest(self, spent: float, took: float = 0.0) -> None:
        """Have some time pass until the next look, as this one took so many seconds of a processor, and of time."""
        rest = min(max(LEAST_REST, spent / SHARE - spent, took), LONGEST_REST)
        self.rest_until = max(self.rest_until, time.monotonic()) + rest

    def _look(self) -> None:
        stamp = _stamp(self.folder)
        if self.view.run is not None and stamp == self._stamp and self._ending == str(ending(self.view.run.meta)):
            return
        if not any(entry[0] == meta_name(0) for entry in stamp):
            exists = self.folder.fs.exists(self.folder.root)
            what = "holds no run yet" if exists else "does not exist yet"
            self._say(f"{shown(self.path, 200)} {what}; as soon as a training records there, it is shown.")
            return
        run = Run.open(self.path)
        if ending(run.meta).status == KILLED and _stamp(self.folder) != stamp:  # it was closed while it was read
            run = Run.open(self.path)
        diagnosis = diagnose(run, policy=self.policy)
        self._stamp, self._ending = stamp, str(ending(run.meta))
        version = self.view.version + 1
        self.view = View(
            version=version,
            state=_state(run),
            waiting=not len(run.scalars),
            run=run,
            diagnosis=diagnosis,
            row=row_of(run, diagnosis),
            alerts=(*self.view.alerts, *_new(self.view, diagnosis, version))[-MOST_ALERTS:],
        )

    def _trouble(self, error: Exception) -> None:
        """What was seen last stays; the next look may succeed."""
        said = str(error) if isinstance(error, RunError) else f"{self.path}: {error}"
        self._say(f"Cannot be read at the moment: {one_line(said, 300)}.")

    def _say(self, state: str) -> None:
        if state != self.view.state:
            self.view = replace(self.view, version=self.view.version + 1, state=state)
        self._stamp = None


def _stamp(folder: Folder) -> Stamp:
    """The names, sizes and times of all files that a run consists of."""
    folder.fs.invalidate_cache()
    return tuple(sorted(entry for kind in KINDS for entry in _files(folder, kind)))


def _files(folder: Folder, kind: str) -> Iterator[tuple[Any, ...]]:
    place = folder.join(kind) if kind else folder.root
    try:
        entries = folder.fs.ls(place, detail=True)
    except (FileNotFoundError, NotADirectoryError):
        return
    for entry in entries:
        name = str(entry["name"]).rstrip("/").rpartition("/")[2]
        ours = kind or name == "run.json" or name.startswith(("rank", "events"))
        if ours and not name.endswith(".tmp") and entry.get("type") != "directory":
            told = tuple(str(entry[key]) for key in CHANGED if entry.get(key) is not None)
            yield (name, kind, str(entry.get("size")), *told)


def _state(run: Run) -> str:
    end = ending(run.meta)
    if end.status == "running":
        begun = "Training" if len(run.scalars) else "A training has begun; its first rows come within ten seconds"
        return f"{begun}." if end.over_or_alive else f"{begun}, as far as can be told: {end.reason}."
    reason = f": {one_line(str(end.reason), 200)}" if end.reason else ""
    return f"The training has ended ({end.status}{reason}); if it is resumed, this goes on."


def _new(view: View, diagnosis: Diagnosis, version: int) -> Iterator[Alert]:
    """What is found now and was not before; of a run that is looked at for the first time nothing is news."""
    if view.diagnosis is None or (view.run is not None and not len(view.run.scalars)):
        return
    for finding in diagnosis.findings:
        if not any(_same(finding, known) for known in view.diagnosis.findings):
            yield Alert(version, finding.severity, one_line(f"{finding.title} {finding.when}: {finding.summary}", 300))


def _same(finding: Finding, known: Finding) -> bool:
    alike = (finding.title, finding.severity) == (known.title, known.severity)
    return alike and finding.onset_step <= known.last_step and known.onset_step <= finding.last_step

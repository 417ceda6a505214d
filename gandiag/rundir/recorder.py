"""The write side: a run directory that is complete and readable at any moment."""

from __future__ import annotations

import json
import platform
import time
import uuid
from typing import TYPE_CHECKING, Any

import numpy as np

from gandiag.findings import json_ready
from gandiag.rundir.earlier import Earlier, numbered
from gandiag.rundir.ending import this_process
from gandiag.rundir.events import fewer_gaps
from gandiag.rundir.folder import SCHEMA, Folder, RunError, events_name, meta_name
from gandiag.rundir.parts import KINDS, STEP, Part, joined
from gandiag.rundir.reading import Segments
from gandiag.rundir.run import Run
from gandiag.rundir.storage import Storage

if TYPE_CHECKING:
    from collections.abc import Mapping
    from os import PathLike

    Columns = Mapping[str, np.ndarray]

FLUSH_SECONDS = 10.0  # at most this much is lost to kill -9
FLUSH_ROWS = 2000
KEPT_ROWS = 40_000  # held in memory while they cannot be written; beyond, the oldest are given up
KEPT_ARRAYS = 2000  # as KEPT_ROWS
MAX_BYTES = 1_000_000_000  # some 10 million steps of 20 signals; beyond, the oldest detail is thinned
LATE = "could not be written in time"
EXISTS = (
    '{root}: holds {what} already; choose another run_dir, have one chosen with exist_ok="number" ({next}), or '
    "continue the run with resume=True"
)


class Recorder:
    """Writes what one process contributes to the run directory `gandiag-run/1`.

    Scalars are buffered and written as immutable Parquet parts every 2,000 rows, or with the first rows that come
    half of `flush_seconds` after the last part: rows come at least every `flush_seconds`. Events go out at once.
    Rank 0 of a distributed training writes run.json, the others rank<r>.json: each knows its own segments and no
    two write one file. Not thread-safe: one thread writes.

    Raises RunError when the directory cannot be written, or holds a run already and `resume` is False.

    Attributes
    ----------
    folder : the run directory
    rank : of this process
    meta : fields of run.json as they will be written; changed by `write_meta` and `describe`
    losses : gaps and thinnings of this process, as in its events
    written : the last step of the scalars on disk
    """

    def __init__(  # noqa: PLR0913 - all but the first have defaults
        self,
        run_dir: str | PathLike[str],
        *,
        resume: bool = False,
        start_step: int | None = None,
        rank: int = 0,
        world_size: int = 1,
        flush_seconds: float = FLUSH_SECONDS,
        max_bytes: int | None = MAX_BYTES,
    ) -> None:
        self.folder = Folder(run_dir)
        self.rank, self.flush_seconds = rank, flush_seconds
        self.meta = self._open(resume, start_step, world_size)
        self.segment = self.meta["segments"][-1]
        self.losses: list[dict[str, Any]] = []
        segments = Segments({0: self.meta})
        limit = None if max_bytes is None else max_bytes // world_size
        self.storage = Storage(self.folder, rank, lambda segment: segments.end(0, segment), self.event, limit)
        if resume:
            self.storage.find()
        self._columns: list[Columns] = []
        self._rows = 0
        self._arrays: dict[str, list[tuple[int, np.ndarray]]] = {}
        self._gaps: dict[str, tuple[int, int]] = {}
        self._parts = dict.fromkeys(KINDS, 0)  # numbers of the next ones: a reader sees where one is missing
        self._reached = 0
        self._torn = resume  # the last line of the events may lack its end
        self._flushed = time.monotonic()
        self.written = self.start_step - 1
        self.write_meta()

    def _open(self, resume: bool, start_step: int | None, world_size: int) -> dict[str, Any]:
        self._before = earlier = Earlier(self.folder, self.rank)
        try:
            for name in (*KINDS, "samples"):
                self.folder.fs.makedirs(self.folder.join(name), exist_ok=True)
        except OSError as error:
            raise RunError(f"{self.folder.root}: cannot be written: {error.strerror or error}") from error
        if earlier.content is not None and not resume and not earlier.is_empty():
            what = f"run {earlier.meta().get('id')}" if self.rank == 0 else f"an earlier record of rank {self.rank}"
            raise RunError(EXISTS.format(root=self.folder.root, what=what, next=numbered(self.folder.path)))
        if earlier.content is not None and resume:
            meta = earlier.meta()
        else:
            earlier.clear()
            meta = _new_meta()
        segment = {
            "index": len(meta["segments"]),
            "start_step": start_step or self._next_step(meta, resume),
            "created": _now(),
            "world_size": world_size,
        }
        going = {"status": "running", "reason": None, **this_process()}
        return meta | going | {"segments": [*meta["segments"], segment]}

    def _next_step(self, meta: Mapping[str, Any], resume: bool) -> int:
        """The step after all that any rank recorded; every rank finds the same."""
        if not resume or not self.folder.fs.exists(self.folder.join(meta_name(0))):
            return 1
        run = Run.open(self.folder.path)
        starts: list[int] = [segment["start_step"] for m in (meta, run.meta) for segment in m["segments"]]
        return max([run.last_step + 1, *starts])

    def undo(self) -> None:
        """Leave the directory as it was before this recording, of which there is nothing yet."""
        self._before.restore()

    @property
    def start_step(self) -> int:
        """The first step of this recording."""
        return int(self.segment["start_step"])

    @property
    def segment_index(self) -> int:
        """How often the run was continued before; in events it tells which recording of a step is meant."""
        return int(self.segment["index"])

    def write_meta(self, **changes: Any) -> None:
        """Update fields of run.json, or of this rank's own file, and write it, whole or not at all."""
        self.meta |= changes
        content = json.dumps(json_ready(self.meta), indent=1, default=str).encode()
        self.folder.write(content, meta_name(self.rank))

    def describe(self, fields: Mapping[str, Any]) -> None:
        """As `write_meta`, and dictionaries are merged into what is there."""
        self.write_meta(**{k: self.meta.get(k, {}) | v if isinstance(v, dict) else v for k, v in fields.items()})

    def append(self, steps: np.ndarray, times: np.ndarray, columns: Columns) -> None:
        """Buffer k rows: `steps` int (k,), `times` float (k,) seconds since the epoch, columns float (k,)."""
        self._columns.append({"step": steps, "time": times, **columns})
        self._reached = int(steps[-1])
        self._rows += len(steps)
        if self._rows > KEPT_ROWS:
            self._give_up_oldest()
        if self._rows >= FLUSH_ROWS or time.monotonic() - self._flushed > self.flush_seconds / 2:
            self.flush()

    def _give_up_oldest(self) -> None:
        """Make room after writing has failed for long; what is lost is noted with the next part that is written."""
        lost, self._columns = self._columns[: len(self._columns) // 2], self._columns[len(self._columns) // 2 :]
        self._rows = sum(len(block["step"]) for block in self._columns)
        self._lose("scalars", int(lost[0]["step"][0]), int(lost[-1]["step"][-1]))

    def _lose(self, what: str, first: int, last: int) -> None:
        self._gaps[what] = (self._gaps.get(what, (first, last))[0], last)

    def array(self, name: str, step: int, values: np.ndarray) -> None:
        """Buffer one vector or matrix of a step; all of one name must have one shape."""
        kept = self._arrays.setdefault(name, [])
        kept.append((step, values))
        if len(kept) > KEPT_ARRAYS:
            lost, kept[:] = kept[: KEPT_ARRAYS // 2], kept[KEPT_ARRAYS // 2 :]
            self._lose("arrays", lost[0][0], lost[-1][0])

    def event(self, kind: str, **fields: Any) -> None:
        """Append one line to the events, at once."""
        content = {"kind": kind, "time": time.time(), **fields}
        if kind in ("gap", "thinned"):
            self.losses = fewer_gaps([*self.losses, content])
        if self._torn:
            self._cut_torn_line()
        line = json.dumps(json_ready(content), default=str) + "\n"
        self._torn = True
        with self.folder.fs.open(self.folder.join(events_name(self.rank)), "ab") as file:
            file.write(line.encode())
        self._torn = False
        self.meta["events"] = self.meta.get("events", 0) + 1  # run.json may tell of fewer, never of more

    def _cut_torn_line(self) -> None:
        """Remove what a write that failed or was killed left after the last whole line: no reader takes it for one."""
        name = events_name(self.rank)
        if self.folder.fs.exists(self.folder.join(name)):
            content = self.folder.read_bytes(name)
            if not content.endswith(b"\n"):
                self.folder.write(content[: content.rfind(b"\n") + 1], name)

    def gap(self, first: int, last: int, reason: str, what: str = "scalars") -> None:
        """Note that nothing was recorded of some steps."""
        self.event("gap", what=what, from_step=first, to_step=last, reason=reason, segment=self.segment_index)

    def sample(self, step: int, content: bytes, suffix: str) -> None:
        """Store one snapshot of generated samples, of step 0 real ones, encoded as .png or .npz."""
        self.storage.write_sample(step, content, suffix)

    def flush(self) -> None:
        """Write what is buffered as a new part."""
        self._flushed = time.monotonic()
        if self._columns:
            self._write("scalars", joined(self._columns))
            self.written = int(self._columns[-1]["step"][-1])
            self._columns, self._rows = [], 0
        if self._arrays:
            self._write("arrays", _stacked(self._arrays))
            self._arrays = {}
        self._tell_gaps()

    def _write(self, kind: str, content: Columns) -> None:
        number = self._parts[kind]
        self.storage.write(kind, Part(self.rank, self.segment_index, number, number, KINDS[kind]), content)
        self._parts[kind] = number + 1

    def give_up(self) -> None:
        """Put down as lost what flushing could not write."""
        if self._columns:
            self._lose("scalars", int(self._columns[0]["step"][0]), int(self._columns[-1]["step"][-1]))
        steps = [step for entries in self._arrays.values() for step, _ in entries]
        if steps:
            self._lose("arrays", min(steps), max(steps))
        self._columns, self._rows, self._arrays = [], 0, {}
        self._tell_gaps()

    def _tell_gaps(self) -> None:
        for what in list(self._gaps):
            self.gap(*self._gaps.pop(what), LATE, what)

    def tidy(self) -> None:
        """Keep what is on disk few in files, and small: to `max_bytes`."""
        self.storage.tidy()

    def close(self, status: str = "closed", reason: str | None = None, **fields: Any) -> None:
        """Flush, merge parts, and record how the run ended, with other fields of run.json, whatever else fails."""
        try:
            self.flush()
            self.storage.merge()
            self.tidy()
        finally:
            try:
                self.give_up()
            finally:
                self.segment["last_step"] = self._reached
                self.write_meta(status=status, reason=reason, closed=_now(), **fields)


def _new_meta() -> dict[str, Any]:
    from gandiag import __version__

    versions = {"gandiag": __version__, "python": platform.python_version(), "numpy": np.__version__}
    return {
        "schema": SCHEMA,
        "id": uuid.uuid4().hex[:12],
        "created": _now(),
        "versions": versions,
        "hyperparameters": {},
        "roles": {},
        "loss_family": {"name": "unknown", "source": "not inferred"},
        "attribution": {},
        "segments": [],
        "faults": [],
        "checksums": True,  # in every part of scalars
    }


def _now() -> str:
    return time.strftime("%Y-%m-%dT%H:%M:%S%z")


def _stacked(arrays: Mapping[str, list[tuple[int, np.ndarray]]]) -> dict[str, np.ndarray]:
    content = {}
    for name, entries in arrays.items():
        content[name + STEP] = np.array([step for step, _ in entries])
        content[name] = np.stack([values for _, values in entries])
    return content

"""The write side: a run directory that is complete and readable at any moment."""

from __future__ import annotations

import io
import json
import os
import platform
import time
import uuid
from typing import TYPE_CHECKING, Any

import numpy as np

from gandiag.findings import json_ready
from gandiag.run import SCHEMA, Folder, Run, RunError

if TYPE_CHECKING:
    from collections.abc import Mapping
    from os import PathLike

    Columns = Mapping[str, np.ndarray]

FLUSH_SECONDS = 10.0  # at most this much is lost to kill -9
FLUSH_ROWS = 2000
KEPT_ROWS = 40_000  # held in memory while they cannot be written; beyond, the oldest are given up


class Recorder:
    """Writes the run directory `gandiag-run/1`.

    Scalars are buffered and written as immutable Parquet parts every 2,000 rows, or with the first rows that come
    half of `flush_seconds` after the last part: rows come at least every `flush_seconds`. Events go out at once.
    Not thread-safe: one thread writes.

    Raises RunError when the directory cannot be written, or holds a run already and `resume` is False.
    """

    def __init__(
        self,
        run_dir: str | PathLike[str],
        *,
        resume: bool = False,
        start_step: int | None = None,
        rank: int = 0,
        flush_seconds: float = FLUSH_SECONDS,
    ) -> None:
        self.folder = Folder(run_dir)
        self.rank, self.flush_seconds = rank, flush_seconds
        self.meta = self._open(resume, start_step)
        self.segment = self.meta["segments"][-1]
        self._columns: list[Columns] = []
        self._rows = 0
        self._arrays: dict[str, list[tuple[int, np.ndarray]]] = {}
        self._gap: tuple[int, int] | None = None
        self._part = 0
        self._flushed = time.monotonic()
        self.write_meta()

    def _open(self, resume: bool, start_step: int | None) -> dict[str, Any]:
        try:
            for name in ("scalars", "arrays", "samples"):
                self.folder.fs.makedirs(self.folder.join(name), exist_ok=True)
        except OSError as error:
            raise RunError(f"{self.folder.root}: cannot be written: {error.strerror or error}") from error
        if not self.folder.fs.exists(self.folder.join("run.json")):
            return _new_meta(start_step or 1)
        meta = self.folder.read_meta()
        if not resume:
            raise RunError(
                f"{self.folder.root}: holds run {meta.get('id')} already; "
                "choose another run_dir or continue it with resume=True"
            )
        after = max((s["start_step"] for s in meta["segments"]), default=1)
        if start_step is None:
            start_step = max(Run.open(self.folder.path).last_step + 1, after)
        segment = {"index": len(meta["segments"]), "start_step": start_step, "created": _now()}
        return meta | {"status": "running", "reason": None, "segments": [*meta["segments"], segment]}

    def write_meta(self, **changes: Any) -> None:
        """Update fields of run.json and write it, whole or not at all."""
        self.meta |= changes
        self.folder.write(json.dumps(json_ready(self.meta), indent=1, default=str).encode(), "run.json")

    def append(self, steps: np.ndarray, times: np.ndarray, columns: Columns) -> None:
        """Buffer k rows: `steps` int (k,), `times` float (k,) seconds since the epoch, columns float (k,)."""
        self._columns.append({"step": steps, "time": times, **columns})
        self._rows += len(steps)
        if self._rows > KEPT_ROWS:
            self._give_up_oldest()
        if self._rows >= FLUSH_ROWS or time.monotonic() - self._flushed > self.flush_seconds / 2:
            self.flush()

    def _give_up_oldest(self) -> None:
        """Make room after writing has failed for long; what is lost is noted with the next part that is written."""
        lost, self._columns = self._columns[: len(self._columns) // 2], self._columns[len(self._columns) // 2 :]
        self._rows = sum(len(block["step"]) for block in self._columns)
        first = self._gap[0] if self._gap else int(lost[0]["step"][0])
        self._gap = (first, int(lost[-1]["step"][-1]))

    def array(self, name: str, step: int, values: np.ndarray) -> None:
        """Buffer one vector or matrix of a step; all of one name must have one shape."""
        self._arrays.setdefault(name, []).append((step, values))

    def event(self, kind: str, **fields: Any) -> None:
        """Append one line to events.jsonl, at once."""
        content = json_ready({"kind": kind, "time": time.time(), **fields})
        line = json.dumps(content, default=str) + "\n"
        with self.folder.fs.open(self.folder.join("events.jsonl"), "ab") as file:
            file.write(line.encode())

    def sample(self, step: int, content: bytes, suffix: str) -> None:
        """Store one snapshot of generated samples, encoded as .png or .npz."""
        self.folder.write(content, "samples", f"step-{step:08d}{suffix}")

    def flush(self) -> None:
        """Write what is buffered as a new part."""
        self._flushed = time.monotonic()
        if self._columns:
            self.folder.write(_parquet(_concat(self._columns)), "scalars", self._name("parquet"))
            self._columns, self._rows = [], 0
        if self._gap:
            self.event("gap", from_step=self._gap[0], to_step=self._gap[1], reason="could not be written in time")
            self._gap = None
        if self._arrays:
            self.folder.write(_npz(self._arrays), "arrays", self._name("npz"))
            self._arrays = {}
        self._part += 1

    def _name(self, suffix: str) -> str:
        return f"rank{self.rank}-s{self.segment['index']:03d}-{self._part:06d}.{suffix}"

    def close(self, status: str = "closed", reason: str | None = None) -> None:
        """Flush, merge this segment's parts into one, and record how the run ended."""
        self.flush()
        self._merge("scalars", "parquet", _merged_parquet)
        self._merge("arrays", "npz", _merged_npz)
        self.write_meta(status=status, reason=reason, closed=_now())

    def _merge(self, kind: str, suffix: str, merged: Any) -> None:
        prefix = f"rank{self.rank}-s{self.segment['index']:03d}-"
        parts = [n for n in self.folder.names(kind) if n.startswith(prefix) and n.endswith(suffix)]
        if len(parts) < 2:
            return
        # the new part sorts last and holds the same rows: readers see no difference if we die before the removal
        content = merged([self.folder.read_bytes(kind, n) for n in parts])
        self.folder.write(content, kind, self._name(suffix))
        for name in parts:
            self.folder.fs.rm_file(self.folder.join(kind, name))


def _new_meta(start_step: int) -> dict[str, Any]:
    from gandiag import __version__

    versions = {"gandiag": __version__, "python": platform.python_version(), "numpy": np.__version__}
    return {
        "schema": SCHEMA,
        "id": uuid.uuid4().hex[:12],
        "created": _now(),
        "status": "running",
        "reason": None,
        "pid": os.getpid(),
        "versions": versions,
        "hyperparameters": {},
        "roles": {},
        "loss_family": {"name": "unknown", "source": "not inferred"},
        "attribution": {},
        "segments": [{"index": 0, "start_step": start_step, "created": _now()}],
        "faults": [],
    }


def _now() -> str:
    return time.strftime("%Y-%m-%dT%H:%M:%S%z")


def _concat(blocks: list[Columns]) -> dict[str, np.ndarray]:
    """Blocks with different columns stacked; a column that a block lacks is NaN there, masked in Parquet."""
    names = dict.fromkeys(name for block in blocks for name in block)
    if all(len(block) == len(names) for block in blocks):
        return {name: np.concatenate([block[name] for block in blocks]) for name in names}
    sizes = [len(block["step"]) for block in blocks]
    blank = {size: np.full(size, np.nan) for size in set(sizes)}
    return {
        name: np.concatenate([block.get(name, blank[size]) for block, size in zip(blocks, sizes, strict=True)])
        for name in names
    }


def _parquet(columns: Columns) -> bytes:
    import pyarrow as pa
    import pyarrow.parquet as pq

    arrays = {name: pa.array(values, from_pandas=True) for name, values in columns.items()}
    sink = io.BytesIO()
    pq.write_table(pa.table(arrays), sink, compression="zstd")
    return sink.getvalue()


def _merged_parquet(parts: list[bytes]) -> bytes:
    import pyarrow as pa
    import pyarrow.parquet as pq

    tables = [pq.read_table(io.BytesIO(part)) for part in parts]
    sink = io.BytesIO()
    pq.write_table(pa.concat_tables(tables, promote_options="default"), sink, compression="zstd")
    return sink.getvalue()


def _npz(arrays: Mapping[str, list[tuple[int, np.ndarray]]]) -> bytes:
    sink = io.BytesIO()
    content = {}
    for name, entries in arrays.items():
        content[f"{name}:step"] = np.array([step for step, _ in entries])
        content[name] = np.stack([values for _, values in entries])
    np.savez_compressed(sink, allow_pickle=False, **content)
    return sink.getvalue()


def _merged_npz(parts: list[bytes]) -> bytes:
    loaded = [dict(np.load(io.BytesIO(part))) for part in parts]
    names = dict.fromkeys(name for part in loaded for name in part)
    merged = {name: np.concatenate([part[name] for part in loaded if name in part]) for name in names}
    sink = io.BytesIO()
    np.savez_compressed(sink, allow_pickle=False, **merged)
    return sink.getvalue()

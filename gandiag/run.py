"""The read side: a `Run` is what one training recorded, from a directory or from memory."""

from __future__ import annotations

import json
import re
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping
    from os import PathLike

    import numpy as np
    import pandas as pd
    import pyarrow as pa
    from fsspec import AbstractFileSystem

SCHEMA = "gandiag-run/1"
PART_NAME = re.compile(r"rank(?P<rank>\d+)-s(?P<segment>\d+)-(?P<part>\d+)\.(parquet|npz)$")
SAMPLE_NAME = re.compile(r"step-(?P<step>\d+)\.(png|npz)$")
STATUSES = ("running", "closed", "crashed")


class RunError(ValueError):
    """A run directory that cannot be read or written: the message names the file and what is wrong."""


@dataclass(frozen=True)
class Sample:
    """One snapshot of generated samples: `kind` is "image" (a PNG grid) or "points" (an .npz)."""

    step: int
    kind: str
    path: str


@dataclass(frozen=True)
class Run:
    """Everything recorded of one training.

    `scalars` has one row per step (a generator update, from 1) and one float column per signal, NaN where a
    signal was not recorded. `time` holds the wall clock in seconds since the epoch by the same index.
    `arrays` maps a name to (steps, values) with values of shape (len(steps), ...). `meta` is run.json.
    """

    scalars: pd.DataFrame
    meta: Mapping[str, Any] = field(default_factory=dict)
    time: pd.Series | None = None
    arrays: Mapping[str, tuple[np.ndarray, np.ndarray]] = field(default_factory=dict)
    events: tuple[Mapping[str, Any], ...] = ()
    samples: tuple[Sample, ...] = ()
    path: str = ""
    memo: dict[Any, Any] = field(default_factory=dict, init=False, compare=False, repr=False)
    """What was worked out from this run once and is asked for again; see `gandiag.detectors.windows.remembered`."""

    @classmethod
    def open(cls, path: str | PathLike[str]) -> Run:
        """Read a run directory, of a running, closed or killed training, on any fsspec file system.

        Raises RunError naming the file when the directory holds no run or is damaged. Files under a
        temporary name and a torn last line, which a killed process may leave, are ignored.
        """
        folder = Folder(path)
        meta = folder.read_meta()
        starts = {s["index"]: s["start_step"] for s in meta["segments"]}
        scalars = _read_scalars(folder, starts)
        return cls(
            scalars=scalars.drop(columns="time"),
            time=scalars["time"],
            meta=meta,
            arrays=_read_arrays(folder, starts),
            events=tuple(folder.read_events()),
            samples=tuple(_samples(folder)),
            path=str(path),
        )

    @property
    def last_step(self) -> int:
        """Last recorded step, 0 for an empty run."""
        return int(self.scalars.index[-1]) if len(self.scalars) else 0

    @property
    def loss_family(self) -> str:
        """Loss family as given or inferred, "unknown" when neither."""
        return str(self.meta.get("loss_family", {}).get("name", "unknown"))

    def series(self, name: str) -> pd.Series:
        """The recorded values of one signal, without the steps at which it was not recorded."""
        if name not in self.scalars:
            import pandas as pd

            return pd.Series(dtype="float64", name=name, index=self.scalars.index[:0])
        return self.scalars[name].dropna()

    def until(self, step: int) -> Run:
        """The run as it was recorded up to and including `step`."""
        arrays = {k: (s[s <= step], v[s <= step]) for k, (s, v) in self.arrays.items()}
        samples = tuple(s for s in self.samples if s.step <= step)
        time = None if self.time is None else self.time.loc[:step]
        scalars = self.scalars.loc[:step]
        events = tuple(e for e in self.events if e.get("from_step", e.get("step", 0)) <= step)
        return replace(self, scalars=scalars, time=time, arrays=arrays, samples=samples, events=events)


class Folder:
    """The files of one run directory, through fsspec: the same for a local folder, s3:// or gs://."""

    def __init__(self, path: str | PathLike[str]) -> None:
        import fsspec

        self.fs: AbstractFileSystem
        self.path = str(path)
        try:
            self.fs, self.root = fsspec.core.url_to_fs(str(path))
        except (ValueError, ImportError) as error:
            raise RunError(f"{path}: not a path that can be opened: {error}") from error
        self.root = self.root.rstrip("/")

    def join(self, *names: str) -> str:
        return "/".join((self.root, *names))

    def names(self, folder: str) -> list[str]:
        """Sorted file names in a subfolder, without temporary ones; none when there is no such folder."""
        if not self.fs.isdir(self.join(folder)):
            return []
        paths = self.fs.ls(self.join(folder), detail=False)
        return sorted(name for p in paths if not (name := p.rsplit("/", 1)[-1]).endswith(".tmp"))

    def read_bytes(self, *names: str) -> bytes:
        with self.fs.open(self.join(*names), "rb") as file:
            content: bytes = file.read()
        return content

    def write(self, content: bytes, *names: str) -> None:
        """Write a file whole or not at all: under a temporary name first, then renamed."""
        target = self.join(*names)
        with self.fs.open(target + ".tmp", "wb") as file:
            file.write(content)
        self.fs.mv(target + ".tmp", target)

    def read_meta(self) -> dict[str, Any]:
        """The checked content of run.json."""
        if not self.fs.exists(self.root):
            raise RunError(f"{self.root}: no such run directory")
        if not self.fs.exists(self.join("run.json")):
            raise RunError(f"{self.root}: no run.json in it, so it is not a gandiag run directory")
        place = self.join("run.json")
        try:
            meta = json.loads(self.read_bytes("run.json").decode())
        except UnicodeDecodeError as error:
            raise RunError(f"{place}: not valid UTF-8 text: {error}") from error
        except json.JSONDecodeError as error:
            raise RunError(f"{place}: line {error.lineno}, column {error.colno}: {error.msg}") from error
        _check_meta(meta, place)
        return dict(meta)

    def read_events(self) -> Iterator[dict[str, Any]]:
        """The lines of events.jsonl; a torn last line is left out."""
        if not self.fs.exists(self.join("events.jsonl")):
            return
        lines = self.read_bytes("events.jsonl").split(b"\n")
        for number, line in enumerate(lines, start=1):
            if not line.strip():
                continue
            try:
                event = json.loads(line)
                if not isinstance(event, dict):
                    raise ValueError(f"expected an object, found {type(event).__name__}")  # noqa: TRY004, TRY301
            except ValueError as error:
                if number == len(lines):  # the writer ends each line: no newline, a torn write
                    return
                raise RunError(f"{self.join('events.jsonl')}: line {number}: {error}") from error
            yield event


def _check_meta(meta: Any, place: str) -> None:
    if not isinstance(meta, dict):
        raise RunError(f"{place}: expected an object, found {type(meta).__name__}")
    if meta.get("schema") != SCHEMA:
        raise RunError(f"{place}: schema is {meta.get('schema')!r}, this gandiag reads {SCHEMA!r}")
    if meta.get("status") not in STATUSES:
        raise RunError(f"{place}: status is {meta.get('status')!r}, expected one of {', '.join(STATUSES)}")
    kinds = {"segments": list, "versions": dict, "roles": dict, "loss_family": dict, "attribution": dict}
    for key, kind in {**kinds, "hyperparameters": dict, "faults": list}.items():
        if not isinstance(meta.get(key), kind):
            found = type(meta[key]).__name__ if key in meta else "nothing"
            raise RunError(f"{place}: {key} must be {kind.__name__}, found {found}")
    for segment in meta["segments"]:
        if not isinstance(segment, dict) or not all(isinstance(segment.get(k), int) for k in ("index", "start_step")):
            raise RunError(f"{place}: segments: each needs whole numbers index and start_step, found {segment}")


def _kept(folder: Folder, kind: str, starts: Mapping[int, int]) -> Iterator[tuple[str, int, float]]:
    """(file name, rank, first step that a later segment re-did) of each part, in the order written."""
    for name in folder.names(kind):
        if match := PART_NAME.match(name):
            later = [start for index, start in starts.items() if index > int(match["segment"])]
            yield name, int(match["rank"]), min(later, default=float("inf"))


def _read_scalars(folder: Folder, starts: Mapping[int, int]) -> pd.DataFrame:
    """One row per step: later segments supersede earlier ones, ranks are averaged."""
    import pandas as pd

    ranks: dict[int, list[pa.Table]] = {}
    for name, rank, end in _kept(folder, "scalars", starts):
        table = _read_part(folder, name)
        ranks.setdefault(rank, []).append(table if end == float("inf") else _before(table, int(end)))
    frames = [_frame(tables) for tables in ranks.values()]
    if not frames:
        return pd.DataFrame({"time": pd.Series(dtype="float64")}, index=pd.Index([], dtype="int64", name="step"))
    return frames[0] if len(frames) == 1 else pd.concat(frames).groupby(level=0).mean()


def _read_part(folder: Folder, name: str) -> pa.Table:
    import pyarrow as pa
    import pyarrow.parquet as pq

    place = folder.join("scalars", name)
    try:
        with folder.fs.open(place, "rb") as file:
            table = pq.read_table(file)
    except (pa.ArrowException, OSError, ValueError) as error:
        raise RunError(f"{place}: not a readable Parquet file: {str(error).splitlines()[0]}") from error
    if table.schema.names[:2] != ["step", "time"]:
        raise RunError(f"{place}: expected columns step and time first, found {table.schema.names[:2]}")
    return table


def _before(table: pa.Table, step: int) -> pa.Table:
    import pyarrow.compute as pc

    return table.filter(pc.less(table["step"], step))


def _frame(tables: list[pa.Table]) -> pd.DataFrame:
    import pyarrow as pa

    frame: pd.DataFrame = pa.concat_tables(tables, promote_options="default").to_pandas().set_index("step")
    if not frame.index.is_unique:  # a row written in two parts: the later value of each signal counts
        frame = frame.groupby(level=0).last()
    return frame if frame.index.is_monotonic_increasing else frame.sort_index()


def _read_arrays(folder: Folder, starts: Mapping[int, int]) -> dict[str, tuple[np.ndarray, np.ndarray]]:
    import zipfile

    import numpy as np

    parts: dict[str, list[tuple[np.ndarray, np.ndarray]]] = {}
    for name, _, end in _kept(folder, "arrays", starts):
        place = folder.join("arrays", name)
        try:
            with folder.fs.open(place, "rb") as file, np.load(file) as data:
                for key in (k for k in data.files if not k.endswith(":step")):
                    steps, values = data[f"{key}:step"], data[key]
                    parts.setdefault(key, []).append((steps[steps < end], values[steps < end]))
        except (OSError, ValueError, KeyError, EOFError, zipfile.BadZipFile) as error:
            raise RunError(f"{place}: not a readable .npz of arrays by step: {error}") from error
    return {
        key: (np.concatenate([s for s, _ in found]), np.concatenate([v for _, v in found]))
        for key, found in parts.items()
    }


def _samples(folder: Folder) -> Iterator[Sample]:
    for name in folder.names("samples"):
        if match := SAMPLE_NAME.match(name):
            kind = "image" if name.endswith(".png") else "points"
            yield Sample(int(match["step"]), kind, folder.join("samples", name))

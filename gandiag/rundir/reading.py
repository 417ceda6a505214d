"""From the files of a run directory to rows, arrays and events: which of them count, and what is damaged."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any, TypeVar

import numpy as np

from gandiag.rundir.events import EVALUATION, STOP
from gandiag.rundir.folder import RunError
from gandiag.rundir.parts import STEP, read_table, split_replaced

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping

    import pandas as pd
    import pyarrow as pa

    from gandiag.rundir.folder import Folder
    from gandiag.rundir.parts import Part

T = TypeVar("T")

ATTEMPTS = 5  # at files that a recording process may be merging while they are read
_RANK_META = re.compile(r"rank(\d+)\.json$")


class Segments:
    """Which recorded steps count: those that no later segment did again, of ranks that took part then."""

    def __init__(self, metas: Mapping[int, Mapping[str, Any]]) -> None:
        self._starts = {r: {s["index"]: s["start_step"] for s in meta["segments"]} for r, meta in metas.items()}
        self._worlds = {s["index"]: s.get("world_size") for s in metas[0]["segments"]}

    def end(self, rank: int, segment: int) -> float:
        """The first step that a later segment of this rank did again, infinite when none did."""
        later = [start for index, start in self._starts.get(rank, {}).items() if index > segment]
        return min(later, default=float("inf"))

    def count(self, steps: np.ndarray, rank: int, segment: int) -> np.ndarray:
        """Whether each of (n,) steps of a rank's segment counts, bool (n,)."""
        counting: np.ndarray = steps < self.end(rank, segment)
        for index, world_size in self._worlds.items():
            if world_size is not None and rank >= world_size:
                inside = (steps >= self._starts[0][index]) & (steps < self.end(0, index))
                counting &= ~inside
        return counting


def read_metas(folder: Folder) -> dict[int, dict[str, Any]]:
    """run.json and the files of the other ranks, by rank."""
    metas = {0: folder.read_meta()}
    ranks = [int(match[1]) for name in folder.names() if (match := _RANK_META.match(name))]
    return metas | {rank: folder.read_meta(rank) for rank in sorted(ranks) if rank > 0}


def read_scalars(folder: Folder, segments: Segments) -> dict[int, pd.DataFrame]:
    """For each rank that recorded any: one row per step, float columns, `time` among them."""
    return steadily(folder, lambda: _scalars(folder, segments))


def read_arrays(folder: Folder, segments: Segments) -> dict[str, tuple[np.ndarray, np.ndarray]]:
    """Steps (n,) and values (n, ...) by name, each from the lowest rank that recorded it."""
    return steadily(folder, lambda: _arrays(folder, segments))


def read_events(folder: Folder, metas: Mapping[int, Any], segments: Segments) -> Iterator[dict[str, Any]]:
    """The events of all ranks; what a later segment did again is cut from gaps, thinnings, evaluations and stops."""
    for rank in metas:
        for event in folder.read_events(rank):
            end = segments.end(rank, event["segment"]) if isinstance(event.get("segment"), int) else float("inf")
            if "from_step" in event and end <= event["to_step"]:
                if event["from_step"] >= end:
                    continue
                event["to_step"] = int(end) - 1
            if event.get("kind") in (EVALUATION, STOP) and event["step"] >= end:
                continue
            yield event | ({"rank": rank} if rank else {})


def steadily(folder: Folder, read: Callable[[], T]) -> T:
    """What `read` gives, tried again when a file vanishes under it: the recording process merges parts."""
    for _ in range(ATTEMPTS - 1):
        try:
            return read()
        except FileNotFoundError:
            folder.fs.invalidate_cache()
    try:
        return read()
    except FileNotFoundError as error:
        raise RunError(f"{folder.root}: {error.filename or error} vanished while it was read") from error


def _scalars(folder: Folder, segments: Segments) -> dict[int, pd.DataFrame]:
    ranks: dict[int, list[pa.Table]] = {}
    for part in split_replaced(folder.names("scalars"))[0]:
        if part.suffix == "parquet":
            ranks.setdefault(part.rank, []).append(_counting(_table(folder, part), part, segments))
    return {rank: _frame(tables) for rank, tables in sorted(ranks.items())}


def _table(folder: Folder, part: Part) -> pa.Table:
    import pyarrow as pa

    place = folder.join("scalars", part.name)
    try:
        with folder.fs.open(place, "rb") as file:
            table = read_table(file)
    except FileNotFoundError:
        raise
    except (pa.ArrowException, OSError, ValueError) as error:
        raise RunError(f"{place}: not a readable Parquet file: {str(error).splitlines()[0]}") from error
    if table.schema.names[:2] != ["step", "time"]:
        raise RunError(f"{place}: expected columns step and time first, found {table.schema.names[:2]}")
    return table


def _counting(table: pa.Table, part: Part, segments: Segments) -> pa.Table:
    import pyarrow as pa

    counting = segments.count(table["step"].to_numpy(), part.rank, part.segment)
    return table if counting.all() else table.filter(pa.array(counting))


def _frame(tables: list[pa.Table]) -> pd.DataFrame:
    import pyarrow as pa

    frame: pd.DataFrame = pa.concat_tables(tables, promote_options="default").to_pandas().set_index("step")
    if not frame.index.is_unique:  # a row written in two parts: the later value of each signal counts
        frame = frame.groupby(level=0).last()
    return frame if frame.index.is_monotonic_increasing else frame.sort_index()


def _arrays(folder: Folder, segments: Segments) -> dict[str, tuple[np.ndarray, np.ndarray]]:
    import zipfile

    found: dict[str, dict[int, list[tuple[np.ndarray, np.ndarray]]]] = {}
    for part in split_replaced(folder.names("arrays"))[0]:
        place = folder.join("arrays", part.name)
        try:
            with folder.fs.open(place, "rb") as file, np.load(file) as data:
                for name in (n for n in data.files if not n.endswith(STEP)):
                    steps, values = data[name + STEP], data[name]
                    counting = segments.count(steps, part.rank, part.segment)
                    found.setdefault(name, {}).setdefault(part.rank, []).append((steps[counting], values[counting]))
        except FileNotFoundError:
            raise
        except (OSError, ValueError, KeyError, EOFError, zipfile.BadZipFile) as error:
            raise RunError(f"{place}: not a readable .npz of arrays by step: {error}") from error
    return {name: _stacked(ranks[min(ranks)]) for name, ranks in found.items()}


def _stacked(pieces: list[tuple[np.ndarray, np.ndarray]]) -> tuple[np.ndarray, np.ndarray]:
    return np.concatenate([s for s, _ in pieces]), np.concatenate([v for _, v in pieces])

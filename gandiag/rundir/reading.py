"""From the files of a run directory to rows, arrays and events: which of them count, and what is damaged."""

from __future__ import annotations

import io
import re
from typing import TYPE_CHECKING, Any, TypeVar

import numpy as np

from gandiag.files import UnreadableError, told
from gandiag.rundir.events import EVALUATION, STOP
from gandiag.rundir.folder import RunError, events_name, meta_name
from gandiag.rundir.parts import KINDS, MAX_LOADED, STEP, Extent, decode, decode_arrays, joined, split_replaced

if TYPE_CHECKING:
    from collections.abc import Callable, Container, Iterable, Iterator, Mapping

    import pandas as pd

    from gandiag.rundir.folder import Folder
    from gandiag.rundir.parts import Part

T = TypeVar("T")

LEAST_LOADED = 128 * 2**20  # bytes that the parts of one kind may take once loaded, however few they are on disk
MOST_EXPANSION = 30  # bytes once loaded for each byte on disk: 1.5 of a usual run
ATTEMPTS = 5  # at files that a recording process may be merging while they are read
_RANK_META = re.compile(r"rank(\d+)\.json$")


class Segments:
    """Which recorded steps count: those that no later segment did again, of ranks that took part then."""

    def __init__(self, metas: Mapping[int, Mapping[str, Any]]) -> None:
        self._starts = {r: {s["index"]: s["start_step"] for s in meta["segments"]} for r, meta in metas.items()}
        self._checked = {rank for rank, meta in metas.items() if meta.get("checksums") is True}
        self._worlds = {s["index"]: s.get("world_size") for s in metas[0]["segments"]}

    def knows(self, part: Part) -> bool:
        """Whether a part belongs to a recording that run.json, or its rank's file, tells of."""
        return part.segment in self._starts.get(part.rank, {})

    def checked(self, part: Part) -> bool:
        """Whether all parts of this rank were written with a checksum."""
        return part.rank in self._checked

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


def read_scalars(
    folder: Folder, segments: Segments, signals: Container[str] | None = None
) -> tuple[dict[int, pd.DataFrame], list[str]]:
    """For each rank that recorded any, one row per step, float columns, `time` among them; and what is damaged.

    Of `signals` only these are read.

    Raises RunError when there are parts and none of them can be read.
    """
    found, damage = steadily(folder, lambda: _parts(folder, "scalars", segments, signals))
    _check_room(folder, [columns for _, columns in found])
    if damage and not found:
        raise RunError(folder.join(damage[0]))
    ranks: dict[int, list[dict[str, np.ndarray]]] = {}
    for part, columns in found:
        counting = segments.count(columns["step"], part.rank, part.segment)
        ranks.setdefault(part.rank, []).append({name: values[counting] for name, values in columns.items()})
    return {rank: _frame(blocks) for rank, blocks in sorted(ranks.items())}, damage


def read_arrays(folder: Folder, segments: Segments) -> tuple[dict[str, tuple[np.ndarray, np.ndarray]], list[str]]:
    """Steps (n,) and values (n, ...) by name, each from the lowest rank that recorded it; and what is damaged."""
    found, damage = steadily(folder, lambda: _parts(folder, "arrays", segments))
    pieces: dict[str, dict[int, list[tuple[np.ndarray, np.ndarray]]]] = {}
    for part, arrays in found:
        for name in (n for n in arrays if not n.endswith(STEP)):
            counting = segments.count(arrays[name + STEP], part.rank, part.segment)
            values = arrays[name][counting]
            kept = pieces.setdefault(name, {}).setdefault(part.rank, [])
            if kept and kept[0][1].shape[1:] != values.shape[1:]:
                damage.append(f"arrays/{part.name}: {name} has another shape than in earlier parts")
            else:
                kept.append((arrays[name + STEP][counting], values))
    return {name: _stacked(ranks[min(ranks)]) for name, ranks in pieces.items()}, damage


def read_events(
    folder: Folder, metas: Mapping[int, Any], segments: Segments
) -> tuple[tuple[dict[str, Any], ...], list[str]]:
    """The events of all ranks, without what a later segment did again; and what is damaged."""
    events: list[dict[str, Any]] = []
    damage: list[str] = []
    for rank in metas:
        found, bad = folder.read_events(rank)
        events += _counting_events(found, rank, segments)
        damage += bad
        if len(found) < (written := metas[rank].get("events", 0)) and not bad:
            damage.append(f"{events_name(rank)}: holds {len(found):,} of {written:,} events")
    return tuple(events), damage


def _counting_events(events: Iterable[dict[str, Any]], rank: int, segments: Segments) -> Iterator[dict[str, Any]]:
    """What a later segment did again is cut from gaps, thinnings, evaluations and stops."""
    for event in events:
        end = segments.end(rank, event["segment"]) if "segment" in event else float("inf")
        if "from_step" in event and "to_step" in event and end <= event["to_step"]:
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


def _parts(
    folder: Folder, kind: str, segments: Segments, signals: Container[str] | None = None
) -> tuple[list[tuple[Part, dict[str, np.ndarray]]], list[str]]:
    """What the parts of one kind hold, in the order written; and a sentence for each that cannot be read whole.

    All together may take what `_room` gives.
    """
    sizes = folder.sizes(kind)
    left = _room(sizes)
    found: list[tuple[Part, dict[str, np.ndarray]]] = []
    damage: list[str] = []
    kept, replaced = split_replaced(sizes)
    for part in kept:
        if part.suffix != KINDS[kind]:
            continue
        if not segments.knows(part):
            damage.append(f"{kind}/{part.name}: of a recording that {meta_name(part.rank)} does not tell of")
            continue
        try:
            content = folder.read_bytes(kind, part.name, most=MAX_LOADED)
            notes: list[str] = []
            if kind == "scalars":
                columns, notes = decode(content, min(left, MAX_LOADED), checked=segments.checked(part), signals=signals)
            else:
                columns = decode_arrays(content, min(left, MAX_LOADED))
        except UnreadableError as error:
            notes = [str(error)]
        else:
            left -= sum(values.nbytes for values in columns.values())
            found.append((part, columns))
            notes += [
                f"does not hold what {p.name} does" for p in replaced if not _holds(folder, kind, columns, part, p)
            ]
        damage += [f"{kind}/{part.name}: {note}" for note in notes]
    return found, damage


def _holds(folder: Folder, kind: str, columns: dict[str, np.ndarray], part: Part, other: Part) -> bool:
    """Whether a part spans the steps of another one, if it is to replace that."""
    if not part.replaces(other):
        return True
    whole = Extent.of(columns, part.suffix)
    try:
        with told("cannot be read"):
            extent = Extent.read(io.BytesIO(folder.read_bytes(kind, other.name, most=MAX_LOADED)), other.suffix)
    except (UnreadableError, FileNotFoundError):  # it was replaced, and is gone or damaged
        return True
    return extent.rows == 0 or whole.first_step <= extent.first_step <= extent.last_step <= whole.last_step


def _check_room(folder: Folder, blocks: list[dict[str, np.ndarray]]) -> None:
    """Raise RunError when parts with ever other columns would make too large a table."""
    names = {name for columns in blocks for name in columns}
    rows = sum(len(columns["step"]) for columns in blocks)
    if 8 * rows * len(names) > _room(folder.sizes("scalars")):
        raise RunError(f"{folder.join('scalars')}: {rows:,} rows of {len(names):,} columns take more than they may")


def _room(sizes: Mapping[str, int]) -> int:
    """Bytes that parts of these sizes on disk may take once they are loaded."""
    return max(LEAST_LOADED, MOST_EXPANSION * sum(sizes.values()))


def _frame(blocks: list[dict[str, np.ndarray]]) -> pd.DataFrame:
    import pandas as pd

    columns = joined(blocks)
    steps = columns["step"]
    if (np.diff(steps) <= 0).any():
        columns = _in_order(columns, steps)
    return pd.DataFrame(columns, index=pd.Index(columns.pop("step"), name="step"))


def _in_order(columns: dict[str, np.ndarray], steps: np.ndarray) -> dict[str, np.ndarray]:
    """Rows by step; of one that was written in two parts the later value of each signal counts."""
    order = np.argsort(steps, kind="stable")
    starts = np.flatnonzero(np.diff(steps[order], prepend=-1))
    if len(starts) == len(steps):
        return {name: values[order] for name, values in columns.items()}
    found = {"step": steps[order][starts]}
    for name in (n for n in columns if n != "step"):
        values = columns[name][order]
        last = np.maximum.reduceat(np.where(np.isnan(values), -1, np.arange(len(values))), starts)
        found[name] = np.where(last < 0, np.nan, values[last])
    return found


def _stacked(pieces: list[tuple[np.ndarray, np.ndarray]]) -> tuple[np.ndarray, np.ndarray]:
    return np.concatenate([s for s, _ in pieces]), np.concatenate([v for _, v in pieces])

"""Steps that should have rows and have none: part files that are gone, and what lies between two parts of a training.

A recording numbers its parts one after the other, and its segments say where they start and end. Rows may be few, as
rare as the plan or the loop has them: only what is longer than two intervals counts.
"""

from __future__ import annotations

from dataclasses import replace
from itertools import pairwise
from typing import TYPE_CHECKING, Any

import numpy as np

from gandiag.rundir.parts import Extent, split_replaced
from gandiag.wording import listed

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    import pandas as pd

    from gandiag.rundir.folder import Folder
    from gandiag.rundir.parts import Part
    from gandiag.rundir.reading import Segments

    Event = dict[str, Any]
    Frames = Mapping[int, pd.DataFrame]

NEIGHBOURS = 8
"""Intervals between rows, on either side of a stretch without any, that tell how often rows are made."""


def lost_steps(
    folder: Folder,
    metas: Mapping[int, Mapping[str, Any]],
    segments: Segments,
    frames: Frames,
    known: Sequence[Mapping[str, Any]],
) -> list[Event]:
    """Events of the kind gap for the steps that were neither recorded nor told of before.

    Parameters
    ----------
    folder : the run directory
    metas, segments : run.json and the files of the other ranks, and which of their steps count
    frames : the rows of each rank, by step
    known : the events of the run
    """
    gaps = (e for e in known if e.get("kind") == "gap" and e.get("what", "scalars") == "scalars")
    told = [e for e in gaps if isinstance(e.get("from_step"), int) and isinstance(e.get("to_step"), int)]
    found = [*_between_parts(folder, metas, segments, frames), *_between_segments(metas[0], frames)]
    fresh: list[Event] = []
    for event in found:
        if not any(_holds(other, event) for other in (*told, *fresh)):
            fresh.append(event)
    return fresh


def _holds(other: Mapping[str, Any], event: Event) -> bool:
    same = other.get("rank", 0) in (0, event.get("rank", 0))
    return same and other["from_step"] <= event["from_step"] and event["to_step"] <= other["to_step"]


def _between_parts(
    folder: Folder, metas: Mapping[int, Mapping[str, Any]], segments: Segments, frames: Frames
) -> Iterator[Event]:
    """Where numbers are missing among the parts of one rank's segment, as far as no later segment did them again."""
    kept = [part for part in split_replaced(folder.names("scalars"))[0] if part.suffix == "parquet"]
    for before, after in pairwise([None, *kept]):
        if after is None:
            continue
        follows = before is not None and (before.rank, before.segment) == (after.rank, after.segment)
        first = before.last + 1 if before is not None and follows else 0
        if first == after.first or after.rank not in frames or after.rank not in metas:
            continue
        starts = (s["start_step"] for s in metas[after.rank]["segments"] if s["index"] == after.segment)
        reached = _extent(folder, before).last_step if before is not None and follows else next(starts, 1) - 1
        end = min(_extent(folder, after).first_step, segments.end(after.rank, after.segment))
        if reached + 1 < end:
            steps = frames[after.rank].index.to_numpy()
            yield from _gap(steps, reached, int(end), _gone(after, first), after.rank)


def _gone(after: Part, first: int) -> str:
    numbers = range(first, after.first)
    names = [replace(after, first=number, last=number).name for number in numbers]
    return f"{listed(names, most=3)} {'is' if len(names) == 1 else 'are'} missing"


def _extent(folder: Folder, part: Part) -> Extent:
    with folder.fs.open(folder.join("scalars", part.name), "rb") as file:
        return Extent.read(file, part.suffix)


def _between_segments(meta: Mapping[str, Any], frames: Frames) -> Iterator[Event]:
    """What lies between the last row of a segment and the next one, and after the last row of one that was closed."""
    if not frames:
        return
    steps = np.unique(np.concatenate([frame.index.to_numpy() for frame in frames.values()]))
    segments = meta["segments"]
    for segment in segments[1:]:
        start = int(segment["start_step"])
        earlier = steps[steps < start]
        if len(earlier):
            yield from _gap(earlier, int(earlier[-1]), start, f"the run was continued at step {start:,}")
    end = segments[-1].get("last_step") if segments else None
    if isinstance(end, int) and len(steps):
        yield from _gap(steps, int(steps[-1]), end + 1, "their rows are missing at the end of the record")


def _gap(steps: np.ndarray, before: int, after: int, reason: str, rank: int = 0) -> Iterator[Event]:
    """The steps between two that have rows, where rows were made at least twice as often around."""
    inside = steps[(steps > before) & (steps < after)]
    if len(inside):  # recorded once more
        yield from _gap(steps, before, int(inside[0]), reason, rank)
        yield from _gap(steps, int(inside[-1]), after, reason, rank)
        return
    around = steps[steps <= before][-NEIGHBOURS - 1 :], steps[steps >= after][: NEIGHBOURS + 1]
    usual = max(map(_interval, around))
    if after - before >= 2 * usual and after - before > 1:
        who = {"rank": rank} if rank else {}
        yield {
            "kind": "gap",
            "what": "scalars",
            "from_step": before + 1,
            "to_step": after - 1,
            "reason": reason,
            **who,
        }


def _interval(steps: np.ndarray) -> float:
    return float(np.median(np.diff(steps))) if len(steps) > 1 else 1.0

"""Keeps a recording small in number of files and in bytes: merges small parts, thins the oldest detail."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from gandiag.files import told
from gandiag.rundir import parts
from gandiag.rundir.parts import KINDS, Extent, Part
from gandiag.rundir.thinning import halved_arrays, halved_rows, usual_interval

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping

    from gandiag.rundir.folder import Folder

    Content = Mapping[str, np.ndarray]

SMALL_PARTS = 64  # so many small parts in a row are merged: a training of a week leaves a few hundred, not 60,000
MERGED_BYTES = 16 * 2**20  # of a merged part once loaded: merging and thinning hold some four times this in memory
SHARE = 16  # a merged part takes at most this fraction of what is allowed, and thinning makes so much room at once
FEWEST_ROWS = 8  # a part of fewer is not thinned
REASON = "max_bytes was reached"


def _adjoin(before: Part | None, part: Part) -> bool:
    """Whether a part follows on another: a merged part hides no missing one."""
    return before is not None and before.segment == part.segment and before.last + 1 == part.first


@dataclass(eq=False)
class Stored:
    """A part on disk: its bytes there, and what it holds."""

    kind: str
    part: Part
    size: int
    extent: Extent
    done: bool = False  # thinning it any further gains nothing

    @property
    def density(self) -> float:
        """Rows per step."""
        return self.extent.rows / (self.extent.last_step - self.extent.first_step + 1)


class Storage:
    """The files that one rank wrote to a run directory, and their limit. Not thread-safe.

    Parameters
    ----------
    folder : the run directory
    rank : whose files these are
    end : gives the first step of a segment that was done again later, infinite when none was
    tell : records an event
    max_bytes : of scalars, arrays and samples together on disk; None for no limit
    """

    def __init__(
        self,
        folder: Folder,
        rank: int,
        end: Callable[[int], float],
        tell: Callable[..., None],
        max_bytes: int | None,
    ) -> None:
        self.folder, self.rank, self.max_bytes = folder, rank, max_bytes
        self._end, self._tell = end, tell
        self._merged_bytes = MERGED_BYTES if max_bytes is None else min(MERGED_BYTES, max_bytes // SHARE)
        self._stored: list[Stored] = []
        self._samples: dict[int, tuple[str, int]] = {}  # name and size by step
        self._grown = True  # something was written since it was last tidy

    @property
    def total(self) -> int:
        """Bytes on disk."""
        return sum(self._bytes().values())

    def find(self) -> None:
        """Take in what a run that is continued holds, and remove parts that a merged one replaces.

        Raises RunError for a damaged part.
        """
        for kind in KINDS:
            sizes = self.folder.sizes(kind)
            mine = (name for name in sizes if (part := parts.parse(name)) and part.rank == self.rank)
            kept, replaced = parts.split_replaced(mine)
            for part in replaced:
                self.folder.remove(kind, part.name)
            for part in kept:
                self._stored.append(Stored(kind, part, sizes[part.name], self._extent(kind, part)))
        for name, size in self.folder.sizes("samples").items() if self.rank == 0 else ():
            if (step := parts.sample_step(name)) is not None:
                self._samples[step] = name, size

    def _extent(self, kind: str, part: Part) -> Extent:
        place = self.folder.join(kind, part.name)
        with self.folder.told(kind, part.name), told("not a readable part"), self.folder.fs.open(place, "rb") as file:
            return Extent.read(file, part.suffix)

    def write(self, kind: str, part: Part, content: Content) -> None:
        """Write a part of scalars or arrays, whole or not at all."""
        encoded = parts.encode(content) if kind == "scalars" else parts.encode_arrays(content)
        self.folder.write(encoded, kind, part.name)
        self._grown = True
        self._stored.append(Stored(kind, part, len(encoded), Extent.of(content, part.suffix)))

    def write_sample(self, step: int, content: bytes, suffix: str) -> None:
        """Write a snapshot, whole or not at all; of step 0 the real samples, which are never removed to make room."""
        if not step:
            self.folder.write(content, "samples", parts.real_name(suffix))
            return
        name = parts.sample_name(step, suffix)
        self.folder.write(content, "samples", name)
        self._grown = True
        self._samples[step] = name, len(content)

    def tidy(self) -> None:
        """Merge small parts when there are many, and make room when there are too many bytes."""
        if not self._grown:
            return
        self.merge(SMALL_PARTS)
        if self.max_bytes is not None and self.total > self.max_bytes:
            self.merge()
            goal = self.max_bytes - self.max_bytes // SHARE
            while self.total > goal and self._thin():
                pass
        self._grown = False

    def merge(self, least: int = 2) -> None:
        """Merge neighbouring small parts of a segment where there are at least so many."""
        for group in list(self._small_groups(least)):
            self._merge(group)

    def _bytes(self) -> dict[str, int]:
        sizes = {kind: sum(s.size for s in self._stored if s.kind == kind) for kind in KINDS}
        return sizes | {"samples": sum(size for _, size in self._samples.values())}

    def _in_order(self, kind: str) -> list[Stored]:
        return sorted((s for s in self._stored if s.kind == kind), key=lambda s: s.part)

    def _small_groups(self, least: int) -> Iterator[list[Stored]]:
        """Neighbouring small parts, in groups that make one part of a bounded size each."""
        for kind in KINDS:
            runs: dict[int, list[Stored]] = {}  # what is small and stands side by side
            number, before = 0, None
            for stored in self._in_order(kind):
                if stored.extent.loaded >= self._merged_bytes // 2 or not _adjoin(before, stored.part):
                    number += 1
                if stored.extent.loaded < self._merged_bytes // 2:
                    runs.setdefault(number, []).append(stored)
                before = stored.part
            for run in runs.values():
                if len(run) >= least:
                    yield from self._filled(run)

    def _filled(self, run: list[Stored]) -> Iterator[list[Stored]]:
        group: list[Stored] = []
        for stored in run:
            if group and sum(s.extent.loaded for s in group) + stored.extent.loaded > self._merged_bytes:
                yield group
                group = []
            group.append(stored)
        if len(group) > 1:
            yield group

    def _merge(self, group: list[Stored]) -> None:
        """Write the merged part, then remove the others: readers leave out what a merged part replaces."""
        kind, first, last = group[0].kind, group[0].part, group[-1].part
        contents = [self._read(stored) for stored in group]
        merged = Part(first.rank, first.segment, first.first, last.last, first.suffix)
        self.write(kind, merged, parts.joined(contents) if kind == "scalars" else parts.joined_arrays(contents))
        for stored in group:
            self._stored.remove(stored)
            self.folder.remove(kind, stored.part.name)

    def _read(self, stored: Stored) -> dict[str, np.ndarray]:
        content = self.folder.read_bytes(stored.kind, stored.part.name)
        return parts.decode(content)[0] if stored.kind == "scalars" else parts.decode_arrays(content)

    def _thin(self) -> bool:
        """Make one part or the snapshots smaller, of the kind that takes most; False when nothing is left to do."""
        sizes = self._bytes()
        for kind in sorted(sizes, key=lambda kind: sizes[kind], reverse=True):
            if kind == "samples" and self._thin_samples():
                return True
            if kind != "samples" and (found := self._densest(kind)):
                self._thin_part(*found)
                return True
        return False

    def _densest(self, kind: str) -> tuple[Stored, bool] | None:
        """Of the older half of the bytes the part with most rows per step, and whether it lies in that half whole."""
        stored = self._in_order(kind)
        reached = np.cumsum([s.size for s in stored])
        older = [(s, bool(r <= reached[-1] / 2)) for s, r in zip(stored, reached, strict=True)]
        older = [(s, whole) for s, whole in older if whole] or older[:1]
        left = [(s, whole) for s, whole in older if not s.done and s.extent.rows >= FEWEST_ROWS]
        return max(left, key=lambda found: found[0].density, default=None)

    def _thin_part(self, stored: Stored, whole: bool) -> None:
        """Halve the rows of a part, or of its older half; rows that were done again later are dropped."""
        content, end = self._read(stored), self._end(stored.part.segment)
        thin = halved_rows if stored.kind == "scalars" else halved_arrays
        content = thin(content, end, whole=whole)
        extent = Extent.of(content, stored.part.suffix)
        if not extent.rows:
            self._stored.remove(stored)
            self.folder.remove(stored.kind, stored.part.name)
            return
        span = {"from_step": extent.first_step, "to_step": extent.last_step, "every": usual_interval(content)}
        self._tell("thinned", what=stored.kind, reason=REASON, segment=stored.part.segment, **span)
        before = stored.size
        self._stored.remove(stored)
        self.write(stored.kind, stored.part, content)
        self._stored[-1].done = self._stored[-1].size >= before

    def _thin_samples(self) -> bool:
        """Remove one snapshot of the older half: the one whose neighbours are closest; never the first."""
        steps = sorted(self._samples)
        inner = range(1, len(steps) // 2)
        if not inner:
            return False
        crowded = min(inner, key=lambda i: steps[i + 1] - steps[i - 1])
        step = steps[crowded]
        self._tell("thinned", what="samples", from_step=step, to_step=step, reason=REASON)
        self.folder.remove("samples", self._samples.pop(step)[0])
        return True

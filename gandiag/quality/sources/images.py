"""Sets of encoded images: scanned once, decoded in the background, nothing left out in silence."""

from __future__ import annotations

import hashlib
import os
from collections import deque
from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING

import numpy as np
import torch

from gandiag.quality.sources.errors import SourceError, check_span
from gandiag.quality.sources.members import members_of
from gandiag.quality.sources.pictures import DecodeError, Member, Scan, decoded_scan, pixels, scan
from gandiag.wording import listed

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence
    from pathlib import Path

    from numpy.typing import NDArray

THREADS = min(8, os.cpu_count() or 1)  # decoders release Python's lock, and disks like a few readers
AHEAD = 2  # batches that are decoded while one is used


class ImageSource:
    """The images below a folder or in an archive, in the order of their names; of a .tar, in its own.

    Links are followed. Files and folders whose name starts with "." are not looked at; other files are named in
    `notes`. All images are given as many channels as the richest has: a grey one among RGB ones is repeated, an RGB one
    among RGBA ones gets an opaque alpha. Grey images of 16 bits become 8, of an animation the first picture is taken.
    Where every image lies in one of several subfolders, the first level of subfolders, sorted by name, makes the
    labels; a .tar may have `.cls` files for them (WebDataset), Parquet a column.

    Parameters
    ----------
    place
        A folder, a .zip, an uncompressed .tar, a Parquet file with a column of encoded images; a folder without images
        may hold shards of the latter two.
    skip_corrupt
        Leave out images that cannot be decoded, list them in `skipped`; every image is decoded once to find them.

    Attributes
    ----------
    skipped
        Names of the images left out.
    classes
        Names of the subfolders that make the labels, or ().
    labels
        (N,) int64 or None.
    notes
        What was left out or converted, a sentence each.

    Raises
    ------
    SourceError
        When there are no images, some are corrupt, or their sizes differ.
    """

    def __init__(self, place: Path, *, skip_corrupt: bool = False) -> None:
        self.name = str(place)
        found = members_of(place)
        with ThreadPoolExecutor(THREADS) as pool:
            scans = list(pool.map(decoded_scan if skip_corrupt else scan, found.members))
        pairs = list(zip(found.members, scans, strict=True))
        faults = [(member, seen.fault) for member, seen in pairs if seen.fault]
        if faults and not skip_corrupt:
            corrupt = [member for member, _ in _decode_faults(found.members)] or [faults[0][0]]
            raise self._corrupt(corrupt, len(pairs), faults[0][1])
        self.skipped = tuple(member.name for member, _ in faults)
        good = [(member, seen) for member, seen in pairs if not seen.fault]
        if not good:
            raise SourceError(f"{place} has {len(pairs)} images, none of which can be decoded")
        self._members = tuple(member for member, _ in good)
        self._check_sizes([seen for _, seen in good])
        self.channels = max(seen.channels for _, seen in good)
        self.classes, self.labels = _classes(self._members)
        self.notes = tuple(_notes([seen for _, seen in good], self.skipped, found.others))

    def __len__(self) -> int:
        return len(self._members)

    def batches(self, batch_size: int, start: int = 0, stop: int | None = None) -> Iterator[torch.Tensor]:
        """Images [start, stop) in order as uint8 (B, C, H, W).

        Raises
        ------
        SourceError
            When an image cannot be decoded: all are tried then, to count and name those that cannot.
        """
        spans = check_span(len(self), batch_size, start, stop)
        return self._read(spans)

    def _read(self, spans: list[tuple[int, int]]) -> Iterator[torch.Tensor]:
        pool = ThreadPoolExecutor(THREADS)
        try:
            ahead = deque((pool.map(self._pixels, self._members[a:b]) for a, b in spans[:AHEAD]), AHEAD + 1)
            for index in range(len(spans)):
                if index + AHEAD < len(spans):
                    a, b = spans[index + AHEAD]
                    ahead.append(pool.map(self._pixels, self._members[a:b]))
                try:
                    images = np.stack(list(ahead.popleft()))
                except DecodeError as error:
                    pool.shutdown(cancel_futures=True)
                    faults = [member for member, _ in _decode_faults(self._members)]
                    raise self._corrupt(faults or [error.member], len(self), str(error)) from error
                yield torch.from_numpy(images)
        finally:
            pool.shutdown(wait=False, cancel_futures=True)

    def content_hash(self) -> str:
        """16 hex digits of the images' encoded bytes in order, wherever they lie."""
        digest = hashlib.sha256(b"folder")
        for member in self._members:
            with member.open() as file:
                content = file.read()
            digest.update(f"|{len(content)}|".encode())
            digest.update(content)
        return digest.hexdigest()[:16]

    def _pixels(self, member: Member) -> NDArray[np.uint8]:
        return pixels(member, self.channels)

    def _corrupt(self, faults: Sequence[Member], total: int, why: str) -> SourceError:
        named = listed((member.name for member in faults), 3)
        advice = "mend or remove them, or pass skip_corrupt=True to leave them out"
        return SourceError(f"{len(faults)} of {total} images in {self.name} are corrupt: {named} ({why}); {advice}")

    def _check_sizes(self, scans: Sequence[Scan]) -> None:
        first = scans[0].size
        others = [index for index, scan in enumerate(scans) if scan.size != first]
        if others:
            one, other = (self._members[i].name for i in (0, others[0]))
            height, width = scans[others[0]].size
            found = f"{one} is {first[0]}x{first[1]}, {other} is {height}x{width} (height x width)"
            count = f"{len(others)} of {len(scans)} differ from the first"
            raise SourceError(f"images in {self.name} have several sizes: {found}, {count}; resize them to one size")


def _classes(members: Sequence[Member]) -> tuple[tuple[str, ...], torch.Tensor | None]:
    own = [member.label for member in members if member.label is not None]
    if len(own) == len(members):
        return (), torch.tensor(own)
    parts = [member.name.split("/") for member in members]
    names = sorted({part[0] for part in parts if len(part) > 1})
    if len(names) < 2 or any(len(part) == 1 for part in parts):
        return (), None
    index = {name: label for label, name in enumerate(names)}
    return tuple(names), torch.tensor([index[part[0]] for part in parts])


def _notes(scans: Sequence[Scan], skipped: Sequence[str], others: Sequence[str]) -> Iterator[str]:
    if skipped:
        yield f"left out, as they cannot be decoded: {_named(skipped, 'image')}"
    if others:
        yield f"left out, as they are no images: {_named(others, 'file')}"
    if wide := sum(seen.wide for seen in scans):
        yield f"pixels of 16 bits were reduced to 8 in {wide:,} of {len(scans):,} images"
    if animated := sum(seen.animated for seen in scans):
        yield f"the first picture of an animation was taken in {animated:,} of {len(scans):,} images"


def _named(names: Sequence[str], what: str) -> str:
    return f"{len(names):,} {what}{'' if len(names) == 1 else 's'} ({listed(names, 3)})"


def _decode_faults(members: Sequence[Member]) -> list[tuple[Member, str]]:
    with ThreadPoolExecutor(THREADS) as pool:
        scans = list(pool.map(decoded_scan, members))
    return [(member, seen.fault) for member, seen in zip(members, scans, strict=True) if seen.fault]

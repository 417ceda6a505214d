"""Folders of image files: scanned once, decoded in the background, nothing skipped in silence."""

from __future__ import annotations

import hashlib
import os
from collections import deque
from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING, NamedTuple

import numpy as np
import torch

from gandiag.files import UnreadableError, picture, told
from gandiag.quality.sources.errors import SourceError, check_span
from gandiag.wording import listed

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence
    from pathlib import Path

    from numpy.typing import NDArray
    from PIL import Image

SUFFIXES = (".png", ".jpg", ".jpeg", ".webp", ".bmp", ".tif", ".tiff")
FORMATS = ("PNG", "JPEG", "WEBP", "BMP", "DIB", "TIFF", "GIF", "PPM")
LEAST_EXPANDED = 16 * 2**20  # bytes that an image may take once it is read, however small its file is
MAX_EXPANSION = 200  # bytes once it is read for each byte of its file: a photograph takes 2 to 20
THREADS = min(8, os.cpu_count() or 1)  # decoders release Python's lock, and disks like a few readers
AHEAD = 2  # batches that are decoded while one is used
ALPHA = ("RGBA", "LA", "PA", "La", "RGBa")


class Scan(NamedTuple):
    """What the header of an image file says."""

    size: tuple[int, int]  # height, width
    channels: int  # 1, 3 or 4
    fault: str  # why the file cannot be read, or ""


class FolderSource:
    """The images below a folder, sorted by their relative path; files and folders whose name starts with "." are not.

    All images are given as many channels as the richest has: a grey one among RGB ones is repeated, an RGB one among
    RGBA ones gets an opaque alpha. Where every image lies in one of several subfolders, the first level of subfolders,
    sorted by name, makes the labels.

    Parameters
    ----------
    folder
        Where the images are.
    skip_corrupt
        Leave out images that cannot be decoded, list them in `skipped`; every image is decoded once to find them.

    Attributes
    ----------
    files, skipped
        Paths of the images that are used, and of those left out.
    classes
        Names of the subfolders that make the labels, or ().
    labels
        (N,) int64 or None.

    Raises
    ------
    SourceError
        When there are no images, some are corrupt, or their sizes differ.
    """

    def __init__(self, folder: Path, *, skip_corrupt: bool = False) -> None:
        self.name = str(folder)
        self.folder = folder
        files = _image_files(folder)
        with ThreadPoolExecutor(THREADS) as pool:
            scans = list(pool.map(_decoded_scan if skip_corrupt else _scan, files))
        faults = [(file, scan.fault) for file, scan in zip(files, scans, strict=True) if scan.fault]
        if faults and not skip_corrupt:
            raise self._corrupt([file for file, _ in _decode_faults(files)] or [faults[0][0]], len(files), faults[0][1])
        self.skipped = tuple(file for file, _ in faults)
        good = [(file, scan) for file, scan in zip(files, scans, strict=True) if not scan.fault]
        if not good:
            raise SourceError(f"{folder} has {len(files)} images, none of which can be decoded")
        self.files = tuple(file for file, _ in good)
        self._check_sizes([scan for _, scan in good])
        self.channels = max(scan.channels for _, scan in good)
        self.classes, self.labels = _classes(folder, self.files)

    def __len__(self) -> int:
        return len(self.files)

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
            ahead = deque((pool.map(self._pixels, self.files[a:b]) for a, b in spans[:AHEAD]), AHEAD + 1)
            for index in range(len(spans)):
                if index + AHEAD < len(spans):
                    a, b = spans[index + AHEAD]
                    ahead.append(pool.map(self._pixels, self.files[a:b]))
                try:
                    images = np.stack(list(ahead.popleft()))
                except _DecodeError as error:
                    pool.shutdown(cancel_futures=True)
                    faults = [file for file, _ in _decode_faults(self.files)]
                    raise self._corrupt(faults or [error.file], len(self), str(error)) from error
                yield torch.from_numpy(images)
        finally:
            pool.shutdown(wait=False, cancel_futures=True)

    def content_hash(self) -> str:
        """16 hex digits of the files' bytes in order."""
        digest = hashlib.sha256(b"folder")
        for file in self.files:
            content = file.read_bytes()
            digest.update(f"|{len(content)}|".encode())
            digest.update(content)
        return digest.hexdigest()[:16]

    def _pixels(self, file: Path) -> NDArray[np.uint8]:
        return _decode(file, self.channels)

    def _corrupt(self, faults: Sequence[Path], total: int, why: str) -> SourceError:
        named = listed((str(file.relative_to(self.folder)) for file in faults), 3)
        advice = "mend or remove them, or pass skip_corrupt=True to leave them out"
        return SourceError(f"{len(faults)} of {total} images in {self.folder} are corrupt: {named} ({why}); {advice}")

    def _check_sizes(self, scans: Sequence[Scan]) -> None:
        first = scans[0].size
        others = [index for index, scan in enumerate(scans) if scan.size != first]
        if others:
            one, other = (self.files[i].relative_to(self.folder) for i in (0, others[0]))
            height, width = scans[others[0]].size
            found = f"{one} is {first[0]}x{first[1]}, {other} is {height}x{width} (height x width)"
            count = f"{len(others)} of {len(scans)} differ from the first"
            raise SourceError(f"images in {self.folder} have several sizes: {found}, {count}; resize them to one size")


class _DecodeError(Exception):
    def __init__(self, file: Path, reason: str) -> None:
        super().__init__(reason)
        self.file = file


def _image_files(folder: Path) -> list[Path]:
    found = [file for file in folder.rglob("*") if file.is_file()]
    shown = [file for file in found if not any(part.startswith(".") for part in file.relative_to(folder).parts)]
    images = [file for file in shown if file.suffix.lower() in SUFFIXES]
    if not images:
        others = f", but other files: {listed(sorted(file.name for file in shown), 3)}" if shown else ""
        raise SourceError(f"{folder} holds no images ({', '.join(SUFFIXES)}){others}")
    return sorted(images, key=lambda file: file.relative_to(folder).as_posix())


def _classes(folder: Path, files: Sequence[Path]) -> tuple[tuple[str, ...], torch.Tensor | None]:
    parts = [file.relative_to(folder).parts for file in files]
    names = sorted({part[0] for part in parts if len(part) > 1})
    if len(names) < 2 or any(len(part) == 1 for part in parts):
        return (), None
    index = {name: label for label, name in enumerate(names)}
    return tuple(names), torch.tensor([index[part[0]] for part in parts])


def _open(file: Path) -> Image.Image:
    try:
        image = picture(file, FORMATS, max(LEAST_EXPANDED, MAX_EXPANSION * file.stat().st_size))
    except (UnreadableError, OSError) as error:
        raise _DecodeError(file, str(error)) from error
    if image.mode.startswith("I") or image.mode == "F":
        image.close()
        raise _DecodeError(file, f"{image.mode} pixels of more than 8 bits")
    return image


def _scan(file: Path) -> Scan:
    try:
        with _open(file) as image:
            return Scan((image.height, image.width), _channels(image), "")
    except _DecodeError as error:
        return Scan((0, 0), 0, str(error))


def _decoded_scan(file: Path) -> Scan:
    scan = _scan(file)
    if not scan.fault:
        try:
            _decode(file, scan.channels)
        except _DecodeError as error:
            return Scan((0, 0), 0, str(error))
    return scan


def _decode_faults(files: Sequence[Path]) -> list[tuple[Path, str]]:
    with ThreadPoolExecutor(THREADS) as pool:
        scans = list(pool.map(_decoded_scan, files))
    return [(file, scan.fault) for file, scan in zip(files, scans, strict=True) if scan.fault]


def _channels(image: Image.Image) -> int:
    if image.mode in ALPHA or "transparency" in image.info:
        return 4
    return 1 if image.mode in ("1", "L") else 3


def _decode(file: Path, channels: int) -> NDArray[np.uint8]:
    """Pixels (C, H, W)."""
    try:
        with _open(file) as image, told("its pixels cannot be read"):
            mode = {1: "L", 3: "RGB", 4: "RGBA"}[channels]
            pixels = np.asarray(image.convert(mode), dtype=np.uint8)
    except UnreadableError as error:
        raise _DecodeError(file, str(error)) from error
    return np.ascontiguousarray(pixels.reshape(*pixels.shape[:2], channels).transpose(2, 0, 1))

"""Where encoded images lie: a folder, a .zip, an uncompressed .tar, and Parquet as the Hugging Face hub stores them."""

from __future__ import annotations

import io
import os
import tarfile
import zipfile
from dataclasses import dataclass, field
from pathlib import Path, PurePosixPath
from typing import TYPE_CHECKING, BinaryIO

from gandiag.nets.files import check_expansion
from gandiag.quality.sources.errors import SourceError
from gandiag.quality.sources.pictures import SUFFIXES, Member
from gandiag.quality.sources.rows import Row, parquet_rows
from gandiag.wording import listed

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

MAX_IMAGE = 2**30  # bytes of one image in an archive
CLASS_FILE = ".cls"  # WebDataset's file of a sample's class, beside its image
ARCHIVES = (".zip", ".tar")


@dataclass(frozen=True)
class Found:
    """The images of one place in order, and the names of the files there that are none."""

    members: tuple[Member, ...]
    others: tuple[str, ...] = field(default=())


def members_of(path: Path) -> Found:
    """The images below a folder or in an archive.

    Raises
    ------
    SourceError
        When there are none, or the archive cannot be read.
    """
    found = _in_folder(path) if path.is_dir() else _in_file(path)
    if not found.members:
        there = f", but other files: {listed(found.others, 3)}" if found.others else ""
        raise SourceError(f"{path} holds no images ({', '.join(SUFFIXES)}){there}")
    return found


def is_archive(path: Path) -> bool:
    """Whether a file is read as a set of images, by its name."""
    return path.suffix.lower() in (*ARCHIVES, ".parquet") or _is_packed(path)


def _in_folder(folder: Path) -> Found:
    """Images below a folder; where there are none, those of its shards, which are read as one set."""
    files = sorted(_walked(folder), key=lambda pair: pair[0])
    images = tuple(Member(name, _opener(file)) for name, file in files if _is_image(name))
    if images:
        return Found(images, tuple(name for name, _ in files if not _is_image(name)))
    shards = [(name, file) for name, file in files if file.suffix.lower() in (".tar", ".parquet")]
    found = [(name, _in_file(file)) for name, file in shards]
    members = tuple(Member(f"{name}/{m.name}", m.open, m.label) for name, shard in found for m in shard.members)
    inside = tuple(f"{name}/{other}" for name, shard in found for other in shard.others)
    return Found(members, (*inside, *(name for name, file in files if (name, file) not in shards)))


def _walked(folder: Path) -> Iterator[tuple[str, Path]]:
    """Files below a folder, links followed, each folder once; hidden ones are not shown."""
    seen: set[tuple[int, int]] = set()
    for at, below, files in os.walk(folder, followlinks=True):
        status = Path(at).stat()
        if (status.st_dev, status.st_ino) in seen:
            below.clear()
            continue
        seen.add((status.st_dev, status.st_ino))
        below[:] = sorted(name for name in below if not name.startswith("."))
        for name in files:
            file = Path(at, name)
            if not name.startswith(".") and file.is_file():
                yield file.relative_to(folder).as_posix(), file


def _opener(file: Path) -> Callable[[], BinaryIO]:
    return lambda: file.open("rb")


def _in_file(path: Path) -> Found:
    if _is_packed(path):
        raise SourceError(f"{path} is compressed as a whole and cannot be read from the middle: unpack it first")
    read = {".zip": _in_zip, ".tar": _in_tar}.get(path.suffix.lower())
    return read(path) if read else Found(tuple(_parquet_members(path)))


def _is_packed(path: Path) -> bool:
    name = path.name.lower()
    return name.endswith((".tgz", ".tbz2", ".txz", ".tar.gz", ".tar.bz2", ".tar.xz", ".tar.zst"))


def _in_zip(path: Path) -> Found:
    try:
        check_expansion(path)
    except ValueError as error:
        raise SourceError(str(error)) from error
    archive = zipfile.ZipFile(path)  # stays open: its entries are read from several threads
    shown = {e.filename: e for e in archive.infolist() if not e.is_dir() and _is_shown(e.filename)}
    images = [name for name in sorted(shown) if _is_image(name)]

    def member(name: str) -> Member:
        return Member(name, lambda: io.BytesIO(archive.read(shown[name])))

    return Found(tuple(map(member, images)), tuple(name for name in sorted(shown) if not _is_image(name)))


def _in_tar(path: Path) -> Found:
    try:
        with tarfile.open(path, "r:") as archive:
            entries = {e.name.removeprefix("./"): e for e in archive if e.isreg() and not e.issparse()}
            end = archive.offset
    except (tarfile.TarError, OSError, EOFError, ValueError) as error:
        raise SourceError(f"{path} cannot be read: {error}") from error
    size = path.stat().st_size
    for name, entry in entries.items():
        if entry.offset_data + entry.size > size:
            raise SourceError(f"{path} cannot be read: it ends within {name}")
    if end + tarfile.BLOCKSIZE > size:
        raise SourceError(f"{path} cannot be read: it ends without the mark of its end, so something may be missing")
    shown = {name: entry for name, entry in entries.items() if _is_shown(name)}
    classes = {name.removesuffix(CLASS_FILE): name for name in shown if name.endswith(CLASS_FILE)}

    def member(name: str) -> Member:
        entry, own = shown[name], classes.get(name.removesuffix(PurePosixPath(name).suffix))
        label = None if own is None else _class(path, own, _span(path, shown[own].offset_data, shown[own].size))
        return Member(name, lambda: io.BytesIO(_span(path, entry.offset_data, entry.size)), label)

    images = [name for name in shown if _is_image(name)]  # in the archive's order, in which WebDataset reads them
    others = (name for name in shown if not _is_image(name) and not name.endswith((CLASS_FILE, ".json", ".txt")))
    return Found(tuple(map(member, images)), tuple(others))


def _span(path: Path, offset: int, size: int) -> bytes:
    if size > MAX_IMAGE:
        raise ValueError(f"an entry of {size:,} bytes")
    with path.open("rb") as file:
        file.seek(offset)
        return file.read(size)


def _class(path: Path, name: str, content: bytes) -> int:
    try:
        return int(content)
    except ValueError as error:
        raise SourceError(f"{path}: {name} must hold a whole number, found {content[:20]!r}") from error


def _parquet_members(path: Path) -> Iterator[Member]:
    def member(row: Row) -> Member:
        return Member(f"row {row.index}", lambda: io.BytesIO(row.read()), row.label)

    return map(member, parquet_rows(path))


def _is_image(name: str) -> bool:
    return name.lower().endswith(SUFFIXES)


def _is_shown(name: str) -> bool:
    return not any(part.startswith((".", "__MACOSX")) for part in PurePosixPath(name).parts)

"""The files of a run directory, on any fsspec file system, and the checks of what stands in them."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping
    from os import PathLike

    from fsspec import AbstractFileSystem

SCHEMA = "gandiag-run/1"
STATUSES = ("running", "closed", "interrupted", "crashed")
RANK_FIELDS = {"segments": list, "faults": list}
RUN_FIELDS = {
    "segments": list,
    "versions": dict,
    "roles": dict,
    "loss_family": dict,
    "attribution": dict,
    "hyperparameters": dict,
    "faults": list,
}


class RunError(ValueError):
    """A run directory that cannot be read or written: the message names the file and what is wrong."""


def meta_name(rank: int) -> str:
    """The file that says how a rank's recording went: run.json is that of rank 0 and of the run.

    >>> meta_name(0), meta_name(3)
    ('run.json', 'rank3.json')
    """
    return "run.json" if rank == 0 else f"rank{rank}.json"


def events_name(rank: int) -> str:
    """The file of a rank's events."""
    return "events.jsonl" if rank == 0 else f"events-rank{rank}.jsonl"


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

    def sizes(self, folder: str = "") -> dict[str, int]:
        """Bytes of each file in a subfolder by its name, sorted, without temporary ones; none without a folder."""
        place = self.join(folder) if folder else self.root
        if not self.fs.isdir(place):
            return {}
        files = {f["name"].rsplit("/", 1)[-1]: int(f["size"] or 0) for f in self.fs.ls(place, detail=True)}
        return {name: files[name] for name in sorted(files) if not name.endswith(".tmp")}

    def names(self, folder: str = "") -> list[str]:
        """Sorted file names in a subfolder, without temporary ones; none when there is no such folder."""
        return list(self.sizes(folder))

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

    def remove(self, *names: str) -> None:
        self.fs.rm_file(self.join(*names))

    def read_meta(self, rank: int = 0) -> dict[str, Any]:
        """The checked content of run.json, or of another rank's file."""
        place = self.join(meta_name(rank))
        if not self.fs.exists(self.root):
            raise RunError(f"{self.root}: no such run directory")
        if not self.fs.exists(place):
            raise RunError(f"{self.root}: no {meta_name(rank)} in it, so it is not a gandiag run directory")
        try:
            meta = json.loads(self.read_bytes(meta_name(rank)).decode())
        except UnicodeDecodeError as error:
            raise RunError(f"{place}: not valid UTF-8 text: {error}") from error
        except json.JSONDecodeError as error:
            raise RunError(f"{place}: line {error.lineno}, column {error.colno}: {error.msg}") from error
        _check_meta(meta, place, RUN_FIELDS if rank == 0 else RANK_FIELDS)
        return dict(meta)

    def read_events(self, rank: int = 0) -> Iterator[dict[str, Any]]:
        """The lines of a rank's events; a torn last line is left out."""
        name = events_name(rank)
        if not self.fs.exists(self.join(name)):
            return
        lines = self.read_bytes(name).split(b"\n")
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
                raise RunError(f"{self.join(name)}: line {number}: {error}") from error
            yield event


def _check_meta(meta: Any, place: str, fields: Mapping[str, type]) -> None:
    if not isinstance(meta, dict):
        raise RunError(f"{place}: expected an object, found {type(meta).__name__}")
    if meta.get("schema") != SCHEMA:
        raise RunError(f"{place}: schema is {meta.get('schema')!r}, this gandiag reads {SCHEMA!r}")
    if meta.get("status") not in STATUSES:
        raise RunError(f"{place}: status is {meta.get('status')!r}, expected one of {', '.join(STATUSES)}")
    for key, kind in fields.items():
        if not isinstance(meta.get(key), kind):
            found = type(meta[key]).__name__ if key in meta else "nothing"
            raise RunError(f"{place}: {key} must be {kind.__name__}, found {found}")
    for segment in meta["segments"]:
        if not isinstance(segment, dict) or not all(isinstance(segment.get(k), int) for k in ("index", "start_step")):
            raise RunError(f"{place}: segments: each needs whole numbers index and start_step, found {segment}")
    for fault in meta["faults"]:
        if not isinstance(fault, dict) or not isinstance(fault.get("count", 1), int):
            raise RunError(f"{place}: faults: each is an object with a whole number count, found {fault}")

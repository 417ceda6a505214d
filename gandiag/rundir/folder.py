"""The files of a run directory, on any fsspec file system, and the checks of what stands in them."""

from __future__ import annotations

import io
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

from gandiag.files import UnreadableError, count_values, parsed_json, told
from gandiag.rundir.schema import SCHEMA, check_event, check_meta
from gandiag.wording import listed, one_line

if TYPE_CHECKING:
    from collections.abc import Container, Iterator
    from os import PathLike

    from fsspec import AbstractFileSystem

__all__ = ["SCHEMA", "Folder", "RunError", "events_name", "meta_name"]

MAX_META = 16 * 2**20  # bytes of run.json
MAX_EVENTS = 64 * 2**20  # bytes of events.jsonl that are read
MAX_LINES = 10**6
MOST_EVENT_VALUES = 10**6  # in all lines together; a finding has some hundred
NAMED_LINES = 3  # that are damaged; more are counted
BESIDE_META = ("scalars", "arrays", "samples", "events.jsonl", "diagnosis.json")  # what a run directory holds


class RunError(ValueError):
    """A run directory that cannot be read or written: the message, one line, names the file and what is wrong."""

    def __init__(self, message: str) -> None:
        super().__init__(one_line(message))


def meta_name(rank: int) -> str:
    """The file that says how a rank's recording went: run.json is that of rank 0 and of the run.

    >>> meta_name(0), meta_name(3)
    ('run.json', 'rank3.json')
    """
    return "run.json" if rank == 0 else f"rank{rank}.json"


def events_name(rank: int) -> str:
    """The file of a rank's events."""
    return "events.jsonl" if rank == 0 else f"events-rank{rank}.jsonl"


def left_of_run(names: Container[str]) -> tuple[str, ...]:
    """What of a run directory is among these names of files and folders; of one alone, as of a folder `samples`, none.

    >>> left_of_run(["scalars", "events.jsonl", "notes.txt"]), left_of_run(["samples"])
    (('scalars', 'events.jsonl'), ())
    """
    found = tuple(name for name in BESIDE_META if name in names)
    return found if len(found) > 1 else ()


def read_file(files: AbstractFileSystem, place: str, most: int | None = None) -> bytes:
    """A file, or its first `most` bytes.

    Raises FileNotFoundError where there is none, UnreadableError where it is none or cannot be read.
    """
    with told("cannot be read"):
        if files.info(place)["type"] != "file":  # a pipe would be waited for without end
            raise UnreadableError("it is no regular file")
        with files.open(place, "rb") as file:
            content: bytes = file.read() if most is None else file.read(most)
    return content


class Folder:
    """The files of one run directory, through fsspec: the same for a local folder, s3:// or gs://."""

    def __init__(self, path: str | PathLike[str]) -> None:
        import fsspec

        self.fs: AbstractFileSystem
        self.path = str(path)
        if not self.path.strip() or "\0" in self.path:
            raise RunError(f"run_dir must be a folder or a path such as s3://bucket/run, got {str(path)!r}")
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

    def read_bytes(self, *names: str, most: int | None = None) -> bytes:
        """A file of the directory, as `read_file` gives it."""
        return read_file(self.fs, self.join(*names), most)

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
        if not self.fs.exists(self.root):
            raise RunError(f"{self.root}: no such run directory")
        if not self.fs.exists(self.join(meta_name(rank))):
            raise RunError(f"{self.root}: {self._without(meta_name(rank))}")
        with self.told(meta_name(rank)):
            content = self.read_bytes(meta_name(rank), most=MAX_META + 1)
            if len(content) > MAX_META:
                raise UnreadableError(f"is larger than the {MAX_META:,} bytes that are read")
            return check_meta(_parsed_meta(content), rank)

    def _without(self, meta: str) -> str:
        """Why a place without this file is no run directory."""
        if self.fs.isfile(self.root):
            whole = self.root.rsplit("/", 1)[-1] == meta
            return f"is a file, no run directory{'; name the folder that holds it' if whole else ''}"
        there = [place.rstrip("/").rsplit("/", 1)[-1] for place in map(str, self.fs.ls(self.root, detail=False))]
        if left := left_of_run(there):
            return f"no {meta} in it, though the rest of a run is ({listed(left)}): it was deleted, or not copied along"
        return f"no {meta} in it, so it is not a gandiag run directory"

    @contextmanager
    def told(self, *names: str) -> Iterator[None]:
        """Turns what cannot be read inside into a RunError that names the file."""
        try:
            yield
        except FileNotFoundError as error:
            raise RunError(f"{self.join(*names)}: vanished while it was read") from error
        except UnreadableError as error:
            raise RunError(f"{self.join(*names)}: {error}") from error

    def read_events(self, rank: int = 0) -> tuple[list[dict[str, Any]], list[str]]:
        """The events of a rank, and what of its file cannot be read; a torn last line is left out.

        Raises RunError when the file cannot be read at all.
        """
        name = events_name(rank)
        if not self.fs.exists(self.join(name)):
            return [], []
        with self.told(name):
            content = self.read_bytes(name, most=MAX_EVENTS + 1)
        events, damage = _events(content[:MAX_EVENTS])
        if len(content) > MAX_EVENTS:
            damage.append(f"only its first {MAX_EVENTS:,} bytes are read")
        return events, [f"{name}: {sentence}" for sentence in damage]


def _parsed_meta(content: bytes) -> Any:
    """The value of run.json; where it is no JSON, that it is damaged and from where on."""
    if not content.strip():
        raise UnreadableError("is empty")
    try:
        return parsed_json(content)
    except UnreadableError as error:
        if isinstance(error.__cause__, ValueError):  # of the decoder: no JSON, or no text at all
            said = str(error).removesuffix(" starting at")
            raise UnreadableError(f"is damaged and cannot be read as JSON ({said})") from error
        raise


def _events(content: bytes) -> tuple[list[dict[str, Any]], list[str]]:
    """What the lines hold, and a sentence for each of the first that hold no event."""
    events: list[dict[str, Any]] = []
    damage: list[str] = []
    bad, values = 0, 0
    for number, line in enumerate(io.BytesIO(content), start=1):
        values += count_values(line)
        if number > MAX_LINES or values > MOST_EVENT_VALUES:
            damage.append(f"only its first {number - 1:,} lines are read")
            break
        if not line.strip():
            continue
        try:
            events.append(check_event(parsed_json(line)))
        except UnreadableError as error:
            if not line.endswith(b"\n"):  # the writer ends each line: no newline, a torn write
                break
            bad += 1
            if bad <= NAMED_LINES:
                damage.append(f"line {number}: {error}".replace("line 1, ", ""))
    if bad > NAMED_LINES:
        damage.append(f"{bad - NAMED_LINES:,} more lines are damaged")
    return events, damage

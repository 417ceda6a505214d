"""Reading files that may hold anything: what they claim is looked at before anything is expanded; no code is run.

Whatever is wrong with one is an `UnreadableError` of one sentence.
"""

from __future__ import annotations

import json
import math
import zipfile
from contextlib import contextmanager
from typing import IO, TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence
    from os import PathLike

    import numpy as np
    from PIL import Image

MOST_ENTRIES = 10_000  # in one archive
MOST_DIGITS = 40  # of a whole number; longer ones are read as floats
MOST_VALUES = 1_000_000  # of one JSON text; each takes some 100 bytes once it is read
DEEPEST = 32  # lists and objects within each other


class UnreadableError(ValueError):
    """What cannot be read: one sentence, without the name of the file."""


@contextmanager
def told(what: str) -> Iterator[None]:
    """Makes an `UnreadableError` that begins with `what` of whatever goes wrong inside; FileNotFoundError passes.

    Libraries raise of everything when a file is damaged: zlib.error, IndexError, TokenError, struct.error, ...
    """
    try:
        yield
    except FileNotFoundError:
        raise
    except UnreadableError as error:
        raise UnreadableError(f"{what}: {error}") from error
    except MemoryError as error:
        raise UnreadableError(f"{what}: it takes more memory than there is") from error
    except Exception as error:
        said = next(iter(str(error).splitlines()), "") or type(error).__name__
        raise UnreadableError(f"{what}: {said}") from error


def parsed_json(content: bytes) -> Any:
    """The value of a JSON text in UTF-8. Raises UnreadableError, with line and column where there are."""
    if (values := count_values(content)) > MOST_VALUES:
        raise UnreadableError(f"holds {values:,} values, more than the {MOST_VALUES:,} that are allowed")
    try:
        value = json.loads(content.decode(), parse_int=_whole)
    except UnicodeDecodeError as error:
        raise UnreadableError(f"not valid UTF-8 text: {error}") from error
    except json.JSONDecodeError as error:
        raise UnreadableError(f"line {error.lineno}, column {error.colno}: {error.msg}") from error
    except RecursionError:
        raise UnreadableError(_TOO_DEEP) from None
    level = [value]
    for _ in range(DEEPEST + 1):
        level = [v for held in level if isinstance(held, (dict, list)) for v in _inside(held)]
        if not level:
            return value
    raise UnreadableError(_TOO_DEEP)


def _inside(held: dict[str, Any] | list[Any]) -> Iterable[Any]:
    return held.values() if isinstance(held, dict) else held


def count_values(content: bytes) -> int:
    """How many values a JSON text has at most."""
    return content.count(b",") + content.count(b"[") + content.count(b"{") + 1


_TOO_DEEP = f"nested more than {DEEPEST} levels deep"


def _whole(digits: str) -> int | float:
    return int(digits) if len(digits) <= MOST_DIGITS else float(digits)


class Npz:
    """The arrays of an .npz file, each read when it is asked for.

    Parameters
    ----------
    file
        Open for reading.
    most
        Bytes that all of its arrays together may take.

    Raises UnreadableError when it is no such archive or would take more; asking for an array raises it when that is
    damaged, holds objects, or is not of the size that it claims.
    """

    def __init__(self, file: IO[bytes], most: int) -> None:
        with told("not a readable .npz"):
            self._archive = zipfile.ZipFile(file)
            entries = self._archive.infolist()
            if len(entries) > MOST_ENTRIES:
                raise UnreadableError(f"{len(entries):,} arrays, more than {MOST_ENTRIES:,}")
            self.size = sum(entry.file_size for entry in entries)
            if self.size > most:
                raise UnreadableError(f"would expand to {self.size:,} bytes, more than the {most:,} that are allowed")
            self._entries = {entry.filename.removesuffix(".npy"): entry for entry in entries}
            if len(self._entries) != len(entries):
                raise UnreadableError("two arrays have one name")
        self.names = tuple(self._entries)

    def __getitem__(self, name: str) -> np.ndarray:
        """An array; KeyError for a name that is not among `names`."""
        from numpy.lib import format as layout

        entry = self._entries[name]
        with told(f"not a readable .npz: array {name}"):
            if entry.flag_bits & 1:
                raise UnreadableError("is encrypted")
            with self._archive.open(entry) as stream:
                check_header(stream, entry.file_size)
            with self._archive.open(entry) as stream:
                array: np.ndarray = layout.read_array(stream, allow_pickle=False)
        return array


def check_header(stream: IO[bytes], size: int) -> None:
    """Raise UnreadableError when an .npy file of `size` bytes holds objects, or less than its header claims."""
    from numpy.lib import format as layout

    with told("its header"):
        version = layout.read_magic(stream)
        readers = {(1, 0): layout.read_array_header_1_0, (2, 0): layout.read_array_header_2_0}
        if version not in readers:
            raise UnreadableError(f"has version {version}")
        shape, _, kind = readers[version](stream)
        claimed = math.prod(shape) * kind.itemsize
        if kind.hasobject or min(shape, default=0) < 0:
            raise UnreadableError(f"claims an array {shape} of {kind}")
        held = size - stream.tell()
        if claimed != held:
            raise UnreadableError(f"claims {claimed:,} bytes for an array {shape} of {kind}, found {held:,}")


def picture(source: str | PathLike[str] | IO[bytes], formats: Sequence[str], most: int) -> Image.Image:
    """An opened picture of one of these formats, which takes at most so many bytes once its pixels are read.

    Raises UnreadableError for others and for larger ones.
    """
    from PIL import Image

    with told("not a readable picture"):
        found = Image.open(source, formats=tuple(formats))  # with all formats Pillow would start other programs
        held = found.width * found.height * len(found.getbands())
        if held > most:
            found.close()
            raise UnreadableError(f"{found.width:,} x {found.height:,} pixels take {held:,} bytes, more than {most:,}")
    return found

"""IDX files, in which MNIST and its kin come, gzipped or not."""

from __future__ import annotations

import gzip
import math
import re
import zlib
from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from pathlib import Path

    from numpy.typing import NDArray

DTYPES = {0x08: ">u1", 0x09: ">i1", 0x0B: ">i2", 0x0C: ">i4", 0x0D: ">f4", 0x0E: ">f8"}
"""The format's codes of element types, big-endian."""

LEAST_EXPANDED = 64 * 2**20  # bytes that may be unpacked of however small a file
MAX_EXPANSION = 100  # bytes unpacked for each byte of a file; of MNIST's images five, of its labels two
MOST = 16 * 2**30  # bytes in a file, unpacked


def is_idx(path: Path) -> bool:
    """Whether a file begins as an IDX file does, gzipped or not."""
    try:
        with _stream(path) as file:
            magic = file.read(4)
    except (OSError, EOFError, zlib.error):
        return bool(re.search(r"idx\d", path.name))
    return len(magic) == 4 and magic[:2] == b"\0\0" and magic[2] in DTYPES and 1 <= magic[3] <= 8


def read_idx(path: Path) -> NDArray[np.generic]:
    """The array in an IDX file.

    Raises
    ------
    ValueError
        When the file is cut short, longer than it says, or no IDX file.
    """
    try:
        with _stream(path) as file:
            magic = file.read(4)
            if len(magic) < 4 or magic[:2] != b"\0\0" or magic[2] not in DTYPES:
                raise ValueError(f"{path} is no IDX file: it begins with {magic.hex() or 'nothing'}")
            header = file.read(4 * magic[3])
            kind = np.dtype(DTYPES[magic[2]])
            shape = tuple(int(side) for side in np.frombuffer(header[: len(header) // 4 * 4], ">u4"))
            expected = math.prod(shape) * kind.itemsize
            most = min(MOST, max(LEAST_EXPANDED, MAX_EXPANSION * path.stat().st_size))
            if expected > most:
                raise ValueError(f"{path} says that it holds {expected:,} bytes, more than the {most:,} that are read")
            content = file.read(expected + 1)  # what is compressed may expand without end
    except (OSError, EOFError, zlib.error) as error:
        raise ValueError(f"{path} cannot be read as an IDX file: {error}") from error
    if len(shape) != magic[3] or len(content) != expected:
        raise ValueError(
            f"{path} holds {_counted(content, expected)} bytes of data, its header says {expected} for shape {shape}"
        )
    return np.frombuffer(content, kind).reshape(shape).astype(kind.newbyteorder("="))


def _counted(content: bytes, expected: int) -> str:
    return str(len(content)) if len(content) <= expected else f"more than {expected}"


def labels_beside(path: Path) -> Path | None:
    """The file of labels beside a file of images, named as MNIST's are, if it exists.

    >>> from pathlib import Path
    >>> labels_beside(Path("no-such-folder/train-images-idx3-ubyte.gz")) is None
    True
    """
    name = re.sub(r"images([.-])idx\d", r"labels\1idx1", path.name)
    candidates = [path.with_name(name), path.with_name(name.removesuffix(".gz")), path.with_name(name + ".gz")]
    return next((file for file in candidates if name != path.name and file.is_file()), None)


def _stream(path: Path) -> gzip.GzipFile:
    with path.open("rb") as file:
        zipped = file.read(2) == b"\x1f\x8b"
    return gzip.open(path, "rb") if zipped else path.open("rb")  # type: ignore[return-value]

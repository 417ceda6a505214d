"""One encoded image: what its header says, and its pixels as bytes."""

from __future__ import annotations

import io
from contextlib import contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING, BinaryIO, NamedTuple

import numpy as np

from gandiag.files import UnreadableError, picture, told

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from numpy.typing import NDArray
    from PIL import Image

FORMATS = ("PNG", "JPEG", "WEBP", "BMP", "DIB", "TIFF", "GIF", "PPM", "AVIF", "JPEG2000", "TGA")
"""Of those that Pillow knows: raster formats alone, since others, such as EPS, start programs."""

SUFFIXES = (
    ".png", ".apng", ".jpg", ".jpeg", ".jpe", ".jfif", ".webp", ".bmp", ".dib", ".tif", ".tiff", ".gif", ".ppm",
    ".pgm", ".pbm", ".pnm", ".avif", ".avifs", ".jp2", ".j2k", ".tga",
)  # fmt: skip
"""Endings of the files that are taken for images."""

ALPHA = ("RGBA", "LA", "PA", "La", "RGBa")
WIDE = 257  # steps of 16 bits that make one of 8
LEAST_EXPANDED = 16 * 2**20  # bytes that an image may take once it is read, however small its file is
MAX_EXPANSION = 200  # bytes once it is read for each byte of its file: a photograph takes 2 to 20


@dataclass(frozen=True)
class Member:
    """One encoded image.

    Attributes
    ----------
    name
        Path below the place where it was found, with "/".
    open
        Opens its bytes; called from several threads.
    label
        Its class, where the place says so apart from subfolders.
    """

    name: str
    open: Callable[[], BinaryIO]
    label: int | None = None


class DecodeError(Exception):
    """An image that cannot be decoded."""

    def __init__(self, member: Member, reason: str) -> None:
        super().__init__(reason)
        self.member = member


class Scan(NamedTuple):
    """What the header of an image says.

    Attributes
    ----------
    size
        Height and width.
    channels
        1, 3 or 4.
    fault
        Why the image cannot be read, or "".
    wide
        Whether its pixels have 16 bits.
    animated
        Whether there are further pictures after the first.
    """

    size: tuple[int, int] = (0, 0)
    channels: int = 0
    fault: str = ""
    wide: bool = False
    animated: bool = False


def scan(member: Member) -> Scan:
    """What an image's header says."""
    try:
        with _opened(member) as image:
            animated = bool(getattr(image, "is_animated", False))
            return Scan((image.height, image.width), _channels(image), "", _wide(image), animated)
    except DecodeError as error:
        return Scan(fault=str(error))


def decoded_scan(member: Member) -> Scan:
    """The same of an image that was decoded to see whether it can be."""
    found = scan(member)
    if not found.fault:
        try:
            pixels(member, found.channels)
        except DecodeError as error:
            return Scan(fault=str(error))
    return found


def pixels(member: Member, channels: int) -> NDArray[np.uint8]:
    """Pixels (C, H, W) of an image's first picture. Raises DecodeError."""
    with _opened(member) as image:
        mode = {1: "L", 3: "RGB", 4: "RGBA"}[channels]
        narrow = _narrowed(image) if _wide(image) else image
        values = np.asarray(narrow.convert(mode), dtype=np.uint8)
    return np.ascontiguousarray(values.reshape(*values.shape[:2], channels).transpose(2, 0, 1))


@contextmanager
def _opened(member: Member) -> Iterator[Image.Image]:
    """The image of a file while it is open; every fault in it becomes a DecodeError."""
    try:
        with told("its pixels cannot be read"), member.open() as file:
            size = file.seek(0, io.SEEK_END)
            file.seek(0)
            with picture(file, FORMATS, max(LEAST_EXPANDED, MAX_EXPANSION * size)) as image:
                _check_depth(image)
                yield image
    except (UnreadableError, OSError) as error:
        unknown = "cannot identify image file" in str(error)
        raise DecodeError(member, "it is no image of a known format" if unknown else str(error)) from error


def _check_depth(image: Image.Image) -> None:
    if image.mode == "F" or (image.mode == "I" and image.format not in ("PNG", "PPM")):
        raise UnreadableError(f"{image.mode} pixels of 32 bits, of which nothing says what is white")


def _wide(image: Image.Image) -> bool:
    return image.mode.startswith("I")


def _narrowed(image: Image.Image) -> Image.Image:
    """A grey image of 16 bits with 8."""
    from PIL import Image as Images

    values = np.asarray(image).astype(np.int64)
    return Images.fromarray(((values + WIDE // 2) // WIDE).clip(0, 255).astype(np.uint8))


def _channels(image: Image.Image) -> int:
    if image.mode in ALPHA or "transparency" in image.info:
        return 4
    return 1 if image.mode in ("1", "L") or _wide(image) else 3

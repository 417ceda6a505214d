"""The little of protocol buffers that event files need: messages as tagged fields.

See https://protobuf.dev/programming-guides/encoding. Nothing here knows what the fields mean.
"""

from __future__ import annotations

import struct
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator

VARINT, DOUBLE, BYTES, FLOAT = 0, 1, 2, 5
"""Wire types: whole numbers, 8 bytes, a length and so many bytes, 4 bytes."""


def varint(value: int) -> bytes:
    r"""A whole number, seven bits to a byte; a negative one as its 64-bit two's complement.

    >>> varint(300)
    b'\xac\x02'
    """
    value &= 0xFFFF_FFFF_FFFF_FFFF
    out = bytearray()
    while value > 0x7F:
        out.append(value & 0x7F | 0x80)
        value >>= 7
    out.append(value)
    return bytes(out)


def field(number: int, value: bytes | str | float) -> bytes:
    """One field: text and bytes with their length, a float as a double, a whole number as a varint."""
    if isinstance(value, str):
        value = value.encode()
    if isinstance(value, bytes):
        return varint(number << 3 | BYTES) + varint(len(value)) + value
    if isinstance(value, int):
        return varint(number << 3 | VARINT) + varint(value)
    return varint(number << 3 | DOUBLE) + struct.pack("<d", value)


def single(number: int, value: float) -> bytes:
    """One field with a float of 4 bytes; what is too large for one is infinite."""
    try:
        packed = struct.pack("<f", value)
    except OverflowError:
        packed = struct.pack("<f", float("inf") if value > 0 else float("-inf"))
    return varint(number << 3 | FLOAT) + packed


def fields(content: bytes) -> Iterator[tuple[int, int, bytes | int]]:
    """Number, wire type and value of each field; floats as their bytes. Raises ValueError for what is no message."""
    place, end = 0, len(content)
    while place < end:
        key, place = _varint(content, place)
        kind = key & 7
        value: bytes | int
        if kind == VARINT:
            value, place = _varint(content, place)
        else:
            if kind == BYTES:
                size, place = _varint(content, place)
            elif kind in (DOUBLE, FLOAT):
                size = 8 if kind == DOUBLE else 4
            else:
                raise ValueError(f"a field of unknown kind {kind}")
            if place + size > end:
                raise ValueError("a field is longer than its message")
            value, place = content[place : place + size], place + size
        yield key >> 3, kind, value


def signed(value: int) -> int:
    """A varint as the signed number that it stands for.

    >>> signed(2**64 - 1)
    -1
    """
    return value - (1 << 64) if value >> 63 else value


def _varint(content: bytes, place: int) -> tuple[int, int]:
    value = shift = 0
    while shift < 70:
        if place >= len(content):
            break
        byte = content[place]
        place += 1
        value |= (byte & 0x7F) << shift
        if byte < 0x80:
            return value, place
        shift += 7
    raise ValueError("a number has no end")

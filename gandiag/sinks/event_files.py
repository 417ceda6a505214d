"""TensorBoard's event files, read and written without TensorFlow: records with checksums around event messages.

A record is its length (8 bytes), the masked CRC-32C of that, the message, and the masked CRC-32C of the message. The
messages are `Event` and `Summary` of tensorflow/core/util/event.proto and core/framework/summary.proto; scalars may
stand in `simple_value` or, of TF 2 and of torch's `new_style=True`, in a tensor.
"""

from __future__ import annotations

import struct
from dataclasses import dataclass
from typing import IO, TYPE_CHECKING

import numpy as np

from gandiag.files import UnreadableError
from gandiag.sinks import wire

if TYPE_CHECKING:
    from collections.abc import Iterator

MARK = "tfevents"
"""What the name of every event file holds."""
RUN_TAG = "gandiag/run"
"""The text under which an export keeps what run.json says of losses, outputs and modes."""
MOST_RECORD = 256 * 2**20  # bytes of one record; a longer claim is damage
BLOCK = 2**21  # bytes read at a time
CHECKED = 4096  # bytes of a message whose checksum is compared: those of scalars; pictures have checksums of their own
_MASK = 0xA282EAD8
_DOUBLE, _SINGLE = struct.Struct("<d"), struct.Struct("<f")
_HEADER = struct.Struct("<QI")
_FLOATS = {1: "f", 2: "d", 3: "i", 9: "q"}  # of a tensor's type: DT_FLOAT, DT_DOUBLE, DT_INT32, DT_INT64


def _table() -> tuple[int, ...]:
    def entry(value: int) -> int:
        for _ in range(8):
            value = value >> 1 ^ (0x82F63B78 if value & 1 else 0)
        return value

    return tuple(map(entry, range(256)))


_TABLE = _table()
_ARRAY = np.array(_TABLE, dtype=np.uint32)


def masked_crc(content: bytes) -> int:
    """CRC-32C (Castagnoli), rotated and shifted as TFRecord does.

    >>> hex(masked_crc(b"123456789"))
    '0xc78ab0e5'
    """
    crc, table = 0xFFFFFFFF, _TABLE
    for byte in content:
        crc = table[(crc ^ byte) & 0xFF] ^ crc >> 8
    crc ^= 0xFFFFFFFF
    return ((crc >> 15 | crc << 17) + _MASK) & 0xFFFFFFFF


@dataclass(frozen=True, slots=True)
class Value:
    """One value of an event: a `number`, an encoded `image`, or a `text`."""

    tag: str
    step: int
    time: float
    number: float | None = None
    image: bytes = b""
    text: str = ""


def record(message: bytes) -> bytes:
    """A message as a record."""
    size = struct.pack("<Q", len(message))
    return b"".join((size, struct.pack("<I", masked_crc(size)), message, struct.pack("<I", masked_crc(message))))


def version_event(time: float) -> bytes:
    """The record that every event file begins with."""
    return record(wire.field(1, time) + wire.field(3, "brain.Event:2"))


def scalar_event(step: int, time: float, values: dict[str, float]) -> bytes:
    """A record with the scalars of one step."""
    entries = b"".join(wire.field(1, wire.field(1, name) + wire.single(2, value)) for name, value in values.items())
    return record(wire.field(1, time) + wire.field(2, step) + wire.field(5, entries))


def text_event(step: int, time: float, tag: str, text: str) -> bytes:
    """A record with a text, which TensorBoard shows under *Text*, in Markdown."""
    plugin = wire.field(9, wire.field(1, wire.field(1, "text")))
    tensor = wire.field(8, wire.field(1, 7) + wire.field(2, wire.field(2, wire.field(1, 1))) + wire.field(8, text))
    value = wire.field(1, tag) + plugin + tensor
    return record(wire.field(1, time) + wire.field(2, step) + wire.field(5, wire.field(1, value)))


def image_event(step: int, time: float, tag: str, png: bytes, size: tuple[int, int]) -> bytes:
    """A record with a picture of this width and height, encoded as PNG."""
    image = wire.field(1, size[1]) + wire.field(2, size[0]) + wire.field(3, 3) + wire.field(4, png)
    value = wire.field(1, tag) + wire.field(4, image)
    return record(wire.field(1, time) + wire.field(2, step) + wire.field(5, wire.field(1, value)))


def messages(file: IO[bytes]) -> Iterator[tuple[bytes, int]]:
    """The messages of an event file and where in it each one ends.

    Raises UnreadableError, after the last sound one, that says at which byte the file is damaged or breaks off.
    """
    place, rest = 0, b""
    while True:
        more = file.read(BLOCK)
        block = rest + more
        found, used, damaged = _records(block)
        for start, size in found:
            yield block[start : start + size], place + start + size + 4
        if damaged:
            raise UnreadableError(f"is damaged from byte {place + used:,} on")
        place, rest = place + used, block[used:]
        if not more:
            break
        if len(rest) >= 12 and (wanted := _HEADER.unpack_from(rest)[0] + 16) > BLOCK:
            rest += file.read(wanted - len(rest))
    if rest:
        raise UnreadableError(f"breaks off at byte {place:,}, in the middle of a record")


def _records(block: bytes) -> tuple[list[tuple[int, int]], int, bool]:
    """Where the sound records of a block begin and how long their messages are; the bytes used; whether one is damaged.

    Checksums of messages of one length are computed together, some twenty times as fast as one by one.
    """
    found: list[tuple[int, int]] = []
    used, length, sane = 0, len(block), True
    while used + 12 <= length:
        size = int.from_bytes(block[used : used + 8], "little")
        if size > MOST_RECORD:
            sane = False
            break
        if used + size + 16 > length:
            break
        found.append((used + 12, size))
        used += size + 16
    content = np.frombuffer(block, dtype=np.uint8)
    starts, sizes = (np.array([pair[i] for pair in found], dtype=np.int64) for i in (0, 1))
    bad = _wrong(content, starts - 12, 8)
    for size in np.unique(sizes[sizes <= CHECKED]):
        same = np.flatnonzero(sizes == size)
        bad[same] |= _wrong(content, starts[same], int(size))
    if not sane and not bad.any():
        return found, used, True
    if used + 12 <= length and sane and not bad.any() and _wrong(content, np.array([used]), 8)[0]:
        return found, used, True
    if bad.any():
        first = int(bad.argmax())
        return found[:first], int(starts[first]) - 12, True
    return found, used, False


def _wrong(content: np.ndarray, starts: np.ndarray, size: int) -> np.ndarray:
    """For each stretch of so many bytes, whether the masked checksum behind it is another one; bool (n,)."""
    crc = np.full(len(starts), 0xFFFFFFFF, dtype=np.uint32)
    for offset in range(size):
        crc = _ARRAY[(crc ^ content[starts + offset]) & 0xFF] ^ crc >> np.uint32(8)
    crc ^= np.uint32(0xFFFFFFFF)
    masked = (crc >> np.uint32(15) | crc << np.uint32(17)) + np.uint32(_MASK)
    written = np.zeros(len(starts), dtype=np.uint32)
    for byte in range(4):
        written |= content[starts + size + byte].astype(np.uint32) << np.uint32(8 * byte)
    wrong: np.ndarray = masked != written
    return wrong


def values(message: bytes) -> Iterator[Value]:
    """The scalars and images of one message. Raises ValueError for what is no event."""
    if (plain := _plain(message)) is not None:
        yield plain
        return
    time, step, summaries = 0.0, 0, []
    for number, kind, content in wire.fields(message):
        if number == 1 and kind == wire.DOUBLE:
            (time,) = struct.unpack("<d", content)  # type: ignore[arg-type]
        elif number == 2 and kind == wire.VARINT:
            step = wire.signed(content)  # type: ignore[arg-type]
        elif number == 5 and kind == wire.BYTES:
            summaries.append(content)
    for summary in summaries:
        for number, kind, content in wire.fields(summary):  # type: ignore[arg-type]
            if number == 1 and kind == wire.BYTES and (found := _value(content, step, time)):  # type: ignore[arg-type]
                yield found


def _plain(message: bytes) -> Value | None:
    """An event with one scalar as most writers lay it out: time, step, tag, number; None for any other."""
    if len(message) < 20 or message[0] != 0x09 or message[9] != 0x10:
        return None
    place, step, shift = 10, 0, 0
    while place < len(message) and message[place] & 0x80:
        step |= (message[place] & 0x7F) << shift
        place, shift = place + 1, shift + 7
    head = message[place + 1 : place + 7]
    if len(head) < 6 or head[0] != 0x2A or head[2] != 0x0A or head[4] != 0x0A or max(head[1::2]) > 0x7F or shift > 56:
        return None
    end = place + 7 + head[5]
    if message[end : end + 1] != b"\x15" or end + 5 != len(message) or head[3] + 2 != head[1]:
        return None
    step |= message[place] << shift
    (time,) = _DOUBLE.unpack_from(message, 1)
    (number,) = _SINGLE.unpack_from(message, end + 1)
    return Value(message[place + 7 : end].decode("utf-8", "replace"), step, time, number)


def _value(content: bytes, step: int, time: float) -> Value | None:
    tag = ""
    for number, kind, inner in wire.fields(content):
        if number == 1 and kind == wire.BYTES:
            tag = inner.decode("utf-8", "replace")  # type: ignore[union-attr]
        elif number == 2 and kind == wire.FLOAT:
            return Value(tag, step, time, struct.unpack("<f", inner)[0])  # type: ignore[arg-type]
        elif number == 4 and kind == wire.BYTES:
            image = next((c for n, k, c in wire.fields(inner) if n == 4 and k == wire.BYTES), b"")  # type: ignore[arg-type]
            return Value(tag, step, time, image=image) if image else None  # type: ignore[arg-type]
        elif number == 8 and kind == wire.BYTES:
            return _of_tensor(tag, step, time, inner)  # type: ignore[arg-type]
    return None


def _of_tensor(tag: str, step: int, time: float, content: bytes) -> Value | None:
    """A tensor of one number, or of texts among which is a picture: its width, its height, then the picture."""
    kind, packed, texts = 0, b"", []
    for number, wired, inner in wire.fields(content):
        if number == 1 and wired == wire.VARINT:
            kind = int(inner)
        elif number in (4, 5, 6) and isinstance(inner, bytes):
            packed = inner
        elif number == 8 and isinstance(inner, bytes):
            texts.append(inner)
    if kind == 7 and len(texts) > 2 and texts[2][:4] in (b"\x89PNG", b"\xff\xd8\xff\xe0", b"GIF8"):
        return Value(tag, step, time, image=texts[2])
    if kind == 7 and len(texts) == 1:
        return Value(tag, step, time, text=texts[0].decode("utf-8", "replace"))
    letter = _FLOATS.get(kind)
    if letter is None or len(packed) != struct.calcsize(f"<{letter}"):
        return None
    return Value(tag, step, time, float(struct.unpack(f"<{letter}", packed)[0]))

"""TensorBoard's event files, read and written without TensorFlow: records with checksums around event messages.

A record is its length (8 bytes), the masked CRC-32C of that, the message, and the masked CRC-32C of the message. The
messages are `Event` and `Summary` of tensorflow/core/util/event.proto and core/framework/summary.proto; scalars may
stand in `simple_value` or, of TF 2 and of torch's `new_style=True`, in a tensor.
"""

from __future__ import annotations

import struct
from dataclasses import dataclass
from typing import IO, TYPE_CHECKING

from gandiag.files import UnreadableError
from gandiag.sinks import wire

if TYPE_CHECKING:
    from collections.abc import Iterator

MARK = "tfevents"
"""What the name of every event file holds."""
RUN_TAG = "gandiag/run"
"""The text under which an export keeps what run.json says of losses, outputs and modes."""
MOST_RECORD = 256 * 2**20  # bytes of one record; a longer claim is damage
CHECKED = 4096  # bytes of a message whose checksum is compared: those of scalars; pictures have checksums of their own
_MASK = 0xA282EAD8
_HEADER = struct.Struct("<QI")
_FLOATS = {1: "f", 2: "d", 3: "i", 9: "q"}  # of a tensor's type: DT_FLOAT, DT_DOUBLE, DT_INT32, DT_INT64


def _table() -> tuple[int, ...]:
    def entry(value: int) -> int:
        for _ in range(8):
            value = value >> 1 ^ (0x82F63B78 if value & 1 else 0)
        return value

    return tuple(map(entry, range(256)))


_TABLE = _table()


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
    place = 0
    while header := file.read(12):
        if len(header) < 12:
            raise UnreadableError(f"breaks off at byte {place:,}, in the middle of a record")
        size, crc = _HEADER.unpack(header)
        if size > MOST_RECORD or masked_crc(header[:8]) != crc:
            raise UnreadableError(f"is damaged from byte {place:,} on")
        body = file.read(size + 4)
        if len(body) < size + 4:
            raise UnreadableError(f"breaks off at byte {place:,}, in the middle of a record")
        message = body[:size]
        if size <= CHECKED and masked_crc(message) != int.from_bytes(body[size:], "little"):
            raise UnreadableError(f"is damaged from byte {place:,} on")
        place += size + 16
        yield message, place


def values(message: bytes) -> Iterator[Value]:
    """The scalars and images of one message. Raises ValueError for what is no event."""
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
            kind = int(inner)  # type: ignore[arg-type]
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

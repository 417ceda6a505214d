"""The binary log of a run of Weights & Biases, `run-<id>.wandb`, read without wandb.

It is a log in LevelDB's format (blocks of 32 KiB; records of a checksum, a length and a type) behind a header of seven
bytes. Each record is a `Record` of wandb_internal.proto; of those the history is read: keys with their values as JSON.
"""

from __future__ import annotations

import json
import math
import struct
from typing import IO, TYPE_CHECKING, Any

from gandiag.files import UnreadableError
from gandiag.logs.tables import add_value
from gandiag.sinks import wire

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

    from gandiag.logs.series import Log

    Progress = Callable[[int], None]

HEADER = b":W&B"
BLOCK = 32 * 1024
FULL, FIRST, MIDDLE, LAST = 1, 2, 3, 4
HISTORY, ITEM, STEP, KEY, NESTED, VALUE = 2, 1, 2, 1, 2, 16  # numbers of fields
MOST = 64 * 2**20  # bytes of one record
_HEAD = struct.Struct("<IHB")


def read_wandb(path: Path, log: Log, progress: Progress) -> None:
    """Take in the history of a run. What is damaged or breaks off is noted; what comes before was read."""
    number = 0
    try:
        with path.open("rb") as file:
            for record in _records(file, progress):
                number += _history(record, log, number)
    except (UnreadableError, ValueError) as error:
        log.note(f"{path.name} {error}; what comes before was read")


def _records(file: IO[bytes], progress: Progress) -> Iterator[bytes]:
    if file.read(7)[:4] != HEADER:
        raise UnreadableError("is no log of Weights & Biases")
    parts = b""
    while True:
        left = BLOCK - file.tell() % BLOCK
        if left < _HEAD.size:
            file.read(left)
            continue
        head = file.read(_HEAD.size)
        if not head:
            break
        if len(head) < _HEAD.size:
            raise UnreadableError(f"breaks off at byte {file.tell():,}")
        _, size, kind = _HEAD.unpack(head)
        body = file.read(size)
        progress(size + _HEAD.size)
        if len(body) < size or kind not in (FULL, FIRST, MIDDLE, LAST) or len(parts) > MOST:
            if kind == 0 and size == 0:  # room that was never written to
                continue
            raise UnreadableError(f"breaks off or is damaged at byte {file.tell():,}")
        parts = body if kind in (FULL, FIRST) else parts + body
        if kind in (FULL, LAST):
            yield parts


def _history(record: bytes, log: Log, number: int) -> int:
    """Take in one row of the history; 1 where the record is one."""
    content = next((v for n, k, v in wire.fields(record) if n == HISTORY and k == wire.BYTES), None)
    if not isinstance(content, bytes):
        return 0
    row: dict[str, Any] = {}
    step: float | None = None
    for field, _, value in wire.fields(content):
        if field == ITEM and isinstance(value, bytes):
            name, text = _item(value)
            row[name] = text
        elif field == STEP and isinstance(value, bytes):
            step = next((float(wire.signed(v)) for n, _, v in wire.fields(value) if n == 1 and isinstance(v, int)), 0.0)
    x = row.pop("_step", None)
    x = float(x) if isinstance(x, (int, float)) else step if step is not None else float(number)
    at = row.pop("_timestamp", math.nan)
    row.pop("_runtime", None)
    for name, value in row.items():
        add_value(log, name, x, value, float(at) if isinstance(at, (int, float)) else math.nan)
    return 1


def _item(content: bytes) -> tuple[str, Any]:
    name, nested, text = "", [], ""
    for number, _, value in wire.fields(content):
        if isinstance(value, bytes):
            decoded = value.decode("utf-8", "replace")
            if number == KEY:
                name = decoded
            elif number == NESTED:
                nested.append(decoded)
            elif number == VALUE:
                text = decoded
    try:
        return "/".join(nested) or name, json.loads(text)
    except json.JSONDecodeError:
        return "/".join(nested) or name, None

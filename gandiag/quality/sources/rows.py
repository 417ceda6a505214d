"""Rows of a Parquet file that hold encoded images, as the Hugging Face hub stores them."""

from __future__ import annotations

import threading
from collections import OrderedDict
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from gandiag.quality.sources.errors import SourceError

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

IMAGE_COLUMNS = ("image", "img", "images", "jpg", "png", "webp", "bytes")
LABEL_COLUMNS = ("label", "labels", "fine_label", "cls", "class")
GROUPS_KEPT = 2  # row groups in memory: readers are at most a batch or two apart
MAX_GROUP = 4 * 2**30  # bytes of a row group, uncompressed


@dataclass(frozen=True)
class Row:
    """One row: where it is, and its class where the file has one."""

    index: int
    group: int
    place: int
    label: int | None
    _file: _File

    def read(self) -> bytes:
        """The encoded image. Raises ValueError when the row has none."""
        return self._file.read(self.group, self.place)


def parquet_rows(path: Path) -> Iterator[Row]:
    """The rows of a file.

    Raises
    ------
    SourceError
        When the file cannot be read or has no column of encoded images.
    """
    file = _File(path)
    labels = file.labels()
    index = 0
    for group, rows in enumerate(file.sizes):
        for place in range(rows):
            yield Row(index, group, place, None if labels is None else labels[index], file)
            index += 1


class _File:
    """A Parquet file of which the row groups last read are kept."""

    def __init__(self, path: Path) -> None:
        import pyarrow as pa
        import pyarrow.parquet as pq

        self._path, self._lock = path, threading.Lock()
        self._groups: OrderedDict[int, Any] = OrderedDict()
        try:
            self._file = pq.ParquetFile(path)
        except (OSError, ValueError, pa.ArrowException) as error:
            raise SourceError(f"{path} cannot be read: {error}") from error
        self._schema = self._file.schema_arrow
        self._column = self._image_column()
        metadata = self._file.metadata
        self.sizes = [metadata.row_group(i).num_rows for i in range(metadata.num_row_groups)]
        most = max((metadata.row_group(i).total_byte_size for i in range(metadata.num_row_groups)), default=0)
        if most > MAX_GROUP:
            raise SourceError(f"{path} has a row group of {most:,} bytes, more than the {MAX_GROUP:,} that are allowed")

    def _image_column(self) -> str:
        import pyarrow.types as kinds

        def encoded(kind: Any) -> bool:
            binary = kinds.is_binary(kind) or kinds.is_large_binary(kind)
            return bool(binary or (kinds.is_struct(kind) and kind.get_field_index("bytes") >= 0))

        columns = [name for name in self._schema.names if encoded(self._schema.field(name).type)]
        usual = [name for name in IMAGE_COLUMNS if name in columns]
        if not usual and len(columns) != 1:
            there = ", ".join(f"{f.name} ({f.type})" for f in self._schema)[:300]
            raise SourceError(f"{self._path} has no column of encoded images (image with bytes), found {there}")
        return (usual or columns)[0]

    def labels(self) -> list[int] | None:
        """The class of each row; None where there is no column of whole numbers for it."""
        import pyarrow.types as kinds

        named = [n for n in LABEL_COLUMNS if n in self._schema.names and kinds.is_integer(self._schema.field(n).type)]
        if not named:
            return None
        found = self._file.read(columns=[named[0]])[0]
        return None if found.null_count else found.to_pylist()

    def read(self, group: int, place: int) -> bytes:
        """The bytes of one row. Raises ValueError when there are none."""
        with self._lock:
            if group not in self._groups:
                column = self._file.read_row_group(group, columns=[self._column])[self._column].combine_chunks()
                self._groups[group] = column
                while len(self._groups) > GROUPS_KEPT:
                    self._groups.popitem(last=False)
            value = self._groups[group][place].as_py()
        content = value.get("bytes") if isinstance(value, dict) else value
        if not content:
            raise ValueError("the row holds no bytes, perhaps only the path of an image elsewhere")
        return bytes(content)

"""Parts: the immutable files of rows (Parquet) and arrays (.npz) that a recording consists of."""

from __future__ import annotations

import io
import re
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

    import pyarrow as pa

    Columns = Mapping[str, np.ndarray]
    Arrays = Mapping[str, np.ndarray]  # for each name its values (n, ...) and, under name:step, their steps (n,)

KINDS = {"scalars": "parquet", "arrays": "npz"}  # folder and suffix
STEP = ":step"
SAMPLE = re.compile(r"step-(\d+)\.(png|npz)$")
_NAME = re.compile(r"rank(\d+)-s(\d+)-(\d+)(?:-(\d+))?\.(parquet|npz)$")


@dataclass(frozen=True, order=True)
class Part:
    """One file, written by a rank in a segment. A merged part spans the numbers of those it replaces.

    >>> Part(0, 2, 0, 63, "parquet").name
    'rank0-s002-000000-000063.parquet'
    """

    rank: int
    segment: int
    first: int
    last: int
    suffix: str

    @property
    def name(self) -> str:
        span = f"{self.first:06d}" if self.first == self.last else f"{self.first:06d}-{self.last:06d}"
        return f"rank{self.rank}-s{self.segment:03d}-{span}.{self.suffix}"

    def replaces(self, other: Part) -> bool:
        """Whether this part was merged from `other`, among more."""
        same = (self.rank, self.segment, self.suffix) == (other.rank, other.segment, other.suffix)
        return same and self != other and self.first <= other.first and other.last <= self.last


def parse(name: str) -> Part | None:
    """The part that a file name stands for, if it does."""
    if not (match := _NAME.match(name)):
        return None
    rank, segment, first, last, suffix = match.groups()
    return Part(int(rank), int(segment), int(first), int(last or first), suffix)


def sample_name(step: int, suffix: str) -> str:
    """The file of a snapshot.

    >>> sample_name(12, ".png")
    'step-00000012.png'
    """
    return f"step-{step:08d}{suffix}"


def sample_step(name: str) -> int | None:
    """The step of a snapshot's file name, None for other names."""
    return int(match[1]) if (match := SAMPLE.match(name)) else None


def split_replaced(names: Iterable[str]) -> tuple[list[Part], list[Part]]:
    """The parts to read, in the order written, and those that a merged part replaces.

    A process that dies between writing the one and removing the others leaves both.
    """
    parts = sorted(
        (part for name in names if (part := parse(name))),
        key=lambda p: (p.suffix, p.rank, p.segment, p.first, -p.last),
    )
    kept: list[Part] = []
    replaced = []
    for part in parts:
        if kept and kept[-1].replaces(part):
            replaced.append(part)
        else:
            kept.append(part)
    return kept, replaced


def joined(blocks: Sequence[Columns]) -> dict[str, np.ndarray]:
    """Blocks with different columns stacked; a column that a block lacks is NaN there, masked in Parquet."""
    names = dict.fromkeys(name for block in blocks for name in block)
    if all(len(block) == len(names) for block in blocks):
        return {name: np.concatenate([block[name] for block in blocks]) for name in names}
    sizes = [len(block["step"]) for block in blocks]
    blank = {size: np.full(size, np.nan) for size in set(sizes)}
    return {
        name: np.concatenate([block.get(name, blank[size]) for block, size in zip(blocks, sizes, strict=True)])
        for name in names
    }


def joined_arrays(blocks: Sequence[Arrays]) -> dict[str, np.ndarray]:
    """Arrays of several parts, one after the other."""
    names = dict.fromkeys(name for block in blocks for name in block)
    return {name: np.concatenate([block[name] for block in blocks if name in block]) for name in names}


def encode(columns: Columns) -> bytes:
    """Rows as a Parquet file; columns of shape (n,), the first two `step` and `time`."""
    import pyarrow as pa
    import pyarrow.parquet as pq

    arrays = {name: pa.array(values, from_pandas=True) for name, values in columns.items()}
    sink = io.BytesIO()
    # measured values hardly repeat: dictionaries of them take most of the time and a fifth more room
    pq.write_table(pa.table(arrays), sink, compression="zstd", use_dictionary=False)
    return sink.getvalue()


def read_table(source: Any) -> pa.Table:
    """The table of a Parquet file, open or in memory, read by the calling thread alone.

    Arrow's own threads let go of a file after it was read, for which they need the interpreter; where that is about
    to end, they abort the process.
    """
    import pyarrow.parquet as pq

    with pq.ParquetFile(source, pre_buffer=False) as file:
        return file.read(use_threads=False)


def decode(content: bytes) -> dict[str, np.ndarray]:
    """The rows of a Parquet file, NaN where a value was not recorded."""
    import pyarrow as pa

    table = read_table(pa.BufferReader(content))
    return {name: table[name].to_numpy() for name in table.column_names}


def encode_arrays(arrays: Arrays) -> bytes:
    """Arrays by step as an .npz file."""
    sink = io.BytesIO()
    np.savez_compressed(sink, allow_pickle=False, **arrays)
    return sink.getvalue()


def decode_arrays(content: bytes) -> dict[str, np.ndarray]:
    """The arrays of an .npz file."""
    with np.load(io.BytesIO(content)) as data:
        return {name: data[name] for name in data.files}


@dataclass(frozen=True)
class Extent:
    """How much a part holds: its steps, its number of rows or arrays, and its bytes once loaded."""

    first_step: int
    last_step: int
    rows: int
    loaded: int

    @classmethod
    def of(cls, content: Mapping[str, np.ndarray], suffix: str) -> Extent:
        """From decoded columns or arrays."""
        steps = [v for name, v in content.items() if (name == "step" if suffix == "parquet" else name.endswith(STEP))]
        seen = np.concatenate(steps) if steps else np.empty(0)
        loaded = sum(v.nbytes for v in content.values())
        if not len(seen):
            return cls(0, -1, 0, loaded)
        return cls(int(seen.min()), int(seen.max()), len(seen), loaded)

    @classmethod
    def read(cls, file: Any, suffix: str) -> Extent:
        """From an open file, without reading more of it than a Parquet file's footer."""
        if suffix == "npz":
            return cls.of(decode_arrays(file.read()), suffix)
        import pyarrow.parquet as pq

        meta = pq.read_metadata(file)
        groups = [meta.row_group(i).column(0).statistics for i in range(meta.num_row_groups)]
        spans = [(int(g.min), int(g.max)) for g in groups if g is not None and g.has_min_max]
        first, last = min((a for a, _ in spans), default=0), max((b for _, b in spans), default=-1)
        return cls(first, last, meta.num_rows, meta.num_rows * meta.num_columns * 8)

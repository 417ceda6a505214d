"""Parts: the immutable files of rows (Parquet) and arrays (.npz) that a recording consists of."""

from __future__ import annotations

import io
import re
import zlib
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from gandiag.files import Npz, UnreadableError, told
from gandiag.rundir.schema import MAX_STEP
from gandiag.wording import listed

if TYPE_CHECKING:
    from collections.abc import Container, Iterable, Mapping, Sequence

    import pyarrow as pa

    Columns = Mapping[str, np.ndarray]
    Arrays = Mapping[str, np.ndarray]  # for each name its values (n, ...) and, under name:step, their steps (n,)

KINDS = {"scalars": "parquet", "arrays": "npz"}  # folder and suffix
STEP = ":step"
CHECKSUM = b"gandiag"
MAX_LOADED = 2**30  # bytes of one part once it is loaded; a merged one has 16 MiB
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


def real_name(suffix: str) -> str:
    """The file of real samples that stands beside the snapshots."""
    return f"real{suffix}"


REAL_NAMES = (real_name(".png"), real_name(".npz"))


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
    table = pa.table(arrays)
    table = table.replace_schema_metadata({CHECKSUM: _checksum(table.schema, table.num_rows)})
    # measured values hardly repeat: dictionaries of them take most of the time and a fifth more room
    pq.write_table(table, sink, compression="zstd", use_dictionary=False, write_page_checksum=True)
    return sink.getvalue()


def decode(
    content: bytes, most: int = MAX_LOADED, *, checked: bool = False, signals: Container[str] | None = None
) -> tuple[dict[str, np.ndarray], list[str]]:
    """The rows of a Parquet file, and what of it cannot be used.

    Columns have shape (n,): `step` is int64, all others float64, NaN where a value was not recorded. Arrow's own
    threads let go of a file after it was read, for which they need the interpreter; where that is about to end, they
    abort the process. So the calling thread reads alone. With `checked` a file without our checksum is refused, with
    `signals` only these columns are read.

    Raises UnreadableError when it is no such file, has no usable steps, or would take more than `most` bytes.
    """
    import pyarrow as pa
    import pyarrow.parquet as pq

    with told("not a readable Parquet file"):
        source = pa.BufferReader(content)
        with pq.ParquetFile(source, pre_buffer=False, page_checksum_verification=True) as file:
            schema, rows = file.schema_arrow, file.metadata.num_rows
            written = (schema.metadata or {}).get(CHECKSUM)
            if (checked or written is not None) and written != _checksum(schema, rows):
                raise UnreadableError("its columns are not those that gandiag wrote")
            if rows * len(schema) * 8 > most:
                raise UnreadableError(f"{rows:,} rows of {len(schema):,} columns take more than {most:,} bytes")
            _check_columns(schema)
            numbers = [field.name for field in schema if _is_number(field.type)]
            wanted = numbers[:2] + [name for name in numbers[2:] if signals is None or name in signals]
            table = file.read(columns=wanted, use_threads=False)
            columns = {name: _values(table[name]).astype(np.float64, copy=False) for name in wanted[1:]}
            columns = {"step": checked_steps(_values(table["step"])), **columns}
    dropped = [name for name in schema.names if name not in numbers]
    return columns, [f"columns that hold no numbers: {listed(dropped)}"] if dropped else []


def _checksum(schema: pa.Schema, rows: int) -> bytes:
    """Of what says how a table is to be read; its pages have checksums of their own."""
    return b"%08x" % zlib.crc32(repr((schema.names, list(map(str, schema.types)), rows)).encode())


def _check_columns(schema: pa.Schema) -> None:
    import pyarrow.types as kinds

    if schema.names[:2] != ["step", "time"]:
        raise UnreadableError(f"expected columns step and time first, found {listed(map(repr, schema.names[:2]))}")
    if len(set(schema.names)) != len(schema.names):
        raise UnreadableError("two columns have one name")
    step, time = (schema.field(name).type for name in ("step", "time"))
    if not kinds.is_integer(step) or not _is_number(time):
        raise UnreadableError(f"step is of type {step} and time of type {time}")


def _is_number(kind: pa.DataType) -> bool:
    import pyarrow.types as kinds

    return bool(kinds.is_integer(kind) or kinds.is_floating(kind) or kinds.is_boolean(kind) or kinds.is_null(kind))


def _values(column: pa.ChunkedArray) -> np.ndarray:
    import pyarrow.types as kinds

    if kinds.is_null(column.type):
        return np.full(len(column), np.nan)
    values: np.ndarray = column.to_numpy()
    return values


def checked_steps(steps: np.ndarray) -> np.ndarray:
    """Steps (n,) as int64. Raises UnreadableError for what are none."""
    if steps.ndim != 1 or steps.dtype.kind not in "iu":
        raise UnreadableError(f"steps must be whole numbers, one behind the other, found {steps.dtype} {steps.shape}")
    if len(steps) and not 0 <= steps.min() <= steps.max() <= MAX_STEP:
        raise UnreadableError(f"steps must lie between 0 and {MAX_STEP:,}, found {steps.min():,} to {steps.max():,}")
    return steps.astype(np.int64)


def encode_arrays(arrays: Arrays) -> bytes:
    """Arrays by step as an .npz file."""
    sink = io.BytesIO()
    np.savez_compressed(sink, allow_pickle=False, **arrays)
    return sink.getvalue()


def decode_arrays(content: bytes, most: int = MAX_LOADED) -> dict[str, np.ndarray]:
    """The arrays of an .npz file, of numbers, each beside its steps.

    Raises UnreadableError when it is no such file or would take more than `most` bytes.
    """
    data = Npz(io.BytesIO(content), most)
    found: dict[str, np.ndarray] = {}
    for name in (n for n in data.names if not n.endswith(STEP)):
        if name + STEP not in data.names:
            raise UnreadableError(f"not a readable .npz: array {name} has no steps")
        with told(f"not a readable .npz: array {name}"):
            steps, values = checked_steps(data[name + STEP]), data[name]
            if values.dtype.kind not in "biuf" or values.shape[:1] != steps.shape:
                raise UnreadableError(f"{values.dtype} of shape {values.shape} for {len(steps):,} steps")
        found |= {name + STEP: steps, name: values}
    return found


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

"""Run directories that would take gigabytes or minutes: each is made from a sound one, in little room and time."""

from __future__ import annotations

import io
import json
import zipfile
from typing import TYPE_CHECKING, Any

import numpy as np
from hostile import header, png

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path


def _meta(folder: Path, **changes: Any) -> None:
    path = folder / "run.json"
    path.write_text(json.dumps(json.loads(path.read_text()) | {"checksums": False} | changes))


def _rows(folder: Path, number: int, groups: int, names: list[str], *, step: int = 1) -> None:
    """A part of constants, each group of a million rows."""
    import pyarrow as pa
    import pyarrow.parquet as pq

    size = 2**20
    columns = {"step": np.arange(size) // size + step, **{name: np.zeros(size) for name in ("time", *names)}}
    table = pa.table(columns)
    with pq.ParquetWriter(folder / "scalars" / f"rank0-s000-{number:06d}.parquet", table.schema) as writer:
        for _ in range(groups):
            writer.write_table(table)


def rows_without_end(folder: Path) -> None:
    """Half a gigabyte of one value in a part of some kilobytes."""
    _meta(folder)
    _rows(folder, 500, 8, [f"x{i}" for i in range(6)])


def parts_without_end(folder: Path) -> None:
    """A hundred parts of sixty megabytes each, once they are loaded."""
    _meta(folder)
    _rows(folder, 500, 1, [f"x{i}" for i in range(6)])
    content = (folder / "scalars" / "rank0-s000-000500.parquet").read_bytes()
    for number in range(501, 600):
        (folder / "scalars" / f"rank0-s000-{number:06d}.parquet").write_bytes(content)


def columns_without_end(folder: Path) -> None:
    """Parts each of which has other columns: a table of a hundred million cells that are empty."""
    import pyarrow as pa
    import pyarrow.parquet as pq

    _meta(folder)
    for number in range(60):
        named = {f"x{number}-{i}": np.zeros(300) for i in range(200)}
        table = pa.table({"step": np.arange(1300, 1600), "time": np.zeros(300), **named})
        pq.write_table(table, folder / "scalars" / f"rank0-s000-{600 + number:06d}.parquet")


def steps_far_apart(folder: Path) -> None:
    """One row a billion steps on."""
    import pandas as pd

    _meta(folder)
    file = max((folder / "scalars").iterdir())
    table = pd.read_parquet(file)
    table.loc[table.index[-1], "step"] = 10**9
    table.astype({"step": "int64"}).to_parquet(file, index=False)


def arrays_that_expand(folder: Path) -> None:
    """An .npz of 256 kB that takes 256 MB."""
    file = min((folder / "arrays").iterdir())
    with zipfile.ZipFile(file, "w", zipfile.ZIP_DEFLATED) as archive, archive.open("x.npy", "w") as out:
        out.write(header((2**25,)))
        for _ in range(256):
            out.write(bytes(2**20))


def arrays_by_the_thousand(folder: Path) -> None:
    """Twenty thousand arrays in one .npz."""
    file = min((folder / "arrays").iterdir())
    sink = io.BytesIO()
    np.save(sink, np.zeros(1))
    with zipfile.ZipFile(file, "w") as archive:
        for number in range(20_000):
            archive.writestr(f"{number}.npy", sink.getvalue())


def lists_in_run_json(folder: Path) -> None:
    """Fifteen megabytes of empty lists."""
    _meta(folder, other="@")
    path = folder / "run.json"
    path.write_text(path.read_text().replace('"@"', "[" + "[]," * (5 * 2**20) + "[]]"))


def faults_by_the_thousand(folder: Path) -> None:
    """A hundred thousand faults, and as many settings."""
    faults = [{"where": f"place {i}", "message": "m" * 60, "count": 1} for i in range(100_000)]
    _meta(folder, faults=faults, hyperparameters={f"setting {i}": i for i in range(100_000)})


def events_by_the_million(folder: Path) -> None:
    """Seventy megabytes of events."""
    line = b'{"kind":"gap","from_step":3,"to_step":4,"reason":"x"}\n'
    with (folder / "events.jsonl").open("ab") as file:
        file.write(line * (70 * 2**20 // len(line)))


def one_line_of_events(folder: Path) -> None:
    """Sixty megabytes in one line."""
    (folder / "events.jsonl").write_bytes(b'{"kind":"x","a":[' + b"0," * (30 * 2**20) + b"0]}\n")


def empty_lines_of_events(folder: Path) -> None:
    """Sixty million lines that are empty."""
    (folder / "events.jsonl").write_bytes(b"\n" * (60 * 2**20))


def snapshots_that_expand(folder: Path) -> None:
    """Pictures of a hundred million pixels, and points that are none."""
    for step in range(1, 9):
        (folder / "samples" / f"step-{step:08d}.png").write_bytes(png(18_000, 18_000, bytes(2**20)))
    for step in range(10, 14):
        (folder / "samples" / f"step-{step:08d}.npz").write_bytes(b"")
        with zipfile.ZipFile(folder / "samples" / f"step-{step:08d}.npz", "w") as archive:
            archive.writestr("points.npy", header((2**46, 2)))


BOMBS: tuple[Callable[[Path], None], ...] = (
    rows_without_end, parts_without_end, columns_without_end, steps_far_apart, arrays_that_expand,
    arrays_by_the_thousand, lists_in_run_json, faults_by_the_thousand, events_by_the_million, one_line_of_events,
    empty_lines_of_events, snapshots_that_expand,
)  # fmt: skip

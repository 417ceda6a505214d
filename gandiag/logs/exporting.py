"""A run as a file of another format: one table, or event files of TensorBoard."""

from __future__ import annotations

import json
import time
from pathlib import Path
from typing import TYPE_CHECKING, Literal

import numpy as np

from gandiag.files import UnreadableError, picture
from gandiag.findings import json_ready
from gandiag.logs.importing import KEPT
from gandiag.logs.series import LogError
from gandiag.sinks import event_files

if TYPE_CHECKING:
    from collections.abc import Callable

    import pandas as pd

    from gandiag.findings import Diagnosis
    from gandiag.rundir.run import Run

    Progress = Callable[[int], None]

Format = Literal["csv", "parquet", "json", "tensorboard"]
NAMES = {"csv": "scalars.csv", "parquet": "scalars.parquet", "json": "scalars.jsonl", "tensorboard": "tensorboard"}
MOST_PIXELS = 2**26


def export(run: Run, to: str | Path, form: Format, diagnosis: Diagnosis | None = None) -> str:
    """Write the signals of a run, one row for each step, as a file, or for TensorBoard as a folder.

    Parameters
    ----------
    run : the run
    to : the file, or the folder
    form : csv and parquet have the columns step, time and one for each signal, blank where nothing was recorded; json
        is one object a line; tensorboard an event file with the signals, snapshots of samples and, as texts, findings
    diagnosis : what its findings are, for TensorBoard

    Returns the path written. Raises LogError where it exists already, or cannot be written.
    """
    place = Path(to)
    if place.exists() and (place.is_file() or any(place.iterdir())):
        raise LogError(f"{place}: exists already; give another place with --out")
    try:
        place.parent.mkdir(parents=True, exist_ok=True)
        if form == "tensorboard":
            return _to_events(run, place, diagnosis)
        table = run.scalars.reset_index()
        table.insert(1, "time", np.nan if run.time is None else run.time.to_numpy())
        _to_table(table, place, form)
    except OSError as error:
        raise LogError(f"{place}: cannot be written: {error.strerror or error}") from error
    return str(place)


def _to_table(table: pd.DataFrame, place: Path, form: Format) -> None:
    if form == "csv":
        table.to_csv(place, index=False)
    elif form == "parquet":
        table.to_parquet(place, index=False)
    else:
        names = list(map(str, table))
        with place.open("w") as file:
            for values in table.itertuples(index=False, name=None):
                row = {n: v for n, v in zip(names, values, strict=True) if v == v}  # noqa: PLR0124 - not NaN
                file.write(json.dumps(json_ready(row)) + "\n")


def _to_events(run: Run, folder: Path, diagnosis: Diagnosis | None) -> str:
    folder.mkdir(parents=True, exist_ok=True)
    times = run.time.to_numpy() if run.time is not None else np.zeros(len(run.scalars))
    begun = float(times[0]) if len(times) and np.isfinite(times[0]) else time.time()
    path = folder / f"events.out.{event_files.MARK}.{int(begun):010d}.gandiag"
    names, values = list(map(str, run.scalars)), run.scalars.to_numpy()
    with path.open("wb") as file:
        file.write(event_files.version_event(begun))
        told = {name: run.meta[name] for name in KEPT if name in run.meta}
        file.write(event_files.text_event(0, begun, event_files.RUN_TAG, json.dumps(json_ready(told))))
        for step, at, row in zip(run.scalars.index, times, values, strict=True):
            present = {n: float(v) for n, v in zip(names, row, strict=True) if not np.isnan(v)}
            if present:
                file.write(event_files.scalar_event(int(step), float(at), present))
        for sample in run.samples:
            if sample.kind == "image" and (content := _png(sample.path)):
                file.write(event_files.image_event(sample.step, begun, "samples", *content))
        for finding in diagnosis.findings if diagnosis is not None else ():
            words = f"**{finding.severity}** {finding.title} {finding.since}: {finding.summary}"
            file.write(event_files.text_event(finding.onset_step, begun, f"findings/{finding.code}", words))
    return str(folder)


def _png(path: str) -> tuple[bytes, tuple[int, int]] | None:
    """A snapshot and its size; None for what cannot be read here."""
    place = Path(path)
    try:
        content = place.read_bytes()
        with picture(place, ("PNG",), MOST_PIXELS) as found:
            return content, found.size
    except (OSError, UnreadableError):
        return None

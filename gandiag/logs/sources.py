"""Which kind of log a path is, and its content: a `Log`."""

from __future__ import annotations

import json
import re
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING

from gandiag.logs import events, tables
from gandiag.logs.pictures import find_pictures
from gandiag.logs.series import Log, LogError
from gandiag.logs.text import read_text
from gandiag.logs.wandb_files import read_wandb
from gandiag.sinks.event_files import MARK
from gandiag.wording import listed

if TYPE_CHECKING:
    from collections.abc import Callable

    Progress = Callable[[int], None]

MOST_SHOWN = 60  # pictures of StyleGAN that are read: each has some 30 million pixels
TEXT = (".log", ".txt", ".out", ".err", "")
SAID = (
    "StyleGAN's stats.jsonl",
    "MLflow's file store",
    "W&B's offline run",
    "TensorBoard's event files",
    "CSV",
    "JSON lines",
    "text",
)
WANDB = (
    "{path}: its history holds nothing that can be read here; export it from the service instead: "
    "wandb.Api().run(PATH).scan_history(), written as one JSON object a line, or the CSV of a chart"
)


def read(path: str | Path, *, run: str | None = None, progress: Progress = lambda _: None) -> Log:
    """The log at a path: a file, or a folder with the logs of one training.

    Parameters
    ----------
    path : a file, or a folder
    run : which of several runs that lie there
    progress : told of bytes that were read since

    Raises LogError where nothing there can be read, or it holds several runs.
    """
    place = Path(path)
    log = Log()
    if not place.exists():
        raise LogError(f"{path}: no such file or folder")
    try:
        if place.is_dir():
            _read_folder(place, log, run, progress)
        else:
            _read_file(place, log, run, progress)
    except OSError as error:
        raise LogError(f"{path}: cannot be read: {error.strerror or error}") from error
    if not log.series and not log.pictures:
        raise LogError(
            f"{path}: {'; '.join(log.notes) or f'holds no values that gandiag can read (read as {log.format})'}"
        )
    return log


def size(path: str | Path) -> int:
    """Bytes that there are to be read, for a bar."""
    place = Path(path)
    if place.is_file():
        return place.stat().st_size
    return sum(
        p.stat().st_size for p in place.rglob("*") if p.is_file() and (MARK in p.name or p.suffix in (".csv", ".jsonl"))
    )


def _read_file(path: Path, log: Log, run: str | None, progress: Progress) -> None:
    suffix = path.suffix.lower()
    if MARK in path.name:
        log.format = "TensorBoard's event files"
        events.read_events(path, log, run, progress)
    elif suffix in (".csv", ".tsv"):
        log.format = "CSV"
        tables.read_csv(path, log, run, progress)
    elif path.name == "stats.jsonl":
        _stylegan(path.parent, log, progress)
    elif suffix in (".jsonl", ".json", ".ndjson"):
        log.format = "JSON lines"
        tables.read_json_lines(path, log, run, progress)
    elif suffix == ".parquet":
        _parquet(path, log, run)
    elif suffix == ".wandb":
        log.format = "W&B's binary log"
        read_wandb(path, log, progress)
    else:
        _text(path, log, progress)


def _parquet(path: Path, log: Log, run: str | None) -> None:
    import pyarrow.parquet as pq

    log.format = "Parquet"
    try:
        table = pq.read_table(path, use_threads=False)
    except Exception as error:
        raise LogError(
            f"{path.name}: not a readable Parquet file: {next(iter(str(error).splitlines()), '')}"
        ) from error
    tables.read_rows(table.to_pylist(), table.column_names, log, run, path)


def _text(path: Path, log: Log, progress: Progress) -> None:
    with path.open("rb") as file:
        head = file.read(4096)
        if re.match(rb"\s*(?:\{\s*\"|\[\s*\{)", head):  # as Chainer's file `log`
            log.format = "JSON lines"
            with suppress(LogError):
                tables.read_json_lines(path, log, None, progress)
            if log.series:
                return
            log.notes.clear()
        if b"\0" in head:
            raise LogError(f"{path}: is no log that gandiag reads; it reads {listed(SAID)}")
    with path.open(errors="replace", newline="") as file:
        shape = read_text(tables._counted(file, progress), log)  # noqa: SLF001
    log.format = f"text, {shape}" if shape else "text"


def _stylegan(folder: Path, log: Log, progress: Progress) -> None:
    log.format = "StyleGAN's stats.jsonl"
    if (folder / "stats.jsonl").exists():
        tables.read_json_lines(folder / "stats.jsonl", log, None, progress)
    log.axis = "kimg"
    for path in sorted(folder.glob("metric-*.jsonl")):
        tables.read_metrics(path, log)
    shown = [p for p in find_pictures(folder, deep=False) if p.tag in ("fakes", "reals")]
    log.pictures += shown[:: -(-len(shown) // MOST_SHOWN)] if len(shown) > MOST_SHOWN else shown
    options = folder / "training_options.json"
    if options.exists():
        try:
            content = json.loads(options.read_text(errors="replace"))
            batch = content.get("batch_size") or content.get("total_batch_size") or content.get("batch")
        except (json.JSONDecodeError, AttributeError):
            batch = None
        if isinstance(batch, int) and batch > 0:
            log.facts["batch_size"] = float(batch)


def _read_folder(folder: Path, log: Log, run: str | None, progress: Progress) -> None:
    if stats := _one(folder, "stats.jsonl", run):
        _stylegan(stats.parent, log, progress)
    elif metrics := _mlflow(folder, run):
        log.format = "MLflow's file store"
        tables.read_mlflow(metrics, log, progress)
    elif csv := _one(folder, "metrics.csv", run):
        log.format = "CSV, Lightning's logger"
        tables.read_csv(csv, log, None, progress)
    elif events.event_files(folder):
        log.format = "TensorBoard's event files"
        events.read_events(folder, log, run, progress)
        _axis_of_stylegan(log)
    elif _of_metrics(folder):
        log.format = "BigGAN's files of metrics"
        tables.read_files_of_metrics(_of_metrics(folder), log)
    else:
        _others(folder, log, run, progress)
    if not log.pictures and find_pictures(folder):
        log.note(f"pictures lie there, too: --images {folder}, or a folder in it, reads samples from them")


def _axis_of_stylegan(log: Log) -> None:
    """x of its event files is kimg, in the versions for TensorFlow images; its own count of kimg tells."""
    if (kimg := log.series.get("Progress/kimg")) is not None and len(kimg):
        log.axis = "images" if kimg.x[-1] > 100 * max(kimg.values[-1], 1.0) else "kimg"
    elif "Progress/tick" in log.series:
        log.axis = "kimg"


def _one(folder: Path, name: str, run: str | None) -> Path | None:
    """The file of this name below a folder; that of `run` where there are several."""
    found = sorted(folder.rglob(name))
    if run is not None:
        found = [p for p in found if run in (p.parent.name, str(p.parent.relative_to(folder)))]
    if len(found) > 1:
        runs = listed((str(p.parent.relative_to(folder)) for p in found), 20)
        raise LogError(f"{folder}: holds several runs; choose one with --run: {runs}")
    return found[0] if found else None


def _mlflow(folder: Path, run: str | None) -> Path | None:
    found = sorted(p.parent for p in folder.rglob("meta.yaml") if (p.parent / "metrics").is_dir())
    if not found and (folder / "metrics").is_dir() and (folder / "params").is_dir():
        return folder / "metrics"
    if run is not None:
        found = [p for p in found if p.name == run]
    if len(found) > 1:
        raise LogError(f"{folder}: holds several runs; choose one with --run: {listed((p.name for p in found), 20)}")
    return found[0] / "metrics" if found else None


def _of_metrics(folder: Path) -> list[Path]:
    found = sorted(p for p in folder.rglob("*.log") if re.search(r"(?:loss|_sv\d)", p.stem, re.IGNORECASE))
    kept = []
    for path in found:
        with path.open(errors="replace") as file:
            if re.fullmatch(r"\s*\d+:\s*\S+\s*", file.readline()):
                kept.append(path)
    return kept


def _others(folder: Path, log: Log, run: str | None, progress: Progress) -> None:
    """The only file that can be a log; several of one training where their names say so."""
    if binary := _one(folder, "*.wandb", run):
        _wandb(binary, log, progress)
        return
    every = [p for p in sorted(folder.rglob("*")) if p.is_file()]
    for suffixes in ((".csv", ".tsv"), (".jsonl", ".ndjson", ".json"), (".parquet",), TEXT):
        found = [p for p in every if p.suffix.lower() in suffixes and not p.name.startswith(".")]
        found = [p for p in found if run is None or run in (p.name, p.stem, p.parent.name)]
        if suffixes == (".csv", ".tsv") and found and all("-tag-" in p.stem for p in found):
            log.format = "CSV, saved from TensorBoard's page"
            for path in found:
                tables.read_csv(path, log, None, progress)
            return
        read_ = [(p, tried) for p in found if (tried := _tried(p, progress)) is not None]
        if len(read_) > 1:
            names = listed((str(p.relative_to(folder)) for p, _ in read_), 20)
            raise LogError(f"{folder}: holds several logs; give one of them, or choose with --run: {names}")
        if read_:
            vars(log).update(vars(read_[0][1]))
            return
    raise LogError(f"{folder}: no logs found below it; gandiag reads {listed(SAID)}")


def _wandb(binary: Path, log: Log, progress: Progress) -> None:
    """A run of W&B: its history, or where that holds nothing its console output."""
    log.format = "W&B's binary log"
    read_wandb(binary, log, progress)
    output = binary.parent / "files" / "output.log"
    if not log.series and output.exists():
        _text(output, log, progress)
        log.format = f"W&B's run, its console output ({log.format})"
    if not log.series:
        raise LogError(WANDB.format(path=binary))


def _tried(path: Path, progress: Progress) -> Log | None:
    log = Log()
    try:
        _read_file(path, log, None, progress)
    except (LogError, OSError):
        return None
    return log if log.series else None

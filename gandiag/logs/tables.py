"""Logs with columns: CSV, JSON lines, StyleGAN's stats.jsonl, exports of W&B, trackio, Aim and MLflow."""

from __future__ import annotations

import csv
import json
import math
import re
from itertools import chain, islice
from typing import TYPE_CHECKING, Any

from gandiag.logs.series import LogError
from gandiag.wording import listed

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Mapping
    from pathlib import Path

    from gandiag.logs.series import Axis, Log

    Progress = Callable[[int], None]

X = {
    "step": "steps", "_step": "steps", "global_step": "steps", "globalstep": "steps", "iter": "steps", "iters": "steps",
    "iteration": "steps", "iterations": "steps", "itr": "steps", "it": "steps", "n_iter": "steps", "steps": "steps",
    "batches_done": "steps", "trainer/global_step": "steps", "kimg": "kimg", "progress/kimg": "kimg", "nimg": "images",
    "images": "images", "cur_nimg": "images", "epoch": "epochs", "epochs": "epochs",
}  # fmt: skip
"""Columns that are x, the first that is there counts, and what they count."""
TIMES = ("_timestamp", "timestamp", "wall time", "wall_time", "time", "walltime", "_stamp")
ASIDE = frozenset(
    {"_runtime", "relative time", "checkpoint_path", "mode", "memory", "data_time", "eta", "_rank", "", "index",
     "unnamed: 0", "total_time", "num_gpus", "batch"}
)  # fmt: skip
LONGEST = 8 * 2**20  # letters of one line
MOST_NAMED = 3
PEEKED = 1000  # lines that tell which names there are


def read_csv(path: Path, log: Log, run: str | None, progress: Progress) -> None:
    """Take in a CSV file: one column for each series, or rows of name and value."""
    csv.field_size_limit(LONGEST)
    with path.open(newline="", errors="replace") as file:
        first = file.readline()
        delimiter = max(",\t;", key=first.count)
        header = next(csv.reader([first.lstrip("\ufeff")], delimiter=delimiter), [])
        if len(header) < 2:
            raise LogError(f"{path.name}: its first line names no columns")
        lines = _counted(file, progress)
        rows = csv.reader((line.replace("\0", "") for line in lines), delimiter=delimiter)
        read_rows((dict(zip(header, row, strict=False)) for row in rows if row), header, log, run, path)


def _counted(lines: Iterable[str], progress: Progress) -> Iterator[str]:
    for line in lines:
        progress(len(line))
        yield line


def read_rows(  # noqa: C901 - one kind of table after the other
    rows: Iterable[Mapping[str, Any]], header: Iterable[str], log: Log, run: str | None, path: Path
) -> None:
    """Take in rows whose columns these are."""
    names = list(header)
    plain = {name.strip().lower(): name for name in names}
    x_name, axis = _x_of(plain)
    log.axis = axis
    time = next((plain[t] for t in TIMES if t in plain), None)
    time = None if time == x_name else time
    which = next((plain[n] for n in ("run", "run_name", "run_id", "run.name", "run_hash") if n in plain), None)
    key = next((plain[n] for n in ("metric", "key", "name", "tag", "metric.name") if n in plain), None)
    value = plain.get("value")
    lightning = {"epoch", "step"} <= set(plain)
    seen: set[str] = set()
    held: dict[str, tuple[Any, Any]] = {}
    for number, row in enumerate(rows):
        if which is not None:
            seen.add(str(row.get(which)))
            if run is not None and str(row.get(which)) != run:
                continue
        x = _number(row.get(x_name)) if x_name else float(number)
        if x is None or not math.isfinite(x):
            continue
        at = _time(row.get(time)) if time else float("nan")
        if value is not None and key is None and len(names) <= 3:
            add_value(log, _of_file(path), x, row.get(value), at)
            continue
        if value is not None and key is not None:
            add_value(log, str(row.get(key)), x, row.get(value), at)
            continue
        for name, content in row.items():
            if name in (x_name, time, which) or name is None or _aside(name, x_name):
                continue
            if lightning and not str(name).endswith("_step"):
                if held.get(name) == (row.get(plain["epoch"]), content):
                    continue  # Lightning repeats in later rows of the epoch what was logged once
                held[name] = row.get(plain["epoch"]), content
            add_value(log, _own_name(str(name)), x, content, at)
    if len(seen) > 1 and run is None:
        raise LogError(f"{path.name}: holds several runs; choose one with --run: {listed(sorted(seen), 20)}")


def _x_of(plain: Mapping[str, str]) -> tuple[str | None, Axis]:
    for name, axis in X.items():
        if name in plain:
            return plain[name], axis  # type: ignore[return-value]
    return None, "rows"


def _aside(name: str, x_name: str | None) -> bool:
    lowered = name.strip().lower()
    return lowered in ASIDE or lowered.endswith(("__min", "__max")) or (lowered in X and name != x_name)


def _own_name(name: str) -> str:
    """A chart of W&B names its columns `<run> - <key>`."""
    return name.rsplit(" - ", 1)[-1] if " - " in name else name


def _of_file(path: Path) -> str:
    """The tag in the name of a CSV that TensorBoard's page saved: run-<run>-tag-<tag>.csv."""
    return re.sub(r"^.*-tag-", "", path.stem)


def _number(value: Any) -> float | None:
    """A number, also one that was written as text; None for what is none."""
    if isinstance(value, bool) or value is None:
        return None
    if isinstance(value, (int, float)):
        return float(value)
    if isinstance(value, str) and value.strip():
        text = value.strip()
        if found := re.match(r"tensor\(\s*([-+.\deE]+|nan|inf)", text, re.IGNORECASE):
            text = found[1]
        try:
            return float(text)
        except ValueError:
            return None
    return None


def _time(value: Any) -> float:
    found = _number(value)
    return found if found is not None else float("nan")


def add_value(log: Log, name: str, x: float, value: Any, time: float) -> None:
    """Take in a value where it is a number, also one that was written as text."""
    number = _number(value)
    if number is not None:
        log.add(name, x, number, time)


def read_json_lines(path: Path, log: Log, run: str | None, progress: Progress) -> None:
    """Take in a file with one JSON object a line, or with a single list of them, or of lists by name."""
    with path.open(errors="replace") as file:
        rows = _objects(_counted(file, progress), path, log)
        first = list(islice(rows, PEEKED))
        if not first or (len(first) == 1 and any(isinstance(v, list) for v in first[0].values())):
            first = _of_lists(first[0]) if first else _whole(path)
        every = chain(first, rows)
        if any("Progress/kimg" in row for row in first):
            _stats(every, log)
            return
        names = dict.fromkeys(name for row in first for name in row)
        read_rows(({k: v for k, v in row.items() if k != "mode"} for row in every), names, log, run, path)


def _objects(lines: Iterable[str], path: Path, log: Log) -> Iterator[dict[str, Any]]:
    """The objects of lines, one each; none at all where the first line is none: then the file may be one text."""
    bad = 0
    for number, line in enumerate(lines, start=1):
        if not line.strip() or len(line) > LONGEST:
            continue
        try:
            yield _flat(json.loads(line))
        except (json.JSONDecodeError, TypeError, RecursionError):
            bad += 1
            if number == 1:
                return
            if bad <= MOST_NAMED:
                log.note(f"line {number:,} of {path.name} is no JSON and was left out")


def _whole(path: Path) -> list[dict[str, Any]]:
    try:
        content = json.loads(path.read_text(errors="replace"))
    except (json.JSONDecodeError, RecursionError) as error:
        raise LogError(f"{path.name}: is neither JSON nor JSON lines ({error})") from error
    if isinstance(content, dict):
        content = content.get("history") or content.get("log_history") or content.get("metrics") or content
    return _of_lists(content) if isinstance(content, dict) else [_flat(row) for row in content if isinstance(row, dict)]


def _of_lists(columns: Mapping[str, Any]) -> list[dict[str, Any]]:
    lists = {k: v for k, v in columns.items() if isinstance(v, list)}
    length = max(map(len, lists.values()), default=0)
    return [{k: v[i] for k, v in lists.items() if i < len(v)} for i in range(length)]


def _flat(row: Any, prefix: str = "") -> dict[str, Any]:
    """Nested objects with their names joined; those of several moments (num, mean, std) stay."""
    if not isinstance(row, dict):
        raise TypeError("no object")
    found: dict[str, Any] = {}
    validation = row.get("mode") in ("val", "test", "eval") and not prefix
    for key, value in row.items():
        if isinstance(value, dict) and not {"num", "mean"} <= set(value):
            found |= _flat(value, "" if key in ("metrics", "results", "values", "logs") else f"{prefix}{key}/")
        else:
            found[f"{'val/' if validation and key not in X else ''}{prefix}{key}"] = value
    return found


def _stats(rows: Iterable[Mapping[str, Any]], log: Log) -> None:
    """StyleGAN's stats.jsonl: moments of each statistic over a tick; one of num 0 was never given a number."""
    log.axis = "kimg"
    for row in rows:
        x = _number((row.get("Progress/kimg") or {}).get("mean"))
        if x is None:
            continue
        at = _time(row.get("timestamp"))
        for name, moments in row.items():
            if not isinstance(moments, dict) or name.startswith(("Timing/", "Resources/", "Progress/")):
                continue
            if moments.get("num", 1) == 0:
                continue
            add_value(log, name, x, moments.get("mean"), at)
            if name.startswith("Loss/scores/"):
                side = name.rsplit("/", 1)[-1]
                add_value(log, f"{name} std", x, moments.get("std"), at)
                log.tell(f"{name} std", f"d/{side}/std", "spread of D's logits over the images of a tick")
    if "Loss/r1_penalty" in log.series:
        log.tell("Loss/r1_penalty", "penalty/norm", "StyleGAN: squared norm of D's gradient per image, unweighted")


def read_metrics(path: Path, log: Log) -> None:
    """StyleGAN's metric-*.jsonl: one line for each snapshot, whose name holds the kimg."""
    for line in path.read_text(errors="replace").splitlines():
        try:
            row = json.loads(line)
            kimg = re.search(r"(\d+)\D*$", str(row.get("snapshot_pkl", "")))
            results = dict(row["results"])
        except (json.JSONDecodeError, KeyError, TypeError, AttributeError, ValueError):
            continue
        if kimg:
            for name, value in results.items():
                add_value(log, f"Metrics/{name}", float(kimg[1]), value, _time(row.get("timestamp")))


def read_mlflow(folder: Path, log: Log, progress: Progress) -> None:
    """MLflow's file store: one file for each metric, lines of time in ms, value and step."""
    for path in sorted(p for p in folder.rglob("*") if p.is_file()):
        name = path.relative_to(folder).as_posix()
        with path.open(errors="replace") as file:
            for line in _counted(file, progress):
                parts = line.split()
                if len(parts) >= 3 and (x := _number(parts[2])) is not None:
                    add_value(log, name, x, parts[1], _time(parts[0]) / 1000)


def read_files_of_metrics(paths: Iterable[Path], log: Log) -> None:
    """BigGAN's logs: one file for each metric, lines of `iteration: value`."""
    for path in paths:
        for line in path.read_text(errors="replace").splitlines():
            if match := re.fullmatch(r"\s*(\d+):\s*(\S+)\s*", line):
                add_value(log, path.stem, float(match[1]), match[2], float("nan"))

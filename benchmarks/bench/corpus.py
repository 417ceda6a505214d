"""A corpus of labelled runs: what its manifest says, checked."""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from gandiag.rundir.folder import RunError

if TYPE_CHECKING:
    from collections.abc import Mapping
    from os import PathLike

SCHEMA = "gandiag-corpus/1"
MANIFEST = "manifest.json"
STATUSES = ("healthy", "failing", "partial")
SPLITS = ("tuning", "evaluation", "unseen")
FIELDS = {
    "name": str, "configuration": str, "data": str, "loss": str, "seed": int, "steps": int,
    "split": str, "status": str, "failures": list,
}  # fmt: skip


@dataclass(frozen=True)
class Label:
    """A failure that a run has, and the step from which on it has it."""

    code: str
    onset_step: int
    source: str = "construction"


@dataclass(frozen=True, kw_only=True)
class Entry:
    """One labelled run.

    `split` says what it may be used for, `status` whether it fails, see `benchmarks.bench`; `kind` of data and `cause`
    are known in a corpus of kinds, and empty in another.
    """

    name: str
    configuration: str
    data: str
    loss: str
    seed: int
    steps: int
    split: str
    status: str
    failures: tuple[Label, ...] = ()
    kind: str = ""
    cause: str = ""

    def onset(self, codes: tuple[str, ...]) -> int | None:
        """The first step at which it has one of these failures, None when it never has."""
        return min((label.onset_step for label in self.failures if label.code in codes), default=None)


@dataclass(frozen=True)
class Corpus:
    """A folder of runs and their labels."""

    path: Path
    entries: tuple[Entry, ...]

    def run_dir(self, entry: Entry) -> Path:
        """Where a run lies."""
        return self.path / "runs" / entry.name


def read_corpus(path: str | PathLike[str]) -> Corpus:
    """The runs of a corpus and their labels.

    Raises
    ------
    RunError
        When the folder holds no corpus, its manifest is damaged or contradicts a run's own label, or a run that it
        names is not there.
    """
    folder = Path(path)
    place = folder / MANIFEST
    manifest = _read_json(place, f"{folder}: no {MANIFEST} in it, so it is no corpus of labelled runs")
    if not isinstance(manifest, dict) or manifest.get("schema") != SCHEMA:
        found = manifest.get("schema") if isinstance(manifest, dict) else type(manifest).__name__
        raise RunError(f"{place}: expected the schema {SCHEMA!r}, found {found!r}")
    rows = manifest.get("runs")
    if not isinstance(rows, list) or not rows:
        raise RunError(f"{place}: lists no runs")
    corpus = Corpus(folder, tuple(_entry(row, f"{place}: run {i}") for i, row in enumerate(rows, start=1)))
    names = [entry.name for entry in corpus.entries]
    if twice := next((name for name in names if names.count(name) > 1), None):
        raise RunError(f"{place}: lists the run {twice!r} more than once")
    for entry in corpus.entries:
        _check_run(corpus.run_dir(entry), entry)
    return corpus


def _read_json(place: Path, missing: str) -> Any:
    try:
        return json.loads(place.read_text("utf-8"))
    except (FileNotFoundError, NotADirectoryError) as error:
        raise RunError(missing) from error
    except json.JSONDecodeError as error:
        raise RunError(f"{place}: line {error.lineno}, column {error.colno}: {error.msg}") from error
    except (OSError, UnicodeDecodeError) as error:
        raise RunError(f"{place}: cannot be read: {error}") from error


def _entry(row: Any, where: str) -> Entry:
    if not isinstance(row, dict):
        raise RunError(f"{where}: expected an object, found {type(row).__name__}")
    for field, kind in FIELDS.items():
        if not isinstance(row.get(field), kind) or isinstance(row[field], bool):
            raise RunError(f"{where}: {field} must be of type {kind.__name__}, found {row.get(field)!r}")
    for field, allowed in (("split", SPLITS), ("status", STATUSES)):
        if row[field] not in allowed:
            raise RunError(f"{where}: {field} must be one of {', '.join(allowed)}, found {row[field]!r}")
    if Path(row["name"]).name != row["name"]:
        raise RunError(f"{where}: {row['name']!r} is no name of a folder in runs/")
    labels = _labels(row["failures"], row["steps"], where)
    if (row["status"] == "failing" and not labels) or (row["status"] == "healthy" and labels):
        raise RunError(f"{where}: {row['name']!r} is {row['status']} and has {len(labels)} failures")
    known = {field: row[field] for field in FIELDS if field != "failures"}
    return Entry(**known, failures=labels, kind=str(row.get("kind", "")), cause=str(row.get("cause", "")))


def _labels(failures: list[Any], steps: int, where: str) -> tuple[Label, ...]:
    labels = []
    for failure in failures:
        try:
            label = Label(str(failure["code"]), int(failure["onset_step"]), str(failure.get("source", "construction")))
        except (TypeError, KeyError, ValueError, AttributeError) as error:
            raise RunError(f"{where}: a failure needs a code and an onset_step, found {failure!r}") from error
        if not 1 <= label.onset_step <= steps:
            raise RunError(f"{where}: onset_step {label.onset_step} lies outside of its {steps} steps")
        labels.append(label)
    return tuple(labels)


def _check_run(run_dir: Path, entry: Entry) -> None:
    if not (run_dir / "run.json").is_file():
        raise RunError(f"{run_dir}: the manifest lists this run, but no run is there")
    label_file = run_dir / "label.json"
    if not label_file.is_file():
        return
    label: Mapping[str, Any] = _read_json(label_file, "")
    stated = label.get("failures", []) if isinstance(label, dict) else []
    if label.get("status") != entry.status or _labels(stated, entry.steps, str(label_file)) != entry.failures:
        raise RunError(f"{label_file}: contradicts what the manifest says of {entry.name}")

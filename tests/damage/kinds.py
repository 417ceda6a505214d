"""The table of damage to run directories: what `gandiag check` says of a healthy and of a failing run that has it."""

from __future__ import annotations

import json
import os
import zipfile
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import pandas as pd
from hostile import encrypted, flipped, header, unknown_compression

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

HEALTHY, FAILING, UNREADABLE, UNDECIDED = 0, 1, 2, 3


@dataclass(frozen=True)
class Damage:
    """What is done to a run of four parts, what is told of it, and how `check` ends for a healthy and a failing run."""

    what: str
    act: Callable[[Path], Any]
    told: str
    healthy: int = UNDECIDED
    failing: int = FAILING


def _part(folder: Path, kind: str = "scalars", number: int = 1) -> Path:
    return sorted((folder / kind).iterdir())[number]


def _bytes(kind: str, change: Callable[[bytes], bytes]) -> Callable[[Path], Any]:
    """Change the bytes of the second part."""
    return lambda folder: _part(folder, kind).write_bytes(change(_part(folder, kind).read_bytes()))


def _every(change: Callable[[bytes], bytes]) -> Callable[[Path], Any]:
    return lambda folder: [f.write_bytes(change(f.read_bytes())) for f in (folder / "scalars").iterdir()]


def _table(change: Callable[[pd.DataFrame], pd.DataFrame], *, old: bool = True) -> Callable[[Path], Any]:
    """Change a part's table as another program would, in a run without checksums where it is `old`."""

    def act(folder: Path) -> None:
        change(pd.read_parquet(_part(folder))).to_parquet(_part(folder), index=False)
        if old:
            _meta(checksums=False)(folder)

    return act


def _meta(**changes: Any) -> Callable[[Path], Any]:
    def act(folder: Path) -> None:
        path = folder / "run.json"
        path.write_text(json.dumps(json.loads(path.read_text()) | changes))

    return act


def _text(name: str, content: str) -> Callable[[Path], Any]:
    return lambda folder: (folder / name).write_text(content)


def _line(line: str) -> Callable[[Path], Any]:
    """A line between those of the events."""

    def act(folder: Path) -> None:
        path = folder / "events.jsonl"
        first, *rest = path.read_text().splitlines()
        path.write_text("\n".join([first, line, *rest]) + "\n")

    return act


def _pipe(*names: str) -> Callable[[Path], Any]:
    def act(folder: Path) -> None:
        path = folder.joinpath(*names) if names else _part(folder)
        path.unlink()
        os.mkfifo(path)

    return act


def _torn(folder: Path) -> None:
    with (folder / "events.jsonl").open("a") as file:
        file.write('{"kind": "warn')


def _fewer(folder: Path) -> None:
    path = folder / "events.jsonl"
    path.write_text("".join(path.read_text().splitlines(keepends=True)[1:]))


def _claimed(folder: Path) -> None:
    with zipfile.ZipFile(_part(folder, "arrays"), "w") as archive:
        archive.writestr("x.npy", header((2**46,)))
        archive.writestr("x:step.npy", header((2**46,)))


STEER = "\x1b[31m\u202e"
DEEP = '{"a": ' * 5000 + "1" + "}" * 5000
KINDS = {
    "run.json": (
        Damage("nested 5,000 deep", _text("run.json", DEEP), "nested more than 32 levels deep", 2, 2),
        Damage("cut short", _text("run.json", '{"schema": '), "line 1, column 12: Expecting value", 2, 2),
        Damage("a field of another type", _meta(segments=[{"index": 0, "start_step": "1"}]),
               "segments[0].start_step must be a whole number from 0 to 1,000,000,000, found '1'", 2, 2),
        Damage("an integer of 5,000 digits", _text("run.json", '{"schema": ' + "9" * 5000 + "}"),
               "schema must be 'gandiag-run/1'", 2, 2),
        Damage("a value of 100 kB where a word is expected", _meta(status="x" * 100_000),
               "status must be one of running, closed, interrupted, crashed, found 100,000 letters", 2, 2),
        Damage("a pipe in its place", _pipe("run.json"), "cannot be read: it is no regular file", 2, 2),
        Damage("characters that steer a terminal in a fault", _meta(faults=[{"where": "x", "message": STEER}]),
               r"\x1b[31m\u202e", 0),
    ),
    "parts of scalars": (
        Damage("flipped bits", _bytes("scalars", flipped), "not a readable Parquet file"),
        Damage("cut short", _bytes("scalars", lambda c: c[:100]), "not a readable Parquet file"),
        Damage("all cut short", _every(lambda c: c[:100]), "not a readable Parquet file", 2, 2),
        Damage("a pipe in place of one", _pipe(), "it is no regular file"),
        Damage("changed by another program", _table(lambda t: t.drop(columns="d/auc"), old=False),
               "its columns are not those that gandiag wrote"),
        Damage("a column of text in one of them", _table(lambda t: t.assign(**{"d/auc": "text"})),
               "columns that hold no numbers: d/auc"),
        Damage("a column that is int64 in one of them", _table(lambda t: t.assign(**{"my/own": 3})), "", 0),
        Damage("steps as text", _table(lambda t: t.assign(step=t["step"].astype(str))), "step is of type"),
        Damage("time as text", _table(lambda t: t.assign(time="noon")), "time of type"),
        Damage("steps below zero", _table(lambda t: t.assign(step=-t["step"])), "steps must lie between 0 and"),
    ),
    "parts of arrays": (
        Damage("flipped bits", _bytes("arrays", flipped), "not a readable .npz"),
        Damage("encrypted", _bytes("arrays", encrypted), "is encrypted"),
        Damage("compressed by a method nobody knows", _bytes("arrays", unknown_compression), "not a readable .npz"),
        Damage("a header that claims 512 TiB", _claimed, "claims 562,949,953,421,312 bytes"),
        Damage("empty", _bytes("arrays", lambda _: b""), "not a readable .npz"),
    ),
    "events.jsonl": (
        Damage("a torn last line, as a killed process leaves it", _torn, "", 0),
        Damage("a line that is no JSON", _line("no json"), "line 2: column 1: Expecting value"),
        Damage("a line nested 5,000 deep", _line(DEEP), "line 2: nested more than 32 levels deep"),
        Damage("a gap without its end", _line('{"kind": "gap", "from_step": 3}'), "line 2: to_step is missing"),
        Damage("a stop without a step", _line('{"kind": "stop", "segment": 0}'), "line 2: step is missing"),
        Damage("quality values without a value",
               _line('{"kind": "quality", "step": 3, "measurements": [{"name": "x"}]}'),
               "line 2: measurements[0].value is missing"),
        Damage("a line that is gone", _fewer, "holds 2 of 3 events"),
        Damage("lost", lambda f: (f / "events.jsonl").unlink(), "holds 0 of 3 events"),
    ),
    "samples": (
        Damage("a snapshot that is none, which only reports read",
               lambda f: next((f / "samples").iterdir()).write_bytes(b"torn"), "", 0),
    ),
}  # fmt: skip
"""By the file that is damaged."""

"""Damage of every kind to a run directory, drawn at random: what disks, copies, other programs and ill will leave."""

from __future__ import annotations

import json
import os
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    Rng = np.random.Generator

NASTY = "\x1b]0;x\x07\x1b[2J\u202e\ud800\0[/bold]$x^${{7*7}}<script>alert(1)</script>\n::error::no"
WILD = (
    None, True, False, 0, -1, 1, 2**31, 2**63, 2**64, 10**30, -(10**30), 1e308, -1e308, 1e-320, float("nan"),
    float("inf"), "", "text", "nan", "1", NASTY, "x" * 20_000, [], {}, [1], {"a": 1}, [[[[]]]], ["x"] * 3000,
    {str(i): i for i in range(3000)},
)  # fmt: skip
DEEP = '{"a":' * 3000 + "1" + "}" * 3000
LONG = "9" * 5000


def mutate(folder: Path, seed: int) -> list[str]:
    """Damage a run directory in one to three ways; what was done."""
    rng = np.random.default_rng(seed)
    done = []
    for _ in range(rng.choice([1, 1, 2, 3])):
        kind = MUTATIONS[rng.integers(len(MUTATIONS))]
        try:
            done.append(f"{kind.__name__}: {kind(folder, rng)}")
        except (OSError, ValueError, KeyError, IndexError) as error:  # what was damaged before
            done.append(f"{kind.__name__}: not possible: {type(error).__name__}")
    return done


def _file(folder: Path, rng: Rng, pattern: str = "**/*") -> Path:
    files = sorted(path for path in folder.glob(pattern) if path.is_file() and path.suffix not in (".html", ".pdf"))
    return files[rng.integers(len(files))]


def flip(folder: Path, rng: Rng) -> str:
    """Some bits of a file."""
    file = _file(folder, rng)
    content = bytearray(file.read_bytes())
    for place in rng.integers(len(content), size=rng.integers(1, 20)):
        content[place] ^= 1 << int(rng.integers(8))
    file.write_bytes(content)
    return file.name


def overwrite(folder: Path, rng: Rng) -> str:
    """A stretch of a file with noise, or with zeros as a disk leaves them."""
    file = _file(folder, rng)
    content = bytearray(file.read_bytes())
    start, size = int(rng.integers(len(content))), int(rng.integers(1, 5000))
    end = min(start + size, len(content))
    content[start:end] = bytes(end - start) if rng.random() < 0.5 else rng.bytes(end - start)
    file.write_bytes(content)
    return file.name


def cut(folder: Path, rng: Rng) -> str:
    """The end of a file."""
    file = _file(folder, rng)
    content = file.read_bytes()
    file.write_bytes(content[: rng.integers(len(content))])
    return file.name


def insert(folder: Path, rng: Rng) -> str:
    """Bytes that do not belong there."""
    file = _file(folder, rng)
    content = file.read_bytes()
    place = int(rng.integers(len(content)))
    file.write_bytes(content[:place] + rng.bytes(int(rng.integers(1, 200))) + content[place:])
    return file.name


def swap(folder: Path, rng: Rng) -> str:
    """Two files."""
    one, other = _file(folder, rng), _file(folder, rng)
    first, second = one.read_bytes(), other.read_bytes()
    one.write_bytes(second)
    other.write_bytes(first)
    return f"{one.name} {other.name}"


def remove(folder: Path, rng: Rng) -> str:
    """A file."""
    file = _file(folder, rng)
    file.unlink()
    return file.name


def duplicate(folder: Path, rng: Rng) -> str:
    """A part under another name."""
    file = _file(folder, rng, "[sa]*/rank*")
    names = ("rank0-s000-000777", "rank0-s000-000000-000999", "rank0-s009-000000", "rank7-s000-000000",
             "rank99999999999999999999-s000-000000", "rank0-s000-999999-000000", "rank1-s000-000000")  # fmt: skip
    other = file.with_name(f"{names[rng.integers(len(names))]}{file.suffix}")
    other.write_bytes(file.read_bytes())
    return f"{file.name} as {other.name}"


def empty(folder: Path, rng: Rng) -> str:
    """A file without content."""
    file = _file(folder, rng)
    file.write_bytes(b"")
    return file.name


def replace(folder: Path, rng: Rng) -> str:
    """A file by a pipe, a folder, a link to itself or to nowhere, a device without end."""
    file = _file(folder, rng)
    file.unlink()
    kinds: list[Callable[[], Any]] = [
        lambda: os.mkfifo(file), file.mkdir, lambda: file.symlink_to(file.name),
        lambda: file.symlink_to("nowhere"), lambda: file.symlink_to("/dev/zero"),
    ]  # fmt: skip
    kind = int(rng.integers(len(kinds)))
    kinds[kind]()
    return f"{file.name} {kind}"


def meta_value(folder: Path, rng: Rng) -> str:
    """A value of run.json, or of another rank's file."""
    file = _file(folder, rng, "r*.json")
    file.write_text(_changed(file.read_text(), rng))
    return file.name


def event_value(folder: Path, rng: Rng) -> str:
    """A value of one event."""
    file = _file(folder, rng, "events*.jsonl")
    lines = file.read_text().splitlines()
    place = int(rng.integers(len(lines)))
    lines[place] = _changed(lines[place], rng)
    file.write_text("\n".join(lines) + "\n")
    return f"{file.name} line {place + 1}"


def event_lines(folder: Path, rng: Rng) -> str:
    """Lines of the events: left out, doubled, torn, in another order, in between what is none."""
    file = _file(folder, rng, "events*.jsonl")
    lines = file.read_bytes().splitlines(keepends=True)
    place, kind = int(rng.integers(len(lines))), int(rng.integers(7))
    between = (b"[]\n", b"null\n", b"\xff\xfe\n", b"{" * 4000 + b"\n", b'{"kind": "gap"}\n', b"\n" * 5000)
    if kind == 0:
        del lines[place]
    elif kind == 1:
        lines.insert(place, lines[place] * 500)
    elif kind == 2:
        lines[place] = lines[place][: len(lines[place]) // 2]
    elif kind == 3:
        lines = [lines[i] for i in rng.permutation(len(lines))]
    else:
        lines.insert(place, between[rng.integers(len(between))])
    file.write_bytes(b"".join(lines))
    return f"{file.name} {kind}"


def column_type(folder: Path, rng: Rng) -> str:
    """The type of a column in one part."""
    changes: list[Callable[[pd.Series], Any]] = [
        lambda c: c.fillna(0).clip(-1e9, 1e9).astype("int64"), lambda c: c.astype("float32"), lambda c: c.astype(str),
        lambda c: c.astype(str).astype("category"), lambda c: [[v] for v in c], lambda c: c > 0, lambda _: None,
        lambda c: pd.to_datetime(c.fillna(0).clip(0, 1e9), unit="s"), lambda c: [b"\xff"] * len(c),
        lambda c: [{"a": v} for v in c], lambda c: c.fillna(0).clip(0, 200).astype("uint8"), lambda _: NASTY[4:9],
    ]  # fmt: skip
    kind = int(rng.integers(len(changes)))
    return f"{kind} {_table(folder, rng, lambda t, n: t.assign(**{n: changes[kind](t[n])}))}"


def column_values(folder: Path, rng: Rng) -> str:
    """The values of a column in one part."""
    values = (np.nan, np.inf, -np.inf, 1e308, -1e308, 0.0, 1e-320, -5, 2.0**40, 2**53)
    value = values[rng.integers(len(values))]
    return f"{value} {_table(folder, rng, lambda t, n: t.assign(**{n: value}))}"


def columns(folder: Path, rng: Rng) -> str:
    """Names and order of the columns of one part, or of its rows."""
    names = (
        "",
        " ",
        "step",
        "time",
        "d/auc",
        "grad/generator/layer/" + "x" * 5000,
        "$x^$",
        "a\x1b[31m",
        "<b>",
        "é" * 50,
    )
    name = names[rng.integers(len(names))]
    changes: list[Callable[[pd.DataFrame, str], pd.DataFrame]] = [
        lambda t, n: t.drop(columns=n),
        lambda t, n: t.rename(columns={n: name}),
        lambda t, _: t[list(rng.permutation(t.columns))],
        lambda t, _: t.iloc[rng.permutation(len(t))],
        lambda t, _: pd.concat([t, t]),
        lambda t, _: t.iloc[:0],
        lambda t, _: pd.concat([t, pd.DataFrame({f"{name}{i}": np.ones(len(t)) for i in range(300)})], axis=1),
        lambda t, _: t.assign(step=t["step"] * int(rng.choice([0, -1, 1000, 10**6, 10**15]))),
        lambda t, _: t.assign(step=t["step"] + rng.integers(-3, 3, len(t))),
    ]
    kind = int(rng.integers(len(changes)))
    return f"{kind} {_table(folder, rng, changes[kind])}"


def arrays(folder: Path, rng: Rng) -> str:
    """What stands in an .npz."""
    file = _file(folder, rng, "arrays/*.npz")
    name, one = "modes/histogram", np.array([1])
    kinds: list[dict[str, Any]] = [
        {name: np.zeros((2, 8))}, {f"{name}:step": one}, {name: np.array(["a"]), f"{name}:step": one},
        {name: np.zeros((3, 0)), f"{name}:step": np.arange(3)}, {name: np.zeros((1, 9, 9)), f"{name}:step": one},
        {name: np.full((1, 8), np.nan), f"{name}:step": np.array([10**15])}, {},
        {name: np.zeros((4, 100_000), dtype="int8"), f"{name}:step": np.arange(4)},
        {name: np.full((1, 8), -np.inf), f"{name}:step": np.array([-4])}, {NASTY[:3]: np.zeros(1)},
        {name: np.zeros((1, 8), dtype="complex128"), f"{name}:step": np.array([4])},
    ]  # fmt: skip
    kind = int(rng.integers(len(kinds)))
    np.savez_compressed(file, **kinds[kind])
    return f"{file.name} {kind}"


def _table(folder: Path, rng: Rng, change: Callable[[pd.DataFrame, str], pd.DataFrame]) -> str:
    file = _file(folder, rng, "scalars/*.parquet")
    table = pd.read_parquet(file)
    name = str(table.columns[rng.integers(len(table.columns))])
    change(table, name).to_parquet(file, index=False)
    return f"{file.name} {name}"


def _changed(text: str, rng: Rng) -> str:
    """A JSON text with one of its values another, left out, or what is no JSON."""
    content = json.loads(text)
    places = [(content, key) for key in content]
    for held, key in places:  # grows while it is walked
        inner = held[key]
        if isinstance(inner, dict):
            places += [(inner, k) for k in inner]
        elif isinstance(inner, list):
            places += [(inner, k) for k in range(min(len(inner), 20))]
    held, key = places[rng.integers(len(places))]
    kind = rng.random()
    if kind < 0.15:
        del held[key]
    elif kind < 0.25:
        held[key] = "@"
        return json.dumps(content).replace(
            '"@"', [DEEP, LONG, "-" + LONG, "NaN", "1e999", "{", '"\\ud800"'][rng.integers(7)]
        )
    elif kind < 0.35 and isinstance(held, dict):
        held[["", NASTY, "x" * 20_000, "kind"][rng.integers(4)]] = held.pop(key)
    else:
        held[key] = WILD[rng.integers(len(WILD))]
    return json.dumps(content)


MUTATIONS: tuple[Callable[[Path, Rng], str], ...] = (
    flip, flip, overwrite, cut, insert, swap, remove, duplicate, empty, replace, meta_value, meta_value, meta_value,
    event_value, event_value, event_lines, column_type, column_values, columns, arrays,
)  # fmt: skip

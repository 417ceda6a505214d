"""What a target is: a run directory, stored samples, or a checkpoint; and which files a pattern stands for."""

from __future__ import annotations

import glob
import os
import re
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from gandiag.gate.step import step_of
from gandiag.rundir.folder import left_of_run, meta_name

if TYPE_CHECKING:
    from collections.abc import Iterable

    from gandiag.gate.results import Kind

SAMPLES = (".npz", ".npy")
REMOTE = re.compile(r"[a-z][a-z0-9+]+://")


@dataclass(frozen=True, kw_only=True)
class Target:
    """One thing to be judged; `what` is a path or, from Python, samples themselves."""

    name: str
    what: Any
    kind: Kind
    step: int | None = None
    series: str = ""


def targets_of(given: Iterable[Any]) -> list[Target]:
    """The targets that arguments stand for; patterns are expanded, steps sorted.

    Raises ValueError for a path that is not there and a pattern that nothing matches.
    """
    found: list[Target] = []
    for each in given:
        if isinstance(each, (str, Path)):
            found += [_target(path) for path in _expanded(str(each))]
        else:
            found.append(Target(name=type(each).__name__, what=each, kind="samples"))
    if not found:
        raise ValueError("there is nothing to check: name a run directory, samples or a checkpoint")
    return list({(t.name, id(t.what) if t.kind == "samples" else 0): t for t in found}.values())


def _expanded(text: str) -> list[str]:
    """Paths by step where their names carry one; the text itself where it is no pattern."""
    if REMOTE.match(text) or Path(text).exists() or not glob.has_magic(text):
        return [text]
    paths = glob.glob(text, recursive=True)  # noqa: PTH207 - absolute and relative patterns alike
    if not paths:
        raise ValueError(f"{text}: nothing matches")
    return sorted(paths, key=lambda path: (step_of(Path(path))[0] or 0, path))


def _target(text: str) -> Target:
    if REMOTE.match(text):  # runs alone are read from afar
        return Target(name=text, what=text, kind="run")
    path = Path(text).expanduser()
    if path.is_dir():
        return Target(name=text, what=path, kind="run" if _is_run(path) else "samples")
    if not path.exists():
        raise ValueError(f"{text}: there is no such file or folder")
    if path.suffix in SAMPLES or _is_idx(path):
        return Target(name=text, what=path, kind="samples")
    step, series = step_of(path)
    return Target(name=text, what=path, kind="checkpoint", step=step, series=series)


def _is_run(folder: Path) -> bool:
    """Whether a folder is a run directory, or what is left of one: the grids of its snapshots are no samples.

    Raises ValueError for a folder of run directories.
    """
    if (folder / meta_name(0)).exists():
        return True
    with os.scandir(folder) as entries:
        inside = {entry.name: entry.is_dir() for entry in entries}
    if left_of_run(inside):
        return True
    if run := next((name for name in sorted(inside) if inside[name] and (folder / name / meta_name(0)).exists()), None):
        raise ValueError(f"{folder}: holds run directories, such as {run}; name each, or '{folder}/*'")
    return False


def _is_idx(path: Path) -> bool:
    from gandiag.modes import idx

    try:
        return bool(idx.is_idx(path))
    except (OSError, ValueError, EOFError):
        return False

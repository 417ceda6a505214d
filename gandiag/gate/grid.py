"""A picture of the first samples of a target, where a report is written."""

from __future__ import annotations

import re
from dataclasses import replace
from typing import TYPE_CHECKING

from gandiag.rundir.snapshots import MAX_SAMPLES, encode

if TYPE_CHECKING:
    from pathlib import Path

    from gandiag.gate.results import TargetResult
    from gandiag.quality.sources.open import Source


def folder_of(target: str, out: Path, *, alone: bool) -> Path:
    """Where the report of a target goes: `out` itself, or a folder in it that is named after the target."""
    if alone:
        return out
    plain = re.sub(r"[^\w.=-]+", "-", target.strip("/.")).strip("-.")
    return out / (plain[-80:] or "target")


def with_grid(result: TargetResult, source: Source, out: Path) -> TargetResult:
    """The result with the path of a picture of samples: a PNG of tiles, or points as an .npz.

    Raises ValueError when it cannot be written.
    """
    first = next(source.batches(min(MAX_SAMPLES, len(source)))).detach().cpu().numpy()
    content, suffix = encode(first)
    path = folder_of(result.target, out, alone=False).with_name(
        f"{folder_of(result.target, out, alone=False).name}-samples{suffix}"
    )
    try:
        out.mkdir(parents=True, exist_ok=True)
        path.write_bytes(content)
    except OSError as error:
        raise ValueError(f"--report {out}: cannot be written: {error.strerror or error}") from error
    return replace(result, grid=str(path))

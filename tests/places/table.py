"""Writes docs/samples.md from what happens when every place is read: `cd tests && python -m places.table`."""

from __future__ import annotations

import tempfile
from pathlib import Path

from .cases import PLACES, outcome

PAGE = Path(__file__).parents[2] / "docs" / "samples.md"
HEAD = """# Where samples may be

What `gandiag evaluate` and `gandiag.quality.evaluate` take as generated samples and as reference, what `gandiag check`
takes as `--reference`, and `gandiag.Quality` as `reference=`. Where something cannot be read you are told what was
found; where something was left out or converted it stands in the notes of the evaluation. A file of mean and covariance
(pytorch-fid, clean-fid, TTUR, torch-fidelity) serves as reference of a Fréchet distance.

This page is generated from the tests: `cd tests && python -m places.table`.

| what you have | how it is passed | labels read | images read, and what you are told |
|---|---|---|---|
"""


def render() -> str:
    """The page."""
    return HEAD + "".join(_row(name) for name in PLACES)


def _row(name: str) -> str:
    case = PLACES[name]
    with tempfile.TemporaryDirectory() as folder:
        images, labels, said = outcome(name, Path(folder))
    read = "🔴" if images is None else "🟢"
    return f"| {case.what} | {case.passed} | {'yes' if labels else ''} | {read}{f' *{said}*' if said else ''} |\n"


if __name__ == "__main__":
    PAGE.write_text(render(), encoding="utf-8")

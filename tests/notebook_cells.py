"""Runs a notebook in this process, which spares its kernel and torch's import."""

from __future__ import annotations

from contextlib import redirect_stdout
from io import StringIO
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import pytest

FOLDER = Path(__file__).parents[1] / "notebooks"


def cells(name: str) -> list[str]:
    """The cells of code; none is stored with outputs."""
    import nbformat

    found = [c for c in nbformat.read(FOLDER / f"{name}.ipynb", as_version=4).cells if c.cell_type == "code"]
    assert not any(cell.outputs for cell in found), "stored without outputs"
    return [cell.source for cell in found]


def printed_by(name: str, monkeypatch: pytest.MonkeyPatch) -> str:
    """What a notebook prints, from its first cell to its last, with gandiag's plan as a reader has it."""
    import matplotlib as mpl
    import matplotlib.pyplot as plt

    from gandiag.record.callback import MAX_OVERHEAD, Callback

    mpl.use("agg")
    monkeypatch.setitem(Callback.__init__.__kwdefaults__, "max_overhead", MAX_OVERHEAD)
    monkeypatch.setattr(plt, "show", lambda: plt.close("all"))
    monkeypatch.chdir(FOLDER)
    names, out = {"__name__": "__main__"}, StringIO()
    with redirect_stdout(out):
        for number, source in enumerate(cells(name)):
            exec(compile(source, f"{name}, cell {number}", "exec"), names)  # noqa: S102 - the notebook's own code
    return out.getvalue()

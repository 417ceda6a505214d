"""Every notebook runs from its first cell to its last, and shows what it says."""

from __future__ import annotations

import re
from contextlib import redirect_stdout
from io import StringIO
from pathlib import Path

import nbformat
import pytest

FOLDER = Path(__file__).parents[2] / "notebooks"
ALONE = {"calibration": "tests/benchmarks/test_calibration.py"}
NAMES = sorted(path.stem for path in FOLDER.glob("*.ipynb"))


def cells(name):
    """The cells of code; none is stored with outputs."""
    found = [c for c in nbformat.read(FOLDER / f"{name}.ipynb", as_version=4).cells if c.cell_type == "code"]
    assert not any(cell.outputs for cell in found), "stored without outputs"
    return [cell.source for cell in found]


@pytest.fixture
def printed(monkeypatch):
    """Runs a notebook in this process, which spares its kernel and torch's import, and returns what it prints."""
    import matplotlib as mpl
    import matplotlib.pyplot as plt

    mpl.use("agg")
    monkeypatch.chdir(FOLDER)
    monkeypatch.setattr(plt, "show", lambda: plt.close("all"))

    def run(name):
        names, out = {"__name__": "__main__"}, StringIO()
        with redirect_stdout(out):
            for number, source in enumerate(cells(name)):
                exec(compile(source, f"{name}, cell {number}", "exec"), names)  # noqa: S102 - the notebook's own code
        return out.getvalue()

    return run


def test_every_notebook_is_listed():
    """On the page, in its order."""
    page = (FOLDER / "README.md").read_text()
    assert sorted(re.findall(r"^\| \[(\w+)\.ipynb\]\(\1\.ipynb\)", page, flags=re.MULTILINE)) == NAMES


@pytest.mark.slow
def test_quickstart(printed):
    """The collapse that was made is found by both of its names."""
    text = printed("quickstart")
    assert "failing - last healthy step" in text
    assert "failure mode-collapse from step" in text
    assert "failure sample-collapse from step" in text


@pytest.mark.slow
def test_mode_collapse(printed):
    """Broken rings and digits fail, repaired ones do not, and have their modes."""
    text = printed("mode_collapse")
    assert text.startswith("failing")
    ring = [row.split() for row in text.splitlines() if re.match(r"(broken|repaired) +(healthy|failing)", row)]
    (_, broken, few, *_), (_, repaired, all_modes, *_) = ring
    assert (broken, repaired) == ("failing", "healthy")
    assert float(few) < 4
    assert float(all_modes) > 7
    assert "broken digits: failing" in text
    assert "repaired digits: healthy" in text


@pytest.mark.slow
def test_mistakes_in_the_loop(printed):
    """The five that were made are found, each by its name and no other, and none in the right loop."""
    rows = re.findall(
        r"^(.+?)  +(?:healthy|undecided|suspect|failing) *(.*)$", printed("mistakes_in_the_loop"), re.MULTILINE
    )
    assert [code.strip() for _, code in rows] == [
        "",
        "same-direction",
        "shared-update",
        "input-mismatch",
        "repeated-latents",
        "double-sigmoid",
    ]


@pytest.mark.slow
def test_vanishing_and_oscillation(printed):
    """Both failures, and neither where the remedy is in use; the eigenvalues are those of theory."""
    text = printed("vanishing_and_oscillation")
    assert "vanishing-gradients from step" in text
    assert "failure oscillation from step" in text
    assert "dirac-r1: healthy" in text or "dirac-r1: undecided" in text
    assert re.search(r"gamma 0.0: eigenvalues \[0?[+-]?0?\.?0*[+-]?0?\.?5j", text.replace("(", "").replace(")", ""))


@pytest.mark.slow
def test_quality_metrics(printed):
    """Untouched samples score best, and each defect shows where the text says."""
    text = printed("quality_metrics")
    assert "coverage" in text


@pytest.mark.slow
def test_ci_gate(printed):
    """The good checkpoint passes, the collapsed one is stopped by name."""
    text = printed("ci_gate")
    assert "good.pt: exit code 0" in text
    assert "collapsed.pt: exit code 1" in text

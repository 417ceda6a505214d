"""Every notebook runs from its first cell to its last, and shows what it says (calibration: tests/benchmarks)."""

from __future__ import annotations

import re
from functools import partial

import pytest
from notebook_cells import FOLDER, printed_by

NAMES = sorted(path.stem for path in FOLDER.glob("*.ipynb"))


@pytest.fixture
def printed(monkeypatch):
    """What a notebook prints."""
    return partial(printed_by, monkeypatch=monkeypatch)


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
    assert float(few) < float(all_modes) / 2
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
    sure, learning = text.partition("non-saturating, equal rates: ")[::2]
    assert "failure vanishing-gradients from step" in sure
    assert learning.startswith("healthy")
    circling, resting = learning.partition("dirac-r1: ")[::2]
    assert "failure oscillation from step" in circling
    assert "oscillation" not in resting
    assert "gamma 0.0: eigenvalues ['0.00 +0.50i', '0.00 -0.50i']" in resting  # of a circle
    assert "gamma 0.5: eigenvalues ['0.25 +0.43i', '0.25 -0.43i']" in resting  # comes in


@pytest.mark.slow
def test_quality_metrics(printed):
    """Each defect moves the metrics that the text names, and of nines none are counted."""
    rows = dict(re.findall(r"^([a-z0-9, -]+?)  +(-?[\d. -]+)$", printed("quality_metrics"), flags=re.MULTILINE))
    columns = ("kid", "precision", "recall", "density", "coverage", "nines")
    found = {name: dict(zip(columns, map(float, row.split()), strict=False)) for name, row in rows.items()}
    held_out = found["held-out digits"]
    assert found["noise"]["precision"] < held_out["precision"] - 0.2
    assert found["noise"]["recall"] > held_out["recall"] - 0.2
    assert found["225 digits, four times"]["recall"] < 0.2
    assert found["225 digits, four times"]["precision"] > held_out["precision"] - 0.2
    assert found["no nines"]["nines"] < held_out["nines"] / 10


@pytest.mark.slow
def test_ci_gate(printed):
    """The good checkpoint passes, the collapsed one is stopped by name."""
    text = printed("ci_gate")
    assert "good.pt: exit code 0" in text
    assert "collapsed.pt: exit code 1" in text

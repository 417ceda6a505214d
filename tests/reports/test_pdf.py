"""The PDF report: searchable text, pages, escaping."""

from __future__ import annotations

import io
import re
import shutil
import subprocess
from dataclasses import replace
from itertools import combinations
from typing import TYPE_CHECKING

import numpy as np
import pytest

from gandiag import synthetic
from gandiag.detectors import DETECTORS
from gandiag.judge.diagnose import diagnose
from gandiag.judge.policy import Policy
from gandiag.judge.policy_files import Setting, thresholds
from gandiag.reports.paper import LEFT, RIGHT, timeline_svg
from gandiag.reports.pdf import breakable, render
from gandiag.reports.sections import build
from gandiag.reports.timeline import BRIEF

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from gandiag.findings import Diagnosis
    from gandiag.rundir.run import Run, Sample

Case = tuple["Run", "Diagnosis"]
Box = tuple[float, ...]  # left, top, right, bottom
pypdf = pytest.importorskip("pypdf")


def text_of(pdf: bytes) -> tuple[str, int]:
    """All words on one line, and the number of pages."""
    pages = pypdf.PdfReader(io.BytesIO(pdf)).pages
    return " ".join(" ".join(page.extract_text() for page in pages).split()), len(pages)


def misplaced(pdf: bytes, folder: Path) -> list[tuple[int, str]]:
    """Page and text of each word that lies off its page or on another word."""
    (folder / "report.pdf").write_bytes(pdf)
    command = ["pdftotext", "-bbox", str(folder / "report.pdf"), "-"]
    boxes = subprocess.run(command, capture_output=True, text=True, check=True, timeout=60).stdout
    found = []
    for number, page in enumerate(boxes.split("<page ")[1:], start=1):
        width, height = map(float, re.findall(r'(?:width|height)="(.*?)"', page)[:2])
        rows = re.findall(r'xMin="(.*?)" yMin="(.*?)" xMax="(.*?)" yMax="(.*?)">(.*?)</word>', page)
        words = [(tuple(map(float, row[:4])), row[4]) for row in rows]
        found += [(number, word) for box, word in words if _off(box, width, height)]
        found += [(number, f"{b} on {a}") for (under, a), (over, b) in combinations(words, 2) if _overlap(under, over)]
    return found


def _off(box: Box, width: float, height: float) -> bool:
    return box[0] < 0 or box[1] < 0 or box[2] > width or box[3] > height


def _overlap(a: Box, b: Box) -> bool:
    """Whether two words share more than a point of width and half of a line: boxes hold room above the letters."""
    across, down = (min(a[i + 2], b[i + 2]) - max(a[i], b[i]) for i in (0, 1))
    return across > 1 and down > 0.5 * min(a[3] - a[1], b[3] - b[1])


@pytest.mark.skipif(not shutil.which("pdftotext"), reason="poppler-utils are not installed")
@pytest.mark.parametrize("long", ["thresholds", "hyperparameters"])
def test_no_word_lies_on_another_or_off_its_page(long: str, tmp_path: Path) -> None:
    """Tables of few rows that are taller than a page break across pages, as all else does."""
    run, settings = synthetic.mode_collapse(at=1500), {}
    if long == "thresholds":
        settings = {d.code: {n: Setting(v, "a") for n, v in thresholds(d).items()} for d in DETECTORS}
    if long == "hyperparameters":
        words = "as long as a sentence that nobody would want to read twice "
        run = replace(run, meta={**run.meta, "hyperparameters": {f"note {i}": words * 5 for i in range(15)}})
    assert misplaced(render(run, diagnose(run, policy=Policy(detectors=settings))), tmp_path) == []


def test_the_finding_can_be_searched_for_and_pages_are_numbered(failing: Case) -> None:
    """Verdict, finding, evidence and remedies are text, in the order of the HTML report."""
    text, pages = text_of(render(*failing))
    assert 3 <= pages <= 8
    assert f"1 of {pages}" in text
    assert f"{pages} of {pages}" in text
    assert text.index("Failing: mode-collapse") < text.index("DO NOW") < text.index("Timeline") < text.index(" Why ")
    phrases = (
        "It began with mode-collapse.",
        "G covers two of ten modes.",
        "0.113",
        "What to try",
        "spread = fake.std(dim=0)",
        "gandiag zoo train ring8-pacgan2",
        "Lower the learning rate of G.",
    )
    sections = (
        "All signals",
        "memorisation",
        "asks for no constraint",
        "out of memory",
        "Thresholds",
    )
    rest = text[text.index(" Why ") :]
    order = [rest.index(phrase) for phrase in phrases + sections]
    assert order == sorted(order)


def test_markup_in_names_is_printed_as_it_is(nasty: Case) -> None:
    """Neither typst nor matplotlib reads a name as markup."""
    text, _ = text_of(render(*nasty))
    assert text.count("<script>alert(1)</script> #set $x$ *b* _i_ `c` @r {{ y }} \\") >= 5
    assert "$odd$" in text


def test_an_empty_run_fits_on_a_page(empty: Case) -> None:
    """Nothing recorded is said, not crashed on."""
    text, pages = text_of(render(*empty))
    assert pages == 1
    assert "Nothing was recorded, so nothing could be judged." in text


def test_samples_and_modes_are_on_paper_too(
    healthy: Case, write_images: Callable[[int], tuple[Sample, ...]], tmp_path: Path
) -> None:
    """Images, points and the heat map are placed."""
    from gandiag.rundir.run import Sample

    run, diagnosis = healthy
    np.savez(tmp_path / "points.npz", points=np.random.default_rng(0).standard_normal((50, 2)))
    samples = (*write_images(2), Sample(5000, "points", str(tmp_path / "points.npz")))
    arrays = {"modes/histogram": (np.array([100, 3000]), np.ones((2, 4)))}
    pdf = render(replace(run, samples=samples, arrays=arrays), diagnosis)
    text, _ = text_of(pdf)
    assert "3 of 3 snapshots" in text
    assert "step 5,000" in text
    assert "Share of samples in each mode" in text
    images = [image for page in pypdf.PdfReader(io.BytesIO(pdf)).pages for image in page.images]
    assert len(images) >= 3


def test_snapshots_stand_on_the_timeline_of_the_page(
    healthy: Case, write_images: Callable[[int], tuple[Sample, ...]]
) -> None:
    """A few samples of each, inside the track, also of a step after the last one recorded."""
    run, diagnosis = healthy
    axis = build(replace(run, samples=write_images(40)), diagnosis).timeline
    drawn = timeline_svg(axis, BRIEF)
    places = [float(x) for x in re.findall(r"translate\(([0-9.]+) 1\)", drawn)]
    assert drawn.count("<image ") == len(places) >= 8
    assert all(LEFT <= x < RIGHT for x in places)


def test_one_row_makes_a_report(healthy: Case) -> None:
    """The first step alone can be drawn."""
    run, diagnosis = healthy
    arrays = {"modes/histogram": (np.array([1]), np.ones((1, 3)))}
    first = replace(run, scalars=run.scalars.iloc[:1], arrays=arrays)
    assert "1 step" in text_of(render(first, replace(diagnosis, last_step=1)))[0]


def test_only_words_too_long_for_a_line_are_made_breakable() -> None:
    """Ordinary names stay searchable as they are."""
    assert breakable("grad/generator/norm is fine") == "grad/generator/norm is fine"
    assert breakable("a" * 100).replace("\u200b", "") == "a" * 100
    assert "\u200b" in breakable("a" * 100)

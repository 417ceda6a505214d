"""The HTML report: content, escaping, and that it works offline in a browser."""

from __future__ import annotations

import re
import subprocess
import sys
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest
from browsing import until

from gandiag.reports.html import render

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from playwright.sync_api import Browser, Dialog

    from gandiag.findings import Diagnosis
    from gandiag.rundir.run import Run, Sample

Case = tuple["Run", "Diagnosis"]
DRAWN = "[...document.querySelectorAll('.plot')].every((plot) => plot.querySelector('.main-svg'))"


def opened(browser: Browser, path: Path, width: int = 1200, scheme: str = "light") -> dict[str, Any]:
    """What a reader's browser makes of the file with all that is folded in it opened: texts, charts, complaints."""
    page = browser.new_page(viewport={"width": width, "height": 800}, color_scheme=scheme)  # type: ignore[arg-type]
    seen: dict[str, Any] = {"complaints": [], "requests": []}

    def dismiss(dialog: Dialog) -> None:
        seen["complaints"].append(dialog.message)
        dialog.dismiss()

    page.on("console", lambda m: seen["complaints"].append(m.text) if m.type in ("error", "warning") else None)
    page.on("pageerror", lambda error: seen["complaints"].append(str(error)))
    page.on("dialog", dismiss)
    page.on("request", lambda request: seen["requests"].append(request.url))
    page.goto(path.as_uri())
    page.wait_for_selector("html[data-charts=drawn]", state="attached", timeout=30_000)
    page.evaluate("document.querySelectorAll('details').forEach((fold) => { fold.open = true; })")
    until(page, DRAWN)
    seen["text"] = page.inner_text("body")
    seen["charts"] = page.locator(".plot:has(.main-svg)").count()
    seen["wanted"] = page.locator(".plot").count()
    seen["overflow"] = page.evaluate("document.documentElement.scrollWidth > window.innerWidth")
    page.close()
    return seen


def assert_quiet(seen: dict[str, Any]) -> None:
    """No complaint, and nothing leaves the file."""
    assert seen["complaints"] == []
    assert [url for url in seen["requests"] if not re.match("(file|data|blob):", url)] == []


@pytest.mark.slow
@pytest.mark.parametrize(("width", "scheme"), [(1200, "light"), (390, "dark")])
def test_every_chart_is_drawn_offline_on_a_screen_and_on_a_phone(
    browser: Browser, failing: Case, tmp_path: Path, width: int, scheme: str
) -> None:
    """The file alone is enough: charts drawn, no complaint, no request, nothing wider than the window."""
    run, diagnosis = failing
    histograms = (np.arange(50, 3001, 50), np.ones((60, 10)))
    page = render(replace(run, arrays={"modes/histogram": histograms}), diagnosis)
    (tmp_path / "report.html").write_text(page, encoding="utf-8")
    seen = opened(browser, tmp_path / "report.html", width, scheme)
    assert seen["charts"] == seen["wanted"] >= 15
    assert not seen["overflow"]
    assert_quiet(seen)
    order = [seen["text"].index(phrase) for phrase in ("Failing", "two of ten", "All signals", "Provenance")]
    assert order == sorted(order)


@pytest.mark.slow
def test_markup_in_names_is_shown_and_never_run(browser: Browser, nasty: Case, tmp_path: Path) -> None:
    """A signal may be called anything."""
    (tmp_path / "report.html").write_text(render(*nasty), encoding="utf-8")
    seen = opened(browser, tmp_path / "report.html", 390)
    assert_quiet(seen)
    assert seen["charts"] == seen["wanted"]
    assert not seen["overflow"]
    assert seen["text"].count("<script>alert(1)</script> #set $x$") >= 10


@pytest.mark.slow
def test_an_empty_run_has_a_report(browser: Browser, empty: Case, tmp_path: Path) -> None:
    """Nothing recorded is said, not crashed on."""
    (tmp_path / "report.html").write_text(render(*empty), encoding="utf-8")
    seen = opened(browser, tmp_path / "report.html")
    assert seen["charts"] == 0
    assert "Nothing was recorded, so nothing could be judged." in seen["text"]
    assert "may still be training or was killed" in seen["text"]
    assert_quiet(seen)


def test_markup_never_reaches_the_file_unescaped(nasty: Case) -> None:
    """The text of the file holds the hostile name only in escaped forms."""
    assert "<script>alert" not in render(*nasty)
    assert "&lt;script&gt;alert" in render(*nasty)


def test_remedies_story_and_exclusions_are_on_the_page(failing: Case) -> None:
    """Code to paste with its indent, the chain with links to the cards, and what does not apply."""
    page = render(*failing)
    assert "<pre><code>spread = fake.std(dim=0)\nif step % 2:\n    print(spread)</code></pre>" in page
    assert page.count("<b>Lower the learning rate of G.</b>") == 1
    picture = page[page.index('class="why"') :]
    assert picture.index('<a href="#finding-1">') < picture.index('<a href="#finding-2">')
    assert "this loss asks for no constraint" in page


def test_one_row_makes_a_report(healthy: Case) -> None:
    """The first step alone can be drawn."""
    run, diagnosis = healthy
    first = replace(run, scalars=run.scalars.iloc[:1])
    assert "1 step" in render(first, replace(diagnosis, last_step=1))


def test_sample_grids_travel_inside_the_file(healthy: Case, write_images: Callable[[int], tuple[Sample, ...]]) -> None:
    """Images are data: URIs, each once however often it is shown, so that the file can be sent on."""
    run, diagnosis = healthy
    page = render(replace(run, samples=write_images(3)), diagnosis)
    assert page.count("url(data:image/png;base64,") == 3


def test_the_same_run_gives_the_same_file(failing: Case) -> None:
    """A report depends on nothing but the run and its diagnosis."""
    assert render(*failing) == render(*failing)


def test_reports_need_no_torch(tmp_path: Path) -> None:
    """Importing and rendering both reports leaves torch and the detectors unloaded."""
    code = f"""
import sys
import gandiag.reports.html, gandiag.reports.pdf
assert not {{"matplotlib", "plotly", "typst", "pandas"}} & set(sys.modules), "heavy imports at the top"
from gandiag import synthetic
from gandiag.findings import Diagnosis
run, diagnosis = synthetic.healthy(steps=50), Diagnosis(verdict="healthy", last_step=50)
gandiag.reports.write(run, diagnosis, r"{tmp_path}")
unwanted = {{"torch", "gandiag.detectors", "matplotlib.pyplot"}} & set(sys.modules)
assert not unwanted, unwanted
"""
    subprocess.run([sys.executable, "-c", code], check=True, timeout=60)
    assert (tmp_path / "report.html").stat().st_size > 1e6
    assert (tmp_path / "report.pdf").read_bytes().startswith(b"%PDF")

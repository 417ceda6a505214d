"""The page of a comparison in a browser."""

from __future__ import annotations

import re
from dataclasses import replace

import pytest
from axe_core_python.sync_playwright import Axe

from gandiag.compare import Comparison, Row
from gandiag.reports.best import Best
from gandiag.reports.lines import Line


def many(amount):
    """Rows of runs of which every second one fails."""
    return [
        Row(
            f"runs/{number:02d}",
            "failing" if number % 2 else "healthy",
            status="closed",
            steps=1000,
            first_failure="mode-collapse" if number % 2 else "",
            onset_step=500 + number if number % 2 else None,
            best=Best(400, "quality/fid", 10.0 + number),
            settings={"lr_d": 1e-2 if number % 2 else 1e-4, "seed": float(number)},
            curves={"d/auc": Line("d/auc", (1.0, 1000.0), (0.5, 0.5 + number / 100))},
        )
        for number in range(amount)
    ]


@pytest.mark.slow
@pytest.mark.parametrize("width", [1300, 390])
def test_the_page_works_offline_and_sorts_and_filters(browser, tmp_path, width):
    """Charts drawn, no complaint, no request, nothing wider than the window; the table sorts and filters."""
    rows = [*many(20), replace(Row("runs/torn", "unreadable"), why="run.json: line 1, column 12: Expecting value")]
    file = tmp_path / "sweep.html"
    file.write_text(Comparison(tuple(rows)).html(), encoding="utf-8")
    page = browser.new_page(viewport={"width": width, "height": 900}, bypass_csp=True)  # axe is put into the page
    seen = []
    page.on("console", lambda m: seen.append(m.text) if m.type in ("error", "warning") else None)
    page.on("pageerror", lambda error: seen.append(str(error)))
    page.on("request", lambda r: seen.append(r.url) if not re.match("(file|data|blob):", r.url) else None)
    page.goto(file.as_uri())
    page.wait_for_selector("html[data-charts=drawn]", state="attached", timeout=30_000)
    assert page.locator(".plot:has(.main-svg)").count() == page.locator(".plot").count() == 1
    assert not page.evaluate("document.documentElement.scrollWidth > window.innerWidth")
    assert page.locator("h1").inner_text() == "21 runs: 10 failing, 1 unreadable, 10 healthy"
    assert "lr_d separates" in page.locator(".lead").inner_text()
    page.locator("th button", has_text="From step").click()
    assert page.locator("#table tbody th").first.inner_text() == "01"
    page.locator("th button", has_text="From step").click()
    assert page.locator("#table tbody th").first.inner_text() == "19"
    page.fill("#filter", "unreadable")
    assert page.locator("#table tbody tr:visible").count() == 1
    found = Axe().run(page)["violations"]
    assert [(v["id"], v["nodes"][0]["html"]) for v in found if v["impact"] in ("serious", "critical")] == []
    page.close()
    assert seen == []


def test_texts_of_settings_are_cut_between_words_if_at_all():
    """A sentence that a run was given is readable in the table."""
    says = "The same, but at 40 % of the run G's learning rate rises to 5e-3 and D's falls to 2e-5"
    rows = [replace(row, settings={"says": says if i else "other"}) for i, row in enumerate(many(2))]
    assert says.replace("'", "&#39;") in Comparison(tuple(rows)).html()

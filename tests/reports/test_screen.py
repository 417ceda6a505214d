"""The HTML report in a browser: the first screen, one zoom, the slider, the keyboard, a screen reader."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest
from browsing import until

from gandiag.reports.html import render

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

    from playwright.sync_api import Browser, Page

    from gandiag.findings import Diagnosis
    from gandiag.rundir.run import Run, Sample

Case = tuple["Run", "Diagnosis"]
RANGES = (
    "[...document.querySelectorAll('.plot')].filter((p) => p.data).map((p) => p.layout.xaxis.range.map(Math.round))"
)
pytestmark = pytest.mark.slow


@pytest.fixture
def address(failing: Case, write_images: Callable[[int], tuple[Sample, ...]], tmp_path: Path) -> str:
    """The report of a failing run with images, modes and a change of the learning rates."""
    run, diagnosis = failing
    samples = write_images(30)
    rise = {"kind": "change", "step": 1480, "what": "rate/generator", "before": 5e-4, "after": 5e-3}
    run = replace(
        run,
        samples=samples,
        real_samples=replace(samples[0], step=0),
        events=(*run.events, rise),
        arrays={"modes/histogram": (np.arange(50, 3001, 50), np.ones((60, 10)))},
    )
    (tmp_path / "report.html").write_text(render(run, diagnosis), encoding="utf-8")
    return (tmp_path / "report.html").as_uri()


@pytest.fixture
def page(browser: Browser, address: str) -> Iterator[Page]:
    """The report on a laptop's screen."""
    opened = browser.new_page(viewport={"width": 1300, "height": 900})
    opened.goto(address)
    opened.wait_for_selector("html[data-charts=drawn]", state="attached", timeout=30_000)
    yield opened
    opened.close()


def in_sight(page: Page, selector: str) -> bool:
    """Whether something lies on the screen whole, without scrolling."""
    box: dict[str, Any] | None = page.locator(selector).first.bounding_box()  # type: ignore[assignment]
    return box is not None and box["y"] >= 0 and box["y"] + box["height"] <= 900 and box["x"] + box["width"] <= 1300


def test_verdict_actions_samples_and_timeline_are_on_the_first_screen(page: Page) -> None:
    """What to do stands beside the samples that say why, and the one timeline is whole, with nothing scrolled."""
    assert all(in_sight(page, part) for part in ("h1", ".lead", ".now", ".thumbs", ".axis", ".checked"))
    real, best, last = page.locator(".thumbs figcaption").all_inner_texts()
    assert (real, last) == ("real", "last: step 3,000")
    assert 0 < int(best.removeprefix("near the best: step ").replace(",", "")) < 1500
    now = page.locator(".now").inner_text()
    assert "Load the checkpoint of step" in now
    assert "Set G's learning rate back to 5e-4" in now
    assert "At step 1,480 G's learning rate rose tenfold" in page.locator(".lead").inner_text()
    assert "lr(G) 5e-4 → 5e-3" in page.locator(".flags").inner_text()
    assert page.locator(".bar").count() == 2


def test_a_phone_shows_the_same_beginning(browser: Browser, address: str) -> None:
    """Verdict, actions and samples within a phone's screen, and nothing wider than it."""
    phone = browser.new_page(viewport={"width": 390, "height": 844})
    phone.goto(address)
    phone.wait_for_selector("html[data-charts=drawn]", state="attached", timeout=30_000)
    boxes = [phone.locator(part).first.bounding_box() for part in ("h1", ".now", ".thumbs", ".band", ".bar")]
    wide = phone.evaluate("document.documentElement.scrollWidth")
    phone.close()
    assert all(box is not None and box["y"] + box["height"] <= 844 for box in boxes)
    assert wide == 390


def test_one_zoom_holds_for_the_timeline_and_every_chart(page: Page) -> None:
    """Whether it is dragged on the timeline, made in a chart, or typed."""

    def shown() -> list[list[int]]:
        ranges: list[list[int]] = page.evaluate(RANGES)
        return ranges

    before = shown()
    box = page.locator(".band").bounding_box()
    assert box is not None
    page.mouse.move(box["x"] + box["width"] / 2, box["y"] + 5)
    page.mouse.down()
    page.mouse.move(box["x"] + box["width"] * 0.75, box["y"] + 5, steps=4)
    page.mouse.up()
    dragged = shown()
    assert len(before) == len(dragged) >= 2
    assert all(1450 <= a <= 1520 and 2230 <= b <= 2300 for a, b in dragged)
    assert 1490 <= int(page.locator("#zoom-from").input_value()) <= 1510
    page.evaluate(
        "Plotly.relayout(document.querySelector('.card .plot'), { 'xaxis.range[0]': 100, 'xaxis.range[1]': 200 })"
    )
    until(page, "document.getElementById('zoom-from').value === '100'")
    assert all(98 <= a <= 100 and 200 <= b <= 202 for a, b in shown()[1:])
    page.locator("#zoom-all").click()
    assert page.locator("#zoom-to").input_value() == "3000"


def test_the_slider_moves_through_snapshots_and_a_click_enlarges(page: Page) -> None:
    """By keyboard as well; the histogram beside goes along."""
    slider = page.locator("#slider")
    assert page.locator("#slide-step").inner_text() == "step 3,000"
    slider.focus()
    slider.press("Home")
    assert page.locator("#slide-step").inner_text() == "step 100"
    assert "at step 100" in page.locator("#histogram-step").inner_text()
    slider.press("ArrowRight")
    assert page.locator("#slide .shot").get_attribute("aria-label") == "samples at step 200"
    page.locator("#slide").click()
    assert page.locator("dialog[open] .shot").count() == 1
    page.keyboard.press("ArrowRight")
    assert page.locator("#large-words").inner_text() == "samples at step 300"
    page.keyboard.press("Escape")
    assert page.locator("dialog[open]").count() == 0


def test_the_keyboard_reaches_every_finding_and_no_chart_is_in_the_way(page: Page) -> None:
    """The skip link comes first; nothing inside a chart takes the focus; a link opens what it leads to."""
    page.keyboard.press("Tab")
    assert page.evaluate("document.activeElement.className") == "skip"
    reached = set()
    for _ in range(120):
        page.keyboard.press("Tab")
        reached.add(page.evaluate("document.activeElement.getAttribute('href') || ''"))
        assert not page.evaluate("Boolean(document.activeElement.closest('.plot'))")
    assert {"#finding-1", "#finding-2"} <= reached
    page.locator(".sparked").last.click()
    until(page, "document.getElementById('all').open")


def test_what_is_printed_has_its_charts(page: Page) -> None:
    """Those in folds are drawn before a printer takes the page, inside their boxes; the folds are closed again."""
    page.evaluate("window.dispatchEvent(new Event('beforeprint'))")
    boxes = page.evaluate(
        "[...document.querySelectorAll('.card .plot')].map((p) => "
        "[p.clientHeight, p.querySelector('.main-svg')?.getAttribute('height') ?? 0].map(Number))"
    )
    assert len(boxes) > 2
    assert all(0 < drawn <= room + 1 for room, drawn in boxes)
    page.evaluate("window.dispatchEvent(new Event('afterprint'))")
    assert page.locator(".card details[open]").count() == 0


def test_no_number_lies_on_a_curve_of_the_timeline(page: Page) -> None:
    """The ends of an axis stand to its right, and no title of a small chart is cut."""
    overlaps = page.evaluate(
        "[...document.querySelectorAll('.axis .ends')].filter((ends) => ends.getBoundingClientRect().left < "
        "ends.parentElement.querySelector('.track').getBoundingClientRect().right).length"
    )
    cut = page.evaluate(
        "[...document.querySelectorAll('.sparked b, .sparked .note')]"
        ".filter((e) => e.scrollWidth > e.clientWidth).length"
    )
    assert (overlaps, cut) == (0, 0)


def test_charts_are_searched_by_title_and_signal(page: Page) -> None:
    """Those that do not match are hidden, and it is said how many are left."""
    page.locator("#all > summary").click()
    page.locator("#search").fill("d/auc")
    assert page.locator(".cell:not([hidden])").count() == 1
    assert page.locator("#found").inner_text().startswith("1 of ")


@pytest.mark.parametrize(("width", "scheme"), [(1300, "light"), (390, "dark")])
def test_axe_finds_nothing(browser: Browser, address: str, width: int, scheme: str) -> None:
    """Neither roles nor names nor contrasts, with everything unfolded."""
    axe = pytest.importorskip("axe_core_python.sync_playwright").Axe()
    context = browser.new_context(viewport={"width": width, "height": 900}, color_scheme=scheme, bypass_csp=True)  # type: ignore[arg-type]
    page = context.new_page()
    page.goto(address)
    page.wait_for_selector("html[data-charts=drawn]", state="attached", timeout=30_000)
    page.evaluate("document.querySelectorAll('details').forEach((fold) => { fold.open = true; })")
    found = axe.run(page)
    context.close()
    assert found["passes"]
    assert [(v["id"], v["impact"], v["nodes"][0]["html"]) for v in found["violations"]] == []

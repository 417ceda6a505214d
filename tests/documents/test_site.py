"""The documentation site is built without a warning, with a page per failure made from its detector."""

from __future__ import annotations

import html
import os
import re
import subprocess
import sys

import pytest
from pages import ROOT

from gandiag.detectors import DETECTORS
from gandiag.detectors.specification import remedies


@pytest.fixture(scope="module")
def site(tmp_path_factory):
    """Built once, strictly, without the charts, which take half of the time."""
    folder = tmp_path_factory.mktemp("site")
    environment = os.environ | {"GANDIAG_DOCS_PICTURES": "0", "NO_MKDOCS_2_WARNING": "1"}
    command = [sys.executable, "-m", "mkdocs", "build", "--strict", "--site-dir", str(folder)]
    done = subprocess.run(command, cwd=ROOT, env=environment, capture_output=True, text=True, timeout=240, check=False)
    assert done.returncode == 0, done.stderr
    assert "WARNING" not in done.stderr, done.stderr
    return folder


def text_of(page):
    """What a reader sees."""
    return re.sub(r"\s+", " ", html.unescape(re.sub(r"<[^>]+>", "", page.read_text("utf-8"))))


@pytest.mark.slow
def test_every_failure_has_a_page_with_all_its_remedies(site):
    """Each is what the detector says today."""
    for detector in DETECTORS:
        page = text_of(site / "failures" / detector.code / "index.html")
        for remedy in remedies(detector):
            assert remedy.expect in page


@pytest.mark.slow
def test_the_reference_shows_the_arguments_of_attach(site):
    """From its docstring."""
    text = text_of(site / "api" / "index.html")
    for name in ("held_out", "max_overhead", "watch_modules", "should_stop"):
        assert name in text


@pytest.mark.slow
def test_links_that_leave_the_pages_lead_to_the_repository(site):
    """And those to pages of the root to their copies."""
    assert "gandiag/blob/main/notebooks/calibration.ipynb" in (site / "accuracy" / "index.html").read_text("utf-8")
    assert 'href="../contributing/"' in (site / "how-it-works" / "index.html").read_text("utf-8")


def test_a_page_shows_a_chart_as_a_report_draws_it(monkeypatch):
    """Of a run that has the failure, with the sentence of the finding."""
    monkeypatch.syspath_prepend(str(ROOT / "docs"))
    from site_pages import charts

    (detector,) = (d for d in DETECTORS if d.code == "vanishing-gradients")
    sentence, ((title, chart), *_) = charts(detector)
    assert sentence
    assert title
    assert chart.startswith(b"<?xml")

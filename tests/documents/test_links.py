"""Links between pages lead somewhere, and so do the pictures."""

from __future__ import annotations

import re

import pytest
from pages import PAGES, ROOT, anchors, prose


@pytest.mark.parametrize("page", PAGES)
def test_inner_links_resolve(page):
    """The file exists, within the project, and has the heading."""
    for target in re.findall(r"\]\(([^)\s]+)\)", prose(page)):
        if "://" in target:
            continue
        path, _, anchor = target.partition("#")
        found = ((ROOT / page).parent / path).resolve() if path else ROOT / page
        assert found.is_relative_to(ROOT), target
        assert found.exists(), target
        if anchor:
            assert anchor in anchors(found.relative_to(ROOT).as_posix()), target


def test_every_page_is_found_from_the_index():
    """Of docs/; the index is short enough to be read."""
    index = prose("docs/index.md")
    for page in PAGES:
        if page.startswith("docs/") and page != "docs/index.md":
            assert f"({page.removeprefix('docs/')})" in index, page

"""The pages that people read: their code blocks, links and headings."""

from __future__ import annotations

import re
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).parents[2]
PAGES = tuple(
    path.relative_to(ROOT).as_posix()
    for path in [*sorted(ROOT.glob("*.md")), ROOT / "notebooks" / "README.md", *sorted((ROOT / "docs").rglob("*.md"))]
)
FENCE = re.compile(
    r"(?:^<!-- not run: (?P<reason>.+?) -->\n)?^```(?P<language>\w*)\n(?P<text>.*?)^```$", re.DOTALL | re.MULTILINE
)


@dataclass(frozen=True)
class Block:
    """A fenced block of code, and why it is not run, if it says so."""

    page: str
    heading: str
    language: str
    text: str
    reason: str | None

    def __str__(self) -> str:
        return f"{self.page}, {self.heading!r}, {self.language}: {self.text.splitlines()[0]}"


def read(page: str) -> str:
    return (ROOT / page).read_text("utf-8")


def blocks(page: str) -> list[Block]:
    """In order; those without a language, and text, are no code."""
    text = read(page)
    return [
        Block(page, _heading(text[: match.start()]), match["language"], match["text"], match["reason"])
        for match in FENCE.finditer(text)
        if match["language"] not in ("", "text")
    ]


def _heading(above: str) -> str:
    found = re.findall(r"^#+ (.+)$", FENCE.sub("", above), flags=re.MULTILINE)
    return found[-1] if found else ""


def prose(page: str) -> str:
    """The page without its blocks and without `code`."""
    return re.sub(r"`[^`\n]*`", "", FENCE.sub("", read(page)))


def anchors(page: str) -> set[str]:
    """What `#...` may follow a link to the page: GitHub's slugs of its headings."""
    headings = re.findall(r"^#+ (.+)$", FENCE.sub("", read(page)), flags=re.MULTILINE)
    return {re.sub(r"[^\w\- ]", "", heading.lower()).strip().replace(" ", "-") for heading in headings}

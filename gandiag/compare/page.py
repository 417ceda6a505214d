"""The comparison as one HTML file that works offline, in the look of the report."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from gandiag.compare.overlay import FEW, OF_VERDICT, colours, names, overlays
from gandiag.compare.rows import UNREADABLE
from gandiag.reports.html import laid_out
from gandiag.reports.text import count, cut, number
from gandiag.wording import shown

if TYPE_CHECKING:
    from collections.abc import Sequence

    from gandiag.compare.comparison import Comparison
    from gandiag.compare.rows import Row
    from gandiag.compare.separating import Separation
    from gandiag.reports.panels import Panel
    from gandiag.reports.strips import Frame

TEMPLATES = Path(__file__).with_name("templates")
MOST_PICTURES = 100
MOST_COLUMNS = 12  # settings in the table


@dataclass(frozen=True)
class Cell:
    """What stands in the table, and what it is sorted by."""

    text: str
    order: float | str


@dataclass(frozen=True)
class Line:
    """One run of the table."""

    name: str
    colour: str
    verdict: str
    why: str
    cells: tuple[Cell, ...]


@dataclass(frozen=True)
class Content:
    """All that the page shows."""

    title: str
    lead: str
    columns: tuple[str, ...]
    lines: tuple[Line, ...]
    key: tuple[tuple[str, str], ...]
    separation: Separation
    panels: tuple[Panel, ...]
    pictures: tuple[tuple[Line, Frame], ...]
    shared: tuple[tuple[str, str], ...]
    notes: tuple[str, ...]


def render(comparison: Comparison) -> str:
    """The comparison as the text of an HTML file."""
    return laid_out("compare.html", TEMPLATES, found=content(comparison))


def content(comparison: Comparison) -> Content:
    """What the page shows of a comparison."""
    rows = comparison.rows
    settings = comparison.settings()[:MOST_COLUMNS]
    lines = [_line(*each, settings) for each in zip(rows, names(rows), colours(rows), strict=True)]
    order = {verdict: place for place, verdict in enumerate(comparison.verdicts)}
    pairs = sorted(zip(rows, lines, strict=True), key=lambda pair: order[pair[0].verdict])
    pictured = [(line, row.sample) for row, line in pairs if row.sample]
    verdicts = ", ".join(f"{amount:,} {verdict}" for verdict, amount in comparison.verdicts.items())
    return Content(
        title=f"{count(len(rows), 'run')}: {verdicts}" if rows else "No runs",
        lead=comparison.separation.sentence,
        columns=("Verdict", "First failure", "From step", "Best step", "Quality there", *settings, "Steps", "Ended"),
        lines=tuple(line for _, line in pairs),
        key=tuple((v, OF_VERDICT[v]) for v in comparison.verdicts if v != UNREADABLE) if len(rows) > FEW else (),
        separation=comparison.separation,
        panels=overlays(rows),
        pictures=tuple(pictured[:MOST_PICTURES]),
        shared=tuple((name, _text(value)) for name, value in comparison.shared().items()),
        notes=tuple(_notes(comparison, len(pictured))),
    )


def _line(row: Row, name: str, colour: str, settings: Sequence[str]) -> Line:
    best = row.best
    cells = (
        Cell(row.first_failure, row.first_failure),
        _number(row.onset_step),
        _number(best.step if best else None),
        Cell(str(best), best.value) if best else Cell("", ""),
        *(_setting(row.settings.get(name)) for name in settings),
        _number(row.steps or None),
        Cell(row.status, row.status),
    )
    return Line(name, colour, row.verdict, row.why, cells)


def _number(value: int | None) -> Cell:
    return Cell("" if value is None else f"{value:,}", "" if value is None else value)


def _setting(value: Any) -> Cell:
    return Cell("" if value is None else _text(value), "" if value is None else value)


def _text(value: float | str) -> str:
    return number(value) if isinstance(value, float) else cut(shown(str(value)))


def _notes(comparison: Comparison, pictured: int) -> list[str]:
    notes = []
    if (over := len(comparison.settings()) - MOST_COLUMNS) > 0:
        notes.append(f"{count(over, 'more setting')} that {'differs' if over == 1 else 'differ'} not shown: "
                     "gandiag compare --csv has all.")  # fmt: skip
    if (over := pictured - MOST_PICTURES) > 0:
        notes.append(f"The samples of {count(over, 'more run')} are not shown.")
    return notes

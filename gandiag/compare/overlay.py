"""The same signal of several runs in one chart, each run a line in its own colour, or in that of its verdict."""

from __future__ import annotations

from dataclasses import replace
from itertools import takewhile
from typing import TYPE_CHECKING

from gandiag.compare.rows import CURVES
from gandiag.reports.lines import thinner
from gandiag.reports.palette import OTHERS
from gandiag.reports.panels import Panel, wants_log
from gandiag.signals import describe
from gandiag.wording import shown

if TYPE_CHECKING:
    from collections.abc import Sequence

    from gandiag.compare.rows import Row

FEW = len(OTHERS)  # runs that get a colour each
RAW = 3  # runs whose lines show every spike; of more only the running medians are drawn
MOST = 300  # lines of one chart
OF_VERDICT = {
    "failing": "#d2483e",
    "suspect": "#b8962e",
    "healthy": "#2f9e83",
    "undecided": "#6f8796",
    "unreadable": "#6f8796",
}


def colours(rows: Sequence[Row]) -> list[str]:
    """One for each run."""
    if len(rows) <= FEW:
        return [OTHERS[place] for place in range(len(rows))]
    return [OF_VERDICT.get(row.verdict, OF_VERDICT["undecided"]) for row in rows]


def names(rows: Sequence[Row]) -> list[str]:
    """What to call each run: its path without the folders that all have in common."""
    parts = [row.path.rstrip("/").split("/") for row in rows]
    folders = zip(*(p[:-1] for p in parts), strict=False)
    shared = sum(1 for _ in takewhile(lambda same: len(set(same)) == 1, folders)) if len(rows) > 1 else 0
    return [shown("/".join(p[shared:]), 80) for p in parts]


def overlays(rows: Sequence[Row]) -> tuple[Panel, ...]:
    """One chart for each kept signal that any run recorded, all over the same steps."""
    drawn = list(zip(rows, names(rows), colours(rows), strict=True))
    window = (1, max((row.steps for row in rows), default=1))
    panels = []
    for signal, title in CURVES.items():
        found = [(row.curves[signal], name, colour) for row, name, colour in drawn if signal in row.curves]
        if not found:
            continue
        lines = [replace(line, name=name) for line, name, _ in found[:MOST]]
        if len(found) > RAW:
            lines = [thinner(line) for line in lines]
        unit = describe(signal).unit
        panel = Panel(
            title=title,
            unit=unit,
            lines=tuple(lines),
            markers=(),
            window=window,
            log=wants_log(lines, {unit}),
            caption="" if len(found) <= MOST else f"{MOST} of {len(found):,} runs are drawn.",
            colours=tuple(colour for _, _, colour in found[:MOST]),
        )
        panels.append(panel)
    return tuple(panels)

"""The picture of what led to what, as SVG, the same in HTML and PDF."""

from __future__ import annotations

from html import escape
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from .content import Causes, Step

LETTER = 7.3  # width of the code font at 12 px
WIDE, TALL, GAP_X, GAP_Y = 24.0, 44.0, 46.0, 14.0  # room beside a box's words, its height, and room between boxes
MOST_LETTERS = 34
FONT = "DejaVu Sans Mono, monospace"
TONES = {"failure": "#b42318", "warning": "#96600a", "info": "#2a62ab"}
STYLE = (
    "text{font-family:'DejaVu Sans Mono',monospace;font-size:12px;fill:#1c2127}.when{font-size:11px;fill:#5c6670}"
    ".box{fill:#fff;stroke:#c3c9cf;stroke-width:1}.arrow{fill:none;stroke:#5c6670;stroke-width:1.5}"
    ".head{fill:#5c6670}" + "".join(f".tone-{name}{{fill:{colour}}}" for name, colour in TONES.items())
)


def causes_svg(causes: Causes, *, alone: bool = False, most_columns: int = 99) -> str:
    """The chains as boxes and arrows, each finding once, causes to the left; "" without chains.

    `alone` is for a file of its own, with its colours in it; in a page they are the page's.
    """
    if not causes.chains:
        return ""
    boxes, arrows = _layout(causes, most_columns)
    widths = [
        max((_width(step) for step, c, _ in boxes.values() if c == column), default=0.0) for column in _columns(boxes)
    ]
    lefts = [sum(widths[:i]) + GAP_X * i for i in range(len(widths))]
    rows = 1 + max(row for _, _, row in boxes.values())
    width, height = lefts[-1] + widths[-1] + 2, rows * (TALL + GAP_Y) - GAP_Y + 2
    parts = [_arrow(boxes[a], boxes[b], lefts) for a, b in arrows]
    parts += [_box(step, lefts[column], row, link=not alone) for step, column, row in boxes.values()]
    style = f"<style>{STYLE}</style>" if alone else ""
    words = escape("; ".join(" leads to ".join(f"{s.code} ({s.when})" for s in chain) for chain in causes.chains))
    size = f'width="{width:.0f}" height="{height:.0f}" viewBox="-1 -1 {width:.0f} {height:.0f}"'
    role = "" if alone else f' role="group" aria-label="{words}"'
    return f'<svg xmlns="http://www.w3.org/2000/svg" class="why" {size}{role}>{style}{"".join(parts)}</svg>'


Placed = tuple["Step", int, int]  # with column and row


def _columns(boxes: dict[int, Placed]) -> range:
    return range(1 + max(column for _, column, _ in boxes.values()))


def _layout(causes: Causes, most_columns: int) -> tuple[dict[int, Placed], list[tuple[int, int]]]:
    """Where each finding stands: a chain goes on to the right of the box that it forks from, in a row of its own."""
    boxes: dict[int, Placed] = {}
    arrows: list[tuple[int, int]] = []
    row = -1
    for chain in causes.chains:
        row += 1
        for place, step in enumerate(chain):
            before = chain[place - 1] if place else None
            if before is not None:
                arrows.append((before.number, step.number))
            if step.number in boxes:
                continue
            column = boxes[before.number][1] + 1 if before is not None else 0
            if column >= most_columns:
                column, row = 1, row + 1
            boxes[step.number] = (step, column, row)
    return boxes, arrows


def _words(step: Step) -> str:
    words = f"{step.number} {step.code}"
    return words if len(words) <= MOST_LETTERS else f"{words[: MOST_LETTERS - 1]}…"


def _width(step: Step) -> float:
    return LETTER * max(len(_words(step)), len(step.when)) + WIDE


def _box(step: Step, left: float, row: int, *, link: bool) -> str:
    top, width = row * (TALL + GAP_Y), _width(step)
    drawn = (
        f'<rect class="box" x="{left:.1f}" y="{top:.1f}" width="{width:.1f}" height="{TALL}" rx="4"/>'
        f'<rect class="tone-{escape(step.severity)}" x="{left:.1f}" y="{top:.1f}" width="4" height="{TALL}" rx="2"/>'
        f'<text x="{left + 13:.1f}" y="{top + 18:.1f}">{escape(_words(step))}</text>'
        f'<text class="when" x="{left + 13:.1f}" y="{top + 34:.1f}">{escape(step.when)}</text>'
    )
    return f'<a href="#finding-{step.number}">{drawn}</a>' if link else drawn


def _arrow(cause: Placed, effect: Placed, lefts: list[float]) -> str:
    step, column, row = cause
    x0, y0 = lefts[column] + _width(step), row * (TALL + GAP_Y) + TALL / 2
    x1, y1 = lefts[effect[1]], effect[2] * (TALL + GAP_Y) + TALL / 2
    if effect[1] <= column:  # goes on in the next row
        x0, y0 = lefts[column] + _width(step) / 2, row * (TALL + GAP_Y) + TALL
        path = f"M{x0:.1f} {y0:.1f}V{(y0 + y1 - TALL / 2) / 2:.1f}H{x1 - 18:.1f}V{y1:.1f}H{x1 - 7:.1f}"
    else:
        bend = x1 - GAP_X / 2
        path = f"M{x0:.1f} {y0:.1f}H{bend:.1f}V{y1:.1f}H{x1 - 7:.1f}"
    head = f"M{x1 - 8:.1f} {y1 - 4:.1f}L{x1 - 1:.1f} {y1:.1f}L{x1 - 8:.1f} {y1 + 4:.1f}Z"
    return f'<path class="arrow" d="{path}"/><path class="head" d="{head}"/>'

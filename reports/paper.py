"""The timeline on paper: the rows of the page as one SVG, without its pictures."""

from __future__ import annotations

from html import escape
from typing import TYPE_CHECKING

from .diagram import FONT, TONES

if TYPE_CHECKING:
    from collections.abc import Iterator

    from .sparks import Spark
    from .timeline import Bar, Flag, Timeline

WIDTH, LEFT = 700.0, 74.0  # in units of the picture, of which a page is so many wide; where tracks begin
ROW, SPARK = 15.0, 30.0  # heights
LETTER = 5.2  # width of a letter
FILL = {
    "healthy": "#cfe5d8",
    "unknown": "#dfe3e7",
    "info": "#dfe3e7",
    "warning": "#f1cf8a",
    "failure": "#efa59d",
    "gap": "#ffffff",
}
QUIET, INK, RULE = "#5c6670", "#1c2127", "#dfe3e7"


def timeline_svg(axis: Timeline, brief: dict[str, str]) -> str:
    """All rows of the timeline but the samples; `brief` gives the charts their short names."""
    rows: list[tuple[float, str, str]] = [(ROW, "health", "".join(_band(axis)))]
    if axis.flags:
        rows += [(ROW, "you", "".join(_flags(axis)))]
    rows += [(ROW, "findings" if i == 0 else "", _bar(axis, bar)) for i, bar in enumerate(axis.bars)]
    if axis.more:
        rows += [(ROW, "", _text(LEFT, 10, f"and {axis.more} more", QUIET))]
    rows += [(SPARK, brief.get(s.title, s.title), _spark(axis, s)) for s in axis.sparks]
    rows += [(ROW, "step", _ends(axis))]
    parts, top = [], 0.0
    for height, label, drawn in rows:
        words = _text(0, height / 2 + 3, label[:14], QUIET)
        parts.append(f'<g transform="translate(0 {top:.1f})">{words}{drawn}</g>')
        top += height + 2
    size = f'width="{WIDTH:.0f}" height="{top:.0f}" viewBox="0 0 {WIDTH:.0f} {top:.0f}"'
    return f'<svg xmlns="http://www.w3.org/2000/svg" {size}>{"".join(parts)}</svg>'


def _x(axis: Timeline, step: float) -> float:
    first, last = axis.window
    return LEFT + (WIDTH - LEFT) * (step - first) / max(last + 1 - first, 1)


def _text(x: float, y: float, words: str, colour: str = INK, anchor: str = "start") -> str:
    style = f'font-family="{FONT}" font-size="8.5" fill="{colour}" text-anchor="{anchor}"'
    return f'<text x="{x:.1f}" y="{y:.1f}" {style}>{escape(words)}</text>' if words else ""


def _rect(x: float, width: float, height: float, fill: str, opacity: float = 1.0) -> str:
    size = f'x="{x:.1f}" y="1" width="{max(width, 0.6):.1f}" height="{height:.1f}"'
    return f'<rect {size} fill="{fill}" fill-opacity="{opacity}"/>'


def _band(axis: Timeline) -> Iterator[str]:
    for s in axis.health:
        left = _x(axis, s.start)
        yield _rect(left, _x(axis, s.end + 1) - left, ROW - 2, FILL[s.state])


def _flags(axis: Timeline) -> Iterator[str]:
    places = [_x(axis, flag.step) for flag in axis.flags]
    for flag, x, following in zip(axis.flags, places, [*places[1:], WIDTH], strict=True):
        yield f'<path d="M{x:.1f} 1V{ROW - 1}" stroke="{TONES["info"]}" stroke-width="1.5"/>'
        yield _label(flag, x, following)


def _label(flag: Flag, x: float, following: float) -> str:
    room = int((following - x - 6) / LETTER)
    if len(flag.label) <= room:
        return _text(x + 4, 10.5, flag.label)
    before = int((x - LEFT - 6) / LETTER)
    if following == WIDTH and len(flag.label) <= before:
        return _text(x - 4, 10.5, flag.label, anchor="end")
    return _text(x + 4, 10.5, f"{flag.label[: room - 1]}…" if room > 4 else "")


def _bar(axis: Timeline, bar: Bar) -> str:
    left, right, tone = _x(axis, bar.start), _x(axis, bar.end + 1), TONES[bar.severity]
    words = f"{bar.number} {bar.title}"[:60]
    fits = left + 5 + LETTER * len(words) <= WIDTH
    told = _text(left + 5, 10.5, words) if fits else _text(left - 4, 10.5, words, anchor="end")
    return f"{_rect(left, right - left, ROW - 2, tone, 0.2)}{_rect(left, 2, ROW - 2, tone)}{told}"


def _spark(axis: Timeline, spark: Spark) -> str:
    first, last = axis.window
    across = (WIDTH - LEFT) / max(last + 1 - first, 1)
    place = f'transform="translate({LEFT - first * across:.3f} 2) scale({across:.6g} {(SPARK - 4) / 100})"'
    pen = 'fill="none" stroke-width="1" vector-effect="non-scaling-stroke"'
    lines = "".join(f'<path d="{line.path}" stroke="{line.colour}" {pen}/>' for line in spark.lines)
    rule = f'<path d="M{LEFT} {SPARK}H{WIDTH}" stroke="{RULE}" stroke-width="0.6"/>'
    return f"<g {place}>{lines}</g>{rule}"


def _ends(axis: Timeline) -> str:
    first, last = axis.window
    return _text(LEFT, 10.5, f"{first:,}", QUIET) + _text(WIDTH, 10.5, f"{last:,}", QUIET, "end")

"""The timeline on paper: the rows of the page as one SVG."""

from __future__ import annotations

from html import escape
from typing import TYPE_CHECKING

from .diagram import FONT, TONES
from .pictures import corner, data_uri, spaced
from .strips import SIDE, enlarged

if TYPE_CHECKING:
    from collections.abc import Iterator

    from .sparks import Spark
    from .strips import Frame
    from .timeline import Bar, Flag, Timeline

WIDTH = 700.0  # in units of the picture, of which a page is so many wide
LEFT, RIGHT = 62.0, 656.0  # where tracks begin and end
ROW, SPARK, SHOT = 15.0, 30.0, 34.0  # heights
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
    """All rows of the timeline; `brief` gives the charts their short names."""
    rows: list[tuple[float, str, str]] = [(ROW, "health", "".join(_band(axis)))]
    if axis.flags:
        rows += [(ROW, "you", "".join(_flags(axis)))]
    rows += [(ROW, "findings" if i == 0 else "", _bar(axis, bar)) for i, bar in enumerate(axis.bars)]
    if axis.more:
        rows += [(ROW, "", _text(LEFT, 10, f"and {axis.more} more", QUIET))]
    if axis.frames:
        rows += [(SHOT, "samples", "".join(_shots(axis)))]
    rows += [(SPARK, brief.get(s.title, s.title), _spark(axis, s)) for s in axis.sparks]
    rows += [(ROW, "step", _ends(axis))]
    parts, top = [], 0.0
    for height, label, drawn in rows:
        words = _text(0, min(height / 2, ROW / 2 + 2) + 3, label[:14], QUIET)
        parts.append(f'<g transform="translate(0 {top:.1f})">{words}{drawn}</g>')
        top += height + 2
    size = f'width="{WIDTH:.0f}" height="{top:.0f}" viewBox="0 0 {WIDTH:.0f} {top:.0f}"'
    return f'<svg xmlns="http://www.w3.org/2000/svg" {size}>{"".join(parts)}</svg>'


def _x(axis: Timeline, step: float) -> float:
    first, last = axis.window
    return LEFT + (RIGHT - LEFT) * (step - first) / max(last + 1 - first, 1)


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
    for flag, x, following in zip(axis.flags, places, [*places[1:], RIGHT], strict=True):
        yield f'<path d="M{x:.1f} 1V{ROW - 1}" stroke="{TONES["info"]}" stroke-width="1.5"/>'
        yield _label(flag, x, following)


def _label(flag: Flag, x: float, following: float) -> str:
    room = int((following - x - 6) / LETTER)
    if len(flag.label) <= room:
        return _text(x + 4, 10.5, flag.label)
    before = int((x - LEFT - 6) / LETTER)
    if following == RIGHT and len(flag.label) <= before:
        return _text(x - 4, 10.5, flag.label, anchor="end")
    return _text(x + 4, 10.5, f"{flag.label[: room - 1]}…" if room > 4 else "")


def _bar(axis: Timeline, bar: Bar) -> str:
    left, right, tone = _x(axis, bar.start), _x(axis, bar.end + 1), TONES[bar.severity]
    words = f"{bar.number} {bar.title}"[:60]
    fits = left + 5 + LETTER * len(words) <= RIGHT
    told = _text(left + 5, 10.5, words) if fits else _text(left - 4, 10.5, words, anchor="end")
    return f"{_rect(left, right - left, ROW - 2, tone, 0.2)}{_rect(left, 2, ROW - 2, tone)}{told}"


def _spark(axis: Timeline, spark: Spark) -> str:
    first, last = axis.window
    across = (RIGHT - LEFT) / max(last + 1 - first, 1)
    place = f'transform="translate({LEFT - first * across:.3f} 2) scale({across:.6g} {(SPARK - 4) / 100})"'
    pen = 'fill="none" stroke-width="1" vector-effect="non-scaling-stroke"'
    lines = "".join(f'<path d="{line.path}" stroke="{line.colour}" {pen}/>' for line in spark.lines)
    rule = f'<path d="M{LEFT} {SPARK}H{RIGHT}" stroke="{RULE}" stroke-width="0.6"/>'
    ends = _text(RIGHT + 4, 8, spark.high, QUIET) + _text(RIGHT + 4, SPARK - 2, spark.low, QUIET)
    return f"<g {place}>{lines}</g>{rule}{ends}{''.join(_key(spark))}"


def _key(spark: Spark) -> Iterator[str]:
    """Whose line is whose, below the row's name."""
    for place, (letter, _, colour) in enumerate(spark.key[:2]):
        left = 26.0 * place
        yield f'<path d="M{left} 20.5h9" stroke="{colour}" stroke-width="1.5"/>{_text(left + 11, 23.5, letter, QUIET)}'


def _shots(axis: Timeline) -> Iterator[str]:
    """Snapshots, each over its step as far as it lies within the track."""
    size = SHOT - 2
    for _, frame in spaced(axis.frames, axis.window):
        x = min(max(_x(axis, frame.step) - size / 2, LEFT), RIGHT - size)
        yield f'<g transform="translate({x:.1f} 1)">{_shot(frame, size)}</g>'


def _shot(frame: Frame, size: float) -> str:
    if frame.image:
        return f'<image width="{size}" height="{size}" href="{data_uri(enlarged(corner(frame.image)))}"/>'
    ground = f'<rect width="{size}" height="{size}" fill="#f5f6f8"/>'
    pen = f'fill="none" stroke="{TONES["info"]}" stroke-opacity="0.6" stroke-width="2" stroke-linecap="round"'
    return f'{ground}<path transform="scale({size / SIDE})" {pen} d="{frame.points}"/>'


def _ends(axis: Timeline) -> str:
    first, last = axis.window
    return _text(LEFT, 10.5, f"{first:,}", QUIET) + _text(RIGHT, 10.5, f"{last:,}", QUIET, "end")

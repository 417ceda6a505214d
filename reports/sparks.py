"""Charts the size of a word: the lines of a panel as SVG paths, with steps on the horizontal axis."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from .lines import lifted
from .palette import strokes
from .text import number

if TYPE_CHECKING:
    from .lines import Line
    from .panels import Panel

HEIGHT = 100.0  # of a path, in its own units; its width is in steps
BUCKETS = 110  # columns of a line that is drawn as its smallest and largest values
MOST_LINES = 4
LETTERS = {"generator": "G", "discriminator": "D"}


@dataclass(frozen=True)
class Stretch:
    """One line: an SVG path with steps to the right and 0 (top) to 100 (bottom) downwards."""

    name: str
    path: str
    colour: str
    dashed: bool = False


@dataclass(frozen=True)
class Spark:
    """A panel in small. `last` says what its lines came to, `low` and `high` name the ends of its vertical axis."""

    title: str
    lines: tuple[Stretch, ...]
    last: str
    low: str
    high: str
    window: tuple[int, int]

    @property
    def key(self) -> tuple[tuple[str, str, str], ...]:
        """Letter, name and colour of each line where every line belongs to a network."""
        named = [(next((n for n in LETTERS if n in line.name.split("/")), ""), line) for line in self.lines]
        if len(named) < 2 or not all(net for net, _ in named):
            return ()
        return tuple((LETTERS[net], line.name, line.colour) for net, line in named)


def spark(panel: Panel) -> Spark:
    """A panel in small, of at most four of its lines."""
    pairs = list(zip(panel.lines, panel.labels, strokes(panel), strict=True))
    if len(pairs) > MOST_LINES:
        pairs = [pairs[i] for i in np.linspace(0, len(pairs) - 1, MOST_LINES).round().astype(int)]
    curves = [_curve(line, panel.floor, log=panel.log) for line, _, _ in pairs]
    values = np.concatenate([y[np.isfinite(y)] for _, y in curves] or [np.zeros(0)])
    low, high = (float(values.min()), float(values.max())) if len(values) else (0.0, 1.0)
    lines = tuple(
        Stretch(label, _path(*curve, low, high), stroke.colour, stroke.dashed)
        for curve, (_, label, stroke) in zip(curves, pairs, strict=True)
    )
    shown = [10**v if panel.log else v for v in (low, high)]
    last = ", ".join(number(line.y[-1]) for line, _, _ in pairs[:2] if line.y and math.isfinite(line.y[-1]))
    return Spark(panel.title, lines, last, number(shown[0]), number(shown[1]), panel.window)


def _curve(line: Line, floor: float | None, *, log: bool) -> tuple[np.ndarray, np.ndarray]:
    """x and y to draw: the running median of a long signal, else each bucket's extremes."""
    across, down = line.trend if line.trend[0] else (line.x, line.y)
    x, y = (np.asarray(v, dtype="float64") for v in (across, lifted(down, floor)))
    if log:
        with np.errstate(divide="ignore", invalid="ignore"):
            y = np.where(y > 0, np.log10(y), np.nan)
    if len(x) <= 2 * BUCKETS:
        return x, y
    size = -(-len(x) // BUCKETS)
    keep: list[int] = [0, len(x) - 1]
    for start in range(0, len(x), size):
        part = y[start : start + size]
        if np.isfinite(part).any():
            keep += [start + int(np.nanargmin(part)), start + int(np.nanargmax(part))]
        else:
            keep.append(start)
    places = np.unique(keep)
    return x[places], y[places]


def level(value: float, low: float, high: float) -> float:
    """Where a value stands between the ends of an axis, from 100 at the lower one to 0."""
    span = high - low
    if not math.isfinite(span) or span <= 0:
        return HEIGHT / 2
    return HEIGHT * (1 - (value - low) / span)


def _path(x: np.ndarray, y: np.ndarray, low: float, high: float) -> str:
    parts: list[str] = []
    pen = "M"
    for step, value in zip(x.tolist(), y.tolist(), strict=True):
        if not math.isfinite(value):
            pen = "M"
            continue
        parts.append(f"{pen}{step:.9g} {level(value, low, high):.1f}")
        pen = "L"
    return "".join(parts) + ("h0" if pen == "L" and parts[-1].startswith("M") else "")  # a point alone is a dot

"""Colours of lines, the same on screen and on paper, readable on light and on dark."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

from gandiag.signals.names import parse

if TYPE_CHECKING:
    from .panels import Panel

REAL = "#3f83d6"  # also the discriminator
FAKE = "#d9772b"  # also the generator
OTHERS = ("#3f83d6", "#d9772b", "#2f9e83", "#a665b8", "#b8962e", "#cf5c78", "#6f8796", "#7a8f2f")
FIRST_LAYER, LAST_LAYER = (59, 96, 190), (214, 137, 50)


class Stroke(NamedTuple):
    """How a line is drawn; `dashed` where another line of the chart has the same colour."""

    colour: str
    dashed: bool = False


def strokes(panel: Panel) -> list[Stroke]:
    """One stroke per line: real and generated keep their colours in every chart."""
    names = [line.name for line in panel.lines]
    if panel.colours:
        return [Stroke(colour) for colour in panel.colours]
    if panel.ordered:
        return [Stroke(_ramp(i / max(1, len(names) - 1))) for i in range(len(names))]
    found: list[Stroke] = []
    for i, name in enumerate(names):
        colour = _role(name) or OTHERS[i % len(OTHERS)]
        found.append(Stroke(colour, dashed=any(colour == stroke.colour for stroke in found)))
    return found


def _role(name: str) -> str:
    """Of several networks in one role each has a colour of its own."""
    parsed = parse(name)
    parts = (parsed.head, parsed.net, *parsed.words)
    if "fake" in parts or "generator" in parts:
        return FAKE
    return REAL if "real" in parts or "discriminator" in parts else ""


def _ramp(share: float) -> str:
    mixed = (round(a + (b - a) * share) for a, b in zip(FIRST_LAYER, LAST_LAYER, strict=True))
    return "#" + "".join(f"{channel:02x}" for channel in mixed)

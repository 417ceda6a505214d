"""What a report holds, as values that a renderer lays out."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, fields, is_dataclass, replace
from typing import TYPE_CHECKING, Any, TypeVar

from gandiag.wording import shown

if TYPE_CHECKING:
    from .layers import Layers
    from .panels import Heatmap, Panel
    from .strips import Strip, Thumbnail
    from .timeline import Timeline

T = TypeVar("T")
Row = tuple[str, ...]
Pair = tuple[str, str]


@dataclass(frozen=True)
class Step:
    """One failure in a chain: the number of its card, its code, and its onset in words."""

    number: int
    code: str
    when: str
    severity: str = "info"


@dataclass(frozen=True)
class Action:
    """One thing to do now, in a sentence without a full stop, and the code for it, "" where there is none."""

    text: str
    code: str = ""


@dataclass(frozen=True)
class Advice:
    """One remedy: what to change, the code, what speaks for it as rows of name and text, and what it answers."""

    name: str
    change: str
    code: str
    why: str
    facts: tuple[Pair, ...]
    answers: tuple[Step, ...] = ()


@dataclass(frozen=True)
class Causes:
    """What led to what: chains from cause to effect, and each link's mechanism with its source.

    `drawn` is False where there is nothing to draw: a finding alone, or several that nothing is known to link.
    """

    sentence: str
    chains: tuple[tuple[Step, ...], ...]
    links: tuple[Row, ...]
    drawn: bool = True


@dataclass(frozen=True)
class Card:
    """One finding, ready to be read. `remedies` stand in full in the report's `advice`."""

    number: int
    code: str
    severity: str
    when: str
    summary: str
    evidence: tuple[Row, ...]
    mechanism: str
    remedies: tuple[Advice, ...]
    panels: tuple[Panel, ...]
    notes: tuple[str, ...]


@dataclass(frozen=True)
class Unchecked:
    """Failures that could not be looked for, and the one line that would have made it possible for all of them."""

    how_to: str
    codes: tuple[str, ...]
    reasons: tuple[str, ...]


@dataclass(frozen=True)
class Table:
    """Settings as rows of name and value; `note` counts what was left out, be it all."""

    title: str
    rows: tuple[Pair, ...]
    note: str = ""


DRAWN = ("points", "image", "path")
"""Fields that hold drawings."""
HEADINGS = {
    "actions": "Do now",
    "timeline": "Timeline",
    "samples": "Samples",
    "story": "Why",
    "findings": "Findings",
    "advice": "What to try",
    "panels": "All signals",
    "clean": "Looked for and not found",
    "not_assessed": "Not checked",
    "not_applicable": "Not applicable",
    "faults": "What the record lacks",
    "provenance": "Provenance",
}
OTHERWISE = {  # what stands in a section without content
    "findings": "No findings.",
    "panels": "Nothing was recorded that could be drawn.",
    "clean": "None.",
    "not_assessed": "Everything could be checked.",
    "faults": "Nothing that is known of.",
    "provenance": "No settings and no versions were recorded.",
}


@dataclass(frozen=True)
class Report:
    """All content, in the order in which it is shown. The first screen is everything up to `checked`."""

    run: str
    verdict: str
    headline: str
    sentence: str
    normal: tuple[str, ...]
    facts: tuple[Pair, ...]
    actions: tuple[Action, ...]
    thumbnails: tuple[Thumbnail, ...]
    timeline: Timeline
    checked: tuple[Pair, ...]
    samples: Strip
    modes: Heatmap | None
    causes: Causes
    findings: tuple[Card, ...]
    layers: tuple[Layers, ...]
    advice: tuple[Advice, ...]
    panels: tuple[Panel, ...]
    panel_notes: tuple[str, ...]
    clean: tuple[str, ...]
    not_assessed: tuple[Unchecked, ...]
    not_applicable: tuple[Pair, ...]
    errors: tuple[Row, ...]
    faults: tuple[str, ...]
    provenance: tuple[Table, ...]
    headings: Mapping[str, str] = field(default_factory=lambda: HEADINGS)
    otherwise: Mapping[str, str] = field(default_factory=lambda: OTHERWISE)


def cleaned(content: T) -> T:
    """The content with all of its texts as `gandiag.wording.shown` gives them; paths of drawings stay."""
    found: Any = content
    if isinstance(found, str):
        found = shown(found)
    elif is_dataclass(found) and not isinstance(found, type):
        texts = {f.name: cleaned(getattr(found, f.name)) for f in fields(found) if f.init and f.name not in DRAWN}
        found = replace(found, **texts)
    elif isinstance(found, tuple) and not (found and isinstance(found[0], (int, float))):
        found = tuple(cleaned(each) for each in found)
    elif isinstance(found, Mapping):
        found = {cleaned(key): cleaned(value) for key, value in found.items()}
    return found  # type: ignore[no-any-return]

"""One axis of steps for everything that happened: health, what the user changed, findings, samples, a few signals."""

from __future__ import annotations

import math
from dataclasses import dataclass
from itertools import pairwise
from typing import TYPE_CHECKING, Any

import numpy as np

from gandiag.signals.names import parse
from gandiag.wording import one_line

from .chart_groups import group_of
from .sparks import LETTERS, spark
from .text import number

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping, Sequence
    from typing import TypeGuard

    from gandiag.findings import Diagnosis, Finding
    from gandiag.rundir.run import Run

    from .panels import Panel
    from .sparks import Spark
    from .strips import Frame

MOST_BARS = 6  # rows of findings; the rest is counted
MOST_FLAGS = 12
MOST_OWN_CHANGES = 5  # of a signal of the loop's own, for it to be a setting and no measurement
MOST_TOLD = 4  # changes of one flag in its sentence
LEAST_PLAIN = 0.01  # below, rates are written as powers of ten
NEAR = 0.03  # of the run, within which flags are told together
SPARKS = (  # the charts that stand on the timeline: of each row the first that the run has
    ("Losses",),
    ("D's separation of real and generated (AUC)",),
    ("Diversity, generated over real",),
    ("Modes", "Parts of the data that are covered"),
    ("Distance to the real batch",),
)
BRIEF = {
    "Losses": "losses",
    "D's separation of real and generated (AUC)": "D's AUC",
    "Diversity, generated over real": "diversity",
    "Modes": "modes",
    "Parts of the data that are covered": "coverage",
    "Distance to the real batch": "distance",
}
"""What stands beside the charts of the timeline."""
STATES = ("healthy", "unknown", "info", "warning", "failure", "gap")
"""Of the health band, from good to bad: a gap was not recorded, and of what is unknown not all could be checked."""

STATE_WORDS = {
    "healthy": "healthy",
    "unknown": "nothing was found, but not everything could be checked",
    "info": "a remark",
    "warning": "a warning",
    "failure": "a failure",
    "gap": "not recorded",
}


@dataclass(frozen=True)
class Stretch:
    """Steps of the health band that are alike, first and last."""

    start: int
    end: int
    state: str


@dataclass(frozen=True)
class Flag:
    """What the user did at a step: in a few words, and in full; where it can be undone, how, and the code for that."""

    step: int
    label: str
    detail: str
    undo: str = ""
    code: str = ""


@dataclass(frozen=True)
class Bar:
    """One finding from onset to end; `number` is that of its card."""

    number: int
    title: str
    severity: str
    start: int
    end: int
    ongoing: bool

    @property
    def words(self) -> str:
        """The finding with its steps."""
        until = "ongoing" if self.ongoing else f"until step {self.end:,}"
        return f"{self.title}, {self.severity}, from step {self.start:,}, {until}"


@dataclass(frozen=True)
class Timeline:
    """All rows, on the axis from the first to the last step of `window`. `more` counts findings without a row."""

    window: tuple[int, int]
    health: tuple[Stretch, ...]
    flags: tuple[Flag, ...]
    bars: tuple[Bar, ...]
    more: int
    frames: tuple[Frame, ...]
    sparks: tuple[Spark, ...]


def timeline(run: Run, diagnosis: Diagnosis, panels: Sequence[Panel], frames: Sequence[Frame]) -> Timeline:
    """Everything that has a place on the axis of steps."""
    window = (int(run.scalars.index[0]), run.last_step) if len(run.scalars) else (0, 0)
    bars = [
        Bar(i, f.title, f.severity, f.onset_step, _end(f, window), f.ongoing)
        for i, f in enumerate(diagnosis.findings, start=1)
    ]
    ranked = sorted(bars, key=lambda b: (-STATES.index(b.severity), not b.ongoing, b.start))[:MOST_BARS]
    return Timeline(
        window=window,
        health=tuple(_health(run, diagnosis, window)),
        flags=tuple(_together(_in_order(_changes(run)), window)),
        bars=tuple(sorted(ranked, key=lambda b: b.number)),
        more=len(bars) - len(ranked),
        frames=tuple(f for f in frames if f.image or f.points),
        sparks=tuple(_sparks(panels)),
    )


def _health(run: Run, diagnosis: Diagnosis, window: tuple[int, int]) -> Iterator[Stretch]:
    """The worst that is known of each step."""
    first, last = window
    if not last:
        return
    spans: list[tuple[int, int, str]] = [
        (f.onset_step, _end(f, window), f.severity) for f in diagnosis.findings if f.severity != "info"
    ]
    spans += [(a, b, "gap") for a, b in _gaps(run)]
    rest = "healthy" if diagnosis.decided or diagnosis.verdict == "healthy" else "unknown"
    edges = {first, last + 1}
    for start, end, _ in spans:
        edges |= {min(max(start, first), last + 1), min(max(end + 1, first), last + 1)}
    state, since = "", first
    for start, end in pairwise(sorted(edges)):
        over = [s for a, b, s in spans if a <= start and end - 1 <= b]
        now = max(over, key=STATES.index, default=rest)
        if now != state and state:
            yield Stretch(since, start - 1, state)
            since = start
        state = now
    yield Stretch(since, last, state)


def _end(finding: Finding, window: tuple[int, int]) -> int:
    """The last step of a finding: of one that goes on that of the run, though its signal may be recorded rarely."""
    return max(finding.last_step, window[1]) if finding.ongoing else finding.last_step


def _gaps(run: Run) -> Iterator[tuple[int, int]]:
    for event in run.events:
        start, end = event.get("from_step"), event.get("to_step")
        whole = event.get("kind") == "gap" and event.get("what", "scalars") == "scalars"
        if whole and _is_step(start) and _is_step(end):
            yield start, end


def _changes(run: Run) -> Iterator[Flag]:
    """Learning rates, resumes, what the loop noted, and settings among what it logged."""
    for event in run.events:
        step, kind = event.get("step"), event.get("kind")
        if not _is_step(step):
            continue
        if kind == "change":
            yield _changed(step, event)
        elif kind == "note":
            words = one_line(str(event.get("text", "")))
            yield Flag(step, words, words)
    for segment in run.meta.get("segments", ())[1:]:
        if _is_step(step := segment.get("start_step")):
            yield Flag(step, "resumed", "the training was resumed")
    yield from _settings(run)


def _in_order(flags: Iterable[Flag]) -> list[Flag]:
    """By step; of one step G's changes before D's, then the others."""
    return sorted(
        flags, key=lambda flag: (flag.step, not flag.label.startswith("lr(G"), not flag.label.startswith("lr(D"))
    )


def _changed(step: int, event: Mapping[str, Any]) -> Flag:
    """A learning rate that changed at once."""
    what, before, after = (event.get(name) for name in ("what", "before", "after"))
    net = parse(str(what))
    letter = LETTERS.get(net.net, "") if net.family == "rate" else ""
    own = f".{net.network}" if net.network else ""
    name = f"lr({letter}{own})" if letter else str(what)
    whose = f"{letter}{own}'s learning rate" if letter else str(what)
    old, new = _rate(before), _rate(after)
    return Flag(
        step,
        f"{name} {old} → {new}",
        f"{whose} {_times(before, after)} to {new}",
        undo=f"{whose} back to {old}" if letter else "",
        code=f'for group in opt_{letter}.param_groups:\n    group["lr"] = {old}' if letter and not own else "",
    )


def _times(before: Any, after: Any) -> str:
    """Which way a rate went, and how far where that is plain.

    >>> _times(5e-4, 5e-3), _times(1e-3, 1e-5), _times(0.0, 1.0)
    ('rose tenfold', 'fell to a hundredth', 'changed')
    """
    if not all(isinstance(v, (int, float)) and math.isfinite(v) and v > 0 for v in (before, after)):
        return "changed"
    ratio = after / before
    fold = {2: "doubled", 10: "rose tenfold", 100: "rose a hundredfold"}
    part = {2: "halved", 10: "fell to a tenth", 100: "fell to a hundredth"}
    for size, words in fold.items():
        if abs(ratio / size - 1) < 0.05:
            return words
        if abs(ratio * size - 1) < 0.05:
            return part[size]
    return "rose" if ratio > 1 else "fell"


def _rate(value: Any) -> str:
    if not isinstance(value, (int, float)) or not math.isfinite(value):
        return "?"
    if value and abs(value) < LEAST_PLAIN:
        digits, _, exponent = f"{value:.2e}".partition("e")
        return f"{float(digits):g}e{int(exponent)}"
    return f"{value:.3g}"


def _settings(run: Run) -> Iterator[Flag]:
    """Changes of what the loop logged itself, where it stays the same for long: a weight, a stage, a rate."""
    for name in map(str, run.scalars.columns):
        if group_of(name) is not None or parse(name).head == "quality":
            continue
        series = run.series(name)
        values = series.to_numpy()
        places = np.flatnonzero(values[1:] != values[:-1]) + 1
        if 0 < len(places) <= MOST_OWN_CHANGES and len(values) > 20 * len(places):
            for place in places.tolist():
                before, after = (number(float(v)) for v in values[place - 1 : place + 1])
                words = f"{one_line(name, 60)} {before} → {after}"
                told = f"{one_line(name, 60)} changed from {before} to {after}"
                yield Flag(int(series.index[place]), words, told)


def _together(flags: Sequence[Flag], window: tuple[int, int]) -> Iterator[Flag]:
    """Flags that stand too close to be read apart as one, and no more of them than a line holds."""
    near = max(NEAR * (window[1] - window[0]), 1)
    clusters: list[list[Flag]] = []
    for flag in flags:
        if clusters and flag.step - clusters[-1][0].step <= near:
            clusters[-1].append(flag)
        else:
            clusters.append([flag])
    if len(clusters) > MOST_FLAGS:
        clusters = [*clusters[: MOST_FLAGS - 1], [f for c in clusters[MOST_FLAGS - 1 :] for f in c]]
    for cluster in clusters:
        if len(cluster) == 1:
            yield cluster[0]
            continue
        same = len({f.step for f in cluster}) == 1
        every = dict.fromkeys(f.detail if same else f"{f.detail} (step {f.step:,})" for f in cluster)
        detail = " and ".join(list(every)[:MOST_TOLD])
        labels = list(dict.fromkeys(f.label for f in cluster))
        few = ", ".join(labels) if len(labels) <= 3 else f"{labels[0]} and {len(labels) - 1} more"
        undone = [f for f in cluster if f.undo]
        undo, code = " and ".join(f.undo for f in undone), "\n".join(f.code for f in undone if f.code)
        yield Flag(cluster[0].step, few, detail, undo, code)


def _is_step(value: Any) -> TypeGuard[int]:
    return isinstance(value, int) and not isinstance(value, bool) and 0 <= value < 2**53


def _sparks(panels: Iterable[Panel]) -> Iterator[Spark]:
    titled = {panel.title: panel for panel in panels}
    for titles in SPARKS:
        found = next((titled[title] for title in titles if title in titled), None)
        if found is not None:
            yield spark(found)

"""What to plot: the charts of a report as plain data, for any renderer."""

from __future__ import annotations

import math
from dataclasses import dataclass, replace
from posixpath import commonpath
from typing import TYPE_CHECKING

import numpy as np

from gandiag.signals import describe
from gandiag.wording import listed

from .chart_groups import Group, group_of, grouped
from .lines import Line, line_of
from .text import count, number

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from gandiag.findings import Diagnosis, Finding, Severity
    from gandiag.rundir.run import Run

MAX_LINES = 12
MAX_CONSTANT = 40  # signals that never change and are named
MAX_OWN_PANELS = 24  # charts of signals that no group holds
WIDE_RANGE = 100.0  # largest over smallest positive value from which on an axis is logarithmic
LINEAR = ("share", "probability", "modes", "nats")  # bounded or counted: never logarithmic
MAX_CELLS = 40_000  # of a heat map


@dataclass(frozen=True)
class Marker:
    """The onset of a finding: a vertical line; `label` is empty where the line beside it carries it."""

    step: int
    label: str
    severity: Severity


@dataclass(frozen=True)
class Threshold:
    """A value that a signal was compared with: a horizontal line."""

    value: float
    label: str


@dataclass(frozen=True)
class Panel:
    """One chart. `spell` is the span of steps to shade, `window` the steps on the horizontal axis."""

    title: str
    unit: str
    lines: tuple[Line, ...]
    markers: tuple[Marker, ...]
    window: tuple[int, int]
    log: bool = False
    ordered: bool = False
    caption: str = ""
    spell: tuple[int, int] | None = None
    thresholds: tuple[Threshold, ...] = ()
    colours: tuple[str, ...] = ()
    """Of the lines, where they are not told by their signals: the same signal of several runs."""

    @property
    def labels(self) -> tuple[str, ...]:
        """What to call each line: its signal, of layers only the part in which they differ."""
        names = [line.name for line in self.lines]
        if not self.ordered:
            return tuple(names)
        shared = commonpath([name.rpartition("/")[0] for name in names]) + "/"
        return tuple(name.removeprefix(shared) for name in names)

    @property
    def floor(self) -> float | None:
        """Where values of exactly 0 are drawn on a logarithmic axis, at its lower end; None where there are none."""
        if not self.log or not any(line.zeros for line in self.lines):
            return None
        return min(v for line in self.lines for v in line.y if v > 0)


@dataclass(frozen=True)
class Heatmap:
    """Shares by mode and step: `shares[i][j]` is the share of mode i at `steps[j]`."""

    title: str
    caption: str
    steps: tuple[int, ...]
    shares: tuple[tuple[float, ...], ...]
    markers: tuple[Marker, ...]
    window: tuple[int, int]


def onset_markers(run: Run, findings: Iterable[Finding]) -> tuple[Marker, ...]:
    """One marker per finding, labelled with its number; labels of close onsets are joined."""
    numbered = sorted(enumerate(findings, start=1), key=lambda pair: pair[1].onset_step)
    first, last = _window(run)
    near = 0.03 * max(last - first, 1)
    clusters: list[list[tuple[int, Finding]]] = []
    for entry in numbered:
        joined = clusters[-1] if clusters else []
        if joined and entry[1].onset_step - joined[0][1].onset_step < near * _width([n for n, _ in joined]):
            joined.append(entry)
        else:
            clusters.append([entry])
    return tuple(
        Marker(finding.onset_step, _numbers([n for n, _ in cluster]) if i == 0 else "", finding.severity)
        for cluster in clusters
        for i, (_, finding) in enumerate(cluster)
    )


def _width(numbers: list[int]) -> float:
    """How far the label of a cluster reaches from its middle, in labels of one number."""
    return 0.5 + len(_numbers(numbers)) / 2


def _numbers(numbers: list[int]) -> str:
    """Numbers in a label, three and more that follow each other as a range.

    >>> _numbers([1, 2]), _numbers([2, 3, 4, 6])
    ('1, 2', '2–4, 6')
    """
    runs: list[list[int]] = []
    for number_ in sorted(numbers):
        if runs and number_ == runs[-1][-1] + 1:
            runs[-1].append(number_)
        else:
            runs.append([number_])
    return ", ".join(f"{r[0]}–{r[-1]}" if len(r) > 2 else ", ".join(map(str, r)) for r in runs)


def finding_panels(run: Run, finding: Finding, number_: int) -> tuple[tuple[Panel, ...], tuple[str, ...]]:
    """The charts of a finding's columns, and a sentence on those that hold nothing to draw."""
    lines = {name: line for name in finding.columns if (line := _line(run, name))}
    absent = [name for name in finding.columns if name not in lines]
    notes = (f"Not drawn, nothing was recorded: {listed(absent)}.",) if absent else ()
    marker = Marker(finding.onset_step, str(number_), finding.severity)
    groups: dict[str, list[Line]] = {}
    for name, line in lines.items():
        group = group_of(name)
        groups.setdefault(group.title if group else name, []).append(line)
    panels = []
    for title, members in groups.items():
        group = group_of(members[0].name) or Group(title, "")
        panel = _panel(run, group, members, (marker,))
        spell = (finding.onset_step, run.last_step if finding.ongoing else finding.last_step)
        panels.append(replace(panel, spell=spell, thresholds=tuple(_thresholds(panel, finding))))
    return tuple(panels), notes


def _thresholds(panel: Panel, finding: Finding) -> Iterator[Threshold]:
    """The thresholds of the panel's signals that its axis can show."""
    names = {line.name for line in panel.lines}
    for e in {e.threshold: e for e in finding.evidence if e.signal in names}.values():
        if math.isfinite(e.threshold) and (e.threshold > 0 or not panel.log):
            yield Threshold(e.threshold, f"threshold: {e.comparison} {number(e.threshold)}")


def general_panels(run: Run, diagnosis: Diagnosis) -> tuple[tuple[Panel, ...], tuple[str, ...]]:
    """The charts of everything recorded, and sentences on what is not drawn and why."""
    markers = onset_markers(run, diagnosis.findings)
    panels: list[Panel] = []
    empty: list[str] = []
    constant: list[str] = []
    over: list[str] = []
    own = 0
    for group, names in grouped(map(str, run.scalars.columns)):
        found = {name: line for name in names if (line := _line(run, name))}
        empty += [name for name in names if name not in found]
        if not group.even_constant and all(line.constant for line in found.values()):
            constant += [f"{name} = {number(line.y[0])}" for name, line in found.items()]
        elif found and not group.pattern and own == MAX_OWN_PANELS:
            over += found
        elif found:
            own += not group.pattern
            panels.append(_panel(run, group, list(found.values()), markers))
    return tuple(panels), tuple(_notes(empty, constant, over))


def panels_of(run: Run, names: Iterable[str], findings: Iterable[Finding] = ()) -> tuple[Panel, ...]:
    """The charts of these signals, by group; without those of which no finite value was recorded."""
    markers = onset_markers(run, findings)
    found = [(group, [line for n in members if (line := _line(run, n))]) for group, members in grouped(names)]
    return tuple(_panel(run, group, lines, markers) for group, lines in found if lines)


def mode_heatmap(run: Run, diagnosis: Diagnosis) -> Heatmap | None:
    """The mode histogram over time, thinned to what a screen resolves."""
    steps, values = run.arrays.get("modes/histogram", (np.array([]), np.zeros((0, 0))))
    if values.ndim != 2 or not values.size:
        return None
    most = max(20, min(200, MAX_CELLS // values.shape[1]))
    pick = np.unique(np.linspace(0, len(steps) - 1, min(most, len(steps))).round().astype(int))
    counts = np.nan_to_num(values[pick].astype("float64"), posinf=0, neginf=0)
    totals = counts.sum(axis=1, keepdims=True)
    shares = np.divide(counts, totals, out=np.zeros_like(counts), where=totals > 0)
    thinned = f" {len(pick)} of {len(steps):,} histograms are drawn." if len(pick) < len(steps) else ""
    return Heatmap(
        title="Share of samples in each mode",
        caption=f"Each column is one histogram over {count(values.shape[1], 'mode')}.{thinned}",
        steps=tuple(steps[pick].tolist()),
        shares=tuple(tuple(float(f"{v:.4g}") for v in row) for row in shares.T),
        markers=onset_markers(run, diagnosis.findings),
        window=_window(run),
    )


def _panel(run: Run, group: Group, lines: list[Line], markers: tuple[Marker, ...]) -> Panel:
    total, caption = len(lines), group.caption
    if total > MAX_LINES:  # the first, the last and evenly between
        lines = [lines[i] for i in np.linspace(0, total - 1, MAX_LINES).round().astype(int)]
        some = f"{MAX_LINES} of {total:,} are drawn: the first, the last and evenly between."
        caption = f"{caption} {some}".strip()
    units = {describe(line.name).unit for line in lines}
    log = wants_log(lines, units)
    if log and any(line.zeros for line in lines):
        caption = f"{caption} Values of exactly 0 are drawn at the lower end of the logarithmic axis.".strip()
    return Panel(
        title=group.title,
        unit=" / ".join(sorted(units - {""})),
        lines=tuple(lines),
        markers=markers,
        window=_window(run),
        log=log,
        ordered=group.ordered,
        caption=caption,
    )


def wants_log(lines: list[Line], units: set[str]) -> bool:
    """Whether all values are positive, but for some zeros, and one is far larger than another."""
    if units & set(LINEAR) or np.nanmin([np.nanmin(line.y) for line in lines]) < 0:
        return False
    lows = [line.low for line in lines if not math.isnan(line.low)]
    if not lows or min(line.zeros for line in lines) > 0.5:
        return False
    highest = max(float(np.nanmax(line.y)) for line in lines)
    return highest / min(lows) > WIDE_RANGE


def _line(run: Run, name: str) -> Line | None:
    return line_of(run.scalars[name]) if name in run.scalars else None


def _window(run: Run) -> tuple[int, int]:
    return (int(run.scalars.index[0]), run.last_step) if len(run.scalars) else (0, 0)


def _notes(empty: list[str], constant: list[str], over: list[str]) -> Iterable[str]:
    if over:
        rest = count(len(over), "more signal")
        yield f"{rest} of the loop's own not drawn (at most {MAX_OWN_PANELS} are): {listed(over)}."
    if constant:
        yield f"The same throughout, so not drawn: {listed(constant, most=MAX_CONSTANT)}."
    if empty:
        yield f"Named, but no finite value was recorded: {listed(empty)}."

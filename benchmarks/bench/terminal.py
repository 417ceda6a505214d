"""The bench's tables on a terminal, with rich; made to be read at 100 columns."""

from __future__ import annotations

from itertools import groupby
from typing import TYPE_CHECKING

from rich.markup import escape
from rich.padding import Padding
from rich.table import Table

from benchmarks.bench.corpus import SPLITS, STATUSES
from benchmarks.bench.results import HELD_OUT, VERDICTS
from benchmarks.bench.words import count, delays, interval, names, per_100k, runs

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence

    from rich.console import Console

    from benchmarks.bench.results import Bench, Part
    from benchmarks.bench.scores import Score
    from benchmarks.bench.shares import Share

MOST_NAMES = 12
ABREAST = 14  # detectors whose columns fit beside the labels
FOUND = (
    "found: of the runs labelled with the failure, those in which it was found at failure severity (any: at warning "
    "or above). false alarms: of the healthy runs, those with an alarm; per 100k: in 100,000 healthy steps. Intervals "
    "are Wilson's. precision: of the healthy and failing runs with an alarm, those that are labelled with the failure. "
    "onset: steps from the label's onset to the stated one, in brackets of warnings only; early: stated more than 5 % "
    "of the run before the label. A "
    "baseline is held to the failures that it claims to see. n/a: no run recorded what it reads."
)


def print_bench(bench: Bench, console: Console) -> None:
    """All tables."""
    held_out = bench.parts[HELD_OUT]
    _title(console, f"Corpus {bench.corpus}")
    console.print(corpus_table(bench))
    _title(console, f"Detectors and baselines on {HELD_OUT} runs")
    console.print(score_table(held_out))
    for line in no_detector_lines(bench, held_out):
        console.print(f"[yellow]{line}[/yellow]")
    console.print(Padding(FOUND, (0, 0, 0, 1)), style="dim")
    _title(console, "Each split: found, and healthy runs with a false alarm; of those held out, any failing run found")
    console.print(split_table(bench))
    _title(
        console,
        f"Cross-talk on {HELD_OUT} runs: percent of a row's runs in which each detector, by number, sees a failure\n"
        "(· none, ■ all)",
    )
    for table in cross_talk_tables(bench, held_out):
        console.print(table)
    _title(console, f"Verdict of the whole diagnosis, {HELD_OUT} runs")
    console.print(verdict_table(held_out))
    if held_out.runs["partial"]:
        _title(console, f"Partial failures, {HELD_OUT} runs: between healthy and failing, counted in no table above")
        console.print(partial_table(held_out))
    _title(console, f"By name, {HELD_OUT} runs")
    for line in name_lines(held_out):
        console.print(line)


def _title(console: Console, text: str) -> None:
    console.print()
    console.print(f"[bold]{escape(text)}[/bold]")


def _table(*columns: str) -> Table:
    table = Table(box=None, pad_edge=False, padding=(0, 1), collapse_padding=True, header_style="bold")
    for position, column in enumerate(columns):
        table.add_column(column, justify="left" if position == 0 else "right", no_wrap=True)
    return table


def corpus_table(bench: Bench) -> Table:
    """How many runs there are of each kind."""
    table = _table("", *STATUSES, "healthy steps")
    for name in (*SPLITS, HELD_OUT):
        part = bench.parts[name]
        table.add_row(name, *(f"{part.runs[s]:,}" for s in STATUSES), f"{part.healthy_steps:,}")
    return table


def score_table(part: Part) -> Table:
    """Recall, false alarms, precision and onset."""
    table = _table(
        "",
        "found",
        "95 %",
        "any",
        "false\nalarms",
        "95 %",
        "any",
        "per\n100k",
        "preci-\nsion",
        "onset,\nmedian/p90",
        "early",
    )
    for score in _in_families(part.scores, table):
        if score.judged_none:
            table.add_row(f" {score.judge.name}", "n/a")
            continue
        table.add_row(
            f" {score.judge.name}",
            count(score.found),
            interval(score.found),
            str(score.found_warning.hits) if score.found.n else "",
            count(score.false_alarms),
            interval(score.false_alarms),
            str(score.false_alarms_warning.hits) if score.false_alarms.n else "",
            per_100k(score),
            count(score.precision),
            delays(score).replace(" / ", "/"),
            str(score.delays.early or ""),
        )
    return table


def split_table(bench: Bench) -> Table:
    """Recall and false alarms of each split, and alarms on any run that fails."""
    headings = [f"{split}\n{what}" for split in SPLITS for what in ("found", "false")]
    table = _table("", *headings, "any failing\nrun")
    by_name = {split: {s.judge.name: s for s in bench.parts[split].scores} for split in SPLITS}
    for score in _in_families(bench.parts[HELD_OUT].scores, table):
        cells = [by_name[split][score.judge.name] for split in SPLITS]
        shares = [share for s in cells for share in (s.found, s.false_alarms)]
        table.add_row(f" {score.judge.name}", *map(count, (*shares, score.found_any_failing)))
    return table


def cross_talk_tables(bench: Bench, part: Part) -> Iterator[Table]:
    """Rows are what runs are labelled with, then the number of runs and the detectors by number, as many as fit."""
    detectors = [s.judge.name for s in part.scores if s.judge.ours]
    for first in range(0, len(detectors), ABREAST):
        yield _cross_talk_table(bench, part, detectors, range(first, min(first + ABREAST, len(detectors))))


def _cross_talk_table(bench: Bench, part: Part, detectors: Sequence[str], places: range) -> Table:
    table = _table("labelled", "runs", *(str(i + 1) for i in places))
    for i, label in enumerate((*part.labels, "healthy")):
        shares = [part.cross_talk[detectors[j]][label] for j in places]
        cells = [_short(share) if share.n else "" for share in shares]
        cells = [f"[bold]{c}[/bold]" if detectors[j] == label else c for j, c in zip(places, cells, strict=True)]
        number = f"{i + 1:>2}" if label in detectors else "  "
        note = " (no detector)" if label in bench.no_detector else ""
        table.add_row(f" {number} {label}{note}", str(shares[0].n), *cells)
    return table


def _short(share: Share) -> str:
    """A whole percentage in two characters."""
    return "·" if not share.hits else "■" if share.hits == share.n else str(min(max(round(100 * share.value), 1), 99))


def verdict_table(part: Part) -> Table:
    """Status against verdict."""
    table = _table("", "runs", *(heading for verdict in VERDICTS for heading in (verdict, "95 %")))
    for status in STATUSES:
        if part.runs[status]:
            shares = [part.verdict_share(status, verdict) for verdict in VERDICTS]
            cells = [cell for share in shares for cell in (count(share), interval(share))]
            table.add_row(f" {status}", str(part.runs[status]), *cells)
    return table


def partial_table(part: Part) -> Table:
    """Who raised an alarm on runs that half fail, and on how many."""
    table = _table("", "at failure severity", "95 %", "any")
    for score in _in_families([s for s in part.scores if s.partial_warning.hits], table):
        cells = (count(score.partial), interval(score.partial), str(score.partial_warning.hits))
        table.add_row(f" {score.judge.name}", *cells)
    return table


def no_detector_lines(bench: Bench, part: Part) -> Iterator[str]:
    """Labelled failures that nothing looks for."""
    for code in bench.no_detector:
        if part.labels[code]:
            yield f" {code}: no detector ({runs(part.labels[code])})"


def name_lines(part: Part) -> Iterator[str]:
    """Runs that detectors missed, alarmed on for nothing, and could not judge."""
    anything = False
    for score in part.scores:
        if score.judge.ours:
            for what, named in (("missed", score.missed), ("false alarm", score.false_alarmed)):
                if named:
                    anything = True
                    yield f" [bold]{score.judge.name}[/bold] {what} ({len(named)}): {names(named, MOST_NAMES)}"
    if not anything:
        yield " no detector missed a run or gave a false alarm"
    for what in ("not_assessed", "crashed"):
        counts = {s.judge.name: getattr(s, what) for s in part.scores}
        told = ", ".join(f"{name} on {share.hits} of {share.n}" for name, share in counts.items() if share.hits)
        if told:
            yield f" [bold]{what.replace('_', ' ')}[/bold]: {told}"


def _in_families(scores: Iterable[Score], table: Table) -> Iterator[Score]:
    """The scores, each family's under a heading in the table."""
    for family, members in groupby(scores, key=lambda s: s.judge.family):
        table.add_row(f"[italic]{family}[/italic]")
        yield from members

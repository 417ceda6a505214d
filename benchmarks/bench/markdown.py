"""The bench's tables as Markdown; the README's table is one of them."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from benchmarks.bench.corpus import STATUSES
from benchmarks.bench.results import HELD_OUT, PARTS, VERDICTS
from benchmarks.bench.words import (
    NOTHING,
    at_most,
    count,
    delays,
    found,
    full_name,
    names,
    per_100k,
    percent,
    rate,
    runs,
)

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from benchmarks.bench.results import Bench, Part
    from benchmarks.bench.scores import Score

README_HEADER = (
    "detector",
    "failing runs found at failure severity",
    "healthy runs with a false alarm",
    "onset delay in steps, median / p90",
)
READING = """\
A run counts as *found* when an alarm at failure severity still held after the labelled onset, or ended at most 5 % of
the run's length before it. A baseline is held to the failures that it claims to see. Onset delays are those of the
onset that a finding states, in brackets where there are warnings only; intervals are Wilson's, 95 %. Partial failures,
between healthy and failing, count in no column but their own.
"""


def summary_table(bench: Bench) -> str:
    """One row per detector and baseline, on the evaluation and unseen runs."""
    part = bench.parts[HELD_OUT]
    rows: list[Sequence[str]] = []
    for score in part.scores:
        name = f"`{score.judge.name}`" if score.judge.ours else full_name(score.judge)
        rows.append((name, _found(score), at_most(score.false_alarms), delays(score)))
    unseen = [code for code in bench.no_detector if part.labels[code]]
    ours = sum(s.judge.ours for s in part.scores)
    rows[ours:ours] = [(f"`{c}`", f"no detector ({runs(part.labels[c])})", NOTHING, NOTHING) for c in unseen]
    return markdown_table(README_HEADER, rows)


def _found(score: Score) -> str:
    if score.judged_none:
        return "not recorded"
    if not score.found.n:
        return "no such run"
    warned = score.found_warning.hits
    return found(score.found) + (f"; {warned} with warnings" if warned > score.found.hits else "")


def to_markdown(bench: Bench) -> str:
    """All tables, and the runs by name."""
    parts = [
        f"# Bench of `{Path(bench.corpus).name}`\n",
        _corpus(bench),
        READING,
        f"## {HELD_OUT}\n",
        summary_table(bench),
    ]
    for part in bench.parts.values():
        if sum(part.runs.values()):
            parts += [f"## Details: {part.name}\n", _scores(part), _verdicts(part), _cross_talk(part), _names(part)]
    return "\n".join(parts)


def _corpus(bench: Bench) -> str:
    rows = [
        (name, *(f"{bench.parts[name].runs[s]:,}" for s in STATUSES), f"{bench.parts[name].healthy_steps:,}")
        for name in PARTS
    ]
    return markdown_table(("runs", *STATUSES, "healthy steps"), rows)


def _scores(part: Part) -> str:
    header = (
        "detector or baseline", "found", "at warning or above", "alarm on any failing run", "precision",
        "right on any failure", "false alarms", "at warning or above", "per 100,000 healthy steps",
        "onset delay, median / p90", "of them early", "partial runs with an alarm", "not assessed",
    )  # fmt: skip
    rows = [
        (
            full_name(s.judge), found(s.found), found(s.found_warning), found(s.found_any_failing),
            found(s.precision), found(s.precision_any_failing),
            at_most(s.false_alarms), at_most(s.false_alarms_warning),
            f"{per_100k(s)} ({rate(s.false_alarm_steps.low)}–{rate(s.false_alarm_steps.high)})"
            if s.false_alarm_steps.n else NOTHING,
            delays(s), str(s.delays.early), count(s.partial), count(s.not_assessed),
        )
        for s in part.scores
    ]  # fmt: skip
    return markdown_table(header, rows)


def _verdicts(part: Part) -> str:
    rows = [
        (status, *(found(part.verdict_share(status, verdict)) for verdict in VERDICTS))
        for status in STATUSES
        if part.runs[status]
    ]
    return "Verdict of the whole diagnosis:\n\n" + markdown_table(("labelled", *VERDICTS), rows)


def _cross_talk(part: Part) -> str:
    columns = [code for code, n in part.labels.items() if n] + ["healthy"]
    rows = [(full_name(s.judge), *(_percent_of(part, s.judge.name, column) for column in columns)) for s in part.scores]
    sizes = [f"{code} ({part.labels.get(code, part.runs['healthy'])})" for code in columns]
    return "Percent of runs with an alarm at failure severity, by label:\n\n" + markdown_table(("", *sizes), rows)


def _percent_of(part: Part, name: str, column: str) -> str:
    share = part.cross_talk[name][column]
    return percent(share.value) if share.n else NOTHING


def _names(part: Part) -> str:
    lines = []
    for score in part.scores:
        if score.judge.ours:
            lines += [f"- `{score.judge.name}` missed: {names(score.missed)}"] if score.missed else []
            false = names(score.false_alarmed)
            lines += [f"- `{score.judge.name}` false alarm: {false}"] if false else []
    return "\n".join(["Runs by name:\n", *lines, ""] if lines else ["No run was missed, none had a false alarm.\n"])


def markdown_table(header: Iterable[str], rows: Iterable[Sequence[str]]) -> str:
    """A table of cells that are ready to be read."""
    head = list(header)
    lines = [head, ["---"] * len(head), *rows]
    return "".join(f"| {' | '.join(line)} |\n" for line in lines)

"""What `gandiag check` prints for people: a row for each rule, on one screen."""

from __future__ import annotations

import shlex
from pathlib import Path
from typing import TYPE_CHECKING, Any

from rich.table import Table
from rich.text import Text

from gandiag.cli.console import wide_console
from gandiag.cli.exits import say
from gandiag.gate.results import FAILED, UNDECIDED, UNREADABLE

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from gandiag.gate.results import CheckResult, RuleResult, TargetResult

COLOURS = {"passed": "green", "failed": "red", "warned": "yellow", "undecided": "magenta", "ignored": "dim"}
MOST_UNSEEN = 3  # failures that were not assessed, of which each has a line


def print_check(found: CheckResult) -> None:
    """Every target, then what a series shows; one line each where there are many."""
    many = len(found.targets) > 1
    if many:
        wide_console().print(_overview(found))
    for target in found.targets:
        if not many:
            print_target(target)
        elif target.exit_code or target.notes:
            _print_short(target)
    for series in found.series:
        say(series.sentence)
    for note in found.notes:
        say(note)


def _print_short(target: TargetResult) -> None:
    """One of many: what failed, and why it could not be decided."""
    say(f"{target.target} {target.verdict}")
    for row in target.rules:
        if row.outcome == "failed":
            say(f"  {row.rule}{'' if row.code == row.rule else f' ({row.code})'}: {row.sentence}")
    told = target.notes if target.kind == "run" else [note for note in target.notes if note.startswith("report: ")]
    for line in (*_reasons(target), *told):
        say(f"  {line}")


def print_target(target: TargetResult) -> None:
    """The verdict, the rows, and what could not be decided."""
    say(f"gandiag check {target.verdict}: {_about(target)}")
    if target.kind == "run":
        for line in _run_lines(target):
            say(line)
    elif target.rules:
        wide_console().print(_table(target))
        for row in target.rules:
            if row.outcome in ("failed", "warned"):
                say(f"  {row.rule} {row.outcome} ({row.code}): {row.sentence}")
        for code, change in _advice(target).items():
            say(f"  try: {change} (gandiag explain {code})")
    for reason in _reasons(target):
        say(f"  {reason}")
    for note in target.notes:
        say(f"  note: {note}")


def _advice(target: TargetResult) -> dict[str, str]:
    """By failure, the cheapest remedy; each remedy once."""
    found: dict[str, str] = {}
    for finding in target.findings:
        changes = [r.change for r in finding.remedies if r.change not in found.values()]
        if finding.severity == "failure" and finding.code not in found and changes:
            found[finding.code] = changes[0]
    return found


def _reasons(target: TargetResult) -> tuple[str, ...]:
    """Why it could not be decided, of a run with what was not assessed in one line; why not read stands on stderr."""
    if target.diagnosis is None:
        return () if target.exit_code == UNREADABLE else target.reasons
    from gandiag.gate.runs import MISSING, NOT_ASSESSED

    told = [reason for reason in target.reasons if not reason.startswith(NOT_ASSESSED)]
    if target.exit_code == FAILED:  # what was meant to be left out takes nothing from it
        told = [reason for reason in told if reason in target.lost or not reason.startswith(MISSING)]
    return (*_unseen(target), *sorted(told, key=lambda reason: reason not in target.lost))


def _unseen(target: TargetResult) -> Iterator[str]:
    """Of how many kinds of failure a run's record says nothing; a few that leave it undecided are told in full."""
    entries = target.diagnosis.not_assessed if target.diagnosis else ()
    undecided = target.exit_code == UNDECIDED
    if undecided and len(entries) <= MOST_UNSEEN:
        yield from (f"not assessed {entry.title}: {entry.reason}; {entry.how_to}" for entry in entries)
    elif entries:
        from gandiag.reports.text import count

        kinds = count(len({entry.code for entry in entries}), "kind of failure", "kinds of failure")
        first = min(entries, key=lambda entry: len(entry.reason))
        example = f", such as {first.title} ({first.reason})" if undecided else ""
        them = "it" if kinds.startswith("1 ") else "them"
        yield f"Not assessed: {kinds}{example}; `{_diagnose(target)}` lists {them}"


def _diagnose(target: TargetResult) -> str:
    """The command that tells all of a run, by the same policy."""
    told = target.diagnosis.provenance.get("policy", {}) if target.diagnosis else {}
    given = [path for path in told.get("files", ()) if Path(path).name != "pyproject.toml"]
    return shlex.join(["gandiag", "diagnose", target.target, *(("--policy", given[-1]) if given else ())])


def _about(target: TargetResult) -> str:
    if target.diagnosis is not None:
        ended = f"{target.status}: {target.status_reason}" if target.status_reason else target.status
        return f"{target.diagnosis.verdict}, {target.diagnosis.last_step:,} steps, {ended}"
    samples = f", {target.n:,} sample{'' if target.n == 1 else 's'}" if target.n else ""
    step = f", step {target.step:,}" if target.step is not None and target.series else ""
    return f"{target.target}{step}{samples}"


def _run_lines(target: TargetResult) -> Iterator[str]:
    from gandiag.gate.runs import sentence_of

    diagnosis = target.diagnosis
    for finding in diagnosis.findings if diagnosis else ():
        when = "" if finding.ongoing else f" (until step {finding.last_step:,})"
        row = next(row for row in target.rules if row.rule == finding.code and row.sentence == sentence_of(finding))
        ignored = f" (ignored: {row.ignored_because})" if row.outcome == "ignored" else ""
        yield f"  {finding.severity} {finding.title}: {finding.summary}{when}{ignored}"


def _table(target: TargetResult) -> Table:
    table = Table(box=None, pad_edge=False, padding=(0, 2, 0, 0), header_style="bold")
    for title in ("rule", "", "value", "bound", "interval", "n"):
        table.add_column(title, justify="left" if title in ("rule", "") else "right", no_wrap=True)
    for row in target.rules:
        outcome = Text(row.outcome, style=COLOURS[row.outcome])
        table.add_row(row.rule, outcome, _number(row.value), _bound(row), _interval(row), f"{row.n:,}")
    return table


def _overview(found: CheckResult) -> Table:
    table = Table(box=None, pad_edge=False, padding=(0, 2, 0, 0), header_style="bold")
    for title in ("target", "verdict", "failed", "warned"):
        table.add_column(title, overflow="fold")
    for target in found.targets:
        rows = {o: ", ".join(r.rule for r in target.rules if r.outcome == o) for o in ("failed", "warned")}
        style = {0: "green", 1: "red", 2: "red", 3: "magenta"}[target.exit_code]
        table.add_row(Text(target.target), Text(target.verdict, style=style), rows["failed"], rows["warned"])
    return table


def _number(value: float | None) -> str:
    return "" if value is None else f"{value:,.4g}"


def _bound(row: RuleResult) -> str:
    if row.bound is None:
        return ""
    return f"{'>=' if row.side == 'below' else '<='} {_number(row.bound)}"


def _interval(row: RuleResult) -> str:
    if row.low is None or row.high is None:
        return ""
    return f"{_number(row.low)} to {_number(row.high)}"


def print_policy(shown: Mapping[str, Any]) -> None:
    """What is in force, rule by rule, and who set what differs from the defaults."""
    table = Table(box=None, pad_edge=False, padding=(0, 2, 0, 0), header_style="bold")
    for title in ("rule", "failure", "level", "limit", "what is asked"):
        table.add_column(title, no_wrap=title != "what is asked")
    for name, rule in shown["rules"].items():
        table.add_row(name, rule["code"], rule["level"], _number(rule["limit"]) or "default", rule["says"])
    wide_console().print(table)
    set_by = shown["set_by"]
    for key in ("bounds", "require", "ignore", "tolerance", "false_alarms", "least_samples", "require_closed"):
        origin = set_by.get(key)
        say(f"{key}: {_told(shown[key])}{f' (set by {origin})' if origin else ''}")
    say(f"files: {', '.join(shown['files']) or 'none'}")


def _told(value: Any) -> str:
    if isinstance(value, list):
        entries = [
            f"{v['rule']} until {v['until'] or 'further notice'}{' (expired)' if v['expired'] else ''}: {v['reason']}"
            if isinstance(v, dict) else str(v) for v in value
        ]  # fmt: skip
        return "; ".join(entries) or "none"
    return str(value).lower() if isinstance(value, bool) else str(value)

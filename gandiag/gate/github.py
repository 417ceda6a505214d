"""A check for GitHub Actions: annotations of the step, and its summary in Markdown."""

from __future__ import annotations

import os
from pathlib import Path
from typing import TYPE_CHECKING

from gandiag.gate.results import FAILED, UNDECIDED, UNREADABLE

if TYPE_CHECKING:
    from collections.abc import Iterator

    from gandiag.gate.results import CheckResult, RuleResult, TargetResult

SIGNS = {"passed": "✅", "failed": "❌", "warned": "⚠️", "undecided": "❔", "ignored": "➖"}
SUMMARY = "GITHUB_STEP_SUMMARY"


def workflow_commands(found: CheckResult) -> Iterator[str]:
    """The workflow commands, line by line."""
    for target in found.targets:
        for row in target.rules:
            if row.outcome in ("failed", "warned"):
                kind = "error" if row.outcome == "failed" else "warning"
                yield _command(kind, target.target, f"{row.code}: {row.rule}", row.sentence)
        if target.exit_code in (UNREADABLE, UNDECIDED):
            for reason in target.reasons:
                yield _command("error", target.target, target.verdict, reason)
    for series in found.series:
        if series.collapsed_from is not None:
            yield _command("error", "", "collapse", series.sentence)


def _command(kind: str, file: str, title: str, message: str) -> str:
    place = f"file={_property(file)}," if file else ""
    return f"::{kind} {place}title={_property(title)}::{_data(message)}"


def _data(text: str) -> str:
    return text.replace("%", "%25").replace("\r", "%0D").replace("\n", "%0A")


def _property(text: str) -> str:
    return _data(text).replace(":", "%3A").replace(",", "%2C")


def summary(found: CheckResult) -> str:
    """The step summary: a table for each target."""
    lines: list[str] = []
    for target in found.targets:
        lines += [f"### {_cell(target.target)}: {target.verdict}", ""]
        lines += _table(target) if target.rules else []
        lines += [f"- {_cell(reason)}" for reason in target.reasons]
        if target.grid:
            lines += ["", f"Samples: `{target.grid}`"]
        lines += [f"- {_cell(note)}" for note in target.notes]
        for finding in target.findings:
            if target.exit_code == FAILED and finding.severity == "failure":
                lines += ["", f"**{finding.code}**: {_cell(finding.mechanism)}"]
                lines += [f"- try: {_cell(remedy.change)}" for remedy in finding.remedies]
        lines.append("")
    lines += [series.sentence for series in found.series]
    return "\n".join(lines) + "\n"


def _table(target: TargetResult) -> Iterator[str]:
    yield "| rule | | value | bound | interval | n | |"
    yield "| --- | --- | --- | --- | --- | --- | --- |"
    for row in target.rules:
        yield (
            f"| {_cell(row.rule)} | {SIGNS[row.outcome]} {row.outcome} | {_number(row.value)} | {_number(row.bound)} "
            f"| {_interval(row)} | {row.n:,} | {_cell(row.sentence)} |"
        )
    yield ""


def _cell(text: str) -> str:
    return text.replace("|", "\\|").replace("\n", " ").replace("<", "&lt;")


def _number(value: float | None) -> str:
    return "" if value is None else f"{value:.4g}"


def _interval(row: RuleResult) -> str:
    return "" if row.low is None or row.high is None else f"{row.low:.4g} to {row.high:.4g}"


def write_summary(found: CheckResult) -> None:
    """Append the summary to the file that GitHub names; nothing elsewhere.

    Raises ValueError when it cannot be written.
    """
    path = os.environ.get(SUMMARY)
    if not path:
        return
    try:
        with Path(path).open("a", encoding="utf-8") as file:
            file.write(summary(found))
    except OSError as error:
        raise ValueError(f"{SUMMARY} {path}: cannot be written: {error.strerror or error}") from error

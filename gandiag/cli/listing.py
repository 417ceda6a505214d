"""The catalogue as `gandiag detectors` lists it: signals, and every threshold with where it comes from."""

from __future__ import annotations

from dataclasses import fields
from typing import TYPE_CHECKING, Any

from gandiag.judge.policy_files import catalogue, thresholds

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from rich.table import Table

    from gandiag.detectors import Detector
    from gandiag.judge.policy import Policy


def listed(policy: Policy) -> list[dict[str, Any]]:
    """One JSON-ready entry for each detector of the catalogue.

    Each has `code`, `needs`, `how_to`, `not_for` (loss family to reason), `switched_off_by` (a file, or None) and
    `thresholds`: by name `default`, `value` in force, `source` of the default, and `set_by` (a file, or None).
    """
    selection = policy.selection()
    in_force = {detector.code: detector for detector in selection.detectors}
    return [
        {
            "code": code,
            "needs": detector.needs,
            "how_to": detector.how_to,
            "not_for": dict(detector.not_for),
            "switched_off_by": selection.off.get(code),
            "thresholds": _thresholds(detector, in_force.get(code, detector), selection.set_by.get(code, {})),
        }
        for code, detector in catalogue().items()
    ]


def _thresholds(detector: Any, in_force: Detector, set_by: Mapping[str, str]) -> dict[str, dict[str, Any]]:
    sources = {f.name: f.metadata["source"] for f in fields(detector) if "source" in f.metadata}
    return {
        name: {
            "default": default,
            "value": getattr(in_force, name),
            "source": sources[name],
            "set_by": set_by.get(name),
        }
        for name, default in thresholds(detector).items()
    }


def print_listed(policy: Policy) -> None:
    """A block for each detector, then what a policy says beyond thresholds."""
    from rich.markup import escape
    from rich.padding import Padding

    from gandiag.cli.console import console

    out = console()
    entries = listed(policy)
    width = max(len(name) for entry in entries for name in entry["thresholds"])
    for entry in entries:
        off = f"  [red]switched off by {escape(entry['switched_off_by'])}[/red]" if entry["switched_off_by"] else ""
        out.print(f"[bold]{entry['code']}[/bold]{off}")
        needs = ", ".join(need.replace("|", " or ") for need in entry["needs"])
        lines = [f"needs {needs}", *(f"not for {family}: {reason}" for family, reason in entry["not_for"].items())]
        for line in lines:
            out.print(Padding(escape(line), (0, 0, 0, 2)))
        out.print(_table(entry["thresholds"], width))
        out.print()
    for line in _closing(policy):
        out.print(escape(line))


def _table(rows: dict[str, dict[str, Any]], width: int) -> Table:
    from rich.table import Table
    from rich.text import Text

    table = Table(box=None, padding=(0, 2, 0, 0), header_style="dim")
    table.add_column("  threshold", min_width=width + 2, no_wrap=True)
    table.add_column("default", justify="right", min_width=len("default"), no_wrap=True)
    if any(row["set_by"] for row in rows.values()):
        table.add_column("in force", justify="right", no_wrap=True)
    table.add_column("where the default comes from", overflow="fold")
    for name, row in rows.items():
        source = Text(row["source"])
        cells: Sequence[Any] = (f"  {name}", _number(row["default"]))
        if len(table.columns) > len(cells) + 1:
            changed = bool(row["set_by"])
            cells = (*cells, Text(_number(row["value"]), style="bold yellow" if changed else ""))
            source = Text(f"{row['source']}\nset by {row['set_by']}") if changed else source
        table.add_row(*cells, source)
    return table


def _closing(policy: Policy) -> list[str]:
    """What was read, and when to stop."""
    lines = [f"Read: {' and '.join(policy.files)}."] if policy.files else []
    if (stop := policy.stop) is not None:
        codes = ", ".join(stop.codes) or "every failure"
        lines.append(
            f"Training should stop because of {codes}: at severity {stop.severity} or above, "
            f"held for {stop.for_steps:,} steps (set by {' and '.join(policy.stop_from)})."
        )
    return lines


def _number(value: float) -> str:
    return f"{value:,}" if isinstance(value, int) else f"{value:g}"

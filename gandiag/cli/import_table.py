"""What `gandiag import` prints while and before it writes, with rich."""

from __future__ import annotations

import shlex
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

from rich.markup import escape
from rich.table import Table

from gandiag.cli.console import wide_console
from gandiag.cli.progress import progress_bars
from gandiag.logs.sources import size

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from gandiag.logs.mapping import Recognised
    from gandiag.logs.series import Log

MOST_LISTED = 30
LONG = 20 * 2**20  # bytes from which on a bar is shown


@contextmanager
def reading_bar(logs: str, *, quiet: bool) -> Iterator[Callable[[int], None]]:
    """A bar in bytes, for logs that take long."""
    total = size(logs) if Path(logs).exists() else 0
    if total < LONG:
        yield lambda _: None
        return
    with progress_bars(quiet=quiet, transient=True) as bars:
        task = bars.add_task(f"reading {escape(logs)} (MB)", total=total / 2**20)
        yield lambda read: bars.advance(task, read / 2**20)


def print_mapping(logs: str, log: Log, mapping: Recognised) -> None:
    """The format, what each name was taken for, what is open, and what was not recognised."""
    out = wide_console()
    series = f"{len(log.series):,} series" + (f", {len(log.pictures):,} pictures" if log.pictures else "")
    out.print(f"{escape(logs)}: {escape(log.format)}, {series}; x counts {log.axis}\n")
    _print_mapped(out, log, mapping)
    if mapping.outputs:
        lie = "all lie in [0, 1]" if mapping.outputs == "probabilities" else "do not all lie in [0, 1]"
        out.print(f"\nD's outputs are read as {mapping.outputs}: they {lie}.")
    if mapping.inverted:
        out.print(f"\nD's outputs are turned so that high is real: {escape(mapping.inverted_why)}.", style="yellow")
    if mapping.doubt:
        out.print(f"\n{escape(mapping.doubt)}.", style="yellow")
        out.print("    If your D is trained to be low for real, add --low-is-real; if not, --high-is-real says so.")
    if mapping.family:
        out.print(f"\nLoss family: {mapping.family}, from this: {escape(mapping.family_why)}.")
    for row in mapping.open:
        choice = " or ".join(f"--map {shlex.quote(f'{row.name}={c}')}" for c in row.choices)
        out.print(
            f"\n[bold]{escape(row.name)}[/bold] has more than one meaning and is left out: {escape(row.why)}.",
            style="yellow",
        )
        out.print(f"    {escape(choice)}")
    _print_rest(out, "Understood, and of no signal (kept)", [f"{r.name} ({r.why})" for r in mapping.known])
    _print_rest(out, "Not recognised (kept under their own names)", [r.name for r in mapping.unknown])
    for note in log.notes:
        out.print(f"\nNote: {escape(note)}", style="yellow")
    out.print()


def _print_mapped(out: Any, log: Log, mapping: Recognised) -> None:
    """What names were taken for; those that are gandiag's own are only listed."""
    if not mapping.mapped:
        out.print("[yellow]No name was recognised.[/yellow] Say what they stand for: --map THEIRS=loss/discriminator")
    theirs = [row for row in mapping.mapped if row.name != row.signal]
    if theirs:
        table = Table("their name", "taken for", "because", "values", box=None, pad_edge=False, header_style="bold")
        for row in theirs:
            table.add_row(escape(row.name), row.signal, escape(row.why), _values(log, row.name))
        out.print(table)
    _print_rest(out, "Names that are gandiag's own", [row.name for row in mapping.mapped if row.name == row.signal])


def _print_rest(out: Any, heading: str, names: list[str]) -> None:
    if names:
        more = f" and {len(names) - MOST_LISTED:,} more" if len(names) > MOST_LISTED else ""
        out.print(f"\n{heading}: {escape(', '.join(names[:MOST_LISTED]))}{more}")


def _values(log: Log, name: str) -> str:
    values = log.series[name].values
    return f"{values[0]:.4g} ... {values[-1]:.4g}" if len(values) > 1 else f"{values[0]:.4g}" if len(values) else ""

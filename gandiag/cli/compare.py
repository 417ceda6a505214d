"""The command `gandiag compare`. Nothing heavy is imported before it needs it."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, NoReturn

import click

from gandiag.cli.exits import JSON, print_json, refuse, say

if TYPE_CHECKING:
    from gandiag.compare import Comparison

PAGE = "gandiag-compare.html"
MOST_PRINTED = 40  # runs in the terminal's table
MOST_REASONS = 10  # why runs cannot be read, or not be judged


@click.command(epilog="Example: gandiag compare 'runs/sweep-*' --out sweep.html")
@click.argument("runs", nargs=-1, required=True, metavar="RUN...")
@click.option("--out", help=f"File of the page, by default {PAGE}; with --json or --csv none is written without it.")
@click.option("--policy", metavar="FILE", help="TOML file that sets thresholds, over [tool.gandiag] of pyproject.toml.")
@click.option("--processes", type=click.IntRange(min=1), help="Runs read at a time, by default one per processor.")
@click.option("--quick", is_flag=True, help="Take the diagnosis that a training left behind, instead of judging again.")
@click.option("--csv", "as_csv", is_flag=True, help="Print the table as CSV.")
@JSON
def compare(runs: tuple[str, ...], out: str | None, *, as_csv: bool, as_json: bool, **options: Any) -> None:
    """Compare many runs: verdicts, settings, curves, samples.

    RUN is a run directory, a folder of them, or a glob; each may be on any fsspec file system, s3://bucket/sweep/*.
    Says which settings separate the failing runs from the healthy ones, and how sure that is. Ends with 2 where no
    run can be read.
    """
    from gandiag.compare.rows import UNREADABLE
    from gandiag.judge.policy_files import PolicyError
    from gandiag.rundir.folder import RunError

    try:
        found = _compared(runs, **options)
        if not found.rows:
            refuse(f"there is no run at {' '.join(runs)}")
        readable = any(row.verdict != UNREADABLE for row in found.rows)
        if readable and (out or not (as_csv or as_json)):
            written = found.write(out or PAGE)
    except (RunError, PolicyError) as error:
        refuse(str(error))
    if as_csv:
        click.echo(found.to_csv(), nl=False)
    elif as_json:
        print_json(found.to_dict())
    elif readable:
        _print(found)
        say(written)
    if not readable:
        _refuse(found)


def _compared(runs: tuple[str, ...], **options: Any) -> Comparison:
    from gandiag.cli.progress import progress_bars
    from gandiag.compare import compare as compared

    with progress_bars(quiet=False, transient=True) as bars:
        task = bars.add_task("runs", total=None)
        return compared(runs, tell=lambda done, of: bars.update(task, completed=done, total=of), **options)


def _refuse(found: Comparison) -> NoReturn:
    """End with 2 where none of the runs can be read; why stands on stderr."""
    for row in found.rows[:MOST_REASONS]:
        say(f"gandiag: {row.why}", err=True)
    refuse("no run can be read, so there is nothing to compare")


def _print(found: Comparison) -> None:
    from rich.table import Table
    from rich.text import Text

    from gandiag.cli.console import wide_console
    from gandiag.cli.terminal import coloured
    from gandiag.reports.text import count

    out = wide_console()
    columns = ("run", "verdict", "first failure", "from step", "best step", "quality there")
    table = Table(*columns, box=None, pad_edge=False, padding=(0, 1), header_style="bold")
    for name, row in found.ordered()[:MOST_PRINTED]:
        cells = (
            row.first_failure,
            _step(row.onset_step),
            _step(row.best and row.best.step),
            str(row.best or ""),
        )
        table.add_row(Text(name, overflow="fold"), coloured(row.verdict), *map(Text, cells))
    out.print(table)
    if (over := len(found.rows) - MOST_PRINTED) > 0:
        out.print(Text(f"and {count(over, 'more run')}"))
    told = [(name, row.why) for name, row in found.ordered() if row.why and not row.first_failure]
    for name, why in told[:MOST_REASONS]:
        say(why if name in why else f"{name}: {why}")
    if (over := len(told) - MOST_REASONS) > 0:
        say(f"and {count(over, 'more run')} of which not all can be said: gandiag compare --csv has why")
    out.print()
    out.print(Text(found.separation.sentence))
    for rule in found.separation.rules:
        out.print(Text(f"    {rule}"))


def _step(step: int | None) -> str:
    return "" if step is None else f"{step:,}"

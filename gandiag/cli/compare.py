"""The command `gandiag compare`. Nothing heavy is imported before it needs it."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import click

from gandiag.cli.exits import JSON, print_json, refuse, say

if TYPE_CHECKING:
    from gandiag.compare import Comparison

PAGE = "gandiag-compare.html"
MOST_PRINTED = 40  # runs in the terminal's table


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
    Says which settings separate the failing runs from the healthy ones, and how sure that is.
    """
    from gandiag.judge.policy_files import PolicyError
    from gandiag.rundir.folder import RunError

    try:
        found = _compared(runs, **options)
        if not found.rows:
            refuse(f"there is no run at {' '.join(runs)}")
        if out or not (as_csv or as_json):
            written = found.write(out or PAGE)
    except (RunError, PolicyError) as error:
        refuse(str(error))
    if as_csv:
        click.echo(found.to_csv(), nl=False)
    elif as_json:
        print_json(found.to_dict())
    else:
        _print(found)
        say(written)


def _compared(runs: tuple[str, ...], **options: Any) -> Comparison:
    from gandiag.cli.progress import progress_bars
    from gandiag.compare import compare as compared

    with progress_bars(quiet=False, transient=True) as bars:
        task = bars.add_task("runs", total=None)
        return compared(runs, tell=lambda done, of: bars.update(task, completed=done, total=of), **options)


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
            row.first_failure or row.why,
            _step(row.onset_step),
            _step(row.best and row.best.step),
            str(row.best or ""),
        )
        table.add_row(Text(name, overflow="fold"), coloured(row.verdict), *map(Text, cells))
    out.print(table)
    if (over := len(found.rows) - MOST_PRINTED) > 0:
        out.print(Text(f"and {count(over, 'more run')}"))
    out.print()
    out.print(Text(found.separation.sentence))
    for rule in found.separation.rules:
        out.print(Text(f"    {rule}"))


def _step(step: int | None) -> str:
    return "" if step is None else f"{step:,}"

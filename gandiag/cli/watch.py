"""The command `gandiag watch`. Nothing heavy is imported before it needs it."""

from __future__ import annotations

import os
import sys
import threading
from typing import TYPE_CHECKING

import click

from gandiag.cli.exits import refuse, say

if TYPE_CHECKING:
    from collections.abc import Sequence

    from rich.console import RenderableType

    from gandiag.watch.following import Followed, View

MOST_SHOWN = 6  # findings of a run in the terminal
SPARKS = "▁▂▃▄▅▆▇█"
WIDTH = 40  # of a curve in the terminal
POLITE = 10  # added to the niceness: a training beside it comes first


@click.command(epilog="Example: gandiag watch runs/dcgan")
@click.argument("run_dirs", nargs=-1, required=True, metavar="RUN_DIR...")
@click.option("--port", type=click.IntRange(1, 65535), help="Of the page, by default 8420 or any that is free.")
@click.option("--terminal", is_flag=True, help="Show the runs in the terminal instead of a page.")
@click.option("--policy", metavar="FILE", help="TOML file that sets thresholds, over [tool.gandiag] of pyproject.toml.")
def watch(run_dirs: tuple[str, ...], port: int | None, policy: str | None, *, terminal: bool) -> None:
    """Follow trainings while they run, on a page of this machine.

    The page shows the report as it grows: verdict, findings, samples, charts; several runs stand side by side. It may
    be opened before a training begins, and goes on when one is resumed. It is served to this machine alone; of a
    training elsewhere give a remote directory, or open the page through ssh -L 8420:localhost:8420.
    """
    from gandiag.judge.policy import read_policy
    from gandiag.judge.policy_files import PolicyError
    from gandiag.rundir.folder import RunError
    from gandiag.watch.following import Followed

    try:
        in_force = read_policy(policy)
        runs = [Followed(path, in_force) for path in dict.fromkeys(run_dirs)]
    except (RunError, PolicyError) as error:
        refuse(str(error))
    if hasattr(os, "nice"):
        os.nice(POLITE)
    if terminal:
        _in_terminal(runs)
    else:
        _on_page(runs, port)


def _on_page(runs: Sequence[Followed], port: int | None) -> None:
    from gandiag.watch.server import HOST, bound, serve

    try:
        sock = bound(port)
    except OSError as error:
        refuse(f"port {port} of {HOST} cannot be had: {error.strerror or error}; leave --port out for one that is free")
    say(f"http://{HOST}:{sock.getsockname()[1]} shows {'the run' if len(runs) == 1 else 'the runs'}; Ctrl-C ends it.")
    sys.stdout.flush()
    serve(runs, sock)


def _in_terminal(runs: Sequence[Followed]) -> None:
    """The runs in the terminal, until Ctrl-C or SIGTERM; where the output is no terminal, a line for each change."""
    from rich.console import Group
    from rich.live import Live

    from gandiag.cli.console import console
    from gandiag.watch.server import POLL, stopping

    out, over = console(), threading.Event()
    with stopping(lambda *_: over.set()):
        if not out.is_terminal:
            while not over.wait(POLL):
                for run in runs:
                    if run.look() and not say(_line(run)):
                        return
            return
        with Live(console=out, auto_refresh=False) as live:
            live.update(Group(*map(_panel, runs)), refresh=True)
            while not over.wait(POLL):
                news = [run.look() for run in runs]
                if any(news):
                    live.update(Group(*map(_panel, runs)), refresh=True)


def _line(run: Followed) -> str:
    view = run.view
    if view.row is None or view.diagnosis is None:
        return f"{run.path}: {view.state}"
    found = "; ".join(f"{f.title} {f.when}" for f in view.diagnosis.findings[:MOST_SHOWN]) or "nothing found"
    return f"{run.path}: {view.row.verdict}, step {view.row.steps:,}: {found}. {view.state}"


def _panel(run: Followed) -> RenderableType:
    """One run: where it stands, what was found, a few of its curves."""
    from rich.console import Group
    from rich.panel import Panel
    from rich.table import Table
    from rich.text import Text

    from gandiag.cli.terminal import COLOURS, coloured

    view = run.view
    if view.row is None or view.diagnosis is None:
        return Panel(Text(view.state), title=Text(run.path), title_align="left")
    head = Text.assemble(coloured(view.row.verdict), f"  step {view.row.steps:,}  ", (view.state, "dim"))
    findings = [
        Text.assemble(coloured(f.severity), " ", (f.title, "bold"), f" {f.when}")
        for f in view.diagnosis.findings[-MOST_SHOWN:]
    ]
    curves = Table.grid(padding=(0, 2))
    for cells in _curves(view):
        curves.add_row(*map(Text, cells))
    style = COLOURS.get(view.row.verdict, "white")
    return Panel(Group(head, *findings, curves), title=Text(run.path), title_align="left", border_style=style)


def _curves(view: View) -> list[tuple[str, str, str]]:
    """The title, the course and the last value of each curve."""
    from gandiag.compare.rows import CURVES
    from gandiag.reports.lines import thinner
    from gandiag.reports.text import number

    lines = {name: line for name, line in view.row.curves.items() if line.y} if view.row else {}
    return [(CURVES[name], _spark(thinner(line).y), number(line.y[-1])) for name, line in lines.items()]


def _spark(values: Sequence[float]) -> str:
    """A curve in letters.

    >>> _spark([0.0, 0.5, 1.0])
    '▁▅█'
    """
    known = [v for v in values if v == v]  # noqa: PLR0124 - lines break at NaN
    kept = [known[round(i * (len(known) - 1) / (WIDTH - 1))] for i in range(WIDTH)] if len(known) > WIDTH else known
    low, high = min(kept), max(kept)
    scale = (len(SPARKS) - 1) / (high - low) if high > low else 0.0
    return "".join(SPARKS[round((v - low) * scale)] for v in kept)

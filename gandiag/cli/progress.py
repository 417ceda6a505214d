"""Progress bars of everything that takes long at the command line."""

from __future__ import annotations

import sys

from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn


def progress_bars(*, quiet: bool, transient: bool = False) -> Progress:
    """Bars on stderr, none where that is no terminal; `quiet` silences their console, too.

    `transient` bars vanish when they are done.
    """
    columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TimeRemainingColumn())
    console = Console(stderr=True, quiet=quiet)
    return Progress(*columns, console=console, transient=transient, disable=quiet or not sys.stderr.isatty())

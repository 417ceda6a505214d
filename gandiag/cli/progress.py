"""Progress bars of everything that takes long at the command line."""

from __future__ import annotations

import sys
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

from rich.markup import escape
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

from gandiag.cli.console import console

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator


def progress_bars(*, quiet: bool, transient: bool = False) -> Progress:
    """Bars on stderr, none where that is no terminal; `quiet` silences their console, too.

    `transient` bars vanish when they are done.
    """
    columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TimeRemainingColumn())
    return Progress(
        *columns,
        console=console(stderr=True, quiet=quiet),
        transient=transient,
        disable=quiet or not sys.stderr.isatty(),
    )


@contextmanager
def sample_bars(*, quiet: bool) -> Iterator[Callable[[str, int, int], None] | None]:
    """What is to be told a set's name, the samples read since, and their total; None where no bar is seen."""
    with progress_bars(quiet=quiet, transient=True) as bars:
        tasks: dict[str, Any] = {}

        def tell(name: str, read: int, total: int) -> None:
            if name not in tasks:
                tasks[name] = bars.add_task(escape(name), total=total)
            bars.advance(tasks[name], read)

        yield None if bars.disable else tell

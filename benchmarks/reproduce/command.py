"""`python -m benchmarks.reproduce`: published figures beside our own."""

from __future__ import annotations

import json
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from benchmarks.reproduce.budgets import REDUCED, Budget
from benchmarks.reproduce.dirac import DiracRow, reproduce_dirac
from benchmarks.reproduce.pacgan import PacganTable, reproduce_pacgan
from benchmarks.reproduce.tables import Table, dirac_tables, json_ready, pacgan_table
from gandiag.cli.console import wide_console
from gandiag.cli.progress import progress_bars

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from os import PathLike

WHICH = ("dirac", "ring", "grid")
DEFAULT = ("dirac", "ring")


@dataclass(frozen=True, kw_only=True)
class Reproduction:
    """What was made again; what was not asked for is None."""

    dirac: tuple[DiracRow, ...] | None = None
    ring: PacganTable | None = None
    grid: PacganTable | None = None

    @property
    def tables(self) -> tuple[Table, ...]:
        """All of it, as text."""
        packed = tuple(pacgan_table(found) for found in (self.ring, self.grid) if found is not None)
        return (*(dirac_tables(self.dirac) if self.dirac is not None else ()), *packed)

    def markdown(self) -> str:
        """The tables, for a document."""
        return "\n\n".join(table.markdown() for table in self.tables) + "\n"


def run_reproduce(
    which: tuple[str, ...] = (),
    *,
    trials: int = 10,
    budget: Budget = REDUCED,
    as_json: bool = False,
    out: str | PathLike[str] | None = None,
    processes: int = 2,
) -> Reproduction:
    """Make published tables again and print them.

    Parameters
    ----------
    which : "dirac", "ring" and "grid"; nothing means the first two
    trials : of everything that is random
    budget : of PacGAN's table; that of the paper takes days on a CPU
    as_json : print JSON instead of tables
    out : a Markdown file to write the tables to as well
    processes : trainings at a time

    Raises
    ------
    ValueError
        For a name that is not known or a number below 1.
    """
    for name in which:
        if name not in WHICH:
            raise ValueError(f"{name!r} cannot be reproduced, choose from {', '.join(WHICH)}")
    for name, value in (("trials", trials), ("processes", processes), ("steps", budget.steps)):
        if value < 1:
            raise ValueError(f"{name} must be at least 1, found {value}")
    chosen = which or DEFAULT
    if out is not None and not Path(out).absolute().parent.is_dir():
        raise ValueError(f"{out} cannot be written: there is no such folder")
    with _progress(quiet=as_json) as told:
        dirac = reproduce_dirac(trials, told("Dirac-GAN")) if "dirac" in chosen else None
        ring, grid = (
            reproduce_pacgan(name, trials=trials, budget=budget, processes=processes, tell=told(f"PacGAN {name}"))
            if name in chosen
            else None
            for name in ("ring", "grid")
        )
    found = Reproduction(dirac=dirac, ring=ring, grid=grid)
    if out is not None:
        Path(out).write_text(found.markdown(), encoding="utf-8")
    _print(found, as_json=as_json)
    return found


def _print(found: Reproduction, *, as_json: bool) -> None:
    if as_json:
        print(json.dumps(json_ready(found), indent=2))
        return
    console = wide_console()
    for table in found.tables:
        console.print(table.rich())
        for note in table.notes:
            console.print(note, style="dim", markup=False)
        console.print()


@contextmanager
def _progress(*, quiet: bool) -> Iterator[Callable[[str], Callable[[int, int], None]]]:
    """A bar per table."""
    with progress_bars(quiet=quiet, transient=True) as bars:

        def told(name: str) -> Callable[[int, int], None]:
            task = bars.add_task(name, total=None)
            return lambda done, total: bars.update(task, completed=done, total=total)

        yield told

"""Makes published tables again: `python -m benchmarks.reproduce`."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import click

from benchmarks.options import MARKDOWN, PROCESSES
from gandiag.cli.exits import JSON, refuse


@click.command(epilog="Example: python -m benchmarks.reproduce dirac")
@click.argument("which", metavar="[dirac|ring|grid]...", nargs=-1)
@click.option("--trials", type=click.IntRange(min=1), default=10, show_default=True, help="Of all that is random.")
@click.option("--steps", type=click.IntRange(min=1), help="Generator updates of each trial of PacGAN's table.")
@click.option("--paper", is_flag=True, help="Train PacGAN's table with the paper's own budget: days on a CPU.")
@PROCESSES
@MARKDOWN
@JSON
def main(which: tuple[str, ...], *, steps: int | None, paper: bool, markdown: str | None, **options: Any) -> None:
    """Make published tables again, ours beside theirs.

    dirac: which GANs converge, on two parameters (Mescheder et al. 2018). ring, grid: modes and KL of packed and plain
    discriminators (Lin et al. 2018). Without arguments dirac and ring.
    """
    from benchmarks.reproduce.budgets import PAPER, REDUCED
    from benchmarks.reproduce.command import run_reproduce

    budget = PAPER if paper else REDUCED
    try:
        run_reproduce(which, out=markdown, budget=replace(budget, steps=steps or budget.steps), **options)
    except (ValueError, OSError) as error:
        refuse(str(error))


if __name__ == "__main__":
    main(prog_name="python -m benchmarks.reproduce")

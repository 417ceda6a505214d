"""Recipes trained for somebody who watches: progress, findings as they come, diagnosis and reports at the end."""

from __future__ import annotations

import time
from pathlib import Path
from typing import TYPE_CHECKING, Any

import torch

import gandiag
from gandiag.cli.progress import progress_bars
from gandiag.zoo.training import train

if TYPE_CHECKING:
    from collections.abc import Sequence

    from rich.progress import Progress

    from gandiag.findings import Finding
    from gandiag.zoo.game import Game
    from gandiag.zoo.recipe import Recipe


def run_recipes(recipes: Sequence[Recipe], *, out: str, modes: bool, quiet: bool) -> list[dict[str, Any]]:
    """Train, diagnose and report each recipe.

    Parameters
    ----------
    recipes : what to train, with their steps and seeds
    out : a folder; each run gets one of its own in it, a new one where there was a run before
    modes : whether gandiag is given labels of modes, where the data have them
    quiet : print nothing

    Returns
    -------
    One summary per run, ready for JSON.

    Raises
    ------
    RunError
        When `out` cannot be written.
    MissingDataError
        When a recipe learns from files that are not there.
    """
    from gandiag.cli.console import console
    from gandiag.cli.terminal import results_table

    torch.set_num_threads(1)  # networks this small only lose by sharing their work
    results = []
    for recipe in recipes:
        with progress_bars(quiet=quiet) as progress:
            progress.console.print(f"[bold]{recipe.name}[/bold]: {recipe.says}")
            results.append(_run(recipe, _free_folder(Path(out), recipe.name), progress, modes=modes))
    if not quiet:
        console().print(results_table(results))
    return results


def _run(recipe: Recipe, folder: Path, progress: Progress, *, modes: bool) -> dict[str, Any]:
    from gandiag import reports

    task = progress.add_task(recipe.name, total=recipe.steps)
    started = time.perf_counter()

    def tell(finding: Finding) -> None:
        progress.console.print(f"  [red]{finding.severity}[/red] {finding.title}: {finding.summary}")

    def advance(_game: Game, _step: int) -> None:
        progress.advance(task)

    options = {} if modes else {"modes": None}
    train(recipe, run_dir=folder, after_step=advance, on_finding=tell, **options)
    run = gandiag.Run.open(folder)
    diagnosis = gandiag.diagnose(run)
    html, pdf = reports.write(run, diagnosis, folder)
    found = [{"code": f.code, "severity": f.severity, "onset_step": f.onset_step} for f in diagnosis.findings]
    seconds = round(time.perf_counter() - started, 1)
    head = {"run": recipe.name, "run_dir": str(folder), "steps": recipe.steps, "seed": recipe.seed, "seconds": seconds}
    return {**head, "verdict": diagnosis.verdict, "findings": found, "report": html, "pdf": pdf}


def _free_folder(out: Path, name: str) -> Path:
    """`out/name`, or with the first number that is free: an earlier run is kept."""
    folder, number = out / name, 1
    while folder.exists():
        number += 1
        folder = out / f"{name}-{number}"
    return folder

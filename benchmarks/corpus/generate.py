"""Makes the corpus: trains what is missing, several runs at a time, and labels each run as it ends."""

from __future__ import annotations

import json
import multiprocessing
import shutil
import time
from concurrent.futures import ProcessPoolExecutor, as_completed
from itertools import zip_longest
from pathlib import Path
from typing import TYPE_CHECKING, Any

from gandiag import __version__

if TYPE_CHECKING:
    import os
    from collections.abc import Callable, Sequence

    import pandas as pd

    from benchmarks.corpus.configurations import Configuration, PlannedRun
    from gandiag.zoo.game import Game

SCHEMA = "gandiag-corpus/1"
CHECKS, COMPARED = 20, 1000
"""Where copies are looked for: how often in a training, and samples that are compared."""
LABEL, TRUTH, GRADIENTS = "label.json", "truth.parquet", "gradients.npz"
"""Files in the folder of a run, beside what gandiag records; a run with a label is complete."""


def make_corpus(
    out: str | os.PathLike[str],
    configurations: Sequence[Configuration],
    *,
    processes: int = 2,
    quiet: bool = False,
    minutes: float | None = None,
) -> dict[str, Any]:
    """Train and label the runs of some configurations that `out` does not hold yet, then write its manifest.

    Parameters
    ----------
    out : a folder; it gets `manifest.json` and a folder in `runs/` for each run. What is complete there is kept,
        what was broken off is made anew
    configurations : what to train
    processes : trainings at a time, each on one thread
    quiet : no progress bar
    minutes : begin no further run after so many; the manifest then lists those that are complete

    Returns
    -------
    The manifest.

    Raises
    ------
    ValueError
        When `out` holds the corpus of another version, which would be mixed with this one.
    OSError
        When `out` cannot be written.
    """
    folder = Path(out)
    (folder / "runs").mkdir(parents=True, exist_ok=True)
    _same_version(folder)
    planned = [run for configuration in configurations for run in configuration.runs()]
    missing = [run for run in _in_turn(configurations) if not (folder / "runs" / run.name / LABEL).exists()]
    _train_all(missing, folder, processes, quiet=quiet, minutes=minutes)
    complete = [run for run in planned if (folder / "runs" / run.name / LABEL).exists()]
    manifest = _manifest(configurations, complete, folder)
    _write(folder / "manifest.json", manifest_text(manifest))
    return manifest


def make_run(run: PlannedRun, folder: Path) -> float:
    """Train one run into `folder/runs`, write its ground truth and then its label; the seconds that it took."""
    from benchmarks.corpus.gradient_log import GradientLog
    from benchmarks.corpus.labelling import label

    started = time.perf_counter()
    target = folder / "runs" / run.name
    shutil.rmtree(target, ignore_errors=True)
    logs: list[GradientLog] = []

    def log_gradients(game: Game) -> None:
        logs.append(GradientLog(game.generator, game.discriminator, game.optimizer_g, game.optimizer_d))

    truth = record(run, target, before=None if run.configuration.plain else log_gradients)
    for log in logs:
        log.close()
        log.save(target / GRADIENTS)
    truth.to_parquet(target / TRUTH)
    _write(target / LABEL, json.dumps(label(run, truth).to_dict(), indent=1) + "\n")
    return time.perf_counter() - started


def record(run: PlannedRun, run_dir: Path, before: Callable[[Game], None] | None = None) -> pd.DataFrame:
    """Train a run on one thread, recorded the way its configuration asks for and judged by nobody yet.

    Returns
    -------
    The table of `Referee`: its ground truth.
    """
    import torch

    from gandiag.quality.schedule import Quality
    from gandiag.record.callback import MAX_OVERHEAD
    from gandiag.zoo.game import Game
    from gandiag.zoo.training import train
    from gandiag.zoo.truth import FEW, SAMPLES, Referee

    torch.set_num_threads(1)
    recipe, plain, held_out = run.recipe, run.configuration.plain, run.configuration.held_out
    referee = Referee(recipe.steps, FEW if plain else SAMPLES, copies=run.configuration.copying)
    options: dict[str, Any] = {"detectors": ()}
    if plain:
        options["max_overhead"] = MAX_OVERHEAD
    if held_out or (not plain and recipe.game is Game and not recipe.inputs):  # D takes samples as they are
        options["held_out"] = recipe.data().held_out
    if run.configuration.copying:
        known = recipe.data()
        options["quality"] = Quality(
            reference=known.samples[:COMPARED], held_out=known.held_out, every=recipe.steps // CHECKS, n=COMPARED,
            extractor="pixels", metrics=("copying",),
        )  # fmt: skip
    train(recipe, run_dir=run_dir, before=before, after_step=referee, **options)
    return referee.table


def _in_turn(configurations: Sequence[Configuration]) -> list[PlannedRun]:
    """The first seed of each configuration, then the second: a corpus that is broken off is a sample of all."""
    each = zip_longest(*(configuration.runs() for configuration in configurations))
    return [run for some in each for run in some if run is not None]


def _train_all(runs: Sequence[PlannedRun], folder: Path, processes: int, *, quiet: bool, minutes: float | None) -> None:
    from gandiag.cli.progress import progress_bars

    with (
        progress_bars(quiet=quiet) as progress,
        ProcessPoolExecutor(processes, multiprocessing.get_context("spawn")) as pool,
    ):
        task = progress.add_task("training", total=len(runs))
        jobs = {pool.submit(make_run, run, folder): run for run in runs}
        ends = time.monotonic() + 60 * minutes if minutes is not None else float("inf")
        try:
            for job in as_completed(jobs):
                if job.cancelled():
                    continue
                job.result()
                if time.monotonic() > ends:
                    for other in jobs:
                        other.cancel()
                progress.update(task, advance=1, description=jobs[job].name)
        except BaseException:
            pool.shutdown(cancel_futures=True)
            raise


def _manifest(configurations: Sequence[Configuration], runs: Sequence[PlannedRun], folder: Path) -> dict[str, Any]:
    """What the corpus holds; it has all that the bench needs beside the runs."""
    import torch

    from gandiag.zoo.description import describe

    described = [
        {
            "name": c.name,
            "data": c.recipe.data().name,
            "loss": c.recipe.loss.name,
            "steps": c.recipe.steps,
            "meant": list(c.meant),
            "event_step": c.event_step,
            "recipe": describe(c.recipe),
        }
        for c in configurations
    ]
    labelled = [{**_described(run), **_read_label(folder, run)} for run in runs]
    versions = {"gandiag": __version__, "torch": torch.__version__}
    return {"schema": SCHEMA, "versions": versions, "configurations": described, "runs": labelled}


def _described(run: PlannedRun) -> dict[str, Any]:
    recipe = run.recipe
    where = {"name": run.name, "configuration": run.configuration.name, "split": run.split}
    if run.configuration.plain:
        where |= {"kind": run.configuration.kind, "cause": run.configuration.cause}
    return {
        **where,
        "data": recipe.data().name,
        "loss": recipe.loss.name,
        "seed": recipe.seed,
        "steps": recipe.steps,
    }


def _read_label(folder: Path, run: PlannedRun) -> dict[str, Any]:
    label: dict[str, Any] = json.loads((folder / "runs" / run.name / LABEL).read_text())
    return label


def _same_version(folder: Path) -> None:
    try:
        manifest = json.loads((folder / "manifest.json").read_text())
    except FileNotFoundError:
        return
    except ValueError as error:
        raise ValueError(f"{folder / 'manifest.json'} is damaged: {error}") from None
    if manifest.get("schema") != SCHEMA:
        raise ValueError(f"{folder} holds a corpus of schema {manifest.get('schema')!r}, this makes {SCHEMA!r}")


def manifest_text(manifest: dict[str, Any]) -> str:
    """JSON with a line per configuration and per run."""
    lines = {key: ",\n  ".join(map(json.dumps, manifest[key])) for key in ("configurations", "runs")}
    head = f'"schema": {json.dumps(manifest["schema"])},\n "versions": {json.dumps(manifest["versions"])}'
    return f'{{{head},\n "configurations": [\n  {lines["configurations"]}],\n "runs": [\n  {lines["runs"]}]}}\n'


def _write(path: Path, content: str) -> None:
    """Under a temporary name first: what is there is complete."""
    temporary = path.with_suffix(".tmp")
    temporary.write_text(content)
    temporary.replace(path)

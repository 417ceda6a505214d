"""Whether the recipes of the zoo do what they say: each trained at its own length, its verdict beside ground truth.

python -m benchmarks.zoo

writes benchmarks/zoo.json and the table of docs/zoo.md. What `--out` holds of unchanged recipes is not trained again,
but judged again, by the detectors as they are. What the manifest has of unchanged recipes and `--out` has not, stays.
"""

from __future__ import annotations

import json
import re
import shutil
from collections import Counter
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from benchmarks.options import PROCESSES

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

    from gandiag.findings import Diagnosis
    from gandiag.zoo.recipe import Recipe

    Row = Mapping[str, Any]

ROOT = Path(__file__).parent.parent
MANIFEST, PAGE = ROOT / "benchmarks" / "zoo.json", ROOT / "docs" / "zoo.md"
SCHEMA = "gandiag-zoo/1"
KNOWN = "known.json"
"""In the folder of a run: which recipe it is, and what ground truth says of it."""
SEEDS = 5
DUE = 5
"""Samples of each mode, on average, that ground truth looks at: none of five comes by chance in 0.7 % of cases."""
SHOWN = ("lost", "effective", "near", "distance")  # figures of ground truth
BLOCK = re.compile(r"(<!-- recipes -->\n).*?(<!-- /recipes -->)", flags=re.DOTALL)


def tried(recipe: Recipe, folder: Path) -> dict[str, Any]:
    """Train and label a recipe with one seed, unless `folder` holds that already, and judge it."""
    known = held(recipe, folder)
    if known is None:
        known = {**_head(recipe), **trained(recipe, _place(recipe, folder))}
        (_place(recipe, folder) / KNOWN).write_text(json.dumps(known) + "\n")
    return {**known, **verdict(_place(recipe, folder))}


def held(recipe: Recipe, folder: Path) -> dict[str, Any] | None:
    """What `folder` holds of this recipe with this seed, None where it was another recipe then."""
    place, head = _place(recipe, folder) / KNOWN, _head(recipe)
    known: dict[str, Any] = json.loads(place.read_text()) if place.exists() else {}
    return known if known and all(known[key] == value for key, value in head.items()) else None


def _place(recipe: Recipe, folder: Path) -> Path:
    return folder / f"{recipe.name}-s{recipe.seed}"


def _head(recipe: Recipe) -> dict[str, Any]:
    from gandiag.zoo.description import describe

    described = describe(replace(recipe, seed=0))
    return {"name": recipe.name, "seed": recipe.seed, "recipe": described, "fails": list(recipe.fails)}


def trained(recipe: Recipe, run_dir: Path) -> dict[str, Any]:
    """Record a training of a recipe, and what ground truth says of it: labels and figures."""
    import time

    import torch

    from benchmarks.corpus.configurations import Configuration, PlannedRun
    from benchmarks.corpus.labelling import label
    from gandiag.zoo.training import train
    from gandiag.zoo.truth import FEW, Referee

    torch.set_num_threads(1)
    shutil.rmtree(run_dir, ignore_errors=True)
    truth = recipe.data().truth
    few = max(FEW, DUE * len(truth.prior)) if truth is not None else FEW
    referee, started = Referee(recipe.steps, few), time.process_time()
    train(recipe, run_dir=run_dir, after_step=referee, detectors=())
    seconds = time.process_time() - started
    planned = PlannedRun(Configuration(recipe=recipe, seeds=1, meant=recipe.fails), recipe)
    known = label(planned, referee.table)
    return {
        "status": known.status,
        "failures": {failure.code: failure.onset_step for failure in known.failures},
        "figures": known.figures,
        "seconds": round(seconds, 1),
    }


def judged(run_dir: Path) -> Diagnosis:
    """The diagnosis by default thresholds, whatever the current directory says."""
    from gandiag.judge.diagnose import diagnose
    from gandiag.judge.policy import Policy
    from gandiag.rundir.run import Run

    return diagnose(Run.open(run_dir), policy=Policy())


def verdict(run_dir: Path) -> dict[str, Any]:
    """What gandiag says of a run: verdict, findings, and what it could not look for."""
    diagnosis = judged(run_dir)
    return {
        "verdict": diagnosis.verdict,
        "found": [[f.code, f.severity, f.onset_step, f.last_step] for f in diagnosis.findings if f.counts],
        "not_assessed": [n.code for n in diagnosis.not_assessed],
    }


def kept(row: Row) -> bool:
    """Whether a recipe did what it says.

    One that works is healthy by ground truth and by verdict; one that is there to show failures has one of them by
    ground truth, is called failing, and the finding is among those at failure severity.
    """
    if not row["fails"]:
        return bool(row["status"] == row["verdict"] == "healthy")
    named = {code for code, severity, *_ in row["found"] if severity == "failure"}
    shown = set(row["fails"]) & set(row["failures"])
    return bool(shown & named) and bool(row["status"] == row["verdict"] == "failing")


def table(rows: Sequence[Row]) -> str:
    """Markdown: a recipe in a row, how often ground truth and verdict are as they should be; then what is missing."""
    from gandiag.zoo.recipes import RECIPES

    lines = ["| recipe | there to show | ground truth | verdict | as it says |", "| --- | --- | --- | --- | --- |"]
    for name in dict.fromkeys(row["name"] for row in rows):
        own = [row for row in rows if row["name"] == name]
        shows = ", ".join(f"`{code}`" for code in own[0]["fails"]) or "a game that works"
        found = f"{sum(map(kept, own))} of {len(own)}"
        cells = (f"`{name}`", shows, _counted(r["status"] for r in own), _counted(r["verdict"] for r in own), found)
        lines.append(f"| {' | '.join(cells)} |")
    missing = [f"`{recipe.name}`" for recipe in RECIPES if recipe.name not in {row["name"] for row in rows}]
    told = f"\nNot trained at their own length since they or this command last changed: {', '.join(missing)}.\n"
    return "\n".join(lines) + "\n" + (told if missing else "")


def _counted(words: Iterable[str]) -> str:
    counts = Counter(words)
    return ", ".join(f"{n} {word}" for word, n in counts.most_common()) if len(counts) > 1 else next(iter(counts))


def with_known(rows: Sequence[Row]) -> list[Row]:
    """The rows, and those that the manifest has of other seeds of unchanged recipes; in the order of the zoo."""
    from gandiag.zoo.recipes import RECIPES

    heads = {recipe.name: _head(recipe) for recipe in RECIPES}
    new = {(row["name"], row["seed"]): row for row in rows}
    known = {(row["name"], row["seed"]): row for row in json.loads(MANIFEST.read_text("utf-8"))["runs"]}
    same = {
        key: row
        for key, row in known.items()
        if row["name"] in heads and all(row[k] == heads[row["name"]][k] for k in ("recipe", "fails"))
    }
    order = list(heads)
    return sorted((same | new).values(), key=lambda row: (order.index(row["name"]), row["seed"]))


def write(rows: Sequence[Row]) -> None:
    """The manifest, a run in a line, and the table of docs/zoo.md."""
    lines = ",\n  ".join(json.dumps({key: v for key, v in row.items() if key != "seconds"}) for row in rows)
    MANIFEST.write_text(f'{{"schema": "{SCHEMA}",\n "runs": [\n  {lines}\n ]}}\n', "utf-8")
    PAGE.write_text(BLOCK.sub(rf"\g<1>\n{table(rows)}\n\g<2>", PAGE.read_text("utf-8")), "utf-8")


@click.command(epilog="Example: python -m benchmarks.zoo --only ring8-ttur --seeds 1")
@click.option("--out", default="runs/zoo", show_default=True, help="A folder for each run; complete ones are kept.")
@click.option("--seeds", type=click.IntRange(min=1), default=SEEDS, show_default=True)
@click.option("--only", multiple=True, metavar="NAME", help="Only this recipe, and nothing is written to the project.")
@click.option("--train/--no-train", default=True, help="Train what is missing, or judge what there is.")
@PROCESSES
def main(out: str, seeds: int, only: tuple[str, ...], processes: int, *, train: bool) -> None:
    """Train every recipe of the zoo at its own length and compare what it says of itself with what it does."""
    import multiprocessing
    from concurrent.futures import ProcessPoolExecutor

    from gandiag.zoo.recipes import RECIPES

    chosen = [r for r in RECIPES if not only or r.name in only]
    runs = [replace(recipe, seed=seed) for recipe in chosen for seed in range(seeds)]
    if not train:
        runs = [run for run in runs if held(run, Path(out)) is not None]
    rows: list[Row] = []
    with ProcessPoolExecutor(processes, multiprocessing.get_context("spawn")) as pool:
        for done in pool.map(tried, runs, [Path(out)] * len(runs)):
            rows.append(done)
            print(_line(done), flush=True)
    if not only:
        write(with_known(rows))
    print(f"as it says: {sum(map(kept, rows))} of {len(rows)}")


def _line(row: Row) -> str:
    """A run on the terminal; what only warns has a question mark."""
    found = ", ".join(
        f"{code}{'' if severity == 'failure' else '?'} {first}-{last}" for code, severity, first, last in row["found"]
    )
    figures = " ".join(f"{name}={row['figures'][name]:.2f}" for name in SHOWN if name in row["figures"])
    known = ", ".join(row["failures"]) or "none"
    head = f"{'  ' if kept(row) else '!!'} {row['name']}-s{row['seed']}: {row['status']} ({known})"
    return f"{head} | {row['verdict']} [{found}] {figures} {row['seconds']} s"


if __name__ == "__main__":
    main(prog_name="python -m benchmarks.zoo")

"""What comparing costs: many long runs, read and judged in parallel, then laid out as a page.

The runs are written first: `gandiag.synthetic`, healthy ones and three kinds of failure, with every signal that a
detector reads; few have rows of their own, the others link to their files, as writing takes longer than reading. Then
the CPU time of reading, beside pyarrow's datasets and DuckDB over the same files, and of judging one run; and the time
of comparing all of them, with the diagnoses that trainings leave behind, and judging each anew.

    python -m benchmarks.compare [--runs 200] [--steps 50000] [--folder DIR]
"""

from __future__ import annotations

import argparse
import json
import os
import tempfile
import time
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from gandiag import synthetic
from gandiag.compare import compare, find_runs
from gandiag.compare.rows import SIGNALS
from gandiag.judge.diagnose import diagnose
from gandiag.record.announcing import write_diagnosis
from gandiag.rundir.recorder import FLUSH_ROWS, Recorder
from gandiag.rundir.run import Run

if TYPE_CHECKING:
    from collections.abc import Callable

SECONDS = 30.0
KINDS = 8  # runs with rows of their own; the others share these
READ = 10  # runs that the ways of reading are compared on


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--runs", type=int, default=200)
    parser.add_argument("--steps", type=int, default=50_000)
    parser.add_argument("--folder", type=Path)
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as made:
        folder = options.folder or Path(made)
        if not folder.exists() or not any(folder.iterdir()):
            write(folder, options.runs, options.steps)
        report(folder)


def write(folder: Path, runs: int, steps: int) -> None:
    """Write so many runs, of which the learning rate of D tells whether they fail."""
    rng = np.random.default_rng(0)
    for number in range(runs):
        failing = bool(number % 2)
        rate = float(10 ** (rng.uniform(-3, -2) if failing else rng.uniform(-4.5, -3)))
        settings = {"lr_d": rate, "seed": number, "loss": str(rng.choice(["hinge", "minimax"]))}
        place = folder / f"run-{number:03d}"
        if number < KINDS:
            _record(place, number, steps)
        else:
            _link(folder / f"run-{number % KINDS:03d}", place)
        meta = json.loads((place / "run.json").read_text())
        (place / "run.json").unlink()
        (place / "run.json").write_text(json.dumps(meta | {"hyperparameters": settings, "id": place.name}))


def _record(place: Path, number: int, steps: int) -> None:
    made: Callable[..., Run] = (synthetic.mode_collapse, synthetic.non_finite, synthetic.divergence)[number % 3]
    run = made(at=steps // 2, seed=number, steps=steps) if number % 2 else synthetic.healthy(number, steps)
    recorder = Recorder(place)
    for start in range(0, steps, FLUSH_ROWS):
        block = run.scalars.iloc[start : start + FLUSH_ROWS]
        columns = {str(name): block[name].to_numpy() for name in block}
        recorder.append(block.index.to_numpy(), np.zeros(len(block)), columns)
    recorder.write_meta(loss_family=run.meta["loss_family"])
    recorder.close()
    write_diagnosis(recorder, diagnose(Run.open(place)))


def _link(source: Path, place: Path) -> None:
    for file in (f for f in source.rglob("*") if f.is_file()):
        target = place / file.relative_to(source)
        target.parent.mkdir(parents=True, exist_ok=True)
        os.link(file, target)


def report(folder: Path) -> None:
    """Print what everything takes."""
    runs = find_runs([folder])
    run = Run.open(runs[0])
    print(f"{len(runs)} runs, {run.last_step:,} steps, {run.scalars.shape[1]} signals, {os.cpu_count()} processors")
    _reading([Path(path) for path in runs[:READ]])
    opened = [Run.open(path) for path in runs[:READ]]
    diagnose(opened[0])  # what is imported once
    print(f"judging: {_seconds(lambda: [diagnose(each) for each in opened]) / len(opened):.3f} s of CPU time a run")
    for quick in (True, False):
        started = time.perf_counter()
        found = compare([folder], quick=quick)
        judged = time.perf_counter() - started
        size = len(found.html())
        took = time.perf_counter() - started
        how = "taking the diagnoses that were left behind" if quick else "judging"
        print(f"{how}: {judged:.1f} s, with the page of {size / 1e6:.1f} MB {took:.1f} s", end=" ")
        print(f"(target < {SECONDS:g} s: {'ok' if took < SECONDS else 'MISSED'})")
    print(f"{found}: {found.separation.sentence}")


def _reading(runs: list[Path]) -> None:
    """CPU time a run of the ways to read the rows."""
    import pyarrow.dataset as ds

    ways: dict[str, Callable[[Path], object]] = {
        "Run.open": Run.open,
        "Run.open, what a row needs": lambda path: Run.open(path, signals=SIGNALS),
        "pyarrow dataset": lambda path: ds.dataset(path / "scalars", format="parquet").to_table().to_pandas(),
    }
    if find_spec("duckdb"):
        import duckdb

        ways["DuckDB"] = lambda path: duckdb.read_parquet(f"{path}/scalars/*.parquet").df()
    for name, way in ways.items():
        way(runs[0])
        took = _seconds(lambda way=way: [way(path) for path in runs])  # type: ignore[misc]
        print(f"reading with {name}: {took / len(runs):.3f} s of CPU time a run")


def _seconds(work: Callable[[], object]) -> float:
    """Of this process's CPU time: others on the machine do not count."""
    started = time.process_time()
    work()
    return time.process_time() - started


if __name__ == "__main__":
    main()

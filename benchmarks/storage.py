"""What recording 20 scalars a step costs: gandiag's Parquet parts beside JSON lines flushed at every step.

Each round writes the same 100,000 steps both ways, in one process. gandiag's recorder gets blocks of 100 rows, as
from its background thread, and writes its parts by its own rules: back to back that is one part per 2,000 rows. A
training of 20 steps a second fills 100 rows in the five seconds after which a part is due, so the same is measured
with a part per 100 rows. A run is read back twice: while it runs, from its parts, and closed, from the merged file.
JSON lines are read by the faster of pandas.read_json and a loop of json.loads.

The last line is what `Callback.log` of 20 numbers and `Callback.step` take on the training thread, the hand-over of
each full block to the background thread included.

    python -m benchmarks.storage [--rounds 5] [--steps 100000]
"""

from __future__ import annotations

import argparse
import json
import statistics
import tempfile
import time
from collections import defaultdict
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import pandas as pd
import pyarrow as pa
import torch

import gandiag
from benchmarks.targets import judged, machine, median_ratio
from gandiag.record.rows import BLOCK_ROWS
from gandiag.rundir.recorder import Recorder
from gandiag.rundir.run import Run

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

SCALARS = 20
STEPS_PER_SECOND = 20
SLOW_PART_ROWS = 100  # five seconds at 20 steps a second
CALLBACK_BLOCKS = 30
TARGETS = {"time": 0.2, "bytes": 0.25, "read": 0.1}


class Training:
    """What a training would record: noisy random walks in full double precision, the same for every format."""

    def __init__(self, steps: int, seed: int = 0) -> None:
        random = np.random.default_rng(seed)
        self.names = [f"grad/generator/{i:02d}" for i in range(SCALARS)]
        walks = np.cumsum(random.normal(0.0, 0.01, (SCALARS, steps)), axis=1)
        self.scalars = walks + random.normal(0.0, 1.0, (SCALARS, steps))
        self.steps = np.arange(1, steps + 1)
        self.times = 1.75e9 + np.cumsum(random.gamma(100.0, 1 / (100.0 * STEPS_PER_SECOND), steps))

    def blocks(self) -> Iterator[tuple[np.ndarray, np.ndarray, dict[str, np.ndarray]]]:
        """Steps, times and columns of 100 rows at a time."""
        for start in range(0, len(self.steps), BLOCK_ROWS):
            rows = slice(start, start + BLOCK_ROWS)
            columns = dict(zip(self.names, self.scalars[:, rows], strict=True))
            yield self.steps[rows], self.times[rows], columns

    def check(self, frame: pd.DataFrame) -> None:
        """Make sure that what was read back is what was written, to the last bit."""
        if not np.array_equal(frame[self.names].to_numpy().T, self.scalars):
            raise SystemExit("what was read back differs from what was written")


@dataclass
class Costs:
    """Per round: seconds to write all steps, bytes on disk, seconds to read all steps into a data frame."""

    time: list[float] = field(default_factory=list)
    bytes: list[float] = field(default_factory=list)
    read: list[float] = field(default_factory=list)

    def add(self, seconds: float, size: int, read: float) -> None:
        self.time.append(seconds)
        self.bytes.append(size)
        self.read.append(read)


def seconds(task: Callable[[], object]) -> float:
    started = time.perf_counter()
    task()
    return time.perf_counter() - started


def size_of(folder: Path) -> int:
    return sum(path.stat().st_size for path in folder.rglob("*") if path.is_file())


def json_lines(training: Training, folder: Path, costs: Costs) -> None:
    """Write one flushed line per step; the rows as dictionaries are made outside the clock."""
    path, spent = folder / "scalars.jsonl", 0.0
    with path.open("w") as file:
        for steps, times, columns in training.blocks():
            table = {"step": steps, "time": times, **columns}
            values = zip(*(column.tolist() for column in table.values()), strict=True)
            rows = [dict(zip(table, row, strict=True)) for row in values]
            started = time.perf_counter()
            for row in rows:
                file.write(json.dumps(row) + "\n")
                file.flush()
            spent += time.perf_counter() - started

    def loop() -> pd.DataFrame:
        with path.open() as file:
            return pd.DataFrame([json.loads(line) for line in file])

    training.check(loop())
    read = min(seconds(loop), seconds(lambda: pd.read_json(path, lines=True)))
    costs.add(spent, size_of(folder), read)


def parquet(training: Training, folder: Path, running: Costs, closed: Costs, part_rows: int | None = None) -> None:
    """Write through gandiag's recorder, by its own rules or one part per `part_rows` rows; read, close, read."""
    run_dir, spent = folder / "run", 0.0
    recorder = Recorder(run_dir)
    for steps, times, columns in training.blocks():
        started = time.perf_counter()
        recorder.append(steps, times, columns)
        if part_rows and steps[-1] % part_rows == 0:
            recorder.flush()
        spent += time.perf_counter() - started
    spent += seconds(recorder.flush)
    training.check(Run.open(run_dir).scalars)
    running.add(spent, size_of(run_dir), seconds(lambda: Run.open(run_dir)))
    spent += seconds(recorder.close)
    training.check(Run.open(run_dir).scalars)
    closed.add(spent, size_of(run_dir), seconds(lambda: Run.open(run_dir)))


def callback_step(training: Training, folder: Path) -> float:
    """Median seconds of `log` and `step` per step, over stretches of which each hands over one full block.

    Between two stretches the background thread comes to rest: in a training it works beside the networks, here it
    would work beside the next calls and nothing else.
    """
    rows = [dict(zip(training.names, row, strict=True)) for row in training.scalars[:, : BLOCK_ROWS + 1].T.tolist()]
    per_step = []
    with gandiag.Callback(folder / "run", alerts=False) as callback:
        for _ in range(CALLBACK_BLOCKS):
            started = time.perf_counter()
            for row in rows:
                callback.log(row)
                callback.step()
            per_step.append((time.perf_counter() - started) / len(rows))
            callback.flush()
    return statistics.median(per_step)


def measure(training: Training, rounds: int) -> tuple[dict[str, Costs], list[float]]:
    """Costs by format, and seconds per step of the callback, for each round."""
    costs: dict[str, Costs] = defaultdict(Costs)
    callback = []
    for _ in range(rounds):
        with tempfile.TemporaryDirectory() as folder:
            json_lines(training, Path(folder), costs["JSON lines"])
        for name, part_rows in (("", None), (f", a part per {SLOW_PART_ROWS} rows", SLOW_PART_ROWS)):
            with tempfile.TemporaryDirectory() as folder:
                running, closed = costs[f"gandiag, running{name}"], costs[f"gandiag, closed{name}"]
                parquet(training, Path(folder), running, closed, part_rows)
        with tempfile.TemporaryDirectory() as folder:
            callback.append(callback_step(training, Path(folder)))
    return costs, callback


def show(costs: dict[str, Costs], steps: int) -> None:
    peer = costs["JSON lines"]
    units = {"time": (1e6 / steps, "us per step"), "bytes": (1 / steps, "bytes per step"), "read": (1e3, "ms")}
    titles = {"time": "time to record", "bytes": "size on disk", "read": f"time to read all {steps:,} steps back"}
    for aspect, (factor, unit) in units.items():
        print(f"\n{titles[aspect]}")
        for name, cost in costs.items():
            values = getattr(cost, aspect)
            line = f"  {name:40} {factor * statistics.median(values):9.2f} {unit}"
            if cost is not peer:
                ratio = median_ratio(values, getattr(peer, aspect))
                slow = "a part per" in name  # 20 steps a second: time hardly counts there, and is shown for what it is
                line += f"  {ratio:6.3f}x" + ("" if slow else f" {judged(ratio, TARGETS[aspect])}")
            print(line)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--steps", type=int, default=100_000)
    arguments = parser.parse_args()
    print(f"{machine(torch.device('cpu'))}, pandas {pd.__version__}, pyarrow {pa.__version__}")
    print(f"{SCALARS} scalars a step, {arguments.steps:,} steps, medians of n = {arguments.rounds} rounds")
    measure(Training(min(arguments.steps, 2000)), 1)  # warm-up: imports, first calls
    costs, callback = measure(Training(arguments.steps), arguments.rounds)
    show(costs, arguments.steps)
    step = 1e6 * statistics.median(callback)
    print(f"\nCallback.log({SCALARS} numbers) and step(), on the training thread: {step:.1f} us per step")


if __name__ == "__main__":
    main()

"""What judging costs: the whole catalogue over a long run, offline, and over a full live history.

The run is `gandiag.synthetic.healthy`, with every signal that a detector needs. Medians of several rounds of wall time,
each on a run of which nothing is remembered, beside the time of each detector on its own; then the memory that judging
takes beside the run, by tracemalloc, and that of the whole process, which made the run first.

    python -m benchmarks.detectors [--steps 1000000] [--rounds 5]
"""

from __future__ import annotations

import argparse
import resource
import statistics
import sys
import time
import tracemalloc
from dataclasses import replace
from functools import partial
from typing import TYPE_CHECKING

from gandiag import synthetic
from gandiag.detectors import DETECTORS
from gandiag.judge.diagnose import diagnose
from gandiag.judge.live import MAX_ROWS, History, Judge

if TYPE_CHECKING:
    from collections.abc import Callable

    from gandiag.rundir.run import Run

OFFLINE_SECONDS, OFFLINE_BYTES = 10.0, 2e9
LIVE_SECONDS = 0.020


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--steps", type=int, default=1_000_000)
    parser.add_argument("--rounds", type=int, default=5)
    options = parser.parse_args()
    run = synthetic.healthy(0, options.steps)
    signals, size = run.scalars.shape[1], run.scalars.memory_usage().sum()
    print(f"{len(DETECTORS)} detectors, {options.steps:,} steps, {signals} signals, {size / 1e9:.2f} GB of values")
    _apart(run)
    judged = _median(lambda: diagnose(replace(run)), options.rounds)
    print(f"offline: {judged:.2f} s {_held(judged, OFFLINE_SECONDS, 's')}")
    _memory(run, int(size))
    parts = _live(options.rounds)
    live = statistics.median(parts)
    print(
        f"live, {MAX_ROWS:,} rows: {1000 * live:.1f} ms per call {_held(1000 * live, 1000 * LIVE_SECONDS, 'ms')},",
        end=" ",
    )
    print(f"{1000 * max(parts):.1f} ms the longest; {len(parts) // options.rounds} calls for one diagnosis")


def _apart(run: Run) -> None:
    """The time of each detector on its own, the slowest first."""
    times = {d.code: _median(partial(d, replace(run)), 1) for d in DETECTORS}
    for code, seconds in sorted(times.items(), key=lambda item: -item[1]):
        print(f"  {code:28s} {1000 * seconds:10.1f} ms")


def _memory(run: Run, size: int) -> None:
    tracemalloc.start()
    diagnose(replace(run))
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    process = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * (1 if sys.platform == "darwin" else 1024)
    print(f"memory: {peak / 1e9:.2f} GB for judging, {(peak + size) / 1e9:.2f} GB with the run", end=" ")
    print(f"{_held((peak + size) / 1e9, OFFLINE_BYTES / 1e9, 'GB')}; {process / 1e9:.2f} GB at most in this process")


def _live(rounds: int) -> list[float]:
    """Seconds of each call that judges a part of a full history, as the worker does it, after ten more steps."""
    run = synthetic.healthy(1, MAX_ROWS + 10 * rounds)
    history, judge = History(), Judge(None, every=1)
    columns = {str(name): values.to_numpy() for name, values in run.scalars.items()}
    steps = run.scalars.index.to_numpy()
    history.append(steps[: -10 * rounds], {name: values[: -10 * rounds] for name, values in columns.items()})
    seconds = []
    for start in range(MAX_ROWS, len(steps), 10):
        history.append(steps[start : start + 10], {n: v[start : start + 10] for n, v in columns.items()})
        judge.begin(history.run(run.meta))
        while judge.judgement is not None:
            started = time.perf_counter()
            judge.go_on()
            seconds.append(time.perf_counter() - started)
    return seconds


def _median(work: Callable[[], object], rounds: int) -> float:
    seconds = []
    for _ in range(rounds):
        started = time.perf_counter()
        work()
        seconds.append(time.perf_counter() - started)
    return statistics.median(seconds)


def _held(value: float, target: float, unit: str) -> str:
    return f"(target < {target:g} {unit}: {'ok' if value < target else 'MISSED'})"


if __name__ == "__main__":
    main()

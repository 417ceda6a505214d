"""Trains in forked children of a warm process and kills them at random moments; one line of JSON for each.

    python killed.py FOLDER SEED CHILDREN ROUNDS

Each child records to FOLDER/<child>; with several rounds it is continued after each kill, in the last one from an
earlier step. A child reports a step after flushing it.
"""

from __future__ import annotations

import itertools
import json
import os
import random
import signal
import sys
import time
from pathlib import Path

import pandas as pd  # noqa: F401 - here, so that no child has to
import pyarrow.parquet  # noqa: F401 - as pandas

import gandiag.detectors
import gandiag.record.options
import gandiag.rundir.storage
from gandiag.record.callback import Callback

MAX_BYTES = 30_000
MAX_REPORTS = 25  # of 30 steps each: enough that some children thin what they recorded


def train(folder: Path, number: int, report: int, options: dict[str, object]) -> None:
    """Log until killed; every third child thins, all merge often."""
    gandiag.record.options.MIN_BYTES = 1
    gandiag.rundir.storage.SMALL_PARTS = 4
    limit = MAX_BYTES if number % 3 == 0 else None
    callback = Callback(folder, flush_seconds=0.01, judge_every=50, max_bytes=limit, **options)  # type: ignore[arg-type]
    for round_step in itertools.count(1):
        if round_step % 30 == 1:
            callback.flush()
            os.write(report, b"%d\n" % callback.completed_steps)
        callback.log(x=callback.completed_steps + 1, segment=len(callback._recording._worker.recorder.meta["segments"]))
        callback.step()
        time.sleep(0.0002)


def killed_after(told: int, seconds: float, folder: Path, number: int, options: dict[str, object]) -> int:
    """The last step that the child reported as flushed; it is killed so many reports and seconds after its first."""
    reading, writing = os.pipe()
    child = os.fork()
    if child == 0:
        os.close(reading)
        try:
            train(folder, number, writing, options)
        finally:
            os._exit(1)
    os.close(writing)
    with os.fdopen(reading, "rb") as lines:
        reports = [lines.readline() for _ in range(1 + told)]  # not by the clock: a busy machine records less a second
        time.sleep(seconds)
        os.kill(child, signal.SIGKILL)
        reports += lines.readlines()
    _, status = os.waitpid(child, 0)
    if status != signal.SIGKILL:
        raise RuntimeError(f"child {number} ended by itself: {status}")
    return int(reports[-1])


def main(folder: Path, seed: int, children: int, rounds: int) -> None:
    moments = random.Random(seed)  # noqa: S311 - moments, not secrets
    for number in range(children):
        flushed, starts = [], []
        for current in range(rounds):
            options: dict[str, object] = {"resume": True} if current else {}
            if current and current == rounds - 1:
                options["start_step"] = flushed[-1] // 2 + 1
            starts.append(options.get("start_step"))
            flushed.append(
                killed_after(
                    moments.randrange(MAX_REPORTS), moments.uniform(0, 0.02), folder / str(number), number, options
                )
            )
        told = {"run": str(folder / str(number)), "flushed": flushed, "starts": starts}
        sys.stdout.write(json.dumps(told) + "\n")


if __name__ == "__main__":
    main(Path(sys.argv[1]), *(int(a) for a in sys.argv[2:]))

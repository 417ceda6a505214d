"""`python -m benchmarks.reports`: how long a report takes, and how large it is, for a run of any length.

A run of a million steps with 86 signals, twelve of them layers, findings in it, and image snapshots. Time is from a Run
in memory and its diagnosis to the files; both are made before.
"""

from __future__ import annotations

import tempfile
import time
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

import click
import numpy as np
import torch

from benchmarks.targets import machine
from gandiag import synthetic
from gandiag.judge.diagnose import diagnose
from gandiag.reports import html, pdf
from gandiag.rundir.run import Run, Sample
from gandiag.rundir.snapshots import encode

if TYPE_CHECKING:
    from collections.abc import Callable

SECONDS, HTML_BYTES, PDF_BYTES = 5.0, 4_000_000, 3_000_000  # targets
SNAPSHOTS = 60
LAYERS = 12


def long_run(steps: int, signals: int, folder: Path) -> Run:
    """A run with a collapse in its middle, stretched and widened to so many steps and signals."""
    import pandas as pd

    base = synthetic.mode_collapse(at=1500)
    generator = np.random.default_rng(0)
    index = pd.RangeIndex(1, steps + 1, name="step")
    rows = np.linspace(0, len(base.scalars) - 1, steps).round().astype(int)
    columns = {name: base.scalars[name].to_numpy()[rows] for name in list(base.scalars)[: signals - LAYERS]}
    names = [f"grad/{net}/layer/block{i}" for net in ("generator", "discriminator") for i in range(LAYERS // 2)]
    names += [f"own/{i}" for i in range(signals)]
    for name in names[: max(signals - len(columns), 0)]:
        columns[name] = np.exp(generator.normal(size=steps).cumsum() / 1000 + generator.normal(size=steps) / 10)
    samples = []
    for number in range(SNAPSHOTS):
        images = generator.uniform(-1, 1, (64, 3, 32, 32)).astype(np.float32)
        content, suffix = encode(np.cumsum(images, axis=3) / 8)
        path = folder / f"step-{number:08d}{suffix}"
        path.write_bytes(content)
        samples.append(Sample((number + 1) * steps // SNAPSHOTS, "image", str(path)))
    frame = pd.DataFrame(columns, index=index)
    return replace(base, scalars=frame, samples=tuple(samples), real_samples=samples[0], path=str(folder), arrays={})


@click.command(epilog="Example: python -m benchmarks.reports --steps 1000000")
@click.option("--steps", type=click.IntRange(min=1), default=1_000_000, show_default=True, help="Of the run.")
@click.option("--signals", type=click.IntRange(min=1), default=86, show_default=True, help="Recorded at every step.")
@click.option("--out", help="Keep the reports in this folder.")
def main(steps: int, signals: int, out: str | None) -> None:
    """Time a report of a long run, and weigh it."""
    print(machine(torch.device("cpu")))
    with tempfile.TemporaryDirectory(prefix="gandiag-reports-") as name:
        run = long_run(steps, signals, Path(name))
        # findings of the collapse itself, so that judging a million steps is no part of this
        short = synthetic.mode_collapse(at=1500)
        diagnosis = diagnose(short)
        html.render(short, diagnosis), pdf.render(short, diagnosis)  # imports, and the compiler's first start
        print(f"{len(run.scalars):,} steps, {run.scalars.shape[1]} signals, {SNAPSHOTS} snapshots of 64 images 32x32")
        rendered: tuple[tuple[str, Callable[[], bytes], int], ...] = (
            ("report.html", lambda: html.render(run, diagnosis).encode(), HTML_BYTES),
            ("report.pdf", lambda: pdf.render(run, diagnosis), PDF_BYTES),
        )
        for file, make, most in rendered:
            started, worked = time.perf_counter(), time.process_time()
            content = make()
            seconds, worked = time.perf_counter() - started, time.process_time() - worked
            print(
                f"{file}: {seconds:.1f} s, {worked:.1f} s of a processor "
                f"(target {SECONDS:g}: {_kept(worked, SECONDS)}), "
                f"{len(content) / 1e6:.1f} MB (target {most / 1e6:g}: {_kept(len(content), most)})"
            )
            if out:
                (Path(out) / file).write_bytes(content)


def _kept(found: float, most: float) -> str:
    return "ok" if found <= most else "MISSED"


if __name__ == "__main__":
    main()

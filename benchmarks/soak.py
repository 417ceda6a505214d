"""Whether a long training with live judging stays small: memory, files, bytes on disk, threads.

A GAN of two small networks is watched for 200,000 steps in full detail, judged every 200, and looked at ten times on
its way. Memory is to be flat from a fifth on, when the history that is judged is full; files are merged, threads two.

    python -m benchmarks.soak [--steps 200000] [--max-bytes 20000000]
"""

from __future__ import annotations

import argparse
import os
import tempfile
import threading
import time
from dataclasses import dataclass
from pathlib import Path

import torch
from torch import nn

import gandiag
from benchmarks.targets import machine

LOOKS = 10
MOST_GROWN, MOST_FILES, MOST_THREADS = 40e6, 150, 2
PAGE = os.sysconf("SC_PAGE_SIZE")


@dataclass(frozen=True)
class Look:
    """What a process takes after so many steps."""

    step: int
    memory: int
    files: int
    bytes: int
    threads: int

    def __str__(self) -> str:
        sizes = f"{self.memory / 1e6:7.1f} MB of memory, {self.bytes / 1e6:6.1f} MB on disk in {self.files:3} files"
        return f"  step {self.step:9,}: {sizes}, {self.threads} threads"


def look(step: int, run_dir: Path) -> Look:
    """Take stock."""
    files = [path for path in run_dir.rglob("*") if path.is_file()]
    resident = int(Path("/proc/self/statm").read_text().split()[1]) * PAGE
    return Look(step, resident, len(files), sum(path.stat().st_size for path in files), threading.active_count())


def train(run_dir: Path, steps: int, max_bytes: int) -> list[Look]:
    """Train, and look ten times."""
    torch.manual_seed(0)
    generator = nn.Sequential(nn.Linear(4, 16), nn.ReLU(), nn.Linear(16, 2))
    discriminator = nn.Sequential(nn.Linear(2, 16), nn.LeakyReLU(0.2), nn.Linear(16, 1))
    sgd_g, sgd_d = (torch.optim.SGD(m.parameters(), 1e-2) for m in (generator, discriminator))
    looks = []
    options = {"max_overhead": None, "alerts": False, "max_bytes": max_bytes}
    with gandiag.attach(generator, discriminator, run_dir, **options) as callback:  # type: ignore[arg-type]
        for step in range(1, steps + 1):
            fake = generator(torch.randn(16, 4))
            sgd_d.zero_grad()
            (discriminator(fake.detach()).mean() - discriminator(torch.randn(16, 2)).tanh().mean()).backward()
            sgd_d.step()
            sgd_g.zero_grad()
            loss = -discriminator(fake).mean()
            loss.backward()
            sgd_g.step()
            callback.log(loss_generator=loss)
            if step % (steps // LOOKS) == 0:
                callback.flush()
                looks.append(look(step, run_dir))
                print(looks[-1], flush=True)
    return looks


def kept(value: float, most: float, unit: str) -> str:
    """Whether a bound is kept."""
    return f"{value:,.0f} {unit} (at most {most:,.0f}: {'ok' if value <= most else 'MISSED'})"


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--steps", type=int, default=200_000)
    parser.add_argument("--max-bytes", type=int, default=20_000_000)
    arguments = parser.parse_args()
    torch.set_num_threads(1)
    print(machine(torch.device("cpu")))
    started = time.monotonic()
    with tempfile.TemporaryDirectory() as folder:
        looks = train(Path(folder) / "run", arguments.steps, arguments.max_bytes)
        closed = look(arguments.steps, Path(folder) / "run")
        run = gandiag.Run.open(Path(folder) / "run")
    print(f"{arguments.steps:,} steps in {time.monotonic() - started:,.0f} s; closed:")
    print(closed)
    early, last = looks[1], looks[-1]
    print(
        f"  memory grew by {kept((last.memory - early.memory) / 1e6, MOST_GROWN / 1e6, 'MB')} since step {early.step:,}"
    )
    print(f"  {kept(max(x.files for x in looks), MOST_FILES, 'files')}")
    print(f"  {kept(max(x.bytes for x in looks) / 1e6, arguments.max_bytes * 1.1 / 1e6, 'MB on disk')}")
    print(f"  {kept(max(x.threads for x in looks), MOST_THREADS, 'threads')} and {closed.threads} after closing")
    print(f"  last step {run.last_step:,}, faults: {run.meta['faults'] or 'none'}")


if __name__ == "__main__":
    main()

"""Whether the plan is felt: each training recorded as by default and in full detail, and what is found in both.

Each run of the corpus is trained twice, bit-identically, and judged; with --competing a third time, while two other
processes keep the processors busy. Compared are verdicts, failures and their onsets, and plans.

    python -m benchmarks.plan [--only NAME ...] [--seeds 1] [--every 3] [--competing] [--processes 2]
"""

from __future__ import annotations

import argparse
import multiprocessing
import tempfile
from concurrent.futures import ProcessPoolExecutor, as_completed
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import gandiag
from benchmarks.corpus import CONFIGURATIONS
from benchmarks.targets import machine
from gandiag.record.callback import MAX_OVERHEAD

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from gandiag.findings import Diagnosis
    from gandiag.zoo.recipe import Recipe

WINDOW = 100  # steps: an onset may differ by one interval of the plan, and by the window that detectors smooth over
SAME_VERDICT, SAME_CODES = 0.99, 0.97  # shares of runs: the targets


@dataclass(frozen=True)
class Compared:
    """One run, recorded by default and in full detail: its diagnoses; the plan, alone and beside other processes."""

    name: str
    default: Diagnosis
    full: Diagnosis
    plan: dict[str, Any]
    competing: dict[str, Any] | None

    @property
    def onsets(self) -> list[int]:
        """How much later, in steps, failures begin that both found."""
        first = {f.code: f.onset_step for f in reversed(self.full.findings) if f.severity == "failure"}
        found = {f.code: f.onset_step for f in reversed(self.default.findings) if f.severity == "failure"}
        return [found[code] - first[code] for code in found if code in first]

    @property
    def interval(self) -> int:
        """Steps between two records."""
        return int(max(self.plan["rounds"].values())) * int(self.plan["round_steps"])


def failures(diagnosis: Diagnosis) -> set[str]:
    """Codes of the failures found."""
    return {f.code for f in diagnosis.findings if f.severity == "failure"}


def compared(recipe: Recipe, *, competing: bool) -> Compared:
    """Train and judge one recipe with one seed."""
    import torch

    torch.set_num_threads(1)
    name = f"{recipe.name}-{recipe.seed}"
    with tempfile.TemporaryDirectory() as folder:
        default, plan = _judged(recipe, Path(folder) / "default", MAX_OVERHEAD)
        full, _ = _judged(recipe, Path(folder) / "full", None)
        beside = None
        if competing:
            with busy(2):
                _, beside = _judged(recipe, Path(folder) / "beside", MAX_OVERHEAD)
    return Compared(name, default, full, plan, beside)


def _judged(recipe: Recipe, run_dir: Path, max_overhead: float | None) -> tuple[Diagnosis, dict[str, Any]]:
    from gandiag.zoo.training import train

    train(recipe, run_dir=run_dir, max_overhead=max_overhead, detectors=())
    run = gandiag.Run.open(run_dir)
    return gandiag.diagnose(run), dict(run.meta["plan"])


@contextmanager
def busy(processes: int) -> Iterator[None]:
    """So many processes that compute all the time."""
    others = [multiprocessing.get_context("spawn").Process(target=_spin, daemon=True) for _ in range(processes)]
    for other in others:
        other.start()
    try:
        yield
    finally:
        for other in others:
            other.terminate()


def _spin() -> None:
    while True:
        sum(range(100_000))


def show(found: Sequence[Compared]) -> None:
    """Print how many runs agree, and each that does not."""
    same = [c.default.verdict == c.full.verdict for c in found]
    codes = [failures(c.default) == failures(c.full) for c in found]
    late = [delay for c in found for delay in c.onsets]
    near = [abs(delay) <= c.interval + WINDOW for c in found for delay in c.onsets]
    print(f"same verdict {sum(same)} of {len(same)} (target {SAME_VERDICT:.0%})")
    print(f"same failures {sum(codes)} of {len(codes)} (target {SAME_CODES:.0%})")
    print(f"onsets within an interval and {WINDOW} steps: {sum(near)} of {len(near)}; all in steps: {sorted(late)}")
    beside = [c.competing["rounds"] == c.plan["rounds"] for c in found if c.competing is not None]
    if beside:
        print(f"same plan beside two busy processes: {sum(beside)} of {len(beside)}")
    for c, verdict, code in zip(found, same, codes, strict=True):
        if not (verdict and code):
            print(f"  {c.name}: {c.full.verdict} {sorted(failures(c.full))} in full detail,")
            print(f"    by default {c.default.verdict} {sorted(failures(c.default))}; {c.plan['words']}")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--only", action="append", default=[], help="a configuration; may be given several times")
    parser.add_argument("--seeds", type=int, default=1, help="of each configuration")
    parser.add_argument("--every", type=int, default=1, help="take each n-th configuration")
    parser.add_argument("--competing", action="store_true", help="once more beside two busy processes")
    parser.add_argument("--processes", type=int, default=1)
    arguments = parser.parse_args()
    import torch

    print(f"{machine(torch.device('cpu'))}, one thread each", flush=True)
    chosen = [c for c in CONFIGURATIONS if c.name in arguments.only or not arguments.only][:: arguments.every]
    recipes = [run.recipe for c in chosen for run in c.runs()[-arguments.seeds :]]
    found: list[Compared] = []
    with ProcessPoolExecutor(arguments.processes, multiprocessing.get_context("spawn")) as pool:
        tasks = {pool.submit(compared, r, competing=arguments.competing): r.name for r in recipes}
        for task in as_completed(tasks):
            found.append(task.result())
            c = found[-1]
            rounds = c.plan["rounds"]
            print(
                f"{c.name:40} {c.full.verdict:10} {c.default.verdict:10} outputs every {rounds['outputs']}, "
                f"points {rounds['points']}; onsets {c.onsets}",
                flush=True,
            )
    show(found)


if __name__ == "__main__":
    main()

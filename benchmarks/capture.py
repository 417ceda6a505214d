"""What attaching costs: step time with gandiag, and with what people use otherwise, over step time without.

Side by side in one process. Each round trains the same GAN bare and recorded by each in turn, after a few steps that
are not timed; recorded times include waiting until everything is on disk. gandiag is attached as by default, with its
plan made in the steps that are not timed, and in full detail. Then, for each GAN:

* the time spent inside gandiag's hooks, `log` and the hand-over to its background thread, per step;
* the time to record the same on the same gradients, with no training in between: gradient norms, D's outputs and the
  losses by gandiag's functions, against a loop of `.item()` and Lightning's `grad_norm`. The work of gandiag's
  background thread is not part of it and is printed beside it.

    python -m benchmarks.capture [--device cuda] [--rounds 5] [--threads 1]
"""

from __future__ import annotations

import argparse
import statistics
import tempfile
import time
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any
from unittest import mock

import torch

from benchmarks.clock import Clock, clock_hooks
from benchmarks.gans import Loop, Monitor, cases
from benchmarks.peers import Attached, AttachedInFull, Called, GradNorm, Items, LoggedGradNorm, TensorBoard, Wandb
from benchmarks.targets import judged, machine, median_ratio
from gandiag.measure.blocks import stack
from gandiag.record.rows import BLOCK_ROWS

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from torch import nn

    from benchmarks.gans import Case, Tensors

RECORDERS = {
    "gandiag attached": Attached,
    "gandiag, every step in full": AttachedInFull,
    "loop of .item()": Items,
    "Lightning grad_norm, logged": LoggedGradNorm,
    "TensorBoard histograms": TensorBoard,
    "wandb.watch(log='all')": Wandb,
}
SLOW = (TensorBoard, Wandb)  # take longer than a training step: measured over fewer steps and rounds
SLOW_ROUNDS = 2
DIRECT = {
    "gandiag": Called,
    "loop of .item()": Items,
    "Lightning grad_norm": GradNorm,
    "Lightning grad_norm, logged": LoggedGradNorm,
}
DIRECT_TARGETS = {"loop of .item()": 0.45, "Lightning grad_norm": 0.35, "Lightning grad_norm, logged": 0.35}
ITEMS_TARGET = 0.5  # of the time that losses, D's outputs and gradient norms take by .item() in every step
DIRECT_ROUNDS = 3  # for each of --rounds
INSIDE_BLOCKS = 3


@contextmanager
def recording(kind: Callable[..., Monitor], loop: Loop) -> Iterator[Monitor]:
    """One recorder on a loop's networks, writing to a folder that goes afterwards."""
    with tempfile.TemporaryDirectory() as folder:
        monitor = kind(loop.generator, loop.discriminator, Path(folder))
        try:
            yield monitor
        finally:
            monitor.close()


def step_times(loop: Loop, rounds: int) -> tuple[list[float], dict[str, list[float]]]:
    """Seconds per step, bare and by recorder, of each round; a recorder that is not installed has none."""
    case = loop.case
    bare: list[float] = []
    recorded: dict[str, list[float]] = {name: [] for name in RECORDERS}
    for round_ in range(rounds):
        loop.run(case.warm_steps)
        bare.append(loop.run(case.steps) / case.steps)
        for name, kind in RECORDERS.items():
            if kind in SLOW and round_ >= SLOW_ROUNDS:
                continue
            steps = case.slow_steps if kind in SLOW else case.steps
            try:
                with recording(kind, loop) as monitor:
                    loop.run(case.warm_steps if kind is Attached else 1 + steps // 10, monitor)
                    recorded[name].append(loop.run(steps, monitor) / steps)
            except ImportError:
                continue
    return bare, recorded


def show_step_times(case: Case, bare: list[float], recorded: dict[str, list[float]]) -> None:
    print(
        f"\n{case.name}, batch {case.batch}: bare step {1e3 * statistics.median(bare):.3f} ms, n = {len(bare)} rounds"
    )
    for name, times in recorded.items():
        if not times:
            print(f"  {name:28} not installed")
            continue
        ratios = [a / b for a, b in zip(times, bare, strict=False)]
        added = statistics.median(a - b for a, b in zip(times, bare, strict=False))
        line = f"  {name:28} {statistics.median(ratios):7.3f}x bare, rounds {min(ratios):.3f} to {max(ratios):.3f}"
        line += f" (n = {len(ratios)}), {1e3 * added:+9.3f} ms per step"
        if RECORDERS[name] is Attached:
            line += f"  {judged(statistics.median(ratios), case.target)}"
        print(line, flush=True)
    ours, items = (recorded[name] for name in ("gandiag attached", "loop of .item()"))
    added, peers = (statistics.median(t - b for t, b in zip(times, bare, strict=True)) for times in (ours, items))
    if peers > 0:
        print(
            f"  gandiag attached adds {added / peers:.2f}x of what .item() adds {judged(added / peers, ITEMS_TARGET)}"
        )
    else:
        print("  a loop of .item() adds nothing that could be told from chance")


def time_inside(loop: Loop) -> float:
    """Median seconds per step that the training thread spends in gandiag: hooks, `log`, hand-over of rows."""
    clock = Clock()
    register: Any = torch.Tensor.register_hook
    steps = loop.case.steps
    per_block = []
    with (
        mock.patch.object(torch.Tensor, "register_hook", lambda tensor, hook: register(tensor, clock(hook))),
        mock.patch("gandiag.record.rows.stack", clock(stack)),
        recording(Attached, loop) as monitor,
    ):
        clock_hooks(loop, clock)
        monitor.stepped = clock(monitor.stepped)  # type: ignore[method-assign]
        loop.run(loop.case.warm_steps, monitor)
        for _ in range(INSIDE_BLOCKS):
            clock.spent = 0.0
            loop.run(steps, monitor)
            per_block.append(clock.spent / steps)
    return statistics.median(per_block)


class Kept(Monitor):
    """The latest step of a loop, to be told to others."""

    def __init__(self) -> None:
        self.updates: dict[str, tuple[nn.Module, Tensors]] = {}
        self.losses: Tensors = {}

    def updating(self, net: str, module: nn.Module, outputs: Tensors) -> None:
        self.updates[net] = (module, outputs)

    def stepped(self, losses: Tensors) -> None:
        self.losses = losses

    def tell(self, monitor: Monitor, times: int) -> None:
        for _ in range(times):
            for net, (module, outputs) in self.updates.items():
                monitor.updating(net, module, outputs)
            monitor.stepped(self.losses)


def direct_times(loop: Loop, rounds: int) -> tuple[dict[str, list[float]], list[float]]:
    """Seconds per step of recording alone by recorder, and of gandiag's background thread after it, by round.

    The steps of one round fill one block of rows, which is handed over within the time. What becomes of it in the
    background is waited for, outside it.
    """
    kept, steps = Kept(), BLOCK_ROWS + 1
    loop.run(1, kept)
    spent: dict[str, list[float]] = {name: [] for name in DIRECT}
    background = []
    for round_ in range(1 + rounds):  # the first is a warm-up
        for name, kind in DIRECT.items():
            try:
                with recording(kind, loop) as monitor:
                    kept.tell(monitor, 1)
                    monitor.flush()
                    loop.synchronise()
                    started = time.perf_counter()
                    kept.tell(monitor, steps)
                    loop.synchronise()
                    told = time.perf_counter()
                    monitor.flush()
                    flushed = time.perf_counter()
            except ImportError:
                continue
            if round_:
                spent[name].append((told - started) / steps)
                background += [(flushed - told) / steps] if kind is Called else []
    return spent, background


def show_direct_times(spent: dict[str, list[float]], background: list[float]) -> None:
    ours = spent["gandiag"]
    print(f"  recording alone: gradient norms, D's outputs, losses; n = {len(ours)} rounds")
    for name, times in spent.items():
        if not times:
            print(f"    {name:28} not installed")
            continue
        line = f"    {name:28} {1e6 * statistics.median(times):8.1f} us per step"
        if target := DIRECT_TARGETS.get(name):
            ratio = median_ratio(ours, times)
            line += f"   gandiag takes {ratio:.2f}x of that {judged(ratio, target)}"
        else:
            line += f"   and {1e6 * statistics.median(background):.1f} us per step in the background"
        print(line, flush=True)


def measure(case: Case, device: torch.device, rounds: int) -> None:
    loop = Loop(case, device)
    bare, recorded = step_times(loop, rounds)
    show_step_times(case, bare, recorded)
    inside, step = time_inside(loop), statistics.median(bare)
    print(f"  inside gandiag's hooks and log {1e6 * inside:.0f} us per step = {100 * inside / step:.2f} % of a step")
    show_direct_times(*direct_times(loop, DIRECT_ROUNDS * rounds))


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--device", default="cpu")
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--only", help="GANs whose name holds this")
    parser.add_argument("--threads", type=int, help="of torch; 1 is steadier where other programs run")
    arguments = parser.parse_args()
    if arguments.threads:
        torch.set_num_threads(arguments.threads)
    device = torch.device(arguments.device)
    print(f"{machine(device)}, torch threads: {torch.get_num_threads()}", flush=True)
    for case in (c for c in cases(device) if not arguments.only or arguments.only in c.name):
        measure(case, device, arguments.rounds)


if __name__ == "__main__":
    main()

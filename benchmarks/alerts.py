"""How long after it happened a failure is known to a training that asks, beside a process that wants both cores.

A small GAN on points trains at 25 ms a step. From step 900 on its weights are NaN, G makes but one point, or G's
weights blow up. While it trains, `should_stop` is asked after every step. Afterwards the record is cut at one
step and another, until it is known from which one on the offline verdict has the failure: what counts is the time from
then on, and for NaN the time from when it was made.

    python -m benchmarks.alerts [--steps 2200] [--only NaN] [--alone]
"""

from __future__ import annotations

import argparse
import multiprocessing
import tempfile
import time
from bisect import bisect
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING

import torch
from torch import nn
from torch.nn.functional import binary_cross_entropy_with_logits as bce

import gandiag
from benchmarks.targets import machine
from gandiag.detectors import DETECTORS
from gandiag.judge.policy import Policy

if TYPE_CHECKING:
    from collections.abc import Callable

    from gandiag.findings import Finding

AT, STEP_SECONDS = 900, 0.025
NAN_SECONDS, NAN_STEPS, OTHERS_SECONDS = 2.0, 50, 10.0


@dataclass
class Told:
    """When each step ended, when a finding first came by its code, and when the training was told to stop."""

    ended: list[float] = field(default_factory=list)
    found: dict[str, float] = field(default_factory=dict)
    stopped: int | None = None


def nan(generator: nn.Module, _: list[torch.optim.Optimizer]) -> None:
    """An overflow: all weights of G."""
    for parameter in generator.parameters():
        parameter.data.fill_(float("nan"))


def collapse(generator: nn.Module, _: list[torch.optim.Optimizer]) -> None:
    """G makes one point, whatever it is given."""
    last = list(generator.parameters())[-2]
    last.data.zero_()


def blow_up(generator: nn.Module, optimizers: list[torch.optim.Optimizer]) -> None:
    """G's weights and its learning rate are far too large; its samples soon lie in a corner."""
    for parameter in generator.parameters():
        parameter.data.mul_(30.0)
    optimizers[0].param_groups[0]["lr"] = 1.0


FAILURES: dict[str, tuple[Callable[[nn.Module, list[torch.optim.Optimizer]], None], str]] = {
    "NaN": (nan, "non-finite"),
    "collapse": (collapse, "sample-collapse"),
    "a G that blows up": (blow_up, "mode-collapse"),
}


def train(
    folder: Path, steps: int, strike: Callable[[nn.Module, list[torch.optim.Optimizer]], None], code: str
) -> Told:
    """Train, let it strike, and note what is told when."""
    torch.manual_seed(0)
    generator = nn.Sequential(nn.Linear(8, 64), nn.ReLU(), nn.Linear(64, 2))
    discriminator = nn.Sequential(nn.Linear(2, 64), nn.LeakyReLU(0.2), nn.Linear(64, 1))
    optimizers: list[torch.optim.Optimizer] = [
        torch.optim.Adam(m.parameters(), 1e-3, betas=(0.5, 0.9)) for m in (generator, discriminator)
    ]
    told = Told()

    def note(finding: Finding) -> None:
        if finding.severity == "failure":
            told.found.setdefault(finding.code, time.monotonic())

    policy = gandiag.StopPolicy(codes=(code,), for_steps=1)
    options = {"stop_on": policy, "on_finding": note, "alerts": False}
    with gandiag.attach(generator, discriminator, folder / "run", **options) as callback:  # type: ignore[arg-type]
        for step in range(1, steps + 1):
            if step == AT:
                strike(generator, optimizers)
            _update(generator, discriminator, optimizers)
            time.sleep(STEP_SECONDS)
            told.ended.append(time.monotonic())
            if callback.should_stop and told.stopped is None:
                told.stopped = step
    return told


def _update(generator: nn.Module, discriminator: nn.Module, optimizers: list[torch.optim.Optimizer]) -> None:
    real = 2 * torch.nn.functional.normalize(torch.randn(64, 2)) + 0.05 * torch.randn(64, 2)
    fake = generator(torch.randn(64, 8))
    optimizers[1].zero_grad()
    ones = torch.ones(64, 1)
    (bce(discriminator(real), ones) + bce(discriminator(fake.detach()), 0 * ones)).backward()
    optimizers[1].step()
    optimizers[0].zero_grad()
    bce(discriminator(fake), ones).backward()
    optimizers[0].step()


def first_seen(folder: Path, code: str) -> int | None:
    """The first step at which the offline verdict has the failure, which then goes on."""
    run = gandiag.Run.open(folder / "run")
    detectors = [d for d in DETECTORS if d.code == code]

    def is_found(step: int) -> bool:
        found = gandiag.diagnose(run.until(step), detectors, policy=Policy()).findings
        return any(f.severity == "failure" and f.ongoing for f in found)

    steps = range(AT, run.last_step + 1)
    first = bisect(steps, False, key=is_found)
    return steps[first] if first < len(steps) else None


def show(name: str, code: str, told: Told, seen: int | None) -> None:
    """One line."""
    if seen is None or told.stopped is None:
        print(f"  {name:22} {code:24} seen offline at {seen}, should_stop at {told.stopped}: nothing to compare")
        return
    since = AT if code == "non-finite" else seen
    seconds, steps = told.ended[told.stopped - 1] - told.ended[since - 2], told.stopped - since
    limit = NAN_SECONDS if code == "non-finite" else OTHERS_SECONDS
    line = f"  {name:22} {code:24} seen offline at {seen:,}, should_stop at {told.stopped:,}: {seconds:5.1f} s"
    missed = seconds > limit or (code == "non-finite" and steps > NAN_STEPS)
    bound = f"{limit:g} s" + (f" and {NAN_STEPS} steps" if code == "non-finite" else "")
    print(f"{line}, {steps} steps (at most {bound}: {'MISSED' if missed else 'ok'})", flush=True)


def busy() -> None:
    """Use one core."""
    while True:
        pass


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--steps", type=int, default=2200)
    parser.add_argument("--only", choices=list(FAILURES), help="one of the failures")
    parser.add_argument("--alone", action="store_true", help="without competing processes")
    arguments = parser.parse_args()
    torch.set_num_threads(1)
    print(f"{machine(torch.device('cpu'))}, {'alone' if arguments.alone else 'a competing process on each of 2 cores'}")
    rivals = [] if arguments.alone else [multiprocessing.Process(target=busy, daemon=True) for _ in range(2)]
    for rival in rivals:
        rival.start()
    for name in [arguments.only] if arguments.only else FAILURES:
        strike, code = FAILURES[name]
        with tempfile.TemporaryDirectory() as folder:
            told = train(Path(folder), arguments.steps, strike, code)
            show(name, code, told, first_seen(Path(folder), code))
    for rival in rivals:
        rival.terminate()


if __name__ == "__main__":
    main()

"""What attaching costs: step time with gandiag over step time without, side by side in one process.

Each round trains the same GAN bare and attached, in turn; the attached time includes waiting until everything is on
disk. Reported are medians over rounds, and the time spent inside gandiag's hooks per step (on the training thread).

    python benchmarks/capture.py [--device cuda] [--rounds 7]
"""

from __future__ import annotations

import argparse
import os
import platform
import statistics
import tempfile
import time
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path
from typing import TYPE_CHECKING

import torch
from torch import nn
from torch.nn.functional import binary_cross_entropy_with_logits as bce

import gandiag
import gandiag.watcher

if TYPE_CHECKING:
    from collections.abc import Callable


def mlp() -> tuple[nn.Module, nn.Module]:
    """Generator and discriminator of a 2-D GAN, 3 x 512 as in the WGAN-GP toy experiments."""

    def body(inputs: int, outputs: int) -> nn.Module:
        hidden = [nn.Linear(inputs, 512), nn.ReLU(), nn.Linear(512, 512), nn.ReLU(), nn.Linear(512, 512), nn.ReLU()]
        return nn.Sequential(*hidden, nn.Linear(512, outputs))

    return body(2, 2), body(2, 1)


def dcgan() -> tuple[nn.Module, nn.Module]:
    """The 64x64 DCGAN of Radford et al. 2016 with 64 feature maps."""
    g: list[nn.Module] = []
    sizes = [100, 512, 256, 128, 64]
    for i, (inputs, outputs) in enumerate(pairwise(sizes)):
        stride, padding = (1, 0) if i == 0 else (2, 1)
        g += [nn.ConvTranspose2d(inputs, outputs, 4, stride, padding, bias=False), nn.BatchNorm2d(outputs), nn.ReLU()]
    g += [nn.ConvTranspose2d(64, 3, 4, 2, 1, bias=False), nn.Tanh()]
    d: list[nn.Module] = [nn.Conv2d(3, 64, 4, 2, 1, bias=False), nn.LeakyReLU(0.2)]
    for inputs, outputs in ((64, 128), (128, 256), (256, 512)):
        d += [nn.Conv2d(inputs, outputs, 4, 2, 1, bias=False), nn.BatchNorm2d(outputs), nn.LeakyReLU(0.2)]
    d += [nn.Conv2d(512, 1, 4, 1, 0, bias=False), nn.Flatten()]
    return nn.Sequential(*g), nn.Sequential(*d)


@dataclass(frozen=True)
class Case:
    """One GAN to measure."""

    name: str
    networks: Callable[[], tuple[nn.Module, nn.Module]]
    latent: tuple[int, ...]
    sample: tuple[int, ...]
    batch: int
    steps: int


class Loop:
    """An ordinary alternating GAN loop on random data."""

    def __init__(self, case: Case, device: torch.device) -> None:
        torch.manual_seed(0)
        self.case, self.device = case, device
        self.generator, self.discriminator = (m.to(device) for m in case.networks())
        self.adam_g = torch.optim.Adam(self.generator.parameters(), lr=1e-4, betas=(0.5, 0.999))
        self.adam_d = torch.optim.Adam(self.discriminator.parameters(), lr=1e-4, betas=(0.5, 0.999))
        self.real = torch.randn(case.batch, *case.sample, device=device)

    def run(self, steps: int, callback: gandiag.Callback | None = None) -> float:
        """Seconds for some steps, until everything recorded is on disk."""
        self.synchronise()
        started = time.perf_counter()
        for _ in range(steps):
            self.step(callback)
        if callback is not None:
            callback.flush()
        self.synchronise()
        return time.perf_counter() - started

    def step(self, callback: gandiag.Callback | None) -> None:
        fake = self.generator(torch.randn(self.case.batch, *self.case.latent, device=self.device))
        on_real, on_fake = self.discriminator(self.real), self.discriminator(fake.detach())
        loss_d = bce(on_real, torch.ones_like(on_real)) + bce(on_fake, torch.zeros_like(on_fake))
        self.adam_d.zero_grad()
        loss_d.backward()
        self.adam_d.step()
        on_fake = self.discriminator(fake)
        loss_g = bce(on_fake, torch.ones_like(on_fake))
        self.adam_g.zero_grad()
        loss_g.backward()
        self.adam_g.step()
        if callback is not None:
            callback.log(loss_generator=loss_g, loss_discriminator=loss_d)

    def synchronise(self) -> None:
        if self.device.type == "cuda":
            torch.cuda.synchronize()


def measure(case: Case, device: torch.device, rounds: int) -> None:
    loop = Loop(case, device)
    loop.run(max(3, case.steps // 10))  # warm-up
    bare, attached = [], []
    for _ in range(rounds):
        bare.append(loop.run(case.steps))
        with tempfile.TemporaryDirectory() as folder:
            callback = gandiag.attach(loop.generator, loop.discriminator, run_dir=Path(folder) / "run", alerts=False)
            attached.append(loop.run(case.steps, callback))
            callback.close()
    inside = time_inside(loop)
    ratios = [a / b for a, b in zip(attached, bare, strict=True)]
    step = statistics.median(bare) / case.steps
    print(
        f"{case.name:14} bare step {1e3 * step:8.3f} ms   attached/bare {statistics.median(ratios):.3f} "
        f"(rounds {min(ratios):.3f} to {max(ratios):.3f}, n = {rounds})   "
        f"inside hooks {1e6 * inside:.0f} us per step = {100 * inside / step:.2f} % of a step",
        flush=True,
    )


def time_inside(loop: Loop) -> float:
    """Median seconds per step inside gandiag's hooks and log calls, on the training thread."""
    spent = [0.0]
    original = gandiag.watcher.Watcher._guarded  # noqa: SLF001 - wrapped to be timed

    def timed(self: gandiag.watcher.Watcher, where: str, hook: Callable[..., None]) -> Callable[..., None]:
        guarded = original(self, where, hook)

        def clocked(*arguments: object) -> None:
            started = time.perf_counter()
            guarded(*arguments)
            spent[0] += time.perf_counter() - started

        return clocked

    gandiag.watcher.Watcher._guarded = timed  # type: ignore[method-assign] # noqa: SLF001
    per_block = []
    try:
        with tempfile.TemporaryDirectory() as folder:
            callback = gandiag.attach(loop.generator, loop.discriminator, run_dir=Path(folder) / "run", alerts=False)
            for _ in range(5):
                spent[0] = 0.0
                loop.run(max(10, loop.case.steps // 5), callback)
                per_block.append(spent[0] / max(10, loop.case.steps // 5))
            callback.close()
    finally:
        gandiag.watcher.Watcher._guarded = original  # type: ignore[method-assign] # noqa: SLF001
    return statistics.median(per_block)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--device", default="cpu")
    parser.add_argument("--rounds", type=int, default=7)
    arguments = parser.parse_args()
    device = torch.device(arguments.device)
    name = torch.cuda.get_device_name() if device.type == "cuda" else f"{os.cpu_count()} cores, {platform.machine()}"
    print(f"torch {torch.__version__}, {name}")
    fast = device.type == "cuda"
    measure(Case("2-D MLP GAN", mlp, (2,), (2,), 256, 2000 if fast else 300), device, arguments.rounds)
    measure(Case("64x64 DCGAN", dcgan, (100, 1, 1), (3, 64, 64), 64, 300 if fast else 16), device, arguments.rounds)


if __name__ == "__main__":
    main()

"""The GANs that capture is measured on, and an ordinary training loop of theirs that something may watch."""

from __future__ import annotations

import time
from dataclasses import dataclass
from itertools import pairwise
from typing import TYPE_CHECKING

import torch
from torch import nn
from torch.nn.functional import binary_cross_entropy_with_logits as bce

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    Tensors = Mapping[str, torch.Tensor]


class Monitor:
    """What a loop tells whatever records it. By default all of it is ignored: hooks see for themselves."""

    def updating(self, net: str, module: nn.Module, outputs: Tensors) -> None:
        """The gradients of one network are ready, its optimizer steps next; `outputs` of D by kind of batch."""

    def stepped(self, losses: Tensors) -> None:
        """Both networks are updated."""

    def flush(self) -> None:
        """Put on disk what was recorded."""

    def close(self) -> None:
        """Stop recording."""


def mlp() -> tuple[nn.Module, nn.Module]:
    """Generator and discriminator of a 2-D GAN, 3 x 512 as in the WGAN-GP toy experiments."""
    return _body(2, 512, 3, 2), _body(2, 512, 3, 1)


def tiny() -> tuple[nn.Module, nn.Module]:
    """Generator and discriminator of a 2-D GAN, 2 x 64 as in many tutorials: a step of less than a millisecond."""
    return _body(8, 64, 2, 2), _body(2, 64, 2, 1)


def _body(inputs: int, width: int, layers: int, outputs: int) -> nn.Module:
    sizes = [inputs, *[width] * layers]
    hidden = [module for a, b in pairwise(sizes) for module in (nn.Linear(a, b), nn.ReLU())]
    return nn.Sequential(*hidden, nn.Linear(width, outputs))


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
    """One GAN to measure: steps of one round, of one round beside a slow peer, and the target for attached/bare.

    `warm_steps` are not timed: by default a plan is made in the first 8 steps.
    """

    name: str
    networks: Callable[[], tuple[nn.Module, nn.Module]]
    latent: tuple[int, ...]
    sample: tuple[int, ...]
    batch: int
    steps: int
    slow_steps: int
    target: float
    warm_steps: int


def cases(device: torch.device) -> tuple[Case, ...]:
    """The GANs, with as many steps as suit the device."""
    if device.type == "cuda":
        return (
            Case("2-D tiny GAN", tiny, (8,), (2,), 64, 2000, 100, 1.10, 100),
            Case("2-D MLP GAN", mlp, (2,), (2,), 256, 2000, 100, 1.03, 100),
            Case("64x64 DCGAN", dcgan, (100, 1, 1), (3, 64, 64), 64, 300, 10, 1.01, 40),
        )
    return (
        Case("2-D tiny GAN", tiny, (8,), (2,), 64, 1000, 50, 1.10, 100),
        Case("2-D MLP GAN", mlp, (2,), (2,), 256, 100, 20, 1.03, 40),
        Case("64x64 DCGAN", dcgan, (100, 1, 1), (3, 64, 64), 64, 12, 2, 1.01, 10),
    )


class Loop:
    """An ordinary alternating GAN loop on random data."""

    def __init__(self, case: Case, device: torch.device) -> None:
        torch.manual_seed(0)
        self.case, self.device = case, device
        self.generator, self.discriminator = (m.to(device) for m in case.networks())
        self.adam_g = torch.optim.Adam(self.generator.parameters(), lr=1e-4, betas=(0.5, 0.999))
        self.adam_d = torch.optim.Adam(self.discriminator.parameters(), lr=1e-4, betas=(0.5, 0.999))
        self.real = torch.randn(case.batch, *case.sample, device=device)

    def run(self, steps: int, monitor: Monitor | None = None) -> float:
        """Seconds for some steps, until everything recorded is on disk.

        On one thread these are of CPU time, of this process in all: the background's share counts in full, and other
        programs do not.
        """
        alone = self.device.type == "cpu" and torch.get_num_threads() == 1
        clock = time.process_time if alone else time.perf_counter
        self.synchronise()
        started = clock()
        for _ in range(steps):
            self.step(monitor)
        if monitor is not None:
            monitor.flush()
        self.synchronise()
        return clock() - started

    def step(self, monitor: Monitor | None) -> None:
        fake = self.generator(torch.randn(self.case.batch, *self.case.latent, device=self.device))
        on_real, on_fake = self.discriminator(self.real), self.discriminator(fake.detach())
        loss_d = bce(on_real, torch.ones_like(on_real)) + bce(on_fake, torch.zeros_like(on_fake))
        self.adam_d.zero_grad()
        loss_d.backward()
        if monitor is not None:
            monitor.updating("discriminator", self.discriminator, {"real": on_real, "fake": on_fake})
        self.adam_d.step()
        on_fake = self.discriminator(fake)
        loss_g = bce(on_fake, torch.ones_like(on_fake))
        self.adam_g.zero_grad()
        loss_g.backward()
        if monitor is not None:
            monitor.updating("generator", self.generator, {})
        self.adam_g.step()
        if monitor is not None:
            monitor.stepped({"loss_generator": loss_g, "loss_discriminator": loss_d})

    def synchronise(self) -> None:
        if self.device.type == "cuda":
            torch.cuda.synchronize()

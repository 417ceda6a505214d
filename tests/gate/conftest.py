"""A generator whose law is known, healthy and collapsed, and real digits to hold it against; made once."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from typing import TYPE_CHECKING

import numpy as np
import pytest
import torch
from click.testing import CliRunner

from gandiag.cli.main import main

if TYPE_CHECKING:
    from pathlib import Path

MODULE = '''
import torch
from torch import nn


class Bank(nn.Module):
    """Draws an image of a bank by the first latent, and adds noise by the others."""

    def __init__(self, size=1797):
        super().__init__()
        self.register_buffer("bank", torch.zeros(size, 1, 8, 8))
        self.gain = nn.Parameter(torch.tensor(0.05))

    def forward(self, z, y=None):
        place = (torch.special.ndtr(z[:, 0]) * len(self.bank)).long().clamp(0, len(self.bank) - 1)
        if y is not None:
            place = place // 10 * 10 + y
        return (self.bank[place] + self.gain * z[:, 1:].reshape(-1, 1, 8, 8)).clamp(-1, 1)


def build():
    return Bank()


def conditional():
    return Bank(1740)


def broken():
    raise RuntimeError("no such file: config.yaml")


class Crashing(Bank):
    def forward(self, z, y=None):
        raise KeyError("no such layer")


def crashing():
    return Crashing()


def leaving():
    raise SystemExit(1)


def classes(images):
    from gandiag.modes import digits_classifier

    return digits_classifier((0, 255)).label(images)
'''
LATENT = "normal:65"


def module():
    """The module of the factory, as a test sees it."""
    namespace = {"__name__": "bank_model"}
    exec(MODULE, namespace)  # noqa: S102 - our own text
    return namespace


@pytest.fixture(scope="session")
def world(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with bank_model.py, checkpoints, samples and references."""
    from sklearn.datasets import load_digits

    folder = tmp_path_factory.mktemp("world")
    (folder / "bank_model.py").write_text(MODULE)
    digits = load_digits()
    real = torch.from_numpy(digits.images).float()[:, None] / 8 - 1
    images = ((real + 1) * 127.5).round().to(torch.uint8)
    np.savez(folder / "real.npz", images=images.numpy(), labels=digits.target)
    _checkpoints(folder, real, torch.from_numpy(digits.target))
    _samples(folder, images, digits.target)
    return folder


def _checkpoints(folder: Path, real: torch.Tensor, labels: torch.Tensor) -> None:
    names = module()

    def state(bank: torch.Tensor) -> dict[str, torch.Tensor]:
        rows = bank[torch.arange(1797) % len(bank)]
        return {"bank": rows, "gain": torch.tensor(0.05)}

    good, bad = state(real), state(real[labels < 2])
    torch.save(good, folder / "healthy.pt")
    torch.save({"g_ema": bad, "generator": good, "discriminator": {"w": torch.zeros(2)}, "step": 9}, folder / "ema.pt")
    for step, content in ((100, good), (200, good), (300, bad), (400, bad)):
        torch.save({"generator": content}, folder / f"ckpt_{step:06d}.pt")
    from safetensors.torch import save_file

    save_file({f"module.{name}": value.contiguous() for name, value in good.items()}, folder / "weights.safetensors")
    generator = names["Bank"]()
    generator.load_state_dict(bad)
    batch = torch.export.Dim("batch", min=2)
    program = torch.export.export(generator.eval(), (torch.randn(8, 65),), dynamic_shapes=({0: batch},))
    torch.export.save(program, folder / "collapsed.pt2")


def _samples(folder: Path, images: torch.Tensor, labels: np.ndarray) -> None:
    from PIL import Image

    rng = np.random.default_rng(0)
    noisy = np.clip(images.numpy()[rng.permutation(1797)] + rng.integers(-6, 7, images.shape), 0, 255)
    np.savez(folder / "good.npz", images=noisy.astype(np.uint8))
    np.savez(folder / "bad.npz", images=np.repeat(noisy[:10], 180, axis=0).astype(np.uint8))
    for name, chosen in (("pngs", noisy[:900]), ("few", noisy[:20])):
        (folder / name).mkdir()
        for index, image in enumerate(chosen):
            Image.fromarray(image[0].astype(np.uint8)).save(folder / name / f"{index:04d}.png")


@pytest.fixture
def gate(world: Path, monkeypatch: pytest.MonkeyPatch):
    """Runs `gandiag check` in that folder, in this process."""
    monkeypatch.chdir(world)
    monkeypatch.delitem(sys.modules, "bank_model", raising=False)

    def run(*arguments: object):
        return CliRunner().invoke(main, ["check", *map(str, arguments)], catch_exceptions=False)

    return run


@pytest.fixture(scope="session")
def processes(world: Path):
    """Runs many checks, each in a process of its own, forked from one that has torch already; (code, out, err)."""

    def run(cases: list[list[str]]) -> list[tuple[int, str, str]]:
        script = """
import json, os, sys
import torch, pandas, rich.table, scipy.cluster.vq, scipy.cluster.hierarchy, scipy.special, scipy.stats
import gandiag.gate.sampled, gandiag.gate.runs, gandiag.quality.extractors.own
import gandiag.detectors, gandiag.rundir.reading
from gandiag.cli.main import main
torch.set_num_threads(1)
for number, arguments in enumerate(json.load(sys.stdin)):
    child = os.fork()
    if not child:
        for stream, name in ((1, "out"), (2, "err")):
            os.dup2(os.open(f"{number}.{name}", os.O_WRONLY | os.O_CREAT | os.O_TRUNC), stream)
        sys.argv = ["gandiag", "check", *arguments]
        main()
    print(os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]), flush=True)
"""
        done = subprocess.run(
            [sys.executable, "-c", script], input=json.dumps(cases), cwd=world, capture_output=True, text=True,
            check=True, timeout=300, env={**os.environ, "OMP_NUM_THREADS": "1", "COLUMNS": "120"},
        )  # fmt: skip
        codes = [int(line) for line in done.stdout.split()]
        assert len(codes) == len(cases), done.stderr
        return [
            (code, *((world / f"{number}.{name}").read_text() for name in ("out", "err")))
            for number, code in enumerate(codes)
        ]

    return run

"""`python -m benchmarks.check`: from the start of the command to the verdict, and how much of that is ours.

A generator of 8x8 digits, 10,000 samples, real digits and the digits classifier, on the CPU. Each round is a process of
its own; beside it stands a process that only imports torch.
"""

from __future__ import annotations

import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import click
import numpy as np
import torch

from benchmarks.targets import machine
from gandiag.zoo.recipes.digits import HEALTHY

WHOLE, OURS = 15.0, 5.0  # seconds
MODULE = """
from gandiag.zoo.recipes.digits import HEALTHY


def build():
    return HEALTHY.generator(HEALTHY.latent, (1, 8, 8))
"""


@click.command(epilog="Example: python -m benchmarks.check --rounds 5")
@click.option("--rounds", type=click.IntRange(min=1), default=3, show_default=True, help="Of which the median counts.")
def main(rounds: int) -> None:
    """Time a check from its start to its verdict."""
    from sklearn.datasets import load_digits

    print(machine(torch.device("cpu")))
    with tempfile.TemporaryDirectory(prefix="gandiag-check-") as name:
        folder = Path(name)
        (folder / "made_here.py").write_text(MODULE)
        digits = load_digits()
        np.savez(folder / "real.npz", images=(digits.images * 255 / 16).round().astype(np.uint8), labels=digits.target)
        torch.manual_seed(0)
        torch.save(HEALTHY.generator(HEALTHY.latent, (1, 8, 8)).state_dict(), folder / "g.pt")
        arguments = ["g.pt", "--generator", "made_here:build", "--latent", f"normal:{HEALTHY.latent}"]
        ways = {
            "real samples": ["--reference", "real.npz"],
            "real samples and classes": ["--reference", "real.npz", "--modes", "digits"],
        }
        for way, reference in ways.items():
            command = [sys.executable, "-m", "gandiag", "check", *arguments, *reference]
            pairs = [
                (_seconds([sys.executable, "-c", "import torch"], folder), _seconds(command, folder))
                for _ in range(rounds)
            ]
            bare, whole = (statistics.median(values) for values in zip(*pairs, strict=True))
            ours = statistics.median(all_ - torch_ for torch_, all_ in pairs)
            print(
                f"{way}: {whole:.1f} s from start to verdict (target {WHOLE:g}: {_kept(whole, WHOLE)}), "
                f"importing torch {bare:.1f} s, ours {ours:.1f} s (target {OURS:g}: {_kept(ours, OURS)})"
            )


def _kept(seconds: float, target: float) -> str:
    return "ok" if seconds <= target else "MISSED"


def _seconds(command: list[str], folder: Path) -> float:
    started = time.perf_counter()
    subprocess.run(command, cwd=folder, capture_output=True, check=False)  # noqa: S603 - our own commands
    return time.perf_counter() - started


if __name__ == "__main__":
    main()

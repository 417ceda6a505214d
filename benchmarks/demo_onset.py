"""Is the demo's diagnosis right? Per seed: verdict, onset of the finding, and when classes were really lost.

The truth is measured apart from gandiag: every 25 steps a copy of G gives 2,000 samples, and a support vector
machine (not the classifier that gandiag ships) labels them. Classes are lost from the check on after which
exp(entropy) of the label histogram never again reaches 8 of the ten classes.

    python benchmarks/demo_onset.py 0 1 2 3 4
"""

from __future__ import annotations

import copy
import sys
import tempfile
import time
from pathlib import Path

import numpy as np
import torch
from sklearn.datasets import load_digits
from sklearn.svm import SVC

import gandiag
from gandiag.demo import LATENT, RECIPES, Recipe, networks, train

CHECK_EVERY = 25
LOST = 8.0


class Truth:
    """Effective number of classes of G's samples, by step."""

    def __init__(self, generator: torch.nn.Module) -> None:
        data = load_digits()
        self.classifier = SVC(gamma="scale").fit(data.data / 8 - 1, data.target)
        self.generator, self.step = generator, 0
        self.effective: list[tuple[int, float]] = []

    def __call__(self) -> None:
        self.step += 1
        if self.step % CHECK_EVERY == 0:
            self.effective.append((self.step, self.measure()))

    def measure(self) -> float:
        frozen = copy.deepcopy(self.generator).eval()
        latents = torch.randn(2000, LATENT, generator=torch.Generator().manual_seed(0))
        with torch.no_grad():
            labels = self.classifier.predict(frozen(latents).flatten(1).numpy())
        shares = np.bincount(labels) / len(labels)
        shares = shares[shares > 0]
        return float(np.exp(-(shares * np.log(shares)).sum()))

    def lost_at(self) -> int | None:
        """The first check from which on the classes stayed lost; None when they were there at the end."""
        covering = [step for step, effective in self.effective if effective >= LOST]
        last = covering[-1] if covering else 0
        return None if last == self.effective[-1][0] else last + CHECK_EVERY


def main(seeds: list[int]) -> None:
    torch.set_num_threads(1)
    for seed in seeds:
        for recipe in RECIPES:
            for modes in ("digits", None):
                report(recipe, seed, modes)


def report(recipe: Recipe, seed: int, modes: str | None) -> None:
    torch.manual_seed(seed)
    generator, discriminator = networks()
    truth = Truth(generator)
    started = time.perf_counter()
    with (
        tempfile.TemporaryDirectory() as folder,
        gandiag.attach(generator, discriminator, run_dir=Path(folder) / "run", modes=modes, alerts=False) as callback,
    ):
        train(recipe, generator, discriminator, steps=recipe.steps, callback=callback, tick=truth)
        callback.close()
        diagnosis = callback.diagnosis
    found = ", ".join(f"{f.code} ({f.severity}) from {f.onset_step}" for f in diagnosis.findings) or "none"
    print(
        f"seed {seed} {recipe.name:10} modes={modes!s:6} verdict={diagnosis.verdict:9} findings: {found}; "
        f"classes really lost at {truth.lost_at()}, {truth.effective[-1][1]:.1f} effective classes at the end "
        f"({time.perf_counter() - started:.0f} s)",
        flush=True,
    )


if __name__ == "__main__":
    main([int(seed) for seed in sys.argv[1:]] or list(range(5)))

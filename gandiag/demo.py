"""The demo: two small GANs on scikit-learn's 8x8 digits, watched as any user's loop would be."""

from __future__ import annotations

import sys
import time
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

import torch
from torch import nn
from torch.nn.functional import binary_cross_entropy_with_logits

import gandiag

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from rich.progress import Progress

    from gandiag.callback import Callback
    from gandiag.findings import Finding

LATENT = 32
BATCH = 64


@dataclass(frozen=True, kw_only=True)
class Recipe:
    """How one of the two GANs is trained; from `change_at` of its length on with the changed learning rates."""

    name: str
    says: str
    learning_rate: float = 5e-4
    steps: int = 2400
    change_at: float = 1.0
    changed_generator_rate: float = 0.0
    changed_discriminator_rate: float = 0.0


RECIPES = (
    Recipe(name="healthy", says="G and D learn at the same rate, 5e-4 (non-saturating loss, Adam)."),
    Recipe(
        name="collapsing",
        says=(
            "The same, but at 40 % of the run G's learning rate rises to 5e-3 and D's falls to 2e-5: "
            "D can no longer answer, and G moves to the few digits it likes best."
        ),
        change_at=0.4,
        changed_generator_rate=5e-3,
        changed_discriminator_rate=2e-5,
    ),
)


def networks() -> tuple[nn.Module, nn.Module]:
    """A generator of (B, 32) latents to (B, 1, 8, 8) images in [-1, 1], and a discriminator to (B, 1) logits."""
    generator = nn.Sequential(
        nn.Linear(LATENT, 128), nn.BatchNorm1d(128), nn.ReLU(),
        nn.Linear(128, 128), nn.BatchNorm1d(128), nn.ReLU(),
        nn.Linear(128, 64), nn.Tanh(), nn.Unflatten(1, (1, 8, 8)),
    )  # fmt: skip
    discriminator = nn.Sequential(
        nn.Flatten(), nn.Linear(64, 128), nn.LeakyReLU(0.2),
        nn.Linear(128, 128), nn.LeakyReLU(0.2), nn.Linear(128, 1),
    )  # fmt: skip
    return generator, discriminator


def digits() -> torch.Tensor:
    """scikit-learn's 1,797 real digits, (1797, 1, 8, 8) float32 in [-1, 1]."""
    from sklearn.datasets import load_digits

    return torch.tensor(load_digits().images / 8 - 1, dtype=torch.float32).unsqueeze(1)


def train(
    recipe: Recipe,
    generator: nn.Module,
    discriminator: nn.Module,
    *,
    steps: int,
    callback: Callback | None = None,
    tick: Callable[[], None] = lambda: None,
) -> None:
    """The training loop; `tick` is called after every step."""
    images = digits()
    adam_g = torch.optim.Adam(generator.parameters(), lr=recipe.learning_rate, betas=(0.5, 0.999))
    adam_d = torch.optim.Adam(discriminator.parameters(), lr=recipe.learning_rate, betas=(0.5, 0.999))
    for step in range(1, steps + 1):
        if step == int(recipe.change_at * steps) + 1:
            adam_g.param_groups[0]["lr"] = recipe.changed_generator_rate
            adam_d.param_groups[0]["lr"] = recipe.changed_discriminator_rate

        real = images[torch.randint(len(images), (BATCH,))]
        fake = generator(torch.randn(BATCH, LATENT)).detach()
        on_real, on_fake = discriminator(real), discriminator(fake)
        loss_d = binary_cross_entropy_with_logits(on_real, torch.ones_like(on_real)) / 2
        loss_d = loss_d + binary_cross_entropy_with_logits(on_fake, torch.zeros_like(on_fake)) / 2
        adam_d.zero_grad()
        loss_d.backward()
        adam_d.step()

        on_fake = discriminator(generator(torch.randn(BATCH, LATENT)))
        loss_g = binary_cross_entropy_with_logits(on_fake, torch.ones_like(on_fake))
        adam_g.zero_grad()
        loss_g.backward()
        adam_g.step()

        if callback is not None:
            callback.log(loss_generator=loss_g, loss_discriminator=loss_d)
        tick()


def run_demo(
    recipes: Sequence[Recipe], *, steps: int | None, seed: int, out: str, modes: bool, quiet: bool
) -> list[dict[str, Any]]:
    """Train, diagnose and report each recipe; one summary per run. Raises RunError when `out` cannot be written."""
    from rich.console import Console
    from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

    from gandiag.terminal import results_table

    torch.set_num_threads(1)  # networks this small only lose by sharing their work
    console = Console(stderr=True, quiet=quiet)
    columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TimeRemainingColumn())
    results = []
    for recipe in recipes:
        console.print(f"[bold]{recipe.name}[/bold]: {recipe.says}")
        with Progress(*columns, console=console, disable=quiet or not sys.stderr.isatty()) as progress:
            results.append(
                _run(recipe, steps or recipe.steps, seed, _free_folder(Path(out), recipe.name), modes, progress)
            )
    if not quiet:
        Console().print(results_table(results))
    return results


def _run(recipe: Recipe, steps: int, seed: int, folder: Path, modes: bool, progress: Progress) -> dict[str, Any]:
    from gandiag.cli import write_reports

    task = progress.add_task(recipe.name, total=steps)
    started = time.perf_counter()

    def tell(finding: Finding) -> None:
        progress.console.print(f"  [red]{finding.severity}[/red] {finding.code}: {finding.summary}")

    torch.manual_seed(seed)
    generator, discriminator = networks()
    with gandiag.attach(
        generator,
        discriminator,
        run_dir=folder,
        modes="digits" if modes else None,
        hyperparameters={
            "recipe": recipe.name,
            "says": recipe.says,
            "seed": seed,
            "steps": steps,
            "batch": BATCH,
        },
        on_finding=tell,
        alerts=False,
        max_overhead=None,  # the same numbers on any machine
    ) as callback:
        advance = partial(progress.advance, task)
        train(recipe, generator, discriminator, steps=steps, callback=callback, tick=advance)
    run = gandiag.Run.open(folder)
    diagnosis = gandiag.diagnose(run)
    html, pdf = write_reports(run, diagnosis, str(folder))
    found = [{"code": f.code, "severity": f.severity, "onset_step": f.onset_step} for f in diagnosis.findings]
    seconds = round(time.perf_counter() - started, 1)
    head = {"run": recipe.name, "run_dir": str(folder), "steps": steps, "seed": seed, "seconds": seconds}
    return {**head, "verdict": diagnosis.verdict, "findings": found, "report": html, "pdf": pdf}


def _free_folder(out: Path, name: str) -> Path:
    """`out/name`, or with the first number that is free: an earlier demo is kept."""
    folder, number = out / name, 1
    while folder.exists():
        number += 1
        folder = out / f"{name}-{number}"
    return folder

"""Loops with one mistake each, and loops that look alike and are right; what is found in each."""

from __future__ import annotations

import tempfile
from dataclasses import dataclass
from functools import cache
from itertools import islice
from pathlib import Path
from typing import TYPE_CHECKING, Any

import torch
from torch import nn

import gandiag
from gandiag.record.callback import recording_of

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from gandiag.findings import Diagnosis
    from gandiag.rundir.run import Run

    Attach = Callable[[nn.Module, nn.Module], object]
    Training = Callable[[Attach], Iterator[None]]

STEPS = 200
SELDOM = 8  # rounds


@dataclass(frozen=True)
class Case:
    """A loop as a generator that yields after each step. `remedy` is the first one expected, "" for a right loop.

    `also` are further mistakes that follow from it, `severity` is what it is told at.
    """

    code: str
    feature: str
    training: Training
    remedy: str = ""
    also: tuple[str, ...] = ()
    severity: str = "failure"


CASES: dict[str, Case] = {}
CORRECTED: dict[str, Case] = {}
"""Loops of docs/gallery.md without their mistake, by its name."""


def case(code: str, feature: str, remedy: str = "", **options: Any) -> Callable[[Training], Training]:
    """Enter a training into the table: a mistake with its first remedy, or what looks like it."""

    def enter(training: Training) -> Training:
        CASES[training.__name__] = Case(code, feature, training, remedy, **options)
        return training

    return enter


@cache
def found(name: str, seed: int = 0, *, seldom: bool = False, corrected: bool = False) -> tuple[Run, Diagnosis]:
    """Train, and judge what was recorded: all, or `seldom`, as of a loop whose steps are short."""
    torch.manual_seed(seed)
    callbacks: list[Any] = []
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "run"

        def attach(generator: nn.Module, discriminator: nn.Module) -> None:
            options: dict[str, Any] = {"max_overhead": None, "alerts": False, "detectors": ()}  # judged afterwards
            made = gandiag.attach(generator, discriminator, run_dir=path, **options)
            callbacks.append(made)
            if seldom:
                plan = recording_of(made).plan
                plan.every = dict.fromkeys(plan.every, SELDOM)

        list(islice((CORRECTED if corrected else CASES)[name].training(attach), STEPS))
        callbacks[0].close()
        run = gandiag.Run.open(path)
        return run, gandiag.diagnose(run)

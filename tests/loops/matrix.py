"""The table of loops, and what comes out when one is watched."""

from __future__ import annotations

from dataclasses import dataclass, field, fields, replace
from functools import cache
from itertools import islice
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest
import torch

from gandiag.detectors import DETECTORS
from gandiag.judge.diagnose import diagnose
from gandiag.judge.mechanisms import MISTAKES
from gandiag.testing import assert_unchanged

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from gandiag.rundir.run import Run

    Values = dict[str, float]
    Training = Callable[[Callable[..., Any]], Iterator[Values]]

NEEDS_CUDA = pytest.mark.skipif(not torch.cuda.is_available(), reason="needs a CUDA device")
HASTE = 10  # steps, in place of what a detector waits for
PLAIN = ("1 real, 1 generated, 0 penalty", "0 real, 1 generated, 0 penalty")


@dataclass(frozen=True)
class Loop:
    """A loop, written as a generator that yields after each step what is to be recorded of it.

    `saw` is what D is to be found to have seen per update of D and of G; `sentence` is part of what the user is told
    where the loop hides something; `checks` are further assertions on the recorded run.
    """

    group: str
    feature: str
    training: Training
    saw: tuple[str, ...] = PLAIN
    sentence: str = ""
    absent: tuple[str, ...] = ()
    steps: int = 25
    tolerance: float = 2e-5
    marks: tuple[Any, ...] = ()
    checks: tuple[Callable[[Run], None], ...] = ()


@dataclass(frozen=True)
class Outcome:
    """What happened: what was not recorded as it should, the sentences told, what watching changed ("" if nothing).

    `mistakes` are those that the diagnosis claims: none, as every loop is right.
    """

    wrong: list[str] = field(default_factory=list)
    told: list[str] = field(default_factory=list)
    changed: str = ""
    mistakes: list[str] = field(default_factory=list)


LOOPS: dict[str, Loop] = {}


def loop(group: str, feature: str, **options: Any) -> Callable[[Training], Training]:
    """Enter a training into the table."""

    def enter(training: Training) -> Training:
        LOOPS[training.__name__] = Loop(group, feature, training, **options)
        return training

    return enter


@cache
def outcome(name: str) -> Outcome:
    """Run a loop bare and watched, and compare what was recorded with what was computed by hand."""
    entry = LOOPS[name]
    by_hand: list[list[Values]] = []

    def train(attach: Callable[..., Any], steps: int) -> None:
        by_hand.append(list(islice(entry.training(attach), steps)))

    try:
        run = assert_unchanged(train, steps=entry.steps, options={"max_overhead": None, "alerts": False})
    except AssertionError as error:
        return Outcome(changed=str(error))
    told = [fault["message"] for fault in run.meta["faults"]]
    return Outcome(list(_wrong(entry, run, by_hand[-1])), told, mistakes=_claimed(run))


def _claimed(run: Run) -> list[str]:
    """Mistakes that would be found if detectors made up their minds within the few steps of a row."""
    found = diagnose(run, [_hasty(d) for d in DETECTORS if d.code in MISTAKES])
    return [*(f"{f.code}: {f.summary}" for f in found.findings if f.severity != "info"), *map(str, found.errors)]


def _hasty(detector: Any) -> Any:
    times = [f.name for f in fields(detector) if f.name.endswith("_steps")]
    return replace(detector, **{name: min(getattr(detector, name), HASTE) for name in times})


def _wrong(entry: Loop, run: Run, expected: list[Values]) -> Iterator[str]:
    if run.last_step != len(expected):
        yield f"{run.last_step} steps instead of {len(expected)}"
        return
    for name in dict.fromkeys(name for values in expected for name in values):
        yield from _differences(entry, run, name, [values.get(name, np.nan) for values in expected])
    for name in entry.absent:
        if not run.series(name).empty:
            yield f"{name} was recorded"
    saw = tuple(run.meta["attribution"].values())
    if saw != entry.saw:
        yield f"D saw {saw} instead of {entry.saw}"
    for check in entry.checks:
        try:
            check(run)
        except AssertionError as error:
            yield f"{check.__name__}: {error}"


def _differences(entry: Loop, run: Run, name: str, expected: list[float]) -> Iterator[str]:
    if name not in run.scalars:
        yield f"{name} was not recorded"
        return
    recorded = run.scalars[name].to_numpy()
    wanted = np.array(expected)
    if name.startswith("update/"):  # measured at every 10th step
        wanted = np.where(np.arange(1, len(wanted) + 1) % 10 == 0, wanted, np.nan)
    if not np.allclose(recorded, wanted, rtol=entry.tolerance, atol=1e-7, equal_nan=True):
        worst = int(np.argmax(~np.isclose(recorded, wanted, rtol=entry.tolerance, atol=1e-7, equal_nan=True)))
        yield f"{name} is {recorded[worst]:.6g} instead of {wanted[worst]:.6g} at step {worst + 1}"

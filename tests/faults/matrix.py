"""The table of faults, and what comes out when one strikes."""

from __future__ import annotations

import re
import tempfile
import threading
from contextlib import contextmanager
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import torch
from torch import nn
from torch.nn.functional import softplus

import gandiag
from gandiag.rundir.run import Run

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    Wrap = Callable[[nn.Module], nn.Module]
    Between = Callable[[int, "Game"], None]

GOES_ON = "goes on, unchanged"


@dataclass(frozen=True)
class Happened:
    """What a scenario did: how many steps were trained, how that went, which signals are to be in every row.

    `lost` says what the record lacks, where that differs from time to time and the scenario has looked itself.
    """

    steps: int
    training: str = GOES_ON
    run_dir: Path | None = None
    signals: tuple[str, ...] = ()
    lost: str | None = None


@dataclass(frozen=True)
class Fault:
    """A scenario and its truth.

    A scenario trains in a folder of its own, records to `run` in it, and closes. `training` is what becomes of the
    training, `lost` what of its record, `told` parts of the sentences that are told, `ended` how the run ended.
    """

    group: str
    fault: str
    scenario: Callable[[Path], Happened]
    training: str = GOES_ON
    lost: str = "nothing"
    told: tuple[str, ...] = ()
    ended: str = "closed"
    marks: tuple[Any, ...] = ()


@dataclass(frozen=True)
class Outcome:
    """What happened."""

    training: str
    lost: str
    told: list[str] = field(default_factory=list)
    ended: str = ""
    threads: int = 0


FAULTS: dict[str, Fault] = {}


def fault(group: str, name: str, **truth: Any) -> Callable[[Callable[[Path], Happened]], Callable[[Path], Happened]]:
    """Enter a scenario into the table."""

    def enter(scenario: Callable[[Path], Happened]) -> Callable[[Path], Happened]:
        FAULTS[scenario.__name__] = Fault(group, name, scenario, **truth)
        return scenario

    return enter


@cache
def outcome(name: str) -> Outcome:
    """Let a fault strike, and read the record."""
    with tempfile.TemporaryDirectory() as folder:
        before = threading.active_count()
        happened = FAULTS[name].scenario(Path(folder))
        threads = threading.active_count() - before
        run_dir = happened.run_dir or Path(folder) / "run"
        if not (run_dir / "run.json").exists():
            return Outcome(happened.training, "nothing", threads=threads)
        run = Run.open(run_dir)
        told = [_plain(fault["message"], folder) for fault in run.meta["faults"]]
        ended = run.meta["status"] + (f": {run.meta['reason']}" if run.meta["reason"] else "")
        return Outcome(happened.training, happened.lost or lost(run, happened), told, _plain(ended, folder), threads)


def lost(run: Run, happened: Happened) -> str:
    """In words which steps have no row, and which rows lack signals that were to be there."""
    gone = sorted(set(range(1, happened.steps + 1)) - set(run.scalars.index))
    parts = [f"{len(gone):,} of {happened.steps:,} steps"] if gone else []
    for name in happened.signals:
        lacking = int(run.scalars[name].isna().sum()) if name in run.scalars else len(run.scalars)
        parts += [f"{name} in {lacking} of {len(run.scalars)} rows"] if lacking else []
    return ", ".join(parts) or "nothing"


def _plain(message: str, folder: str) -> str:
    """Without paths of this machine and numbers that differ from time to time."""
    return re.sub(r"\b(\d[\d,]*)\b (?=s\b)", "N ", message.replace(folder, "FOLDER"))


class Game:
    """A tiny GAN; `random` decides all of it."""

    def __init__(self, wrap: Wrap = lambda module: module, dtype: torch.dtype = torch.float32) -> None:
        torch.manual_seed(0)
        self.dtype = dtype
        self.generator, self.discriminator = wrap(nn.Linear(4, 2).to(dtype)), wrap(nn.Linear(2, 1).to(dtype))
        self._sgd = [torch.optim.SGD(m.parameters(), 0.01) for m in (self.discriminator, self.generator)]

    def step(self, batch: int = 16) -> None:
        """One update of D and one of G."""
        real, latents = torch.randn(batch, 2, dtype=self.dtype), torch.randn(batch, 4, dtype=self.dtype)
        self._sgd[0].zero_grad()
        fake = self.generator(latents).detach()
        (softplus(-self.discriminator(real)).sum() + softplus(self.discriminator(fake)).sum()).backward()
        self._sgd[0].step()
        self._sgd[1].zero_grad()
        softplus(-self.discriminator(self.generator(latents))).sum().backward()
        self._sgd[1].step()

    def weights(self) -> torch.Tensor:
        """All weights in a row."""
        return torch.cat([p.detach().flatten() for m in (self.generator, self.discriminator) for p in m.parameters()])


def trained(folder: Path, steps: int, between: Between = lambda *_: None, **options: Any) -> Happened:
    """A game trained bare and watched, with something done `between` steps; the signals of a game in every row."""
    batch, wanted = options.pop("batch", lambda _: 16), options.pop("signals", ("d/auc", "feedback/norm"))
    made = {name: options.pop(name) for name in ("dtype",) if name in options}
    weights = []
    for watched in (False, True):
        game = Game(**made)
        with attached(game, folder, **options) if watched else nothing():
            for step in range(1, steps + 1):
                game.step(batch(step))
                between(step, game)
        weights.append(game.weights())
    same = torch.equal(*weights)
    return Happened(steps, GOES_ON if same else "is changed", signals=wanted)


def attached(game: Game, folder: Path, **options: Any) -> gandiag.Callback:
    """The game watched in full detail, without a word."""
    options = {"max_overhead": None, "alerts": False, **options}
    return gandiag.attach(game.generator, game.discriminator, run_dir=folder / "run", **options)


@contextmanager
def nothing() -> Iterator[None]:
    """Not watched."""
    yield


def recorded(folder: Path, **options: Any) -> gandiag.Callback:
    """A recorder for a loop without torch."""
    return gandiag.Callback(folder / "run", **{"max_overhead": None, "alerts": False, **options})


def outputs() -> dict[str, np.ndarray]:
    """D's outputs of one step."""
    return {"d_real": np.ones(8), "d_fake": np.zeros(8)}

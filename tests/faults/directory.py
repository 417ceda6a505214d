"""Run directories that are slow, in the way, or cannot be."""

from __future__ import annotations

import threading
from typing import TYPE_CHECKING

import pytest

import gandiag
from gandiag.rundir.run import Run

from .matrix import Game, Happened, attached, fault, outputs, recorded

if TYPE_CHECKING:
    from pathlib import Path

GROUP = "The run directory"
REFUSED = "begins once the argument is right"


@fault(
    GROUP,
    "the disk hangs in the middle, and comes back",
    lost="steps in the meantime, beyond some thousand that wait",
    told=("the background thread does not keep up, because the disk is slow or hangs",),
)
def slow_disk(folder: Path) -> Happened:
    from gandiag.record import stages

    gate, reduce_block = threading.Event(), stages.reduce_block

    def hangs(*arguments: object) -> object:
        gate.wait(60)
        return reduce_block(*arguments)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(stages, "reduce_block", hangs)
        with recorded(folder) as callback:
            for _ in range(12_000):
                callback.step(**outputs())
            assert callback._recording.faults.entries, "said at once, not at the end"
            gate.set()
    run = Run.open(folder / "run")
    (gap,) = (e for e in run.events if e["kind"] == "gap")
    assert sorted([*run.scalars.index, *range(gap["from_step"], gap["to_step"] + 1)]) == list(range(1, 12_001))
    return Happened(12_000, lost="steps in the meantime, beyond some thousand that wait")


@fault(
    GROUP,
    "the disk hangs for good while the run is closed",
    lost="what is not written after 30 s, which is said",
    told=("the run could not be closed within N s, as its disk is too slow or hangs; steps 2 to 2",),
)
def hangs_at_the_end(folder: Path) -> Happened:
    gate = threading.Event()
    callback = recorded(folder)
    callback.step(**outputs())
    callback.flush()
    worker = callback._recording._worker
    write = worker.recorder.storage.write
    worker.recorder.storage.write = lambda *a: (gate.wait(60), write(*a))
    callback.step(**outputs())
    callback._recording.close("closed", None, patience=1.5)
    (told,) = callback._recording.faults.listed()
    assert "steps 2 to 2 and how the training ended are not in" in told["message"]
    run_dir = folder / "run"
    assert Run.open(run_dir).last_step == 1
    gate.set()
    worker.join(60)
    return Happened(2, lost="what is not written after 30 s, which is said")


@fault(GROUP, "attaching fails (a wrong path, a wrong type): the corrected call records to the same run_dir")
def corrected(folder: Path) -> Happened:
    game = Game()
    for wrong in ({"held_out": "validation"}, {"quality": 3}, {"hyperparameters": 3}, {"modes": "no such"}):
        with pytest.raises((TypeError, ValueError)):
            attached(game, folder, **wrong)
        assert not list(folder.iterdir())
    with attached(game, folder):
        for _ in range(20):
            game.step()
    return Happened(20, signals=("d/auc",))


@fault(GROUP, "the run_dir of a run of which no step was recorded: it is taken again")
def without_a_step(folder: Path) -> Happened:
    recorded(folder).close()
    with recorded(folder) as callback:
        callback.step(**outputs())
    assert len(Run.open(folder / "run").meta["segments"]) == 1
    return Happened(1, signals=("d/auc",))


@fault(
    GROUP,
    'the run_dir of another run: refused, naming exist_ok="number", which records to run-2',
    training=REFUSED,
)
def in_use(folder: Path) -> Happened:
    with recorded(folder) as callback:
        callback.step(**outputs())
    before = (folder / "run" / "run.json").read_bytes()
    with pytest.raises(gandiag.RunError, match=r'exist_ok="number" \(.*run-2\), or continue the run with resume=True'):
        recorded(folder)
    assert (folder / "run" / "run.json").read_bytes() == before
    for _ in range(2):
        with recorded(folder, exist_ok="number") as callback:
            callback.step(**outputs())
            callback.step(**outputs())
    assert callback.run_dir == str(folder / "run-3")
    return Happened(2, REFUSED, folder / "run-2", signals=("d/auc",))


@fault(GROUP, "a run_dir that can be none: empty, with a NUL, of an unknown protocol", training=REFUSED, ended="")
def impossible(folder: Path) -> Happened:
    for run_dir in ("", " ", "a\0b", "nosuch://bucket/run"):
        with pytest.raises(gandiag.RunError) as told:
            gandiag.Callback(run_dir)
        assert "\n" not in str(told.value)
    return Happened(0, REFUSED)

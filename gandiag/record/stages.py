"""From rows to signals on the background thread: stages that a block of rows goes through, one after the other."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from gandiag.measure.columns import scatter
from gandiag.measure.conditions import Labels
from gandiag.measure.label_free import BinTracker, track
from gandiag.measure.reductions import reduce_block
from gandiag.measure.wiring import Inputs
from gandiag.record.notices import UNKNOWN_RANGE
from gandiag.signals import matching

if TYPE_CHECKING:
    from collections.abc import Sequence

    from gandiag.measure.blocks import Block
    from gandiag.measure.reductions import Raw
    from gandiag.modes.tracker import ModeTracker
    from gandiag.record.attributing import Attributor
    from gandiag.record.faults import Faults
    from gandiag.record.settings import Settings
    from gandiag.rundir.recorder import Recorder

MODES_EVERY = 50  # steps between two mode histograms


@dataclass
class Signals:
    """What a block of k rows was reduced to.

    Attributes
    ----------
    steps : int (k,)
    times : float (k,), seconds since the epoch
    raw : raw records by groups of rows (their positions), batches of D told apart
    columns : signals by name, float (k,); stages add theirs
    """

    steps: np.ndarray
    times: np.ndarray
    raw: Sequence[tuple[list[int], Raw]]
    columns: dict[str, np.ndarray]


class Reduction:
    """Rows to signals; the only stage that the others cannot do without."""

    def __init__(self, settings: Settings, attributor: Attributor) -> None:
        self._settings, self._attributor = settings, attributor

    def __call__(self, block: Block) -> Signals:
        """Signals of a block, batches of D told apart."""
        settings = self._settings
        known = self._attributor.known(block)
        decision = settings.decision * self._attributor.sign()
        reduced = [(rows, reduce_block(raw, settings.layers, decision)) for rows, raw in known]
        steps = np.array(block.steps, dtype=np.int64)
        columns = scatter(len(steps), reduced)
        _thin_layers((steps - 1) // settings.round_steps, columns, settings.layer_every)
        return Signals(steps, np.array(block.times), known, columns)


class Repeats:
    """Whether G is given the same input over and over."""

    def __init__(self) -> None:
        self._inputs = Inputs()

    def __call__(self, signals: Signals) -> None:
        """Add the signal."""
        signals.columns |= self._inputs.track(len(signals.steps), signals.raw)


class Conditions:
    """Whether G is given the labels that real samples have."""

    def __init__(self) -> None:
        self._labels = Labels()

    def __call__(self, signals: Signals) -> None:
        """Add the signals."""
        signals.columns |= self._labels.track(len(signals.steps), signals.raw)


class Bins:
    """Coverage where there are no labels."""

    def __init__(self) -> None:
        self._tracker = BinTracker()

    def __call__(self, signals: Signals) -> None:
        """Add the signals of coverage."""
        signals.columns |= track(self._tracker, signals.steps, signals.raw)


class Modes:
    """Coverage of labelled modes: signals, and a histogram every 50 steps."""

    def __init__(self, tracker: ModeTracker, recorder: Recorder, faults: Faults) -> None:
        self._tracker, self._recorder, self._faults = tracker, recorder, faults

    def __call__(self, signals: Signals) -> None:
        """Add the signals of coverage."""
        if self._tracker.waits and not self._tell_range(signals):
            return
        batches = {row: raw["modes"][i] for rows, raw in signals.raw if "modes" in raw for i, row in enumerate(rows)}
        for row, step in enumerate(signals.steps):
            if row in batches:
                self._tracker.update(int(step), batches[row])
            if step % MODES_EVERY == 0 and (result := self._tracker.evaluate()):
                found, histogram = result
                for name, value in found.items():
                    signals.columns.setdefault(name, np.full(len(signals.steps), np.nan))[row] = value
                self._recorder.array("modes/histogram", int(step), histogram)

    def _tell_range(self, signals: Signals) -> bool:
        """Whether the real batches have shown by now which range images are to be read in."""
        ends = [signals.columns.get(f"range/real/{end}", np.array([])) for end in ("min", "max")]
        seen = [values[np.isfinite(values)] for values in ends]
        if not all(len(values) for values in seen):
            step = int(signals.steps[-1])
            if step >= self._recorder.start_step + MODES_EVERY:
                self._faults.add("mode coverage", UNKNOWN_RANGE, step)
            return False
        self._tracker.tell_range(float(seen[0].min()), float(seen[1].max()))
        return True


def _thin_layers(rounds: np.ndarray, columns: dict[str, np.ndarray], every: int) -> None:
    """Keep per-layer norms of every so many rounds, and wherever something is not finite."""
    drop = rounds % every != every - 1
    if "nonfinite" in columns:
        drop &= ~(columns["nonfinite"] > 0)
    for name in matching("grad/<net>/layer/<layer>", list(columns)):
        columns[name][drop] = np.nan

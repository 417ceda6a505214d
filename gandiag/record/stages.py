"""From rows to signals on the background thread: stages that a block of rows goes through, one after the other."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from gandiag.measure.columns import scatter
from gandiag.measure.conditions import Labels
from gandiag.measure.label_free import BinTrackers
from gandiag.measure.reductions import reduce_block
from gandiag.measure.wiring import Inputs
from gandiag.record.notices import UNKNOWN_RANGE
from gandiag.signals.names import matching

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from gandiag.measure.blocks import Block
    from gandiag.measure.reductions import Raw
    from gandiag.modes.tracker import ModeTracker
    from gandiag.record.attributing import Attributor
    from gandiag.record.faults import Faults
    from gandiag.record.settings import Settings
    from gandiag.rundir.recorder import Recorder

    Group = tuple[list[int], Raw]

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
    lost : bool (k,), true for rows of which nothing could be read or computed
    """

    steps: np.ndarray
    times: np.ndarray
    raw: Sequence[tuple[list[int], Raw]]
    columns: dict[str, np.ndarray]
    lost: np.ndarray

    def recorded(self) -> tuple[np.ndarray, np.ndarray, dict[str, np.ndarray]]:
        """Steps, times and columns of the rows that are not lost."""
        if not self.lost.any():
            return self.steps, self.times, self.columns
        kept = ~self.lost
        return self.steps[kept], self.times[kept], {name: values[kept] for name, values in self.columns.items()}

    def gaps(self) -> list[tuple[int, int]]:
        """First and last step of each stretch of lost rows."""
        edges = np.flatnonzero(np.diff(np.concatenate([[False], self.lost, [False]]).astype(int)))
        return [(int(self.steps[a]), int(self.steps[b - 1])) for a, b in edges.reshape(-1, 2)]


class Reduction:
    """Rows to signals; the only stage that the others cannot do without. A row that it cannot take is lost alone."""

    def __init__(self, settings: Settings, attributor: Attributor, faults: Faults) -> None:
        self._settings, self._attributor, self._faults = settings, attributor, faults

    def __call__(self, block: Block) -> Signals:
        """Signals of a block, batches of D told apart."""
        settings, last = self._settings, block.steps[-1]
        lost = np.zeros(len(block.steps), dtype=bool)
        arrays = block.arrays()
        for key, error in block.failed.items():
            self._faults.add("reading values", f"{key}: {type(error).__name__}: {error}", last)
        lost[np.isin(block.steps, block.unread)] = True
        try:
            known = list(self._attributor.known(arrays, last))
        except Exception as error:  # noqa: BLE001 - the rows that it is due to are found one by one
            self._faults.add("attribution of a row", error, last)
            known = self._each(block, arrays, lambda part: self._attributor.known([part], last), lost)
        decision = settings.decision * self._attributor.sign()
        reduced = self._each(
            block, known, lambda part: [(part[0], reduce_block(part[1], settings.layers, decision))], lost
        )
        steps = np.array(block.steps, dtype=np.int64)
        columns = scatter(len(steps), reduced)
        _thin_layers((steps - 1) // settings.round_steps, columns, settings.layer_every)
        return Signals(steps, np.array(block.times), known, columns, lost)

    def _each(
        self, block: Block, groups: Sequence[Group], task: Callable[[Group], Sequence[Group]], lost: np.ndarray
    ) -> list[Group]:
        """What a task makes of each group or, where it fails, of each of its rows; those it fails on are `lost`."""
        done: list[Group] = []
        for rows, raw in groups:
            try:
                done += task((rows, raw))
            except Exception as error:  # noqa: BLE001 - one bad row costs one row
                if len(rows) > 1:
                    single = [([row], {k: v[i : i + 1] for k, v in raw.items()}) for i, row in enumerate(rows)]
                    done += self._each(block, single, task, lost)
                else:
                    self._faults.add("reducing a row", error, block.steps[rows[0]])
                    lost[rows] = True
        return done


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
        self._trackers = BinTrackers()

    def __call__(self, signals: Signals) -> None:
        """Add the signals of coverage."""
        signals.columns |= self._trackers.track(signals.steps, signals.raw)


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

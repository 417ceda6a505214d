"""Changes of a learning rate that a training made, as events on its timeline."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from gandiag.signals.names import matching

if TYPE_CHECKING:
    from gandiag.record.stages import Signals
    from gandiag.rundir.recorder import Recorder

CHANGE = "change"
"""The kind of the event: it has `step`, `what` (a signal), `before` and `after`."""
LEAST = 2.0  # times by which a rate must change at once: schedules that go down step by step are no events
MOST = 100  # events in a training


class Changes:
    """Notes jumps of learning rates."""

    def __init__(self, recorder: Recorder) -> None:
        self._recorder = recorder
        self._rates: dict[str, float] = {}
        self._noted = 0

    def __call__(self, signals: Signals) -> None:
        """Look at a block."""
        for name in matching("rate/<net>", list(signals.columns)):
            values = signals.columns[name]
            for row in np.flatnonzero(np.isfinite(values)):
                before, after = self._rates.get(name), float(values[row])
                self._rates[name] = after
                if before is not None and not before / LEAST < after < before * LEAST and after != before:
                    self._note(int(signals.steps[row]), name, before, after)

    def _note(self, step: int, what: str, before: float, after: float) -> None:
        self._noted += 1
        if self._noted <= MOST:
            self._recorder.event(CHANGE, step=step, what=what, before=before, after=after)

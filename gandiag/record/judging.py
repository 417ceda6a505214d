"""The last stage of the background thread: judges a training from its signals, and tells what it finds."""

from __future__ import annotations

import queue
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import numpy as np

from gandiag.judge.live import History
from gandiag.record.announcing import tell_findings, tell_stop, write_diagnosis
from gandiag.rundir.events import EVALUATION, last_evaluation
from gandiag.signals.names import NETS
from gandiag.sinks.base import finding_event

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping

    from gandiag.findings import Diagnosis, Finding
    from gandiag.judge.live import Judge
    from gandiag.judge.stopping import Stop
    from gandiag.record.faults import Faults
    from gandiag.record.settings import Settings
    from gandiag.record.stages import Signals
    from gandiag.rundir.recorder import Recorder
    from gandiag.rundir.run import Run
    from gandiag.sinks.base import Event

AT_ONCE = "non-finite"
"""The failure that each block of rows is looked through for as it arrives: after it nothing can be saved."""
COUNTS = ("nonfinite", *(f"grad/{net}/nonfinite" for net in NETS))
PAUSE_SECONDS = 0.05  # between two parts of a diagnosis, for the training


class Judging:
    """Judges the run as it grows. Of a distributed training only rank 0 does.

    New findings wait in `new_findings` until the training thread comes by.
    """

    def __init__(self, judge: Judge, recorder: Recorder, settings: Settings, faults: Faults) -> None:
        self._judge, self._recorder = judge, recorder
        self._settings, self._faults = settings, faults
        self._step = recorder.start_step - 1  # last seen
        self._stop_told = False
        self.tell_sinks: Callable[[Event], None] = lambda _: None
        self.late = False  # whether the last judgement does not come in time
        self.hurries = False  # whether the run is about to be closed: then nothing is judged before `finish`
        self._history = History()
        self._events: list[Mapping[str, Any]] = []  # of before, and evaluations: they say how to read the rows
        self.new_findings: queue.SimpleQueue[Finding] = queue.SimpleQueue()

    @property
    def diagnosis(self) -> Diagnosis:
        """The latest; where the last one does not come, nobody knows whether a training stayed healthy."""
        latest = self._judge.diagnosis
        if self.late and latest.verdict == "healthy":
            return replace(latest, verdict="undecided", decided=False)
        return latest

    @property
    def stop(self) -> Stop | None:
        """Why training should stop, once it should."""
        return self._judge.stop

    @property
    def last_evaluation(self) -> Mapping[str, Any] | None:
        """The latest event of quality values, None without one."""
        return last_evaluation(self._events)

    def remember(self, run: Run) -> None:
        """Take in what a run that is continued has recorded, before anything else is judged."""
        self._history.append(
            run.scalars.index.to_numpy(), {str(name): values.to_numpy() for name, values in run.scalars.items()}
        )
        self._judge.remember(run.events)
        self._stop_told = self._judge.stop is not None
        self._events = [e for e in run.events if e.get("kind") in ("gap", "thinned", EVALUATION)]

    def evaluated(self, fields: Mapping[str, Any]) -> None:
        """Take in an event of quality values."""
        self._events.append({"kind": EVALUATION, **fields})

    def __call__(self, signals: Signals) -> None:
        """Take in a block of signals; when it is time, judge for a moment, and go on with that in `between`."""
        if self._recorder.rank:
            return
        if not signals.lost.all():
            steps, _, columns = signals.recorded()
            self._history.append(steps, columns)
        self._step = int(signals.steps[-1])
        if self.hurries:
            return
        if not self._judge.is_settled(AT_ONCE) and any(np.nanmax(c) > 0 for c in _counts(signals.columns)):
            self._tell(self._judge.ask_only(AT_ONCE, self._run()))
        if self._judge.due(self._step):
            if self._judge.judgement is None:
                self._judge.begin(self._run())
            self._part()

    def between(self) -> float | None:
        """Go on with a diagnosis in the making; in how many seconds to come again, None where there is none."""
        if self._judge.judgement is None or self.hurries:
            return None
        if self._judge.due(self._step):
            self._part()
        return max(self._judge.rest, PAUSE_SECONDS) if self._judge.judgement is not None else None

    def _part(self) -> None:
        self._tell(self._judge.go_on())
        if self._judge.judgement is None:
            write_diagnosis(self._recorder, self.diagnosis)

    def finish(self, step: int) -> None:
        """Judge all that there is at the last `step`."""
        if self._recorder.rank:
            return
        self._step = step
        self._tell(self._judge.judge(self._run()))
        write_diagnosis(self._recorder, self.diagnosis)

    def _run(self) -> Run:
        meta = self._recorder.meta | {"faults": self._faults.listed()}
        return self._history.run(meta, [*self._events, *self._recorder.losses])

    def _tell(self, new: list[Finding]) -> None:
        alerts = self._settings.alerts
        for finding in new:
            self.new_findings.put(finding)
            self.tell_sinks(finding_event(finding, self._step))
        tell_findings(self._recorder, self._step, new, alerts=alerts)
        if (stop := self._judge.stop) is not None and not self._stop_told:
            self._stop_told = True
            tell_stop(self._recorder, self._step, stop, alerts=alerts)


def _counts(columns: Mapping[str, np.ndarray]) -> Iterator[np.ndarray]:
    """Of the columns that count what is not finite, those that hold a number."""
    found = (columns.get(name) for name in COUNTS)
    return (values for values in found if values is not None and np.isfinite(values).any())

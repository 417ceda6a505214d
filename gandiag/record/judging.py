"""The last stage of the background thread: judges a training from its signals, and tells what it finds."""

from __future__ import annotations

import queue
from typing import TYPE_CHECKING, Any

from gandiag.judge.live import History
from gandiag.record.announcing import tell_findings, tell_stop, write_diagnosis
from gandiag.rundir.events import EVALUATION, last_evaluation

if TYPE_CHECKING:
    from collections.abc import Mapping

    from gandiag.findings import Diagnosis, Finding
    from gandiag.judge.live import Judge
    from gandiag.judge.stopping import Stop
    from gandiag.record.faults import Faults
    from gandiag.record.settings import Settings
    from gandiag.record.stages import Signals
    from gandiag.rundir.recorder import Recorder
    from gandiag.rundir.run import Run


class Judging:
    """Judges the run as it grows. Of a distributed training only rank 0 does.

    New findings wait in `new_findings` until the training thread comes by.
    """

    def __init__(self, judge: Judge, recorder: Recorder, settings: Settings, faults: Faults) -> None:
        self._judge, self._recorder = judge, recorder
        self._settings, self._faults = settings, faults
        self._history = History()
        self._events: list[Mapping[str, Any]] = []  # of before, and evaluations: they say how to read the rows
        self.new_findings: queue.SimpleQueue[Finding] = queue.SimpleQueue()

    @property
    def diagnosis(self) -> Diagnosis:
        """The latest."""
        return self._judge.diagnosis

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
        self._events = [e for e in run.events if e.get("kind") in ("gap", "thinned", EVALUATION)]

    def evaluated(self, fields: Mapping[str, Any]) -> None:
        """Take in an event of quality values."""
        self._events.append({"kind": EVALUATION, **fields})

    def __call__(self, signals: Signals) -> None:
        """Take in a block of signals; when it is time, judge for a moment, and go on with that at later blocks."""
        if self._recorder.rank:
            return
        self._history.append(signals.steps, signals.columns)
        step = int(signals.steps[-1])
        if not self._judge.due(step):
            return
        if self._judge.judgement is None:
            self._judge.begin(self._run())
        stopped_before = self._judge.stop is not None
        new = self._judge.go_on()
        if self._judge.judgement is None:
            self._tell(step, new, stopped_before=stopped_before)

    def finish(self, step: int) -> None:
        """Judge all that there is at the last `step`."""
        if self._recorder.rank:
            return
        stopped_before = self._judge.stop is not None
        self._tell(step, self._judge.judge(self._run()), stopped_before=stopped_before)

    def _run(self) -> Run:
        meta = self._recorder.meta | {"faults": self._faults.listed()}
        return self._history.run(meta, [*self._events, *self._recorder.losses])

    def _tell(self, step: int, new: list[Finding], *, stopped_before: bool) -> None:
        alerts = self._settings.alerts
        for finding in new:
            self.new_findings.put(finding)
        tell_findings(self._recorder, step, new, alerts=alerts)
        if self._judge.stop is not None and not stopped_before:
            tell_stop(self._recorder, step, self._judge.stop, alerts=alerts)
        write_diagnosis(self._recorder, self.diagnosis)

"""The background thread: reduces blocks, writes the run directory, and judges the run as it grows."""

from __future__ import annotations

import queue
from typing import TYPE_CHECKING, Any

import numpy as np

from gandiag.families import infer_family
from gandiag.judge.live import History, Judge
from gandiag.measure.columns import scatter
from gandiag.measure.label_free import BinTracker, track
from gandiag.measure.reductions import reduce_block
from gandiag.measure.unknowns import UNKNOWN, told_apart
from gandiag.record.announcing import tell_findings, tell_stop, write_diagnosis
from gandiag.record.notices import AMBIGUOUS, PATIENCE, UNKNOWN_RANGE
from gandiag.record.tasks import Tasks
from gandiag.rundir.events import EVALUATION, last_evaluation
from gandiag.rundir.snapshots import encode

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from gandiag.findings import Diagnosis, Finding
    from gandiag.measure.blocks import Block
    from gandiag.modes.tracker import ModeTracker
    from gandiag.record.faults import Faults
    from gandiag.record.settings import Settings
    from gandiag.rundir.recorder import Recorder
    from gandiag.rundir.run import Run

MODES_EVERY = 50  # steps between two mode histograms


class Worker:
    """What is done with the rows of a training, in the background: reduced, written, judged.

    Of a distributed training only rank 0 judges.
    """

    def __init__(
        self,
        recorder: Recorder,
        judge: Judge,
        tracker: ModeTracker | None,
        settings: Settings,
        faults: Faults,
    ) -> None:
        self.recorder, self.judge, self.tracker = recorder, judge, tracker
        self.settings, self.faults = settings, faults
        self.history = History()
        self._bins = BinTracker()
        self.new_findings: queue.SimpleQueue[Finding] = queue.SimpleQueue()
        self._tasks = Tasks(self._failed, self._after_task)
        self._step = self._recorded = recorder.segment["start_step"] - 1  # last seen, and last handed to the recorder
        self._faults_written = 0
        self._unknown: int | None = 0  # steps whose batches of D were compared in vain; None once that is settled
        self._earlier: list[Mapping[str, Any]] = []  # events of before that say how to read the rows

    @property
    def diagnosis(self) -> Diagnosis:
        return self.judge.diagnosis

    @property
    def last_evaluation(self) -> Mapping[str, Any] | None:
        return last_evaluation(self._earlier)

    def start(self) -> None:
        self._tasks.start()

    def offer(self, task: Callable[..., None], *arguments: Any) -> bool:
        """Queue a task unless the queue is full or nobody works it off; never blocks."""
        return self._tasks.offer(task, *arguments)

    def put(self, task: Callable[..., None], *arguments: Any) -> bool:
        """Queue a task, waiting for room; False when nobody works the queue off.

        Raises TimeoutError after a minute without room.
        """
        return self._tasks.put(task, *arguments)

    def remember(self, run: Run) -> None:
        """Take in what a run that is continued has recorded, before the thread starts."""
        self.history.append(
            run.scalars.index.to_numpy(), {str(name): values.to_numpy() for name, values in run.scalars.items()}
        )
        self.judge.remember(run.events)
        self._earlier = [e for e in run.events if e.get("kind") in ("gap", "thinned", EVALUATION)]

    def drain(self) -> None:
        """Wait until everything offered so far is done and on disk.

        Raises TimeoutError after a minute, RuntimeError when the thread ended.
        """
        self.put(self.recorder.flush)
        self._tasks.wait()

    def stop(self, status: str, reason: str | None, last_step: int) -> None:
        """Finish what was offered, judge once more, close the run directory and end the thread.

        Where the thread died, the caller closes, and what was not recorded up to `last_step` is a gap.
        Raises TimeoutError after two minutes.
        """
        if self._tasks.finish(self._close, status, reason):
            return
        try:
            if last_step > self._recorded:
                self._guarded("gap", self.gap, self._recorded + 1, last_step, "the background thread died")
            self.recorder.meta["faults"] = self.faults.listed()
            self._guarded("closing", self.recorder.close, status, reason)
            self._after_task()
            self._guarded("last judgement", self._judge)
        except KeyboardInterrupt:
            raise
        except BaseException as error:  # noqa: BLE001 - what ended the thread may strike again
            self.faults.add("closing", error, self._step)

    def _failed(self, task: str, error: BaseException) -> None:
        self.faults.add(f"background {task}", error, self._step)

    def _after_task(self) -> None:
        if len(self.faults.entries) != self._faults_written:
            self._guarded("run.json", self._write_faults)

    def block(self, block: Block) -> None:
        """Reduce, record and, when it is time, judge one block of rows."""
        self._step = block.steps[-1]
        try:
            steps, columns, arrays = self._reduced(block)
        except Exception:
            self._guarded("gap", self.gap, block.steps[0], self._step, "they could not be reduced to signals")
            self._recorded = self._step
            raise
        self._guarded("label-free coverage", self._track_bins, steps, arrays, columns)
        if self.tracker is not None:
            self._guarded("mode coverage", self._track_modes, self.tracker, steps, arrays, columns)
        self._guarded("writing", self.recorder.append, steps, np.array(block.times), columns)
        self._recorded = self._step
        self._guarded("storage", self.recorder.storage.tidy)
        if self.recorder.rank == 0:
            self.history.append(steps, columns)
        if self.judge.due(self._step):
            self._guarded("judging", self._judge_on)

    def _reduced(self, block: Block) -> tuple[np.ndarray, dict[str, np.ndarray], list[Any]]:
        """Steps (k,), signals (k,) by name, and the raw arrays of a block of k rows, batches told apart."""
        known = [group for rows, raw in block.arrays() for group in self._known(rows, raw)]
        reduced = [(rows, reduce_block(raw, self.settings.layers, self.settings.decision)) for rows, raw in known]
        steps = np.array(block.steps, dtype=np.int64)
        columns = scatter(len(steps), reduced)
        _thin_layers(steps, columns, self.settings.layer_every)
        return steps, columns, known

    def _known(self, rows: list[int], raw: dict[str, np.ndarray]) -> list[tuple[list[int], Any]]:
        """Rows in groups whose batches are told apart; says so once when none could be for long."""
        groups = told_apart(rows, raw)
        if self._unknown is not None and any(key.startswith(UNKNOWN) for key in raw):
            self._unknown += len(rows)
            if any(key.startswith("d") and key.endswith("/real") for _, group in groups for key in group):
                self._unknown = None
            elif self._unknown >= PATIENCE:
                self.faults.add("attribution", AMBIGUOUS.format(steps=PATIENCE), self._step)
                self._unknown = None
        return groups

    def gap(self, first: int, last: int, reason: str) -> None:
        self.recorder.gap(first, last, reason)

    def evaluated(self, step: int, measurements: list[dict[str, Any]], seconds: float) -> None:
        """Record the quality values of a step, which come some time after it."""
        fields = {"step": step, "measurements": measurements, "seconds": seconds}
        self.recorder.event(EVALUATION, **fields, segment=self.recorder.segment["index"])
        self._earlier.append({"kind": EVALUATION, **fields})

    def sample(self, step: int, samples: Block) -> None:
        """Store one snapshot; `samples` is a block of one row with the raw key `samples`."""
        ((_, raw),) = samples.arrays()
        self.recorder.sample(step, *encode(raw["samples"][0], self.settings.image_shape))

    def describe(self, fields: Mapping[str, Any]) -> None:
        meta = self.recorder.meta
        merged = {k: meta.get(k, {}) | v if isinstance(v, dict) else v for k, v in fields.items()}
        self.recorder.write_meta(**merged)

    def family(self, evidence: Block) -> None:
        """Infer the loss family from a block of one row, see `gandiag.families.infer_family`."""
        ((_, raw),) = evidence.arrays()
        family, probabilities = infer_family({k: v[0] for k, v in raw.items()})
        self.settings.decision = 0.5 if probabilities or family == "lsgan" else 0.0
        self.settings.family_found = family != "other"
        self.recorder.write_meta(loss_family={"name": family, "source": "inferred"})

    def _track_modes(
        self, tracker: ModeTracker, steps: np.ndarray, arrays: list[Any], columns: dict[str, np.ndarray]
    ) -> None:
        if tracker.waits and not self._tell_range(tracker, columns):
            return
        batches = {row: raw["modes"][i] for rows, raw in arrays if "modes" in raw for i, row in enumerate(rows)}
        for row, step in enumerate(steps):
            if row in batches:
                tracker.update(int(step), batches[row])
            if step % MODES_EVERY == 0 and (result := tracker.evaluate()):
                signals, histogram = result
                for name, value in signals.items():
                    columns.setdefault(name, np.full(len(steps), np.nan))[row] = value
                self.recorder.array("modes/histogram", int(step), histogram)

    def _tell_range(self, tracker: ModeTracker, columns: dict[str, np.ndarray]) -> bool:
        """Whether the real batches have shown by now which range images are to be read in."""
        ends = [columns.get(f"range/real/{end}", np.array([])) for end in ("min", "max")]
        seen = [values[np.isfinite(values)] for values in ends]
        if not all(len(values) for values in seen):
            if self._step >= self.recorder.segment["start_step"] + MODES_EVERY:
                self.faults.add("mode coverage", UNKNOWN_RANGE, self._step)
            return False
        tracker.tell_range(float(seen[0].min()), float(seen[1].max()))
        return True

    def _track_bins(self, steps: np.ndarray, arrays: list[Any], columns: dict[str, np.ndarray]) -> None:
        columns |= track(self._bins, steps, arrays)

    def _judge(self) -> None:
        """Judge all that there is now."""
        if self.recorder.rank == 0:
            stopped_before = self.judge.stop is not None
            self._tell(self.judge.judge(self._run()), stopped_before=stopped_before)

    def _judge_on(self) -> None:
        """Judge for a moment; what was begun at some step is gone on with at later ones."""
        if self.recorder.rank:
            return
        if self.judge.judgement is None:
            self.judge.begin(self._run())
        stopped_before = self.judge.stop is not None
        new = self.judge.go_on()
        if self.judge.judgement is None:
            self._tell(new, stopped_before=stopped_before)

    def _run(self) -> Run:
        meta = self.recorder.meta | {"faults": self.faults.listed()}
        return self.history.run(meta, [*self._earlier, *self.recorder.losses])

    def _tell(self, new: list[Finding], *, stopped_before: bool) -> None:
        alerts = self.settings.alerts
        for finding in new:
            self.new_findings.put(finding)
        tell_findings(self.recorder, self._step, new, alerts=alerts)
        if self.judge.stop is not None and not stopped_before:
            tell_stop(self.recorder, self._step, self.judge.stop, alerts=alerts)
        write_diagnosis(self.recorder, self.diagnosis)

    def _write_faults(self) -> None:
        self._faults_written = len(self.faults.entries)
        self.recorder.write_meta(faults=self.faults.listed())

    def _close(self, status: str, reason: str | None) -> None:
        self._guarded("writing", self.recorder.flush)
        self._guarded("writing", self.recorder.give_up)
        if status == "crashed":  # first: whoever crashed may be killed in the next moment
            self.recorder.meta |= {"status": status, "reason": reason}
            self._guarded("run.json", self._write_faults)
        self._guarded("last judgement", self._judge)
        self.recorder.meta["faults"] = self.faults.listed()
        self.recorder.close(status, reason)

    def _guarded(self, where: str, task: Callable[..., None], *arguments: Any) -> None:
        with self.faults.caught(where, self._step):  # one failing part must not take the others with it
            task(*arguments)


def _thin_layers(steps: np.ndarray, columns: dict[str, np.ndarray], every: int) -> None:
    """Keep per-layer norms at every so many steps, and wherever something is not finite."""
    drop = steps % every != 0
    if "nonfinite" in columns:
        drop &= ~(columns["nonfinite"] > 0)
    for name in [n for n in columns if "/layer/" in n]:
        columns[name][drop] = np.nan

"""The background thread: reduces blocks, writes the run directory, and judges the run as it grows."""

from __future__ import annotations

import logging
import queue
import threading
from dataclasses import asdict, dataclass, field
from typing import TYPE_CHECKING, Any

import numpy as np

from gandiag.blocks import Block, scatter
from gandiag.families import infer_family
from gandiag.live import History, Judge
from gandiag.probes.notices import AMBIGUOUS, PATIENCE
from gandiag.reductions import reduce_block
from gandiag.snapshots import encode
from gandiag.unknowns import UNKNOWN, told_apart

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from gandiag.findings import Diagnosis, Finding
    from gandiag.modes.tracker import ModeTracker
    from gandiag.recorder import Recorder
    from gandiag.run import Run

logger = logging.getLogger("gandiag")

QUEUE_BLOCKS = 64  # beyond this many unwritten blocks rows are dropped and the gap is recorded
LAYER_EVERY = 10  # steps between two records of each layer's gradient norm
MODES_EVERY = 50  # steps between two mode histograms


@dataclass
class Faults:
    """Mistakes of our own: each place warns once, all are counted and go into run.json."""

    entries: dict[str, dict[str, Any]] = field(default_factory=dict)
    earlier: list[dict[str, Any]] = field(default_factory=list)  # of a run that is continued

    def add(self, where: str, error: BaseException | str, step: int) -> None:
        message = error if isinstance(error, str) else f"{type(error).__name__}: {error}"
        if where in self.entries:
            self.entries[where]["count"] += 1
            return
        self.entries[where] = {"where": where, "message": message, "count": 1, "first_step": step}
        logger.warning("gandiag: %s, step %d (training goes on): %s", where, step, message)

    def listed(self) -> list[dict[str, Any]]:
        return [*self.earlier, *(dict(entry) for entry in self.entries.values())]


@dataclass
class Settings:
    """What the worker needs to know of the training; filled in by whoever watches it."""

    layers: dict[str, list[str]] = field(default_factory=dict)
    decision: float = 0.0
    family_found: bool = False
    image_shape: tuple[int, ...] | None = None
    alerts: bool = True
    layer_every: int = LAYER_EVERY


class Worker(threading.Thread):
    """Consumes what the training thread hands over, in order, until `stop`."""

    def __init__(
        self,
        recorder: Recorder,
        judge: Judge,
        tracker: ModeTracker | None,
        settings: Settings,
        faults: Faults,
    ) -> None:
        super().__init__(name="gandiag", daemon=True)
        self.recorder, self.judge, self.tracker = recorder, judge, tracker
        self.settings, self.faults = settings, faults
        self.history = History()
        self.new_findings: queue.SimpleQueue[Finding] = queue.SimpleQueue()
        self._queue: queue.Queue[tuple[Callable[..., None], tuple[Any, ...]]] = queue.Queue(QUEUE_BLOCKS)
        self._step = 0
        self._faults_written = 0
        self._unknown: int | None = 0  # steps whose batches of D were compared in vain; None once that is settled

    @property
    def diagnosis(self) -> Diagnosis:
        return self.judge.diagnosis

    def offer(self, task: Callable[..., None], *arguments: Any) -> bool:
        """Queue a task unless the queue is full; never blocks."""
        try:
            self._queue.put_nowait((task, arguments))
        except queue.Full:
            return False
        return True

    def remember(self, run: Run) -> None:
        """Take in what a run that is continued has recorded, before the thread starts."""
        self.history.append(
            run.scalars.index.to_numpy(), {str(name): values.to_numpy() for name, values in run.scalars.items()}
        )

    def drain(self, timeout: float = 60.0) -> None:
        """Wait until everything offered so far is done and on disk; gives up after `timeout` seconds."""
        done = threading.Event()
        self._queue.put((self._flush, (done,)), timeout=timeout)
        done.wait(timeout)

    def stop(self, status: str, reason: str | None, timeout: float = 120.0) -> None:
        """Finish what was offered, judge once more, close the run directory and end the thread."""
        self._queue.put((self._close, (status, reason)), timeout=timeout)
        self.join(timeout)

    def run(self) -> None:
        task: Callable[..., None] | None = None
        while task != self._close:
            task, arguments = self._queue.get()
            try:
                task(*arguments)
            except Exception as error:  # noqa: BLE001 - a fault of ours must not end the recording
                self.faults.add(f"background {task.__name__.strip('_')}", error, self._step)
            if len(self.faults.entries) != self._faults_written:
                self._guarded("run.json", self._write_faults)

    def block(self, block: Block) -> None:
        """Reduce, record and, when it is time, judge one block of rows."""
        size = len(block.steps)
        self._step = block.steps[-1]
        arrays = block.arrays()
        known = [group for rows, raw in arrays for group in self._known(rows, raw)]
        reduced = [(rows, reduce_block(raw, self.settings.layers, self.settings.decision)) for rows, raw in known]
        steps = np.array(block.steps, dtype=np.int64)
        columns = scatter(size, reduced)
        _thin_layers(steps, columns, self.settings.layer_every)
        if self.tracker is not None:
            self._guarded("mode coverage", self._track_modes, self.tracker, steps, arrays, columns)
        self.history.append(steps, columns)
        self.recorder.append(steps, np.array(block.times), columns)
        if self.judge.due(self._step):
            self._judge()

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
        self.recorder.event("gap", from_step=first, to_step=last, reason=reason)

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
        batches = {row: raw["modes"][i] for rows, raw in arrays if "modes" in raw for i, row in enumerate(rows)}
        for row, step in enumerate(steps):
            if row in batches:
                tracker.update(int(step), batches[row])
            if step % MODES_EVERY == 0 and (result := tracker.evaluate()):
                signals, histogram = result
                for name, value in signals.items():
                    columns.setdefault(name, np.full(len(steps), np.nan))[row] = value
                self.recorder.array("modes/histogram", int(step), histogram)

    def _judge(self) -> None:
        for finding in self.judge.judge(self.history.run(self.recorder.meta)):
            self.new_findings.put(finding)
            self.recorder.event("finding", step=self._step, **asdict(finding))
            if self.settings.alerts:
                level = logging.ERROR if finding.severity == "failure" else logging.WARNING
                logger.log(
                    level,
                    "gandiag: step %d: %s %s: %s",
                    self._step,
                    finding.severity,
                    finding.code,
                    finding.summary,
                )
        self._write_diagnosis()

    def _write_diagnosis(self) -> None:
        import json

        content = json.dumps(self.diagnosis.to_dict(), indent=1).encode()
        self.recorder.folder.write(content, "diagnosis.json")

    def _write_faults(self) -> None:
        self._faults_written = len(self.faults.entries)
        self.recorder.write_meta(faults=self.faults.listed())

    def _flush(self, done: threading.Event) -> None:
        try:
            self.recorder.flush()
        finally:
            done.set()

    def _close(self, status: str, reason: str | None) -> None:
        self._guarded("last judgement", self._judge)
        self.recorder.meta["faults"] = self.faults.listed()
        self.recorder.close(status, reason)

    def _guarded(self, where: str, task: Callable[..., None], *arguments: Any) -> None:
        try:
            task(*arguments)
        except Exception as error:  # noqa: BLE001 - one failing part must not take the others with it
            self.faults.add(where, error, self._step)


def _thin_layers(steps: np.ndarray, columns: dict[str, np.ndarray], every: int) -> None:
    """Keep per-layer norms at every so many steps, and wherever something is not finite."""
    drop = steps % every != 0
    if "nonfinite" in columns:
        drop &= ~(columns["nonfinite"] > 0)
    for name in [n for n in columns if "/layer/" in n]:
        columns[name][drop] = np.nan

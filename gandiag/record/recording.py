"""What probes, adapters and `Given` talk to: the step in progress, what is wanted of it, and what becomes of it."""

from __future__ import annotations

import logging
import os
import queue
import time
import weakref
from typing import TYPE_CHECKING, Any

import numpy as np

from gandiag.measure.blocks import Row, is_tensor, stack
from gandiag.record import leaving
from gandiag.record.announcing import tell_verdict
from gandiag.record.faults import Faults
from gandiag.record.rows import Rows
from gandiag.record.stages import MODES_EVERY
from gandiag.record.terminal import say
from gandiag.record.worker import CLOSING_SECONDS, Worker
from gandiag.rundir.snapshots import MAX_SAMPLES, following

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from gandiag.findings import Diagnosis, Finding
    from gandiag.judge.live import Judge
    from gandiag.judge.stopping import Stop
    from gandiag.measure.blocks import Block
    from gandiag.modes.tracker import ModeTracker
    from gandiag.record.plan import Plan
    from gandiag.record.settings import Settings
    from gandiag.rundir.recorder import Recorder
    from gandiag.rundir.run import Run

LEFT = "the callback was dropped without close()"


class Recording:
    """One training's record in the making; of it, users see what `Callback` shows.

    The training thread fills the row of the step in progress; completed rows go to a background thread, which
    reduces, writes and judges them. `end_step`, `flush` and `close` never raise; of anything else, whoever calls it
    catches what fails and adds it to `faults`.

    Parameters
    ----------
    recorder : writes the run directory
    judge : judges the run as it grows
    tracker : labels generated batches, None where no modes are evaluated
    settings : what the background thread needs to know of the training
    plan : what is recorded in which step
    on_finding : called with each new finding between two steps

    Attributes
    ----------
    faults : mistakes of our own
    leads : whether this process, of those that train together, judges and evaluates
    world_size : how many processes train together
    steps_are_seen : True once hooks end the steps, not the loop
    wants_batch : whether this step's generated batch is wanted, for modes or for a snapshot
    wants_real : whether a batch of real samples is to be kept for comparison
    first_snapshot : whether no snapshot was kept so far
    wants_range : whether the range of the next real batch is to be recorded: labels of modes wait for it
    """

    def __init__(
        self,
        recorder: Recorder,
        judge: Judge,
        tracker: ModeTracker | None,
        settings: Settings,
        plan: Plan,
        on_finding: Callable[[Finding], None] | None = None,
    ) -> None:
        self.faults = Faults(earlier=recorder.meta["faults"], alerts=settings.alerts)
        self.settings, self.plan = settings, plan
        self.leads = recorder.rank == 0
        self.world_size: int = recorder.segment["world_size"]
        self.steps_are_seen = False
        completed = recorder.start_step - 1
        self._worker = Worker(recorder, judge, tracker, settings, self.faults)
        self._rows = Rows(self._worker, completed, self.faults, recorder.flush_seconds)
        self._observed = False
        self._modes_samples = tracker.n if tracker is not None else 0
        self._modes_stride = 1 if tracker is not None else 0
        self._sample_step = following(completed)
        self.wants_real = self.leads
        self.first_snapshot = True
        self._begin(completed + 1)
        self.wants_range = tracker is not None and tracker.waits
        self._on_finding = on_finding
        self._run_dir = recorder.folder.path
        self._announced = not (settings.alerts and self.leads)
        self._closers: list[Callable[[], None]] = []
        self._process = os.getpid()
        self._closed = False
        self.patience = CLOSING_SECONDS
        self._leave = weakref.finalize(self, _left, self._rows, self._worker, self._process)
        self._leave.atexit = False  # then `leaving` closes what is open, with how the program ended

    def start(self, earlier: Run | None) -> None:
        """Start the background thread, which goes on from the `earlier` run where one is continued."""
        if earlier is not None:
            self._worker.remember(earlier)
        self._worker.start()
        leaving.watch(self)

    # the step in progress

    @property
    def completed_steps(self) -> int:
        """The number of the last completed step."""
        return self._rows.completed

    @property
    def row(self) -> dict[str, Any]:
        """Raw records of the step in progress, see `gandiag.measure.reductions`."""
        return self._rows.current.raw

    def row_for(self, key: str) -> dict[str, Any]:
        """Raw records of the step that a value logged under `key` belongs to.

        Hooks end a step before the loop can log: until something else happens, a value belongs to that step.
        """
        return self._rows.for_late(key) if self.steps_are_seen else self.row

    def end_step(self, number: int | None = None) -> None:
        """End the step in progress, under a number that the loop counts, or the next one."""
        if not self._live:
            return
        try:
            if not self._announced:
                self.announce("recording")
            self._rows.end(number)
            self._observed = False
            self._begin(self._rows.completed + 1)
            if self._on_finding is not None:
                self._tell()
        except Exception as error:  # noqa: BLE001 - as in `Faults.caught`, which takes longer
            self.faults.add("step", error, self.completed_steps + 1)

    def _begin(self, step: int) -> None:
        """See what is wanted of a step."""
        sampled = self.leads and step >= self._sample_step
        self.wants_batch = sampled or (self._modes_stride > 0 and step % self._modes_stride == 0)
        self.plan.begin(step, shows=self.wants_batch)

    def reopen(self) -> bool:
        """Make the last step the step in progress again; False when it is out of reach."""
        again = self._rows.reopen()
        if again:
            self._begin(self.completed_steps + 1)
        return again

    # D's outputs

    @property
    def observed(self) -> bool:
        """Whether D's outputs of the step in progress were passed explicitly."""
        return self._observed

    def observe(self, place: str, outputs: Any) -> None:
        """Record D's outputs (B,) as the loop passed them: "/real", "/fake", or ".patch/real" of one of several D."""
        self.row[f"d{place}"] = outputs
        self._observed = True

    def attributed(self, kind: str, outputs: Any, suffix: str = "") -> None:
        """Record D's outputs (B,) on a batch that was found to be `kind`, unless `observe` got them.

        `suffix` names the discriminator, where there are several: ".patch".
        """
        if not self._observed:
            self.row[f"d{suffix}/{kind}"] = outputs

    # generated batches

    @property
    def wants_modes(self) -> bool:
        """Whether this step's generated batch is to be recorded whole, under the raw key `modes`."""
        return self._modes_stride > 0 and (self.completed_steps + 1) % self._modes_stride == 0

    def record_modes(self, batch: Any) -> None:
        """Record a generated batch (B, ...); as few steps as give a full histogram every 50 steps are used."""
        self.row["modes"] = batch
        self._modes_stride = max(1, MODES_EVERY * len(batch) // self._modes_samples)

    @property
    def wants_samples(self) -> bool:
        """Whether a snapshot of generated samples is due in this step."""
        return self.leads and self.completed_steps + 1 >= self._sample_step

    def sample(self, samples: Any) -> None:
        """Keep a snapshot of a generated batch (B, ...) if one is due."""
        if not self.wants_samples:
            return
        step = self.completed_steps + 1
        self._sample_step = following(step)
        self.first_snapshot = False
        self._worker.offer(self._worker.sample, step, _some(samples))

    def sample_real(self, samples: Any) -> None:
        """Keep a batch of real samples (B, ...), once, to be shown beside the snapshots."""
        if self.wants_real:
            self.wants_real = False
            self._worker.offer(self._worker.sample, 0, _some(samples))

    def note(self, text: str) -> None:
        """Put what the user did in the step in progress on record, in the background."""
        if not self._worker.offer(self._worker.note, self.completed_steps + 1, text):
            self.faults.add("note", f"not kept, as the background thread is busy: {text}", self.completed_steps)

    # what is told of the training as a whole

    def describe(self, **fields: Any) -> None:
        """Set fields of run.json, in the background; dictionaries are merged into what is there."""
        self._worker.offer(self._worker.describe, fields)

    def describe_plan(self) -> None:
        """Put down what is recorded how often."""
        self.settings.layer_every, self.settings.round_steps = self.plan.every["layers"], self.plan.round_steps
        self._rows.full_every(self.plan.every["outputs"])
        self.describe(plan=self.plan.describe())

    def announce(self, what: str) -> None:
        """Say, once, what is watched, and where it is recorded."""
        if not self._announced:
            self._announced = True
            say(logging.INFO, f"gandiag: {what} to {self._run_dir}")

    def infer_family(self, evidence: dict[str, Any]) -> None:
        """Have the loss family inferred from `gandiag.families` evidence, in the background."""
        self._worker.offer(self._worker.family, stack([Row(raw=evidence)]))

    def evaluated(self, step: int, measurements: list[dict[str, Any]], seconds: float) -> None:
        """Record the quality values of a step, from a thread that may wait."""
        if not self._worker.put(self._worker.evaluated, step, measurements, seconds):
            self.faults.add("quality", "the background thread died, quality values are not recorded", step)

    @property
    def last_evaluation(self) -> Mapping[str, Any] | None:
        """The latest event of quality values, also of the run that is continued; None without one."""
        return self._worker.judging.last_evaluation

    # how it goes and ends

    @property
    def diagnosis(self) -> Diagnosis:
        """The latest live `Diagnosis`."""
        return self._worker.judging.diagnosis

    @property
    def stop(self) -> Stop | None:
        """Why training should stop under the policy that the user set, once it should."""
        return self._worker.judging.stop

    def on_close(self, closer: Callable[[], None]) -> None:
        """Have `closer` called first when recording stops."""
        self._closers.append(closer)

    def flush(self) -> None:
        """Wait until every completed step is on disk."""
        if not self._live:
            return
        with self.faults.caught("flush", self.completed_steps):
            self._rows.hand_over_all()
            self._worker.drain()

    def close(self, status: str, reason: str | None, patience: float = CLOSING_SECONDS) -> None:
        """Write what is left, judge once more, note how the run ended. Calling again is harmless.

        Each part is done whatever becomes of the others. The background thread is waited for at most `patience`
        seconds; if it takes longer it is said what is not on disk.
        """
        if not self._live:
            return
        self.patience, deadline = patience, time.monotonic() + patience
        for closer in self._closers:
            with self.faults.caught("close", self.completed_steps):
                closer()
        self._closed = True
        with self.faults.caught("close", self.completed_steps):
            self._rows.hand_over_all(max(deadline - time.monotonic(), 0.0))
        with self.faults.caught("close", self.completed_steps):
            self._worker.stop(status, reason, self.completed_steps, max(deadline - time.monotonic(), 1.0))
        leaving.forget(self)
        self._leave.detach()
        with self.faults.caught("close", self.completed_steps):
            self._tell()
        if self.settings.alerts and self.leads and self.completed_steps:
            with self.faults.caught("close", self.completed_steps):
                tell_verdict(self._run_dir, self.diagnosis, f"{status} ({reason})" if status != "closed" else "")

    def interrupted(self) -> None:
        """A signal has come that the program deals with itself: put on disk what there is, without waiting."""
        if self._live:
            with self.faults.caught("flush", self.completed_steps):
                self._rows.leave()
                self._worker.offer(self._worker.recorder.flush)

    def join(self, patience: float) -> None:
        """Wait for a close that is in progress, of which a signal has interrupted the waiting."""
        if self._closed and os.getpid() == self._process:
            self._worker.join(patience)

    def abandon(self) -> None:
        """End a recording that never came to record anything, and leave its directory as it was before."""
        self._closed = True
        leaving.forget(self)
        self._leave.detach()
        with self.faults.caught("close", self.completed_steps):
            self._worker.abandon()

    @property
    def _live(self) -> bool:
        """Whether this records at all: not after closing, nor in a process that was forked."""
        return not self._closed and os.getpid() == self._process

    def _tell(self) -> None:
        while self._on_finding is not None:
            try:
                finding = self._worker.judging.new_findings.get_nowait()
            except queue.Empty:
                return
            with self.faults.caught("on_finding", self.completed_steps):
                self._on_finding(finding)


def _some(samples: Any) -> Block:
    """The first of a batch (B, ...), copied, as a block of one row with the raw key `samples`."""
    kept = samples[:MAX_SAMPLES].detach().clone() if is_tensor(samples) else np.array(samples[:MAX_SAMPLES])
    return stack([Row(raw={"samples": kept})])


def _left(rows: Rows, worker: Worker, process: int) -> None:
    """Nobody can record any more: callback, networks and hooks are gone. Whoever collects garbage waits for nothing."""
    if os.getpid() == process:
        rows.leave()
        worker.leave("closed", LEFT)
        leaving.wait_for(worker)

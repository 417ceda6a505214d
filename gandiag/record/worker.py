"""The background thread: reduces blocks of rows, writes the run directory, and judges the run as it grows."""

from __future__ import annotations

import math
import time
from typing import TYPE_CHECKING, Any

from gandiag.families import LOGISTIC, infer_family
from gandiag.record.attributing import Attributor
from gandiag.record.changes import Changes
from gandiag.record.judging import Judging
from gandiag.record.stages import Bins, Conditions, Modes, Reduction, Repeats
from gandiag.record.suggesting import Suggestion
from gandiag.record.tasks import Tasks
from gandiag.rundir.events import EVALUATION, NOTE
from gandiag.rundir.snapshots import encode
from gandiag.sinks.base import verdict_event
from gandiag.sinks.channel import Channel

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from gandiag.judge.live import Judge
    from gandiag.measure.blocks import Block
    from gandiag.modes.tracker import ModeTracker
    from gandiag.record.faults import Caught, Faults
    from gandiag.record.settings import Settings
    from gandiag.record.stages import Signals
    from gandiag.rundir.recorder import Recorder
    from gandiag.rundir.run import Run

    Stage = tuple[str, Callable[[Signals], None]]

UNREAD = "they could not be reduced to signals"
CLOSING_SECONDS = 30.0
"""Closing waits so long for the background thread."""
SLOW = (
    "the run could not be closed within {seconds:.0f} s, as its disk is too slow or hangs; steps {first:,} to {last:,} "
    "and how the training ended are not in {place}, and are lost if the program ends now"
)
NOT_JUDGED = (
    "the run could not be closed within {seconds:.0f} s; all of its steps are in {place}, the last judgement is not"
)


class Worker:
    """What is done with the rows of a training, in the background, in stages that fail one by one.

    Rows -> signals -> coverage without labels -> coverage of modes -> writing -> storage -> judging.
    """

    def __init__(
        self,
        recorder: Recorder,
        judge: Judge,
        tracker: ModeTracker | None,
        settings: Settings,
        faults: Faults,
    ) -> None:
        self.recorder, self.settings, self.faults = recorder, settings, faults
        self.judging = Judging(judge, recorder, settings, faults)
        self.channel = Channel(settings.sinks, lambda where, error: faults.add(where, error, self._step))
        self.judging.tell_sinks = self.channel.event
        self._attributor = Attributor(settings, faults)
        self._attributed: dict[str, Any] = {}  # what run.json says of it
        wanted = tracker is None and recorder.rank == 0 and recorder.segment_index == 0
        self._suggestion = Suggestion(recorder, wanted=wanted, alerts=settings.alerts)
        self._reduce = Reduction(settings, self._attributor, faults)
        modes: list[Stage] = [] if tracker is None else [("mode coverage", Modes(tracker, recorder, faults))]
        sinks: list[Stage] = [("sinks", self._to_sinks)] if settings.sinks else []
        self._stages: list[Stage] = [
            ("inputs of the generator", Repeats()),
            ("labels of the generator", Conditions()),
            ("suggestion", self._suggestion),
            ("label-free coverage", Bins()),
            *modes,
            ("changes", Changes(recorder)),
            ("writing", self._write),
            *sinks,
            ("storage", lambda _: recorder.tidy()),
            ("run.json", self._describe_first),
            ("judging", self.judging),
        ]
        self._tasks = Tasks(self._failed, self._after_task, self._between)
        self._step = self._recorded = recorder.start_step - 1  # last seen, and last handed to the recorder
        self._faults_written = 0
        self._abandoned = False

    def start(self) -> None:
        """Start the thread."""
        self._tasks.start()

    def offer(self, task: Callable[..., None], *arguments: Any, last: bool = False) -> bool:
        """Queue a task unless the queue is full or nobody works it off; never blocks."""
        return self._tasks.offer(task, *arguments, last=last)

    @property
    def waiting(self) -> int:
        """How many tasks wait."""
        return self._tasks.waiting

    @property
    def falls_behind(self) -> bool:
        """Whether tasks come faster than they are done, so that some are refused."""
        return self._tasks.is_full and self._tasks.is_alive()

    def put(self, task: Callable[..., None], *arguments: Any, timeout: float = 60.0) -> bool:
        """Queue a task, waiting for room; False when nobody works the queue off.

        Raises TimeoutError after so many seconds without room.
        """
        return self._tasks.put(task, *arguments, timeout=timeout)

    def remember(self, run: Run) -> None:
        """Take in what a run that is continued has recorded, before the thread starts."""
        self.judging.remember(run)

    def drain(self) -> None:
        """Wait until everything offered so far is done and on disk.

        Raises TimeoutError after a minute, RuntimeError when the thread ended.
        """
        self.put(self.recorder.flush)
        self._tasks.wait()

    def stop(self, status: str, reason: str | None, last_step: int, patience: float) -> None:
        """Finish what was offered, judge once more, close the run directory and end the thread.

        That is waited for so many seconds; then it is said what is not on disk. Where the thread died, the caller
        closes, and what was not recorded up to `last_step` is a gap.
        """
        self._hurry()
        deadline = time.monotonic() + patience
        try:
            if self._tasks.finish(self._close, status, reason, deadline - patience / 2, timeout=patience):
                return
        except TimeoutError:
            self.judging.late = True
            first, place = self.recorder.written + 1, self.recorder.folder.path
            told = SLOW if first <= last_step else NOT_JUDGED
            self.faults.add(
                "closing", told.format(seconds=patience, first=first, last=last_step, place=place), last_step
            )
            return
        try:
            if last_step > self._recorded:
                with self._caught("gap"):
                    self.gap(self._recorded + 1, last_step, "the background thread died")
            with self._caught("closing"):
                self.recorder.close(status, reason, faults=self.faults.listed())
            self._after_task()
            with self._caught("last judgement"):
                self.judging.finish(self._step)
        except KeyboardInterrupt:
            raise
        except BaseException as error:  # noqa: BLE001 - what ended the thread may strike again
            self.faults.add("closing", error, self._step)

    def leave(self, status: str, reason: str | None) -> None:
        """As `stop`, without waiting for anything: `join` does."""
        self._hurry()
        self.offer(self._close, status, reason, time.monotonic() + CLOSING_SECONDS / 2, last=True)

    def join(self, timeout: float) -> None:
        """Wait until the thread has ended, though not for longer."""
        if self._tasks.is_alive():
            self._tasks.join(timeout)

    def abandon(self) -> None:
        """End the thread and remove from the run directory what this recording put there: nothing was recorded."""
        self._hurry()
        self._abandoned = True
        self._tasks.finish(self.recorder.undo, timeout=CLOSING_SECONDS)

    def _hurry(self) -> None:
        """What is still waiting is written in one go, and judged once."""
        self.judging.hurries = True
        self.recorder.flush_seconds = math.inf

    # tasks

    def block(self, block: Block) -> None:
        """Reduce, record and, when it is time, judge one block of rows."""
        self._step = block.steps[-1]
        try:
            signals = self._reduce(block)
        except Exception:
            with self._caught("gap"):
                self.gap(block.steps[0], self._step, UNREAD)
            self._recorded = self._step
            raise
        for name, stage in self._stages:
            with self._caught(name):
                stage(signals)

    def _write(self, signals: Signals) -> None:
        self._recorded = self._step
        if not signals.lost.all():
            self.recorder.append(*signals.recorded())
        for first, last in signals.gaps():
            self.gap(first, last, UNREAD)

    def _to_sinks(self, signals: Signals) -> None:
        if not signals.lost.all():
            self.channel.scalars(*signals.recorded())

    def _describe_first(self, _: Signals) -> None:
        if not self._attributed:
            self._describe_attribution()

    def _describe_attribution(self) -> None:
        """Put down what was attributed, where that has changed."""
        if (found := self._attributor.summary()) and found != self._attributed:
            self._attributed = found
            self.recorder.write_meta(attribution=found)

    def gap(self, first: int, last: int, reason: str) -> None:
        """Note that nothing was recorded of some steps."""
        self.recorder.gap(first, last, reason)

    def evaluated(self, step: int, measurements: list[dict[str, Any]], seconds: float) -> None:
        """Record the quality values of a step, which come some time after it."""
        fields = {"step": step, "measurements": measurements, "seconds": seconds}
        self.recorder.event(EVALUATION, **fields, segment=self.recorder.segment_index)
        self.judging.evaluated(fields)

    def sample(self, step: int, samples: Block) -> None:
        """Store one snapshot, of step 0 real samples; `samples` is a block of one row with the raw key `samples`."""
        ((_, raw),) = samples.arrays()
        self.recorder.sample(step, *encode(raw["samples"][0], self.settings.image_shape))
        self._suggestion.of_samples(raw["samples"][0])

    def note(self, step: int, text: str) -> None:
        """Put down what the user did at a step."""
        self.recorder.event(NOTE, step=step, text=text, segment=self.recorder.segment_index)

    def describe(self, fields: Mapping[str, Any]) -> None:
        """Set fields of run.json; dictionaries are merged into what is there."""
        self.recorder.describe(fields)

    def family(self, evidence: Block) -> None:
        """Infer the loss family from a block of one row, see `gandiag.families.infer_family`."""
        ((_, raw),) = evidence.arrays()
        family, probabilities = infer_family({k: v[0] for k, v in raw.items()}, self._attributor.sign())
        self.settings.decision = 0.5 if probabilities or family == "lsgan" else 0.0
        self.settings.family_found = family != "other"
        told: dict[str, Any] = {"loss_family": {"name": family, "source": "inferred"}}
        if family in LOGISTIC:
            told["discriminator_outputs"] = "probabilities" if probabilities else "logits"
        self.recorder.write_meta(**told)

    def _close(self, status: str, reason: str | None, deadline: float) -> None:
        """Each part by itself: what was read is written, whatever else fails, and so is how the run ended.

        The last judgement waits for all that where it is late: whoever closes may not wait for it any longer.
        """
        with self._caught("writing"):
            self.recorder.flush()
        with self._caught("writing"):
            self.recorder.give_up()
        with self._caught("run.json"):
            self._describe_attribution()
        with self._caught("run.json"):  # now: the process may be killed in the next moment
            self._write_faults(status=status, reason=reason)
        if time.monotonic() < deadline:
            self._judge_at_last()
            self.channel.close(max(min(CLOSING_SECONDS / 6, deadline - time.monotonic()), 0.5))
            self.recorder.close(status, reason, faults=self.faults.listed())
        else:
            self.recorder.close(status, reason, faults=self.faults.listed())
            self._judge_at_last()
            self.channel.close(0.5)

    def _judge_at_last(self) -> None:
        with self._caught("last judgement"):
            self.judging.finish(self._step)
            if self.settings.sinks and self._step >= self.recorder.start_step:
                self.channel.event(verdict_event(self.judging.diagnosis, self.recorder.folder.path))

    def _between(self) -> float | None:
        """While nothing is waiting."""
        with self._caught("judging"):
            return self.judging.between()
        return None

    # faults

    def _caught(self, where: str) -> Caught:
        """One failing part must not take the others with it."""
        return self.faults.caught(where, self._step)

    def _failed(self, task: str, error: BaseException) -> None:
        self.faults.add(f"background {task}", error, self._step)

    def _after_task(self) -> None:
        if len(self.faults.entries) != self._faults_written and not self._abandoned:
            with self._caught("run.json"):
                self._write_faults()

    def _write_faults(self, **fields: Any) -> None:
        """Put the faults so far into run.json, with other fields."""
        self._faults_written = len(self.faults.entries)
        self.recorder.write_meta(faults=self.faults.listed(), **fields)

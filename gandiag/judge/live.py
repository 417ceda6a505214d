"""Judging while the training runs: a bounded history, the same diagnosis as offline, and what is new in it."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING, Any

import numpy as np

from gandiag.findings import SEVERITIES, Diagnosis, Finding
from gandiag.judge.policy import Policy
from gandiag.measure.columns import scatter
from gandiag.rundir.events import with_evaluations
from gandiag.rundir.run import Run
from gandiag.rundir.thinning import merge_pairs, tightest_pairs

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

    from gandiag.judge.diagnose import Judgement
    from gandiag.judge.stopping import Stop

MAX_ROWS = 20_000  # full detail up to here: live and offline verdicts are then the same
PART_SECONDS = 0.020  # of CPU time
SHARE, SAVED_SECONDS = 0.02, 10.0  # of the time in CPU time, and of how long a time what was not used is to be had;
# nothing is saved up when a training begins, or one of quick steps would pay for two judgements in its first second


class History:
    """The rows of a run so far, in memory that does not grow.

    Beyond `max_rows` the older half is thinned, evenly over all of its steps: the beginning is never forgotten.
    """

    def __init__(self, max_rows: int = MAX_ROWS) -> None:
        if max_rows < 8:
            raise ValueError(f"max_rows must be at least 8, got {max_rows}")
        self.max_rows = max_rows
        self._blocks: list[dict[str, np.ndarray]] = []
        self._waiting = 0  # rows since they were last joined

    def append(self, steps: np.ndarray, columns: Mapping[str, np.ndarray]) -> None:
        """Add k rows: `steps` int (k,), each column float (k,)."""
        self._blocks.append({"step": steps, **columns})
        self._waiting += len(steps)
        if self._waiting > self.max_rows:
            self.columns()

    def columns(self) -> dict[str, np.ndarray]:
        """All rows, the oldest first, with the column `step`."""
        self._waiting = 0
        if len(self._blocks) != 1:
            self._blocks = [_joined(self._blocks)]
        while len(self._blocks[0]["step"]) > self.max_rows:
            rows = self._blocks[0]
            self._blocks = [merge_pairs(rows, tightest_pairs(rows["step"]))]
        return self._blocks[0]

    def run(self, meta: Mapping[str, Any], events: Sequence[Mapping[str, Any]] = ()) -> Run:
        """The history as a `Run` with what run.json and the events say of it."""
        import pandas as pd

        columns = dict(self.columns())
        index = pd.Index(columns.pop("step").astype(np.int64), name="step")
        scalars = with_evaluations(pd.DataFrame(columns, index=index, copy=False), events)
        return Run(scalars=scalars, meta=meta, events=tuple(events))


def _joined(blocks: Sequence[Mapping[str, np.ndarray]]) -> dict[str, np.ndarray]:
    sizes = [len(b["step"]) for b in blocks]
    starts = np.cumsum([0, *sizes])
    groups = [
        (list(range(start, start + size)), block) for start, size, block in zip(starts, sizes, blocks, strict=False)
    ]
    return {"step": np.empty(0), **scatter(int(starts[-1]), groups)}


class Judge:
    """Diagnoses a growing history every `every` steps and says which findings are new.

    A diagnosis is made in parts: each asks as many detectors as are through in 20 ms, one at least, so that Python's
    lock, which the training needs, too, is not wanted for longer on end. What a detector finds is told when it was
    asked, and `stop`, the first reason to stop that the policy names, is looked for then; it stays. Parts take at most
    2 % of the time since the beginning, counted in CPU time of the thread that judges; what was not used is saved up,
    ten seconds' worth of it.
    """

    def __init__(self, detectors: Sequence[Any] | None, every: int, policy: Policy | None = None) -> None:
        self.detectors, self.every = detectors, every
        self.policy = policy or Policy()
        self.stop: Stop | None = None
        self.diagnosis = Diagnosis(verdict="undecided")
        self.judgement: Judgement | None = None  # the one in the making
        self._known: dict[str, list[Finding]] = {}  # by code, when its detector was last asked
        self._took: dict[str, float] = {}  # CPU seconds by detector, at their last turn
        self._judged_step = 0
        self._rest_until = time.monotonic()

    def due(self, step: int) -> bool:
        """Whether to begin a diagnosis, or to go on with the one in the making."""
        return (self.judgement is not None or step - self._judged_step >= self.every) and not self.rest

    @property
    def rest(self) -> float:
        """Seconds until the next part."""
        return max(self._rest_until - time.monotonic(), 0.0)

    def remember(self, events: Iterable[Mapping[str, Any]]) -> None:
        """Take over from the events of a run that is continued whether it was to stop."""
        if self.policy.stop is not None:
            self.stop = self.policy.stop.restored(events)

    def judge(self, run: Run) -> list[Finding]:
        """Update `diagnosis` and return the findings that it adds, or that became more severe."""
        new: list[Finding] = []
        self.begin(run)
        while self.judgement is not None:
            new += self.go_on()
        return new

    def begin(self, run: Run) -> None:
        """Start a diagnosis of the run as it is now; one in the making is dropped."""
        from gandiag.judge.diagnose import Judgement

        self.judgement = Judgement(run, self.detectors, policy=self.policy)
        self._judged_step = run.last_step

    def go_on(self) -> list[Finding]:
        """Ask the next detectors and return what is new; when all were asked, update `diagnosis`."""
        if self.judgement is None:
            return []
        judgement, started, asked = self.judgement, time.thread_time(), 0
        new: list[Finding] = []
        while judgement.waiting:
            now, code = time.thread_time(), judgement.waiting[0].code
            if asked and now + self._took.get(code, 0.0) > started + PART_SECONDS:
                break
            new += self._ask(judgement)
            asked += 1
            self._took[code] = time.thread_time() - now
        else:
            self.judgement, self.diagnosis = None, judgement.diagnosis()
            self._look_for_stop(self.diagnosis)
        self._charge(time.thread_time() - started)
        return new

    def ask_only(self, code: str, run: Run) -> list[Finding]:
        """Ask one detector now, beside the diagnosis in the making; what is new of it."""
        from gandiag.judge.diagnose import Judgement

        started = time.thread_time()
        judgement = Judgement(run, self.detectors, policy=self.policy)
        judgement.leave_only(code)
        new = self._ask(judgement) if judgement.waiting else []
        self._charge(time.thread_time() - started)
        return new

    def is_settled(self, code: str) -> bool:
        """Whether asking again would tell nothing: a failure is known that goes on, and no policy waits for it."""
        ongoing = any(f.ongoing and f.severity == "failure" for f in self._known.get(code, ()))
        return ongoing and (self.policy.stop is None or self.stop is not None)

    def _ask(self, judgement: Judgement) -> list[Finding]:
        """What the next detector finds that is new."""
        code, before = judgement.waiting[0].code, len(judgement.findings)
        judgement.ask()
        found, known = judgement.findings[before:], self._known.get(code, ())
        self._known[code] = found
        new = [f for f in found if not any(_covers(earlier, f) for earlier in known)]
        if found and self.policy.stop is not None and self.stop is None:
            self._look_for_stop(judgement.interim([f for of_one in self._known.values() for f in of_one]))
        return new

    def _look_for_stop(self, diagnosis: Diagnosis) -> None:
        if self.stop is None and self.policy.stop is not None:
            self.stop = self.policy.stop.stop(diagnosis)

    def _charge(self, spent: float) -> None:
        self._rest_until = max(self._rest_until, time.monotonic() - SAVED_SECONDS) + spent / SHARE


def _covers(known: Finding, new: Finding) -> bool:
    """Whether `new` tells nothing beyond `known`: same failure of the same network, same spell, no higher severity."""
    same = (known.code, known.network) == (new.code, new.network)
    same_spell = same and new.onset_step <= known.last_step
    return same_spell and SEVERITIES.index(new.severity) <= SEVERITIES.index(known.severity)

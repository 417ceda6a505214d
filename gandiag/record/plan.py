"""What is recorded in which step: a plan in rounds of the game, made once from what the loop and a record cost."""

from __future__ import annotations

import statistics
import time
from dataclasses import dataclass, field
from typing import Any

from gandiag.measure.calls import MAX_POINTS, MORE_POINTS
from gandiag.measure.detail import PLANS, in_words
from gandiag.measure.label_free import ENOUGH, LONGEST

WARM_ROUNDS = 8
"""Rounds at first that are recorded in full and not measured: caches fill, the optimizers are met."""
MEASURED_ROUNDS = 24
"""Rounds that are measured then: in turn with every record, with none, and with all but points."""
LEAST_SECONDS = 50e-6
"""CPU time per round that recording may take in any case: 2 % of a round of 2.5 ms."""
BACKGROUND = 0.5
"""What the background thread takes of a record, over the training thread's part: 0.3 to 0.5 of it for MLPs."""
LONGEST_ROUND = 16
"""Updates of G in one round; an optimizer that comes less often has stopped, or has a rhythm of its own."""
FULL, NOTHING, WITHOUT_POINTS = range(3)


@dataclass
class Costs:
    """CPU seconds of the training thread: of a round of the loop alone, and of its records on top of that."""

    loop: float
    often: float  # all but points
    points: float

    def per_round(self, every: dict[str, int]) -> float:
        """What recording takes in the mean, the background's share included."""
        return (1 + BACKGROUND) * (self.often / every["outputs"] + self.points / every["points"])


@dataclass
class Plan:
    """Says which records are due in the step in progress, and decides how often each is made.

    A round of the game is as many steps as it takes until each of its optimizers has come once: with two updates of G
    for one of D it has two steps, and both are recorded, or neither. `share` is the part of a round's CPU time that
    recording may take, None for every round. The decision falls once, after 32 rounds; CPU time of the training
    thread does not depend on how busy the machine is.

    Attributes
    ----------
    outputs, gradients, points, updates : whether these records are due in the step in progress
    calls : whether D's calls are to be remembered: for this step, or for the next where a loop makes them before
    marks : whether batches of G are to be known again: in this step or in the next one
    ahead : whether calls have been used in a later step than they were made in
    every : rounds between two records of each kind
    round_steps : steps in a round
    batch : samples that G makes at a time
    """

    share: float | None = None
    ahead: bool = False
    every: dict[str, int] = field(default_factory=lambda: dict(PLANS[0]))
    round_steps: int = 1
    batch: int = MORE_POINTS
    decided_at: int | None = None
    costs: Costs | None = None

    def __post_init__(self) -> None:
        self.outputs = self.gradients = self.points = self.updates = self.calls = self.marks = True
        self._first: int | None = None  # the step at which the measured rounds begin
        self._measured: dict[int, list[float]] = {FULL: [], NOTHING: [], WITHOUT_POINTS: []}
        self._since = 0.0
        self._last: dict[int, tuple[int, int]] = {}  # by optimizer: the step of its last update, and the one before
        self.measuring = self.share is not None
        self._begun = False

    @property
    def limit(self) -> int:
        """Samples of a batch that are recorded: the more, the rarer the records are."""
        return min(MORE_POINTS, MAX_POINTS * self.every["points"])

    def begin(self, step: int) -> None:
        """A step begins: what is due in it?"""
        if self.measuring:
            self._measure(step)
            return
        block, every = (step - 1) // self.round_steps, self.every
        often = every["outputs"]
        self.outputs = self.gradients = block % often == often - 1
        self.points = block % every["points"] == every["points"] - 1
        self.updates = block % every["updates"] == every["updates"] - 1
        self.marks = self.outputs or (step // self.round_steps) % often == often - 1
        self.calls = self.outputs or (self.ahead and self.marks)

    def updated(self, optimizer: int, step: int) -> None:
        """An optimizer of the game steps: learn how many steps a round has."""
        last, before = self._last.get(optimizer, (step, step))
        if step == last:
            self._last[optimizer] = last, before
            return
        apart = min(step - last, last - before)  # a rhythm, if twice so far apart
        if self.round_steps < apart <= LONGEST_ROUND:
            self.round_steps = apart
        self._last[optimizer] = step, last

    def _measure(self, step: int) -> None:
        """One of the first rounds: a new one begins with `step` where the steps of the last are done."""
        now = time.thread_time()
        if self._first is None:
            self._first = step
        first = self._first + WARM_ROUNDS * self.round_steps
        block, within = divmod(step - first, self.round_steps)
        if block > 0 and not within and block <= MEASURED_ROUNDS:
            self._measured[(block - 1) % 3].append(now - self._since)
        if block >= MEASURED_ROUNDS:
            self._decide(step)
            return
        if not within:
            self._since = now
        kind = block % 3 if block >= 0 else FULL
        self.outputs = self.gradients = kind != NOTHING
        self.points = kind == FULL
        self.updates = block % self.every["updates"] == self.every["updates"] - 1
        self.marks = True
        self.calls = self.outputs or self.ahead

    def _decide(self, step: int) -> None:
        """The richest plan that keeps to the share, else the least."""
        self.measuring = False
        self.decided_at = step
        full, nothing, without = (_typical(self._measured[kind]) for kind in (FULL, NOTHING, WITHOUT_POINTS))
        without = min(max(without, nothing), max(full, nothing))
        self.costs = Costs(nothing, without - nothing, max(full - without, 0.0))
        allowed = max((self.share or 0.0) * nothing, LEAST_SECONDS)
        rarest = LONGEST * min(self.batch, MORE_POINTS) // ENOUGH  # or there is no histogram of coverage
        possible = [every for every in PLANS if every["points"] <= rarest] or PLANS  # not even in full detail
        fitting = (every for every in possible if self.costs.per_round(every) <= allowed)
        self.every = dict(next(fitting, possible[-1]))
        self.begin(step)

    def describe(self) -> dict[str, Any]:
        """For run.json: how often what is recorded, since when and why."""
        known: dict[str, Any] = {"rounds": dict(self.every), "round_steps": self.round_steps}
        if self.costs is None:
            return known | {"words": in_words(self.every)}
        record = (1 + BACKGROUND) * (self.costs.often + self.costs.points)
        loop, taken = 1e6 * self.costs.loop, 1e6 * self.costs.per_round(self.every)
        words = (
            f"since step {self.decided_at:,} {in_words(self.every)}: a round of the loop takes {loop:,.0f} us of CPU "
            f"time, a full record {1e6 * record:,.0f} us, the plan {taken:,.0f} us a round "
            f"(max_overhead={self.share:g}, or {1e6 * LEAST_SECONDS:.0f} us)"
        )
        costs = {"loop_us": round(loop, 1), "record_us": round(1e6 * record, 1), "plan_us": round(taken, 1)}
        return known | {"from_step": self.decided_at, **costs, "words": words}


def _typical(seconds: list[float]) -> float:
    """The lower quartile: what disturbs a round only makes it longer."""
    return statistics.quantiles(seconds, n=4)[0] if len(seconds) > 1 else seconds[0]

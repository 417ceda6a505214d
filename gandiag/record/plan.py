"""What is recorded in which step: a plan in rounds of the game, made once from what the loop computes."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

from gandiag.measure.calls import MAX_POINTS, MORE_POINTS
from gandiag.measure.detail import PLANS, in_words
from gandiag.measure.label_free import ENOUGH, LONGEST

FULL_STEPS = 8
"""Steps at first that are recorded in full, while what they compute is counted."""
LEAST_CALLS = 15.0
"""Calls of torch per step that recording may take in any case: some 50 us."""
LONGEST_ROUND = 16
"""Updates of G in one round; an optimizer that comes less often has stopped, or has a rhythm of its own."""


@dataclass
class Costs:
    """Of a step of the loop alone and of its records, in calls of torch, see `gandiag.probes.work`."""

    loop: float
    often: float  # all but points
    points: float

    def per_step(self, every: dict[str, int]) -> float:
        """What recording takes in the mean, the background's share included."""
        return self.often / every["outputs"] + self.points / every["points"]


@dataclass
class Plan:
    """Says which records are due in the step in progress, and decides how often each is made.

    A round of the game is as many steps as it takes until each of its optimizers has come once: with two updates of G
    for one of D it has two steps, and both are recorded, or neither. `share` is the part of what a step computes that
    recording may take, None for every round. The decision falls once, after 8 steps, and from counts alone: it is the
    same on every machine, however busy, and on every rank that is given batches of one size.

    Attributes
    ----------
    step : the step in progress
    outputs, gradients, points, updates : whether these records are due in the step in progress
    calls : whether D's calls are to be remembered: for this step, or for the next where a loop makes them before
    marks : whether batches of G are to be known again: in this step or in the next one
    idle : whether nothing of the step in progress is wanted but that it came
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
    record: tuple[float, float] | None = None  # calls of torch for a record, and for points on top of it
    costs: Costs | None = None

    def __post_init__(self) -> None:
        self.outputs = self.gradients = self.points = self.updates = self.calls = self.marks = True
        self.idle, self.step = False, 1
        self._first: int | None = None  # the step at which counting begins
        self._counted = 0.0
        self._last: dict[int, tuple[int, int]] = {}  # by optimizer: the step of its last update, and the one before
        self.counting = self.share is not None

    @property
    def limit(self) -> int:
        """Samples of a batch that are recorded: the more, the rarer the records are."""
        return min(MORE_POINTS, MAX_POINTS * self.every["points"])

    def begin(self, step: int, *, shows: bool = False) -> None:
        """A step begins: what is due in it? `shows` says that its generated batch is wanted in any case."""
        self.step = step
        self._choose(step)
        self.idle = not (self.calls or self.updates or shows)

    def _choose(self, step: int) -> None:
        if self.counting:
            self._first = step if self._first is None else self._first
            self.updates = step - self._first == 1  # the first step meets the optimizers
            if step - self._first < FULL_STEPS or self.record is None:
                return
            self._decide(step)
        block, every = (step - 1) // self.round_steps, self.every
        often = every["outputs"]
        self.outputs = self.gradients = block % often == often - 1
        self.points = block % every["points"] == every["points"] - 1
        self.updates = block % every["updates"] == every["updates"] - 1
        self.marks = self.outputs or (step // self.round_steps) % often == often - 1
        self.calls = self.outputs or (self.ahead and self.marks)

    def count(self, calls: float) -> None:
        """The loop computes something, as much as so many calls of torch."""
        self._counted += calls

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

    def _decide(self, step: int) -> None:
        """The richest plan that keeps to the share, else the least."""
        self.counting, self.decided_at = False, step
        self.costs = costs = Costs(self._counted / FULL_STEPS, *(self.record or (0.0, 0.0)))
        allowed = max((self.share or 0.0) * costs.loop, LEAST_CALLS)
        rarest = LONGEST * min(self.batch, MORE_POINTS) // ENOUGH  # or there is no histogram of coverage
        possible = [every for every in PLANS if every["points"] <= rarest] or PLANS  # not even in full detail
        fitting = (every for every in possible if costs.per_step(every) <= allowed)
        self.every = dict(next(fitting, possible[-1]))

    def describe(self) -> dict[str, Any]:
        """For run.json: how often what is recorded, since when and why."""
        known: dict[str, Any] = {"rounds": dict(self.every), "round_steps": self.round_steps}
        often = in_words(self.every)
        often = often.replace("round", "step") if self.round_steps == 1 else often
        if self.costs is None:
            return known | {"words": often}
        record, taken = self.costs.often + self.costs.points, self.costs.per_step(self.every)
        words = (
            f"to keep the training fast, from step {self.decided_at:,} on there is less detail: {often}; a full record "
            f"takes {record / max(self.costs.loop, 1.0):.2g} times as much computation as a step of the training "
            f"(max_overhead={self.share:g}; None keeps full detail)"
        )
        costs = {"loop_calls": round(self.costs.loop), "record_calls": round(record), "plan_calls": round(taken, 1)}
        return known | {"from_step": self.decided_at, **costs, "words": words}

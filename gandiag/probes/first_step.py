"""The first update of G: until it has been seen it may be that none ever will be, and that is said soon."""

from __future__ import annotations

from typing import TYPE_CHECKING

from gandiag.probes import notices
from gandiag.record.notices import Patience

if TYPE_CHECKING:
    import torch

    from gandiag.record.recording import Recording

WHERE = "steps"


class FirstStep:
    """Waits for the first step of a training.

    Attributes
    ----------
    seen : whether it came
    """

    def __init__(self, recording: Recording) -> None:
        self._recording, self._attached_at = recording, recording.completed_steps
        self._feedback = Patience()
        self._strangers: set[str] = set()
        self.seen = False

    def met(self, optimizer: torch.optim.Optimizer) -> None:
        """An optimizer steps that holds nothing of the networks."""
        self._strangers.add(type(optimizer).__name__)

    def feedback_came(self) -> None:
        """A gradient came back to G's samples, so G is about to be updated."""
        if self._feedback.is_over():
            self.miss()

    def came(self) -> None:
        """A step ends that hooks have seen."""
        self.seen = True
        self._recording.faults.withdraw(WHERE)

    def miss(self) -> None:
        """Say that no step was seen, where that is so, with what was seen instead."""
        if self._recording.completed_steps > self._attached_at:
            self.seen = True
            return
        seen = notices.FEEDBACK.format(times=times) if (times := self._feedback.times) else ""
        if self._strangers:
            seen += notices.STRANGERS.format(names=", ".join(sorted(self._strangers)))
        self._recording.faults.add(WHERE, notices.NO_UPDATE.format(seen=seen), self._attached_at)

"""Mistakes of our own: warned of once, counted, on record, and never an exception in the training."""

from __future__ import annotations

import logging
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from gandiag.record.terminal import say

if TYPE_CHECKING:
    from types import TracebackType


@dataclass
class Faults:
    """Mistakes of our own: each place warns once, all are counted and go into run.json.

    What the operating system refuses for one reason, a full disk say, is one warning wherever it is met.
    """

    entries: dict[str, dict[str, Any]] = field(default_factory=dict)
    earlier: list[dict[str, Any]] = field(default_factory=list)  # of a run that is continued
    alerts: bool = True  # whether they are shown, beside being on record
    _refused: set[int] = field(default_factory=set, init=False)  # error numbers that were warned of

    def add(self, where: str, error: BaseException | str, step: int) -> None:
        message = error if isinstance(error, str) else f"{type(error).__name__}: {error}"
        if where in self.entries:
            self.entries[where]["count"] += 1
            return
        self.entries[where] = {"where": where, "message": message, "count": 1, "first_step": step}
        number = getattr(error, "errno", None)
        if number in self._refused:
            return
        if number is not None:
            self._refused.add(number)
        if self.alerts:
            say(logging.WARNING, f"gandiag: {where}, step {step} (training goes on): {message}")

    def withdraw(self, where: str) -> None:
        """What was said of a place has turned out not to hold."""
        self.entries.pop(where, None)

    def caught(self, where: str, step: int) -> Caught:
        """A `with` block that no exception leaves: it ends the block and is a mistake of ours at `where`.

        Interrupts and exits pass through.

        >>> faults = Faults()
        >>> with faults.caught("arithmetic", step=3):
        ...     _ = 1 / 0
        >>> faults.listed()
        [{'where': 'arithmetic', 'message': 'ZeroDivisionError: division by zero', 'count': 1, 'first_step': 3}]
        """
        return Caught(self, where, step)

    def listed(self) -> list[dict[str, Any]]:
        """All of them, those of the earlier recording first; the training thread may add some meanwhile."""
        return [*self.earlier, *(dict(entry) for entry in list(self.entries.values()))]


class Caught:
    """What `Faults.caught` returns; a generator would cost three times as much, and there are some in each step."""

    __slots__ = ("_faults", "_step", "_where")

    def __init__(self, faults: Faults, where: str, step: int) -> None:
        self._faults, self._where, self._step = faults, where, step

    def __enter__(self) -> None:
        return None

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> bool:
        if not isinstance(error, Exception):
            return False
        self._faults.add(self._where, error, self._step)
        return True

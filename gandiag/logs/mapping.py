"""What the names of a log are taken for, one row each."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING

from gandiag.logs.reading import Reading

if TYPE_CHECKING:
    from collections.abc import Iterable

NONE = "none"
"""What stands for no signal in `--map theirs=none`."""


@dataclass(frozen=True)
class Row:
    """What one name of the log is taken for.

    `signal` is "" where it is kept under its own name. `sure` is False where the user has to be asked; then `others`
    are the meanings to choose from, the likeliest first, and `signal` is "".
    """

    name: str
    reading: Reading | None
    sure: bool = True
    why: str = ""
    others: tuple[Reading, ...] = ()
    given: bool = False

    @property
    def signal(self) -> str:
        """The signal that it becomes, "" for none."""
        return self.reading.signal if self.reading is not None and self.sure else ""

    @property
    def choices(self) -> tuple[str, ...]:
        """What it may be, as signals; "none" for what gandiag has no signal for."""
        return tuple(dict.fromkeys(r.signal or NONE for r in self.others))


@dataclass
class Recognised:
    """All names of a log, and which way D's outputs are up."""

    rows: list[Row]
    inverted: bool = False
    inverted_why: str = ""
    doubt: str = ""
    outputs: str = ""
    family: str = ""
    family_why: str = ""
    notes: list[str] = field(default_factory=list)

    @property
    def mapped(self) -> list[Row]:
        """Names that become signals."""
        return [row for row in self.rows if row.signal]

    @property
    def open(self) -> list[Row]:
        """Names with several meanings."""
        return [row for row in self.rows if not row.sure]

    @property
    def known(self) -> list[Row]:
        """Names that are understood and for which there is no signal."""
        return [row for row in self.rows if row.sure and row.reading is not None and not row.signal]

    @property
    def unknown(self) -> list[Row]:
        """Names that say nothing to gandiag."""
        return [row for row in self.rows if row.sure and row.reading is None]

    def name_of(self, signal: str) -> str | None:
        """The log's name of a signal."""
        return next((row.name for row in self.rows if row.signal == signal), None)


def asked(name: str, found: Iterable[Reading]) -> Row:
    """A name of which the user is to say what it means; one without any signal is not asked for."""
    others = tuple(found)
    if all(not r.signal for r in others):
        return Row(name, replace(others[0], sure=True), why=others[0].why)
    if all(r.signal for r in others):
        others = (*others, Reading("other", why=others[0].why, sure=False))
    return Row(name, None, sure=False, why=others[0].why, others=others)

"""Which updates of a D are kept of a step in which there are several: the last one, or the last ones that make it up.

Most loops give an update of D both kinds of batches; then the last update stands for the step. Some update D on reals
and on generated samples one after the other. What an update's batches were is told later, so it goes by their number.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from gandiag.measure.calls import GENERATED, renumbered

if TYPE_CHECKING:
    from collections.abc import Iterable


@dataclass
class Update:
    """One update of D in the step in progress: how its batches came about, and the row's keys that hold it."""

    origins: tuple[str, ...]
    keys: list[str] = field(default_factory=list)


class Slots:
    """The updates of one D in the step in progress that are kept, in their order."""

    def __init__(self) -> None:
        self._updates: list[Update] = []

    def open(self, row: dict[str, Any], origins: tuple[str, ...], *, both: bool) -> int:
        """Make room in the row for another update; the number of its slot.

        `both` says that one of its calls holds both kinds, as far as that is known.
        """
        if both or (len(origins) > 1 and not {*origins} <= {*GENERATED}):
            gone = self._updates
        else:
            same = [u for u in self._updates if u.origins == origins]
            gone = same[:1] if len(same) >= (2 if origins == ("plain",) else 1) else []
        for update in gone:
            for key in update.keys:
                row.pop(key, None)
        left = [u for u in self._updates if not any(u is g for g in gone)]
        for slot, update in enumerate(left):
            moved = {key: renumbered(key, slot) for key in update.keys}
            for old, new in moved.items():
                if old != new and old in row:
                    row[new] = row.pop(old)
            update.keys = list(moved.values())
        self._updates = [*left, Update(origins)]
        return len(left)

    def close(self, keys: Iterable[str]) -> None:
        """Note the keys that hold the update that was opened last."""
        self._updates[-1].keys = list(keys)

"""What was read of a training's logs: series by their own names, pictures, what could not be read. In bounded room."""

from __future__ import annotations

from array import array
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Literal

import numpy as np

if TYPE_CHECKING:
    from pathlib import Path

Axis = Literal["steps", "kimg", "images", "epochs", "rows"]
"""What the x of a log counts; rows where it has none, so that only the order is known."""

MOST_POINTS = 8_000_000  # of all series together: 200 MB
MOST_PICTURES = 256 * 2**20  # bytes of encoded pictures that are kept
UNSORTED = 0.1  # of the rows at which x goes back, from which on a table is in no order
CROWDED = 4  # values on one x, on average, from which on the order tells more than the x


class LogError(ValueError):
    """Logs that cannot be imported: one sentence."""


class Series:
    """One series in the order in which it was logged: `x`, `values`, and `times` in seconds since the epoch or NaN."""

    def __init__(self) -> None:
        self.x, self.values, self.times = array("d"), array("d"), array("d")
        self.redone = False  # whether x went back, so that later values took the place of earlier ones
        self.thinned = 1  # so many logged values stand behind each one that is kept

    def add(self, x: float, value: float, time: float = float("nan")) -> None:
        """Take in a value."""
        self.x.append(x)
        self.values.append(value)
        self.times.append(time)

    def halve(self) -> None:
        """Keep the means of neighbouring values; one of which is not finite stays so."""
        for column in (self.x, self.values, self.times):
            pairs = np.array(column)[: len(column) // 2 * 2].reshape(-1, 2)
            kept = pairs[:, 1] if column is self.x else pairs.mean(axis=1)
            column[:] = array("d", kept.tobytes())
        self.thinned *= 2

    def __len__(self) -> int:
        return len(self.x)

    def settled(self) -> tuple[np.ndarray, np.ndarray, np.ndarray, bool]:
        """x, values and times as arrays (n,), one value for each x, and whether x had to be replaced by the order.

        Of a few values on one x the last counts. Where many stand on each (a step that was divided by 1,000, or none
        was given) the order is the only x there is.
        """
        x, values, times = (np.array(column, dtype=np.float64) for column in (self.x, self.values, self.times))
        if len(x) >= 2 * CROWDED and len(x) >= CROWDED * len(np.unique(x)):
            return np.arange(len(x), dtype=np.float64), values, times, True
        kept = self._in_order(x)
        x = x[kept]
        last = np.flatnonzero(np.append(np.diff(x) > 0, True)) if len(x) else np.zeros(0, dtype=int)
        return x[last], values[kept][last], times[kept][last], False

    def _in_order(self, x: np.ndarray) -> np.ndarray:
        """The rows (m,) that count, by ascending x.

        Where x goes back now and then the training was resumed: what it did again replaces all from there on. Where it
        goes back often, the table is in another order, and is sorted.
        """
        back = np.flatnonzero(np.diff(x) < 0)
        if not len(back):
            return np.arange(len(x))
        if len(back) > max(1, UNSORTED * len(x)):
            return np.argsort(x, kind="stable")
        self.redone = True
        later = np.minimum.accumulate(np.append(x[1:], np.inf)[::-1])[::-1]  # the least x that follows
        return np.flatnonzero(x <= later)


@dataclass(frozen=True)
class Picture:
    """A picture of a log: where it stood, and its file or its encoded content."""

    tag: str
    x: float
    content: bytes = b""
    path: Path | None = None


@dataclass
class Log:
    """What one training logged.

    Attributes
    ----------
    series : by the names that the log uses
    axis : what their x counts
    pictures : in the order in which they were logged
    notes : what a reader should know of how it was read: damage, resumed parts, thinned series
    told : what the format itself says of a name, as a signal or "" for none, with the reason
    facts : what else was learned: batch_size, steps_per_epoch, family, inverted, exported
    kept : of a log that gandiag itself exported, what run.json said
    format : how the log is written, in words
    """

    series: dict[str, Series] = field(default_factory=dict)
    axis: Axis = "steps"
    pictures: list[Picture] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)
    told: dict[str, tuple[str, str]] = field(default_factory=dict)
    facts: dict[str, float | str | bool] = field(default_factory=dict)
    kept: dict[str, Any] = field(default_factory=dict)
    format: str = ""
    points: int = 0
    _held: int = 0

    def add(self, name: str, x: float, value: float, time: float = float("nan")) -> None:
        """Take in one value of a series."""
        if not 0 <= x < float("inf"):
            self.note("values at no step, or at a negative one, were left out")
            return
        found = self.series.get(name)
        if found is None:
            found = self.series[name] = Series()
        found.add(x, value, time)
        self.points += 1
        if self.points > MOST_POINTS:
            self._make_room()

    def _make_room(self) -> None:
        largest = max(self.series.values(), key=len)
        largest.halve()
        self.points = sum(map(len, self.series.values()))
        self.note(f"holds more than {MOST_POINTS:,} values; of the longest series means of neighbours are kept")

    def picture(self, picture: Picture) -> None:
        """Take in one picture; where there are too many every second one is kept."""
        self.pictures.append(picture)
        self._held += len(picture.content)
        if self._held > MOST_PICTURES:
            self.pictures = self.pictures[::2]
            self._held = sum(len(p.content) for p in self.pictures)
            self.note(f"holds more than {MOST_PICTURES:,} bytes of pictures; some are left out")

    def note(self, sentence: str) -> None:
        """Say something once."""
        if sentence not in self.notes:
            self.notes.append(sentence)

    def tell(self, name: str, signal: str, why: str) -> None:
        """The format itself says what a name means."""
        self.told[name] = signal, why

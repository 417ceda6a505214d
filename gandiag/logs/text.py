"""Text logs: console output and log files, line by line, by the shapes in which GAN code bases write them.

Of a line that has none of the known shapes pairs of names and numbers are taken where it also names a step or an epoch.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from gandiag.logs.lines import BAR, BELOW, EPOCH, EPOCHS, pairs_of, place_of
from gandiag.logs.shapes import SHAPES

if TYPE_CHECKING:
    from collections.abc import Iterable

    from gandiag.logs.series import Log

LONGEST = 20_000  # letters of a line; longer ones are no log
FEW = 50  # values of lines that name an epoch only, before lines with steps take their place
MOST_UNPLACED = 200_000  # lines without a step that are kept until it is known whether others have one
_ESCAPES = re.compile(r"\x1b\[[0-9;]*[A-Za-z]|.\x08")
_IGNORED = frozenset(
    {"time", "eta", "memory", "data", "data_time", "batch_time", "epoch", "epochs", "iter", "iters", "iteration",
     "step", "steps", "batch", "kimg", "tick", "lr_time", "elapsed", "sec", "speed", "progress", "it", "fps",
     "gpumem", "cpumem"}
)  # fmt: skip


class Reader:
    """Takes in the lines of one text log; what it finds goes into a `Log`."""

    def __init__(self, log: Log) -> None:
        self.log = log
        self.line = 0
        self.batches = 0  # of an epoch, as far as was seen
        self.shape = ""
        self.unplaced: list[list[tuple[str, str]]] = []  # pairs of lines that name no step
        self._head: tuple[str, float] | None = None  # of a block whose values stand on the lines below
        self._count: dict[str, int] = {}
        self._before = self._apart = 0.0  # steps of the epochs before; steps between two lines
        self._last, self._epoch = -1.0, -1

    def feed(self, text: str) -> bool:
        """Take in one line; False where nothing was found in it."""
        found = False
        for piece in text.rstrip("\n").split("\r"):
            cleaned = _ESCAPES.sub("", piece).strip()
            if cleaned and len(cleaned) <= LONGEST:
                found |= self._feed(cleaned)
        return found

    def _feed(self, line: str) -> bool:
        self.line += 1
        for shape in SHAPES:
            if match := shape.pattern.fullmatch(line):
                self.shape = self.shape or shape.name
                shape.read(match, self)
                return True
        return self._below(line) or self._any(line)

    def _below(self, line: str) -> bool:
        """A value on a line of its own, under a head with the step (mimicry, coqui)."""
        if self._head is None or not (match := BELOW.fullmatch(line)):
            return False
        axis, x = self._head
        self.put(match["key"].strip(), x, match["value"], axis)
        return True

    def _any(self, line: str) -> bool:
        pairs = list(pairs_of(line))
        if not pairs:
            return False
        if (place := place_of(line)) is None:
            if len(pairs) > 1 and len(self.unplaced) < MOST_UNPLACED:
                self.unplaced.append(pairs)
            return False
        axis, x = place
        if axis == "steps":
            x = self._onward(x, line)
        self.shape = self.shape or "lines with names and numbers"
        for key, value in pairs:
            self.put(key, x, value, axis)
        return True

    def _onward(self, x: float, line: str) -> float:
        """Steps that begin anew in each epoch, as one count: where they go back and a new epoch has begun."""
        epoch = int(found["x"]) if (found := EPOCHS.search(line)) else None
        bar = BAR.search(line) is not None
        if x < self._last and ((epoch is not None and epoch > self._epoch) or (bar and epoch is None)):
            self._before += self._last + max(self._apart, 1.0)
            self.log.note("its steps begin anew in each epoch; they are counted on")
        elif x > self._last:
            self._apart = x - self._last
        self._last, self._epoch = x, epoch if epoch is not None else self._epoch
        return self._before + x

    def head(self, axis: str, x: float) -> None:
        """The lines below belong to this x."""
        self._head = axis, x

    def put(self, name: str, x: float, value: str, axis: str = "steps") -> None:
        """One value of the log."""
        if name.lower() in _IGNORED or re.fullmatch(r"(?:e|it|i|b|n|t|lr\.)", name):
            return
        if self.log.axis != axis and not self._turns_to(axis):
            return
        self.log.add(name, x, float(value))

    def _turns_to(self, axis: str) -> bool:
        """Whether lines count something else from now on: at first, or steps after a few lines of epochs."""
        if self.log.series and not (axis == "steps" and self.log.axis == "epochs" and self.log.points < FEW):
            self.log.note(f"its lines of {axis} beside those of {self.log.axis} were left out")
            return False
        self.log.series.clear()
        self.log.points = 0
        self.log.axis = axis  # type: ignore[assignment]
        return True

    def pairs(self, rest: str, x: float, axis: str = "steps") -> None:
        """All pairs of names and numbers in the rest of a line."""
        for key, value in pairs_of(rest):
            self.put(key, x, value, axis)

    def epoch_batch(self, epoch: str, batch: str, batches: str) -> float:
        """The global step of a batch of an epoch, as the line counts both."""
        size = max(int(batches), 1)
        self.batches = max(self.batches, size)
        self.log.facts["steps_per_epoch"] = float(self.batches)
        return float(int(epoch) * size + int(batch))

    def counted(self, key: str, every: int) -> float:
        """x of a line that has none: lines so far, times the interval at which the code base writes them."""
        number = self._count.get(key, 0)
        self._count[key] = number + 1
        return float(number * every)


def read_text(lines: Iterable[str], log: Log) -> str:
    """Take in a text log; returns the shape of its lines, "" where nothing was found."""
    reader = Reader(log)
    for line in lines:
        reader.feed(line)
    if not log.series and reader.unplaced:
        for row, pairs in enumerate(reader.unplaced):
            for key, value in pairs:
                reader.put(key, float(row), value, "rows")
        return "lines with names and numbers, without a step"
    if reader.shape.startswith("CycleGAN"):
        _count_images(log, reader.batches)
    return reader.shape


def _count_images(log: Log, images: int) -> None:
    """x from images of an epoch to images of the whole training: an epoch has as many as the longest one showed."""
    for series in log.series.values():
        for place, x in enumerate(series.x):
            series.x[place] = x // EPOCH * images + x % EPOCH
    log.note(f"its x counts images anew in each epoch; an epoch is taken to have {images:,}, the most that were seen")

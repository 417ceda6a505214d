"""Signals and findings as an event file of TensorBoard, written without TensorFlow and without tensorboard."""

from __future__ import annotations

import time
from pathlib import Path
from typing import IO, TYPE_CHECKING

from gandiag.sinks import event_files
from gandiag.sinks.base import Event, Sink, means

if TYPE_CHECKING:
    from collections.abc import Mapping

    import numpy as np


class TensorBoard(Sink):
    """Writes to a folder that TensorBoard shows; `every` steps are one point."""

    name = "tensorboard"

    def __init__(self, folder: str | Path, *, every: int = 10) -> None:
        if every < 1:
            raise ValueError(f"every must be at least 1 step, got {every}")
        self.folder, self.every = Path(folder), every
        self._file: IO[bytes] | None = None

    def _open(self) -> IO[bytes]:
        if self._file is None:
            self.folder.mkdir(parents=True, exist_ok=True)
            now = time.time()
            self._file = (self.folder / f"events.out.{event_files.MARK}.{int(now):010d}.gandiag").open("ab")
            self._file.write(event_files.version_event(now))
        return self._file

    def scalars(self, steps: np.ndarray, times: np.ndarray, columns: Mapping[str, np.ndarray]) -> None:
        """See `Sink`."""
        file = self._open()
        for row, step, values in means(steps, columns, self.every):
            if values:
                file.write(event_files.scalar_event(step, float(times[row]), values))
        file.flush()

    def event(self, event: Event) -> None:
        """See `Sink`; texts, under the tab *Text*."""
        tag = f"findings/{event.title}" if event.kind == "finding" else "verdict"
        text = f"**{event.level}** {event.title}: {event.text}"
        file = self._open()
        file.write(event_files.text_event(event.step, time.time(), tag, text))
        file.flush()

    def close(self) -> None:
        """See `Sink`."""
        if self._file is not None:
            self._file.close()

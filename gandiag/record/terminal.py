"""Lines that a training shows: through logging where a program has set that up, and never through a progress bar."""

from __future__ import annotations

import contextlib
import logging
import sys
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator

logger = logging.getLogger("gandiag")


def say(level: int, line: str) -> None:
    """Log a line or, where nobody has set up logging, write it to stderr; a bar of tqdm is drawn again below it.

    rich takes what is written to stderr above its own bars.
    """
    with _above_bars():
        if logger.hasHandlers():
            logger.log(level, "%s", line)
        elif level >= logger.level and not logger.disabled:  # its own level: that of the root lets no information out
            sys.stderr.write(line + "\n")


@contextlib.contextmanager
def _above_bars() -> Iterator[None]:
    """Take the bars of tqdm away while something is written, if there are any."""
    bars = getattr(sys.modules.get("tqdm"), "tqdm", None)
    with contextlib.ExitStack() as stack:
        if getattr(bars, "_instances", None):
            with contextlib.suppress(Exception):  # another tqdm than we know
                stack.enter_context(bars.external_write_mode(file=sys.stderr))  # type: ignore[union-attr]
        yield

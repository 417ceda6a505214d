"""The console of rich, made safe: whatever is printed with it passes `gandiag.wording.shown`."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from rich.console import Console
from rich.errors import MarkupError
from rich.text import Text

from gandiag.cli.exits import unread
from gandiag.wording import MOST_SHOWN, shown

if TYPE_CHECKING:
    from collections.abc import Iterable

    from rich.console import ConsoleOptions, RenderableType
    from rich.segment import Segment

LEAST_WIDE = 100  # columns for tables that lose figures below


class SafeConsole(Console):
    """Escapes what steers a terminal, and shortens what would take rich minutes to wrap, wherever it stands."""

    def on_broken_pipe(self) -> None:
        """Where rich would end the program, which may have a run to write, or a verdict to exit with."""
        unread(self.file)

    def render_str(self, text: str, **options: Any) -> Text:
        """Text with its markup; what is no markup after all, or is too long to be searched for it, as it stands."""
        if len(text) > MOST_SHOWN:
            return _safe(Text(text))
        try:
            return _safe(super().render_str(text, **options))
        except MarkupError:
            return _safe(Text(text))

    def render(self, renderable: RenderableType, options: ConsoleOptions | None = None) -> Iterable[Segment]:
        """As rich does; this is where everything comes by, also what stands in tables."""
        return super().render(_safe(renderable) if isinstance(renderable, Text) else renderable, options)


def console(*, least: int = 0, **options: Any) -> Console:
    """A console on stdout, or as `rich.console.Console` is told, at least so many columns wide."""
    found = SafeConsole(**options)
    return SafeConsole(width=least, **options) if found.width < least else found


def wide_console() -> Console:
    """For tables that lose figures below 100 columns: a narrower terminal, or a file, gets lines of 100."""
    return console(least=LEAST_WIDE)


def _safe(text: Text) -> Text:
    plain = shown(text.plain)
    if plain == text.plain:
        return text
    safe = text.copy()
    safe.plain = plain
    return safe

"""With which code a program says that it ends: nobody can ask Python for it once the program is ending."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Callable

    Listener = Callable[[SystemExit], None]


class _Noted:
    """`sys.exit` as it was, and whoever listens is told first."""

    def __init__(self, original: Callable[..., Any]) -> None:
        self.original = original
        self.listeners: list[Listener] = []
        self.__doc__ = original.__doc__

    def __call__(self, *arguments: Any) -> Any:
        for listener in [*self.listeners]:
            listener(SystemExit(*arguments[:1]))
        return self.original(*arguments)


def listen(listener: Listener) -> None:
    """Have a function called with each SystemExit that `sys.exit` is about to raise; it must not fail."""
    if not isinstance(sys.exit, _Noted):
        sys.exit = _Noted(sys.exit)
    if listener not in sys.exit.listeners:
        sys.exit.listeners.append(listener)


def forget(listener: Listener) -> None:
    """The reverse of `listen`; with the last listener the original comes back."""
    noted = sys.exit
    if not isinstance(noted, _Noted):  # somebody has put another one into its place
        return
    if listener in noted.listeners:
        noted.listeners.remove(listener)
    if not noted.listeners:
        sys.exit = noted.original

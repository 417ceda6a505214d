"""What a reader is shown of a run: one content, laid out as HTML and as PDF.

`write` puts both files into a folder; `html.render` and `pdf.render` return them. Nothing heavy is imported before it
is used.

>>> run = gandiag.Run.open("runs/dcgan")  # doctest: +SKIP
>>> gandiag.reports.write(run, gandiag.diagnose(run), "runs/dcgan")  # doctest: +SKIP
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from .files import write as write

__all__ = ["write"]


def __getattr__(name: str) -> Any:
    """Import `write` when it is first used: listing the package stays instant."""
    if name not in __all__:
        raise AttributeError(f"module 'gandiag.reports' has no attribute {name!r}")
    return getattr(import_module(".files", __name__), name)

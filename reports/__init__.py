"""What a reader is shown of a run: one content, laid out as HTML and as PDF.

`write` puts both files into a folder; `html.render` and `pdf.render` return them. `chart`, `notebook` and `show` are
what `run.plot`, notebooks and `diagnosis.show` are made of. Nothing heavy is imported before it is used.

>>> gandiag.reports.write("runs/dcgan")  # doctest: +SKIP
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from .figure import chart as chart
    from .files import write as write
    from .snippets import notebook as notebook
    from .snippets import show as show

_HOMES = {"chart": ".figure", "notebook": ".snippets", "show": ".snippets", "write": ".files"}
__all__ = ["chart", "notebook", "show", "write"]


def __getattr__(name: str) -> Any:
    """Import a function when it is first used: listing the package stays instant."""
    if name not in _HOMES:
        raise AttributeError(f"module 'gandiag.reports' has no attribute {name!r}")
    return getattr(import_module(_HOMES[name], __name__), name)

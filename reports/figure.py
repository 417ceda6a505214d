"""The charts of chosen signals as one figure, for notebooks and scripts."""

from __future__ import annotations

import io
from typing import TYPE_CHECKING, Any

from gandiag.wording import one_line, shown

from .charts import STYLE, draw_into
from .palette import strokes
from .panels import panels_of

if TYPE_CHECKING:
    from collections.abc import Iterable
    from os import PathLike

    from matplotlib.figure import Figure

    from gandiag.findings import Diagnosis
    from gandiag.rundir.run import Run

    from .panels import Panel


SIZE = (6.9, 2.5)  # inches, of one chart


class Chart:
    """Charts one below the other; a notebook shows them, `save` writes them, `figure` is matplotlib's."""

    def __init__(self, panels: tuple[Panel, ...]) -> None:
        import matplotlib as mpl

        with mpl.rc_context(STYLE):
            self.figure = _figure(panels)
        self._titles = [panel.title for panel in panels]

    def __repr__(self) -> str:
        return f"<Chart {one_line(', '.join(self._titles), 120)}>"

    def _repr_svg_(self) -> str:
        return self._encoded("svg").decode()

    def save(self, path: str | PathLike[str], **options: Any) -> None:
        """Write the figure to a file, in the format of its suffix; `options` as `Figure.savefig` takes them."""
        self.figure.savefig(path, **options)

    def _encoded(self, kind: str) -> bytes:
        import matplotlib as mpl

        out = io.BytesIO()
        with mpl.rc_context(STYLE):
            self.figure.savefig(out, format=kind, metadata={"Date": None})
        return out.getvalue()


def chart(run: Run, names: Iterable[str], diagnosis: Diagnosis | None = None) -> Chart:
    """The charts of these signals, see `gandiag.Run.plot`.

    Raises
    ------
    LookupError
        When no signal is named, for a name that the run does not know, and when nothing was recorded of any.
    """
    asked = list(names)
    wanted = [found for name in asked for found in (run.names(name) if "<" in name else [name])]
    empty = [name for name in wanted if run.series(name).empty]
    if not asked:
        raise LookupError('name the signals to plot: run.plot("d/auc", "diversity/ratio")')
    panels = panels_of(run, wanted, diagnosis.findings if diagnosis else ())
    if empty or not panels:
        raise LookupError(f"nothing was recorded of {', '.join(empty or asked)}")
    return Chart(panels)


def _figure(panels: tuple[Panel, ...]) -> Figure:
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure
    from matplotlib.lines import Line2D

    figure = Figure(figsize=(SIZE[0], SIZE[1] * len(panels)), layout="constrained")
    FigureCanvasAgg(figure)
    for row, panel in enumerate(panels, start=1):
        axes = figure.add_subplot(len(panels), 1, row)
        draw_into(figure, axes, panel)
        axes.set_title(shown(panel.title), loc="left", fontsize=9, parse_math=False, pad=12)
        if len(panel.lines) > 1:
            handles = [Line2D([], [], color=s.colour, linestyle="--" if s.dashed else "-") for s in strokes(panel)]
            legend = axes.legend(handles, map(shown, panel.labels), fontsize=7, frameon=False)
            for text in legend.get_texts():
                text.set_parse_math(False)
    return figure

"""The charts of the PDF, drawn by matplotlib as SVG."""

from __future__ import annotations

import io
import math
from typing import TYPE_CHECKING, Any

import numpy as np

from .lines import lifted
from .palette import strokes
from .panels import Heatmap, Panel
from .text import number

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

WIDE = (3.3, 1.35)  # inches, of a finding
NARROW = (2.3, 1.18)
WHOLE = (7.0, 1.9)  # of a heat map
ROOM = (0.45, 0.12), (0.33, 0.2)  # inches: to the left and to the right of a chart's axes, below and above
MOST_UNIT = 24  # letters
INK, QUIET, GRID = "#1c2127", "#5c6670", "#e8ebee"
TONES = {"failure": "#b42318", "warning": "#96600a", "info": "#2a62ab"}
STYLE: Any = {  # the type of its keys changes with the version of matplotlib
    "font.size": 6.5,
    "axes.edgecolor": "#c3c9cf",
    "axes.labelcolor": QUIET,
    "axes.linewidth": 0.6,
    "axes.spines.right": False,
    "axes.spines.top": False,
    "axes.grid": True,
    "grid.color": GRID,
    "grid.linewidth": 0.6,
    "text.color": INK,
    "xtick.color": QUIET,
    "ytick.color": QUIET,
    "xtick.major.width": 0.6,
    "ytick.major.width": 0.6,
    "svg.hashsalt": "gandiag",  # same chart, same bytes
    "path.simplify": True,
}


def draw(panel: Panel | Heatmap, *, wide: bool) -> bytes:
    """The chart as an SVG; its title and legend are left to the page."""
    import matplotlib as mpl
    from matplotlib.backends.backend_svg import FigureCanvasSVG
    from matplotlib.figure import Figure

    with mpl.rc_context(STYLE):
        size = WHOLE if isinstance(panel, Heatmap) else WIDE if wide else NARROW
        figure = Figure(figsize=size)
        FigureCanvasSVG(figure)
        across, down = (tuple(room / side for room in rooms) for rooms, side in zip(ROOM, size, strict=True))
        axes = figure.add_axes((across[0], down[0], 1 - sum(across), 1 - sum(down)))
        draw_into(figure, axes, panel)
        out = io.BytesIO()
        figure.savefig(out, format="svg", metadata={"Date": None}, transparent=True, dpi=150)
    return out.getvalue()


def draw_into(figure: Figure, axes: Axes, panel: Panel | Heatmap) -> None:
    """The chart in these axes of a figure."""
    if isinstance(panel, Heatmap):
        _shares(figure, axes, panel)
    else:
        _lines(axes, panel)
    _frame(axes, panel)


def _lines(axes: Axes, panel: Panel) -> None:
    for line, stroke in zip(panel.lines, strokes(panel), strict=True):
        colour, dash = stroke.colour, "--" if stroke.dashed else "-"
        y = lifted(line.y, panel.floor)
        if line.trend[0]:
            axes.plot(line.x, y, linewidth=0.5, alpha=0.4, color=colour)
            axes.plot(line.trend[0], lifted(line.trend[1], panel.floor), linewidth=1.2, linestyle=dash, color=colour)
        else:
            dot = "o" if line.dots else ""
            axes.plot(line.x, y, linewidth=1.2, linestyle=dash, color=colour, marker=dot, markersize=2.5)
    if panel.log:
        axes.set_yscale("log", nonpositive="mask")
    for limit in panel.thresholds:
        axes.axhline(limit.value, color=QUIET, linewidth=0.8, linestyle=":")
        right = axes.get_yaxis_transform()  # x in axes, y in data
        axes.text(
            0.005, limit.value, limit.label, transform=right, va="bottom", color=QUIET, fontsize=6, parse_math=False
        )
    if panel.spell:
        axes.axvspan(*panel.spell, color=TONES[panel.markers[0].severity], alpha=0.07, linewidth=0)
    unit = panel.unit if len(panel.unit) <= MOST_UNIT else f"{panel.unit[:MOST_UNIT]}…"
    axes.annotate(
        unit,
        (0, 1),
        xytext=(-72 * ROOM[0][0], 72 * ROOM[1][1]),  # the corner of the picture, in points
        xycoords="axes fraction",
        textcoords="offset points",
        va="top",
        color=QUIET,
        fontsize=6,
        parse_math=False,
    )


def _shares(figure: Figure, axes: Axes, panel: Heatmap) -> None:
    from matplotlib.colors import LinearSegmentedColormap
    from matplotlib.ticker import MaxNLocator

    steps, shares = np.asarray(panel.steps, dtype="float64"), np.asarray(panel.shares)
    middles = (steps[1:] + steps[:-1]) / 2
    edges = np.r_[2 * steps[0] - middles[0], middles, 2 * steps[-1] - middles[-1]] if len(steps) > 1 else None
    columns = steps[0] + np.array([-0.5, 0.5]) if edges is None else edges
    rows = np.arange(len(shares) + 1) - 0.5
    colours = LinearSegmentedColormap.from_list("shares", ["#ffffff", TONES["info"]])
    mesh = axes.pcolormesh(columns, rows, shares, cmap=colours, vmin=0, rasterized=True)
    figure.colorbar(mesh, ax=axes, label="share", pad=0.01, fraction=0.03)
    axes.grid(visible=False)
    axes.yaxis.set_major_locator(MaxNLocator(6, integer=True, min_n_ticks=1))
    axes.set_ylabel("mode")


def _frame(axes: Axes, panel: Panel | Heatmap) -> None:
    """What all charts share: the steps below, the onsets across."""
    from matplotlib.ticker import FuncFormatter, MaxNLocator

    first, last = panel.window
    room = max((last - first) * 0.01, 0.5)
    axes.set_xlim(first - room, last + room)
    axes.set_xlabel("step", labelpad=1)
    axes.xaxis.set_major_locator(MaxNLocator(4, steps=[1, 2, 5, 10], integer=True, min_n_ticks=1))
    axes.xaxis.set_major_formatter(FuncFormatter(lambda value, _: f"{value:,.0f}"))
    if isinstance(panel, Panel) and not panel.log:
        written = "{:,g}".format if _plainly(panel) else number
        axes.yaxis.set_major_formatter(FuncFormatter(lambda value, _: written(value)))
    in_finding = isinstance(panel, Panel) and panel.spell is not None
    for mark in panel.markers:
        tone = TONES[mark.severity]
        axes.axvline(mark.step, color=tone, linewidth=1)
        label = "onset" if in_finding and mark.label else mark.label
        above = axes.get_xaxis_transform()  # x in data, y in axes
        axes.text(mark.step, 1.02, label, transform=above, ha="center", va="bottom", color=tone, parse_math=False)


def _plainly(panel: Panel) -> bool:
    """Whether the values read well written out."""
    largest = max((abs(v) for line in panel.lines for v in line.y if not math.isnan(v)), default=0.0)
    return largest == 0 or 1e-2 < largest < 1e5

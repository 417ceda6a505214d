"""The report as one HTML file that works offline: no request leaves it."""

from __future__ import annotations

import base64
import json
import math
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

from .palette import strokes
from .sections import build

if TYPE_CHECKING:
    from gandiag.findings import Diagnosis
    from gandiag.rundir.run import Run

    from .panels import Heatmap, Panel

TEMPLATES = Path(__file__).with_name("templates")


class Live(NamedTuple):
    """What a page shows that a server keeps up to date: its version, the run's number, a sentence on where that stands.

    `scripts` are at the server, none stands in the page; `home` is the address of the page of all runs, if any.
    """

    version: str
    run: str
    state: str
    scripts: tuple[str, ...]
    home: str = ""


def render(run: Run, diagnosis: Diagnosis, *, live: Live | None = None, folder: Path = TEMPLATES) -> str:
    """The report of a run as the text of an HTML file; with `live` a page that has `live.html` of `folder` on top."""
    return page("report.html", folder, live=live, report=build(run, diagnosis))


def page(template: str, folder: Path = TEMPLATES, *, live: Live | None = None, **content: Any) -> str:
    """A page in the report's look, with its charts.

    Parameters
    ----------
    template : a file in `folder`; it places charts with `place(panel)`
    folder : where it lies, beside those of the report
    live : of a page that a server keeps up to date; by default the page is one file that works offline
    content : what the template lays out
    """
    from jinja2 import Environment, FileSystemLoader, StrictUndefined
    from markupsafe import Markup
    from plotly.offline import get_plotlyjs

    environment = Environment(
        loader=FileSystemLoader([folder, TEMPLATES]),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    environment.filters["data_uri"] = _data_uri
    environment.filters["slashes"] = lambda name: Markup("/<wbr>").join(name.split("/"))
    charts: list[dict[str, Any]] = []

    def place(panel: Panel | Heatmap) -> int:
        charts.append(_chart(panel))
        return len(charts) - 1

    return environment.get_template(template).render(
        **content,
        live=live,
        place=place,
        charts=lambda: Markup(_script_json(charts)),  # noqa: S704 - its angle brackets are escaped
        style=Markup((TEMPLATES / "report.css").read_text(encoding="utf-8")),  # noqa: S704 - our own file
        script=Markup((TEMPLATES / "report.js").read_text(encoding="utf-8")),  # noqa: S704 - our own file
        plotly="" if live else Markup(get_plotlyjs()),  # noqa: S704 - plotly's own file
    )


def _data_uri(image: bytes) -> str:
    return "data:image/png;base64," + base64.b64encode(image).decode("ascii")


def _chart(panel: Panel | Heatmap) -> dict[str, Any]:
    """What the page's script draws."""
    from .panels import Heatmap

    markers = [{"step": m.step, "label": m.label, "severity": m.severity} for m in panel.markers]
    common = {"title": panel.title, "window": panel.window, "markers": markers}
    if isinstance(panel, Heatmap):
        return {**common, "kind": "heatmap", "steps": panel.steps, "shares": panel.shares}
    lines = [
        {
            "name": label,
            "x": line.x,
            "y": _with_breaks(line.y),
            "trend": [line.trend[0], _with_breaks(line.trend[1])],
            "dots": line.dots,
            "colour": stroke.colour,
            "dashed": stroke.dashed,
        }
        for line, label, stroke in zip(panel.lines, panel.labels, strokes(panel), strict=True)
    ]
    thresholds = [{"value": t.value, "label": t.label} for t in panel.thresholds]
    rest = {"unit": panel.unit, "log": panel.log, "spell": panel.spell, "thresholds": thresholds}
    return {**common, **rest, "kind": "lines", "lines": lines}


def _with_breaks(values: tuple[float, ...]) -> list[float | None]:
    return [None if math.isnan(v) else v for v in values]


def _script_json(value: Any) -> str:
    """JSON that cannot end the script element it stands in."""
    text = json.dumps(value, allow_nan=False, separators=(",", ":"), ensure_ascii=True)
    return text.replace("<", "\\u003c").replace(">", "\\u003e").replace("&", "\\u0026")

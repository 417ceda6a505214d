"""The report as one HTML file that works offline: no request leaves it."""

from __future__ import annotations

import gzip
import json
import math
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

from .diagram import causes_svg
from .palette import strokes
from .pictures import Pictures, data_uri, spaced
from .sections import build
from .sparks import spark
from .timeline import BRIEF, STATE_WORDS

if TYPE_CHECKING:
    from collections.abc import Iterator

    from jinja2 import Environment

    from gandiag.findings import Diagnosis
    from gandiag.rundir.run import Run

    from .content import Report
    from .layers import Layers
    from .panels import Heatmap, Panel
    from .strips import Frame

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


def render(run: Run, diagnosis: Diagnosis) -> str:
    """The report of a run as the text of an HTML file."""
    return page(build(run, diagnosis))


def page(report: Report, live: Live | None = None, folder: Path = TEMPLATES) -> str:
    """Content as the text of an HTML file; with `live` a page that has `live.html` of `folder` on top."""
    from markupsafe import Markup

    pictures = Pictures()

    def defined() -> str:
        slides = [_slide(frame, pictures) for frame in report.samples.frames]
        data = script_json({"slides": slides, "modes": _modes(report.modes)})
        return Markup(  # noqa: S704 - base64, numbers, and JSON with its angle brackets escaped
            f'<style class="pictures">{pictures.style()}</style>'
            f'<svg width="0" height="0" aria-hidden="true" class="defs">{pictures.symbols()}</svg>'
            f'<script type="application/json" id="slides-data">{data}</script>'
        )

    return laid_out(
        "report.html",
        folder,
        live,
        report=report,
        picture=pictures.name,
        pictures=defined,
        picture_of_causes=Markup(causes_svg(report.causes)),  # noqa: S704 - its texts are escaped
    )


def laid_out(template: str, folder: Path, live: Live | None = None, **content: Any) -> str:
    """A page in the report's look: a template of `folder`, or of the report, which places charts with `place(panel)`.

    It is one file that works offline or, with `live`, one whose scripts are at the server.
    """
    from markupsafe import Markup

    charts: list[dict[str, Any]] = []

    def place(panel: Panel | Heatmap) -> int:
        charts.append(chart(panel))
        return len(charts) - 1

    return (
        environment(folder)
        .get_template(template)
        .render(
            **content,
            live=live,
            place=place,
            charts=lambda: Markup(script_json(charts)),  # noqa: S704 - its angle brackets are escaped
            style=Markup((TEMPLATES / "report.css").read_text(encoding="utf-8")),  # noqa: S704 - our own file
            script=Markup((TEMPLATES / "report.js").read_text(encoding="utf-8")),  # noqa: S704 - our own file
            plotly="" if live else Markup(plotly_js()),  # noqa: S704 - plotly's own file
        )
    )


def environment(folder: Path = TEMPLATES) -> Environment:
    """Where templates are found, with the filters that they use; texts are escaped."""
    from jinja2 import Environment, FileSystemLoader, StrictUndefined
    from markupsafe import Markup

    made = Environment(
        loader=FileSystemLoader([folder, TEMPLATES]),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    made.filters["slashes"] = lambda name: Markup("/<wbr>").join(name.split("/"))
    made.filters |= {
        "data_uri": data_uri,
        "spark": spark,
        "state_words": STATE_WORDS.__getitem__,
        "spaced": spaced,
        "brief": lambda title: BRIEF.get(title, title),
        "line_names": lambda panel: " ".join(line.name for line in getattr(panel, "lines", ())),
        "layer_words": _layer_words,
        "short_facts": _short_facts,
    }
    return made


def plotly_js() -> str:
    """Plotly's charts with two axes, which is all that is drawn: a third of the whole library."""
    return gzip.decompress((TEMPLATES / "plotly" / "plotly-cartesian.min.js.gz").read_bytes()).decode("utf-8")


def _short_facts(report: Report) -> Iterator[str]:
    """What stands in the line above the verdict."""
    facts = dict(report.facts)
    yield facts.get("Directory", report.run)
    yield facts["Recorded"]
    yield from (facts[name] for name in ("Duration", "Status") if name in facts)


def _layer_words(net: Layers) -> str:
    odd = [layer for layer in net.layers if layer.state != "steady"]
    if not odd:
        return "all steady"
    some = ", ".join(f"{layer.name} {layer.state}" for layer in odd[:3])
    return f"{len(odd)} of {len(net.layers)}: {some}" + (" ..." if len(odd) > 3 else "")


def _slide(frame: Frame, pictures: Pictures) -> dict[str, Any]:
    kind = "image" if frame.image else "points" if frame.points else ""
    return {"step": frame.step, "note": frame.note, "kind": kind, "name": pictures.name(frame)}


def _modes(heatmap: Heatmap | None) -> dict[str, Any] | None:
    return None if heatmap is None else {"steps": heatmap.steps, "shares": heatmap.shares}


def chart(panel: Panel | Heatmap) -> dict[str, Any]:
    """What the page's script draws."""
    from .panels import Heatmap

    markers = [{"step": m.step, "label": m.label, "severity": m.severity} for m in panel.markers]
    common = {"title": panel.title, "window": panel.window, "markers": markers}
    if isinstance(panel, Heatmap):
        return {**common, "kind": "heatmap", "steps": panel.steps, "shares": panel.shares}
    lines = [
        {
            "name": label,
            "x": _plain(line.x),
            "y": _plain(line.y),
            "trend": [_plain(line.trend[0]), _plain(line.trend[1])],
            "dots": line.dots,
            "colour": stroke.colour,
            "dashed": stroke.dashed,
        }
        for line, label, stroke in zip(panel.lines, panel.labels, strokes(panel), strict=True)
    ]
    thresholds = [{"value": t.value, "label": t.label} for t in panel.thresholds]
    rest = {"unit": panel.unit, "log": panel.log, "floor": panel.floor, "spell": panel.spell, "thresholds": thresholds}
    return {**common, **rest, "kind": "lines", "lines": lines}


def _plain(values: tuple[float, ...]) -> list[float | int | None]:
    """Values with as few letters as they need, breaks as null."""
    return [None if math.isnan(v) else int(v) if v.is_integer() and abs(v) < 1e15 else v for v in values]


def script_json(value: Any) -> str:
    """JSON that cannot end the script element it stands in."""
    text = json.dumps(value, allow_nan=False, separators=(",", ":"), ensure_ascii=True)
    return text.replace("<", "\\u003c").replace(">", "\\u003e").replace("&", "\\u0026")

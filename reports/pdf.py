"""The report as a typeset PDF: searchable text, vector charts, page numbers."""

from __future__ import annotations

import json
import shutil
import tempfile
from collections.abc import Mapping
from dataclasses import fields, is_dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from .charts import draw
from .content import Causes
from .diagram import causes_svg
from .palette import strokes
from .panels import Heatmap, Panel
from .paper import timeline_svg
from .pictures import kind
from .sections import build
from .strips import Strip, enlarged
from .timeline import BRIEF, Timeline

if TYPE_CHECKING:
    from gandiag.findings import Diagnosis
    from gandiag.rundir.run import Run

    from .content import Card, Report

TEMPLATE = Path(__file__).with_name("templates") / "report.typ"
COLUMNS = 4  # of the picture of causes
UNBROKEN = 40  # letters after which a word without a space may be broken


def render(run: Run, diagnosis: Diagnosis) -> bytes:
    """The report of a run as the bytes of a PDF."""
    return typeset(build(run, diagnosis))


def typeset(report: Report) -> bytes:
    """Content as the bytes of a PDF."""
    import typst

    with tempfile.TemporaryDirectory(prefix="gandiag-") as name:
        folder = Path(name)
        content = _Folder(folder).plain(replace(report, findings=tuple(map(_short, report.findings))))
        (folder / "report.json").write_text(json.dumps(content, allow_nan=False), encoding="utf-8")
        main = shutil.copy(TEMPLATE, folder / "report.typ")
        pdf: bytes = typst.compile(str(main), root=str(folder))
    return pdf


def _short(card: Card) -> Card:
    """A finding with its first chart: the others are among all signals."""
    return replace(card, panels=card.panels[:1], notes=())


class _Folder:
    """Turns content into what the template reads: charts and images become files, the rest JSON."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.files = 0

    def plain(self, value: Any) -> Any:
        if isinstance(value, (Panel, Heatmap, Timeline, Strip, Causes)):
            return self._drawn(value)
        if is_dataclass(value):
            return {f.name: self._field(f.name, getattr(value, f.name)) for f in fields(value)}
        if isinstance(value, Mapping):
            return {key: self.plain(item) for key, item in value.items()}
        if isinstance(value, tuple):
            return [self.plain(item) for item in value]
        if isinstance(value, bytes):
            return self._picture(value) if value else ""
        return breakable(value) if isinstance(value, str) else value

    def _drawn(self, value: Panel | Heatmap | Timeline | Strip | Causes) -> Any:
        """What is another thing on paper."""
        if isinstance(value, (Panel, Heatmap)):
            return self._chart(value)
        if isinstance(value, Timeline):
            return self._file(timeline_svg(value, BRIEF).encode(), "svg") if value.window[1] else ""
        if isinstance(value, Strip):
            shown = {"frames": value.selection, "notes": value.notes, "real": value.real}
            return {name: self.plain(item) for name, item in shown.items()}
        picture = causes_svg(value, alone=True, most_columns=COLUMNS) if value.drawn else ""
        own = {f.name: self.plain(getattr(value, f.name)) for f in fields(value)}
        return own | {"picture": self._file(picture.encode(), "svg") if picture else ""}

    def _field(self, name: str, value: Any) -> Any:
        return self._file(_dots(value), "svg") if name == "points" and value else self.plain(value)

    def _picture(self, image: bytes) -> str:
        shown = enlarged(image)
        return self._file(shown, kind(shown))

    def _file(self, content: bytes, suffix: str) -> str:
        self.files += 1
        name = f"{self.files}.{suffix}"
        (self.folder / name).write_bytes(content)
        return name

    def _chart(self, panel: Panel | Heatmap) -> dict[str, Any]:
        wide = isinstance(panel, Heatmap) or panel.spell is not None
        legend: list[dict[str, Any]] = []
        if isinstance(panel, Panel):
            drawn = zip(panel.labels, strokes(panel), strict=True)
            legend = [{"name": breakable(label), **stroke._asdict()} for label, stroke in drawn]
        return {
            "title": breakable(panel.title),
            "caption": breakable(panel.caption),
            "file": self._file(draw(panel, wide=wide), "svg"),
            "legend": legend,
        }


def _dots(path: str) -> bytes:
    style = 'fill="none" stroke="#2a62ab" stroke-opacity="0.6" stroke-width="2" stroke-linecap="round"'
    return (
        '<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 100 100" width="100" height="100">'
        f'<rect width="100" height="100" fill="#f5f6f8"/><path {style} d="{path}"/></svg>'
    ).encode()


def breakable(text: str) -> str:
    """The text with room for a line break inside words that are too long for a line."""
    words = ("\u200b".join(word[i : i + UNBROKEN] for i in range(0, len(word), UNBROKEN)) for word in text.split(" "))
    return " ".join(words)

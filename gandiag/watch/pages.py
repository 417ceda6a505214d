"""The pages that the server shows: a run's report as it stands, all runs side by side, and what is waited for."""

from __future__ import annotations

from collections import Counter
from pathlib import Path
from typing import TYPE_CHECKING

from gandiag.compare.overlay import colours, names, overlays
from gandiag.compare.rows import Row
from gandiag.reports.html import Live, laid_out, page
from gandiag.reports.sections import build
from gandiag.reports.text import count
from gandiag.wording import shown

if TYPE_CHECKING:
    from collections.abc import Sequence

    from gandiag.watch.following import Followed

TEMPLATES = Path(__file__).with_name("templates")
SCRIPTS = ("live.js", "plotly.js", "report.js")


def one(followed: Followed, number: int, alone: bool) -> str:
    """The report of a run, or what is waited for."""
    view = followed.view
    live = Live(str(view.version), str(number), view.state, SCRIPTS, "" if alone else "/")
    if view.run is None or view.diagnosis is None:
        return laid_out("waiting.html", TEMPLATES, live, title=shown(followed.path, 200), state=view.state)
    return page(build(view.run, view.diagnosis), live, TEMPLATES)


def run_names(runs: Sequence[Followed]) -> list[str]:
    """What to call each run, among the others."""
    return names([Row(run.path, "waiting") for run in runs])


def several(runs: Sequence[Followed]) -> str:
    """All runs side by side: where each stands, its curves among the others', its last samples."""
    views = [followed.view for followed in runs]
    rows = [view.row or Row(run.path, "waiting") for view, run in zip(views, runs, strict=True)]
    versions = ",".join(str(view.version) for view in views)
    cards = [
        {"row": row, "name": name, "colour": colour, "state": view.state, "latest": _latest(row)}
        for row, name, colour, view in zip(rows, run_names(runs), colours(rows), views, strict=True)
    ]
    verdicts = ", ".join(f"{amount:,} {verdict}" for verdict, amount in Counter(r.verdict for r in rows).items())
    live = Live(versions, "", "", SCRIPTS, "")
    title = f"{count(len(rows), 'run')}: {verdicts}"
    return laid_out("several.html", TEMPLATES, live, title=title, cards=cards, panels=overlays(rows))


def _latest(row: Row) -> str:
    if row.onset_step is not None:
        return f"{row.first_failure} from step {row.onset_step:,}"
    return row.why

"""What a notebook and a terminal show of a run, a diagnosis or a finding: small, without scripts, all texts escaped."""

from __future__ import annotations

import sys
from textwrap import fill
from typing import TYPE_CHECKING, Any

from gandiag.rundir.ending import ending
from gandiag.wording import one_line, shown

from .text import count, number

if TYPE_CHECKING:
    from collections.abc import Iterator

    from gandiag.findings import Diagnosis, Finding

TONES = {
    "failing": "#b42318",
    "failure": "#b42318",
    "suspect": "#96600a",
    "warning": "#96600a",
    "healthy": "#1e7b4d",
    "info": "#2a62ab",
}
QUIET = "#5c6670"
MOST = 20  # findings, or rows of facts
TEMPLATE = """\
{%- macro badge(word) -%}
<b style="color: {{ tones.get(word, quiet) }}">{{ word | upper }}</b>
{%- endmacro -%}
{%- macro finding(f) -%}
<div style="margin: .4em 0; padding-left: .7em; border-left: 3px solid {{ tones.get(f.severity, quiet) }}">
<div>{{ badge(f.severity) }} <b>{{ f.title }}</b> <span style="color: {{ quiet }}">{{ f.when }}</span></div>
<div>{{ f.summary }}</div>
{% for e in f.evidence %}<div style="color: {{ quiet }}">{{ e.signal }} = {{ number(e.value) }} {{ e.unit }} \
({{ e.comparison }} {{ number(e.threshold) }})</div>
{% endfor %}{% for r in f.remedies %}<div>Try: {{ r.change }}</div>
{% endfor %}</div>
{%- endmacro -%}
<div style="max-width: 46em; overflow-wrap: anywhere">
{% if kind == "finding" %}{{ finding(what) }}
{% elif kind == "diagnosis" %}<div>{{ badge(what.verdict) }} {{ count(what.last_step, "step") }}</div>
{% for sentence in sentences %}<div>{{ sentence }}</div>
{% endfor %}{% for f in what.findings[:most] %}{{ finding(f) }}
{% endfor %}{% else %}<table><caption style="text-align: left"><b>Run</b> {{ what.path or what.meta.get("id", "") }}\
</caption>{% for name, value in facts %}
<tr><th style="text-align: left">{{ name }}</th><td style="text-align: left">{{ value }}</td></tr>{% endfor %}</table>
{% endif %}</div>
"""


def notebook(kind: str, what: Any) -> str:
    """The HTML that a notebook shows of a `kind`, "finding", "diagnosis" or "run"."""
    from jinja2 import Environment

    environment = Environment(autoescape=True, finalize=lambda value: shown(value) if type(value) is str else value)
    context = {"tones": TONES, "quiet": QUIET, "number": number, "count": count, "most": MOST}
    if kind == "diagnosis":
        context["sentences"] = list(_sentences(what))
    if kind == "run":
        context["facts"] = list(_facts(what))
    return environment.from_string(TEMPLATE).render(kind=kind, what=what, **context)


def show(diagnosis: Diagnosis) -> None:
    """Display a diagnosis in a notebook, print it elsewhere."""
    python = sys.modules.get("IPython")
    shell = python.get_ipython() if python is not None else None
    if shell is not None and hasattr(shell, "kernel"):
        from IPython.display import display

        display(diagnosis)
    else:
        print("\n".join(_lines(diagnosis)))  # noqa: T201 - what it is for


def _lines(diagnosis: Diagnosis) -> Iterator[str]:
    yield f"{diagnosis.verdict.upper()}  {count(diagnosis.last_step, 'step')}"
    yield from _sentences(diagnosis)
    for finding in diagnosis.findings[:MOST]:
        yield from ("", f"{finding.severity.upper()} {one_line(finding.title)}  {finding.when}")
        yield from _paragraphs(finding)


def _paragraphs(finding: Finding) -> Iterator[str]:
    texts = [finding.summary, *map(str, finding.evidence), *(f"Try: {r.change}" for r in finding.remedies)]
    for text in texts:
        yield fill(one_line(text), 100, initial_indent="    ", subsequent_indent="    ")


def _sentences(diagnosis: Diagnosis) -> Iterator[str]:
    """What stands around the findings."""
    for sentence in filter(None, (diagnosis.caveat, *diagnosis.normal)):
        yield f"{sentence}."
    if diagnosis.story.line:
        yield f"What led to what: {one_line(diagnosis.story.line)}"
    if not diagnosis.findings:
        yield f"None of {count(len(diagnosis.clean), 'kind')} of failure looked for was found."
    if (over := len(diagnosis.findings) - MOST) > 0:
        yield f"{count(over, 'more finding')} not shown."
    if diagnosis.not_assessed:
        yield f"{count(len(diagnosis.not_assessed), 'kind')} of failure could not be looked for."
    if diagnosis.missing:
        yield f"{count(len(diagnosis.missing), 'note')} on what the record lacks: see missing."


def _facts(run: Any) -> Iterator[tuple[str, str]]:
    yield "Status", one_line(str(ending(run.meta)), 200)
    yield "Steps", f"{run.last_step:,}"
    yield "Signals", f"{run.scalars.shape[1]:,}"
    yield "Loss family", one_line(run.loss_family, 100)
    if run.samples:
        yield "Snapshots of samples", f"{len(run.samples):,}"
    if run.damage:
        yield "Damaged", one_line("; ".join(run.damage), 300)

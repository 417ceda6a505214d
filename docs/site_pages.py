"""What the documentation site adds to the pages of this folder: a page per failure, and pages of the repository's root.

mkdocs calls the functions named `on_...` (see `hooks` of mkdocs.yml). Nothing that they make is stored, so it cannot
grow old: a page per failure is the docstring of its detector, its remedies, thresholds and results.
"""

from __future__ import annotations

import html
import os
import re
import sys
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, Any

from mkdocs.structure.files import File

from gandiag import synthetic
from gandiag.detectors import DETECTORS, specification
from gandiag.detectors.specification import remedies
from gandiag.judge.mechanisms import MECHANISMS, MISTAKES
from gandiag.signals import describe

if TYPE_CHECKING:
    from collections.abc import Iterator

    from mkdocs.config.defaults import MkDocsConfig
    from mkdocs.structure.files import Files
    from mkdocs.structure.pages import Page

    from gandiag.detectors import Detector
    from gandiag.remedy import Remedy

ROOT = Path(__file__).parent.parent
OF_ROOT = {"CONTRIBUTING.md": "contributing.md", "CHANGELOG.md": "changelog.md"}
PICTURES = os.environ.get("GANDIAG_DOCS_PICTURES", "1") != "0"
"""Whether charts are drawn: half of the time that a build takes."""
NAMED = re.compile(r"\[(?P<text>[\w./-]+\.md)\]\((?P<path>[^)#:\s]+)")
LINK = re.compile(r"(?<=\]\()(?P<path>[^)#:\s]+)(?P<anchor>#[^)\s]*)?(?=\))")


def on_config(config: MkDocsConfig) -> MkDocsConfig:
    """Fill the navigation: a page per failure, and under Watch the pages that mkdocs.yml does not list."""
    nav: list[Any] = list(config.nav or [])
    sections = {name: pages for entry in nav if isinstance(entry, dict) for name, pages in entry.items()}
    (found,) = (entry for entry in sections["Understand"] if isinstance(entry, dict))
    found["What is found"] += [f"failures/{d.code}.md" for d in DETECTORS]
    listed = {page for pages in sections.values() for page in pages if isinstance(page, str)} | set(nav_pages(nav))
    sections["Watch"] += sorted(p.name for p in Path(config.docs_dir).glob("*.md") if p.name not in listed)
    config.nav = nav
    return config


def nav_pages(entries: list[Any]) -> Iterator[str]:
    """The paths of a navigation, however deep."""
    for entry in entries:
        if isinstance(entry, str):
            yield entry
        else:
            for pages in entry.values():
                yield from nav_pages(pages if isinstance(pages, list) else [pages])


def on_files(files: Files, config: MkDocsConfig) -> Files:
    """Add what is made here."""
    for detector in DETECTORS:
        code = detector.code
        files.append(File.generated(config, f"failures/{code}.md", content=failure_page(detector)))
        if PICTURES:
            for number, (_, chart) in enumerate(charts(detector)[1]):
                files.append(File.generated(config, f"failures/{code}-{number}.svg", content=chart))
    for name, page in OF_ROOT.items():
        text = LINK.sub(_from_root, (ROOT / name).read_text("utf-8"))
        files.append(File.generated(config, page, content=text))
    return files


def on_page_markdown(markdown: str, page: Page, config: MkDocsConfig, files: Files) -> str:  # noqa: ARG001 - theirs
    """Let links that leave this folder point at the repository, and codes at their pages."""
    path = page.file.src_uri
    if path == "failures.md":
        markdown = re.sub(r"(?m)^\| `([a-z-]+)` \|", r"| [`\1`](failures/\1.md) |", markdown)
    home = (config.docs_dir / Path(path)).parent

    def moved(match: re.Match[str]) -> str:
        target = Path(os.path.normpath(home / match["path"]))
        if not match["path"].startswith("..") or target.is_relative_to(config.docs_dir):
            return match[0]
        inside = target.relative_to(ROOT).as_posix()
        if inside in OF_ROOT:
            return os.path.relpath(OF_ROOT[inside], Path(path).parent) + (match["anchor"] or "")
        return f"{config.repo_url}/blob/main/{inside}{match['anchor'] or ''}"

    return LINK.sub(moved, NAMED.sub(lambda match: _titled(match, home), markdown))


def _titled(match: re.Match[str], home: Path) -> str:
    """A link whose text is the name of its page, with the page's title in its place."""
    target = Path(os.path.normpath(home / match["path"]))
    if Path(match["text"]).name != target.name or not target.exists():
        return match[0]
    return f"[{target.read_text('utf-8').partition('# ')[2].partition(chr(10))[0]}]({match['path']}"


def _from_root(match: re.Match[str]) -> str:
    """A link of a page of the root, as one of a page in docs/."""
    path = match["path"]
    return (path.removeprefix("docs/") if path.startswith("docs/") else f"../{path}") + (match["anchor"] or "")


def failure_page(detector: Detector) -> str:
    """What is known of a failure, as Markdown."""
    return "\n".join(_lines(detector))


def _lines(detector: Detector) -> Iterator[str]:
    parts = specification(detector)
    yield f"# {detector.code}\n\n{_one(parts['Summary'])}\n"
    if PICTURES:
        sentence, drawn = charts(detector)
        for number, (title, _) in enumerate(drawn):
            yield f"**{title}**\n\n![{title}]({detector.code}-{number}.svg){{ width=100% }}\n"
        yield f"*As a report draws it, of a synthetic run.* {_one(sentence)}.\n"
    for heading in ("Sees", "Why it happens", "Misses"):
        yield f"## {heading}\n\n{_one(parts[heading])}\n"
    if detector.code in MISTAKES:
        yield f"[Trainings with this mistake, and others that look like it](../mistakes.md#{detector.code}).\n"
    yield "## Try\n"
    for remedy in remedies(detector):
        yield from _remedy(remedy)
    yield from _story(detector.code)
    yield from _needs(detector)
    yield from _thresholds(detector)
    yield f"## References\n\n{_one(parts['References'])}\n"


def _one(text: str) -> str:
    """A paragraph on one line; of its markup only `code` is read as such."""
    parts = re.split(r"(`[^`]+`)", " ".join(text.split()))
    return "".join(part if place % 2 else _escaped(part) for place, part in enumerate(parts))


def _escaped(text: str) -> str:
    return re.sub(r"([*_\[`])", r"\\\1", html.escape(text, quote=False)).replace("|", "&#124;")


def _remedy(remedy: Remedy) -> Iterator[str]:
    yield f"### {remedy.change[0].upper()}{remedy.change[1:]}\n"
    yield f"```python\n{remedy.code.strip()}\n```\n"
    for name, text in remedy.facts():
        yield f"- **{name}**: {f'`{text}`' if name == 'see' else _one(text)}"
    yield ""


def _story(code: str) -> Iterator[str]:
    """What is known to lead to it, and what it leads to; of mistakes, which lead to everything, nothing more."""
    linked = [m for m in MECHANISMS if code in (m.cause, m.effect) and m.cause not in MISTAKES]
    if not linked:
        return
    yield "## What leads to what\n"
    for m in linked:
        other, way = (m.effect, "leads to") if m.cause == code else (m.cause, "follows from")
        yield f"- {way} [{other}]({other}.md): {_one(m.sentence)} ({_one(m.source)})"
    yield ""


def _needs(detector: Detector) -> Iterator[str]:
    yield "## What it reads\n"
    for need in detector.needs:
        for place, name in enumerate(need.split("|")):
            yield f"- {'or ' if place else ''}`{name}`: {_one(describe(name).meaning)}"
    yield f"\nWhere it is missing: {_one(detector.how_to)}.\n"
    for family, reason in detector.not_for.items():
        yield f"Not for {family}: {_one(reason)}.\n"


def _thresholds(detector: Any) -> Iterator[str]:
    yield "## Thresholds\n\n| threshold | default | where it comes from |\n|---|---|---|"
    for name, field in detector.__dataclass_fields__.items():
        if "source" in field.metadata:
            yield f"| `{name}` | {getattr(detector, name):,} | {_one(field.metadata['source'])} |"
    yield "\n[How to set your own](../policy.md).\n"
    row = next((r for r in _results() if r.startswith(f"| `{detector.code}` |")), None)
    if row:
        found, alarms, delay = (cell.strip() for cell in row.strip("| \n").split("|")[1:])
        yield "## How often it is right\n"
        yield f"Failing runs found: {found}. Healthy runs with a false alarm: {alarms}."
        yield f"Onset delay in steps, median / p90: {delay}. [The whole table](../accuracy.md).\n"


@cache
def _results() -> list[str]:
    return (ROOT / "docs" / "accuracy.md").read_text("utf-8").splitlines()


@cache
def charts(detector: Detector) -> tuple[str, list[tuple[str, bytes]]]:
    """What a report says of a run that has the failure, and its charts as SVG, each with its title."""
    from gandiag.judge.diagnose import diagnose
    from gandiag.reports.charts import draw
    from gandiag.reports.panels import finding_panels

    run = _failing(detector.code)
    finding = next(f for f in diagnose(run, [detector]).findings if f.code == detector.code)
    panels, _ = finding_panels(run, finding, 1)
    return finding.summary, [(panel.title, draw(panel, wide=True)) for panel in panels[:2]]


def _failing(code: str) -> Any:
    """A run with the failure, from `gandiag.synthetic` or the test of its detector, as CONTRIBUTING has it."""
    name = code.replace("-", "_")
    made = getattr(synthetic, name, None)
    if made is None:
        for folder in ("tests", "tests/detectors"):
            if str(ROOT / folder) not in sys.path:
                sys.path.append(str(ROOT / folder))
        made = __import__(f"test_{name}").FAILING
    return made()

"""Writes docs/mistakes.md from what is found in every loop: `cd tests && python -m mistakes.table`."""

from __future__ import annotations

import re
from itertools import groupby
from pathlib import Path

from gandiag.detectors import DETECTORS, specification
from gandiag.judge.diagnose import diagnose

from .cases import CASES, STEPS, Case, found

PAGE = Path(__file__).parents[2] / "docs" / "mistakes.md"
EVERY = 10
HEAD = """# Mistakes in the loop

Most of what people ask about a GAN that fails is a mistake in the code, and no balance of G and D helps against it.
gandiag looks at the loop itself and names a mistake before all that follows from it. Each row is a small training in
the tests: a mistake with the step by which it is told, the evidence, and the first thing to change; and loops that look
the same and are right, of which nothing is said. Live, findings are told at the next look, every 200 steps by default.

This page is generated: `cd tests && python -m mistakes.table`.
"""


def render(*, dated: bool = True) -> str:
    """The page, from what was found in every loop; undated without the steps, which differ between processors."""
    lines = [HEAD]
    detectors = {d.code: d for d in DETECTORS}
    for code, entries in groupby(CASES.items(), key=lambda item: item[1].code):
        rows = list(entries)
        lines += [f"## {code}\n", f"{specification(detectors[code])['Summary']}\n"]
        lines += ["| mistake | told by step | evidence | first change |", "|---|---|---|---|"]
        lines += [_row(name, case, dated=dated) for name, case in rows if case.remedy]
        lines += [
            "",
            "Right, and left alone:\n",
            *(f"- {_silent(name, case)}" for name, case in rows if not case.remedy),
        ]
        lines.append("")
    return "\n".join(lines).rstrip() + "\n"


def undated(page: str) -> str:
    """A page without the steps."""
    return re.sub(r"\| \d+ \|", "| |", page)


def _row(name: str, case: Case, *, dated: bool) -> str:
    run, diagnosis = found(name)
    finding = next(f for f in diagnosis.findings if f.code == case.code)
    steps = range(EVERY, STEPS + EVERY, EVERY) if dated else ()
    told = next((str(step) for step in steps if case.code in _codes(run.until(step))), "")
    fact = finding.evidence[0]
    evidence = f"{fact.signal} {fact.comparison} {fact.threshold:.2g}"
    row = f"| {case.feature} | {told} | {evidence} | {finding.remedies[0].change} |"
    return row if dated else row.replace("|  |", "| |", 1)


def _silent(name: str, case: Case) -> str:
    _, diagnosis = found(name)
    claimed = [f.code for f in diagnosis.findings if f.code == case.code and f.severity != "info"]
    return case.feature + (f": 🔴 {claimed[0]}" if claimed else "")


def _codes(run: object) -> set[str]:
    return {f.code for f in diagnose(run).findings}  # type: ignore[arg-type]


if __name__ == "__main__":
    PAGE.write_text(render(), encoding="utf-8")

"""Writes docs/mistakes.md from what is found in every loop: `cd tests && python -m mistakes.table`."""

from __future__ import annotations

import re
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
[gallery.md](gallery.md) shows one of each as code, with what gandiag prints of it and the corrected lines.

This page is generated: `cd tests && python -m mistakes.table`.
"""


def render() -> str:
    """The page, from what was found in every loop."""
    rows = {name: row(name, case, told=_told(name, case)) for name, case in CASES.items() if case.remedy}
    return _page(rows)


def outline() -> str:
    """The page without what is found: it takes no training."""
    return _page({name: f"| {case.feature} |" for name, case in CASES.items()})


def without_findings(page: str) -> str:
    """A page as `outline` has it."""
    return re.sub(r"^(\| (?!mistake \|)[^|]*\|) .*$", r"\1", page, flags=re.MULTILINE)


def undated(page: str) -> str:
    """A page without the steps, which differ between processors."""
    return re.sub(r"\| \d+ \|", "| |", page)


def row(name: str, case: Case, *, told: str = "0") -> str:
    """A mistake, the step by which it is told, the evidence, the first change."""
    finding = next(f for f in found(name)[1].findings if f.code == case.code)
    fact = finding.evidence[0]
    evidence = f"{fact.signal} {fact.comparison} {fact.threshold:.2g}"
    return f"| {case.feature} | {told} | {evidence} | {finding.remedies[0].change} |"


def _page(rows: dict[str, str]) -> str:
    lines = [HEAD]
    for detector in DETECTORS:
        cases = {name: case for name, case in CASES.items() if case.code == detector.code}
        if not cases:
            continue
        lines += [f"## {detector.code}\n", f"{specification(detector)['Summary']}\n"]
        lines += ["| mistake | told by step | evidence | first change |", "|---|---|---|---|"]
        lines += [rows[name] for name, case in cases.items() if case.remedy]
        lines += ["", "Right, and left alone:\n", *(f"- {c.feature}" for c in cases.values() if not c.remedy), ""]
    return "\n".join(lines).rstrip() + "\n"


def _told(name: str, case: Case) -> str:
    """The step by which a mistake is told."""
    run, _ = found(name)
    looks = (step for step in range(EVERY, STEPS + EVERY, EVERY))
    return next((str(at) for at in looks if case.code in {f.code for f in diagnose(run.until(at)).findings}), "")


if __name__ == "__main__":
    PAGE.write_text(render(), encoding="utf-8")

"""Writes docs/damaged-runs.md from the table of damage: `python tests/damage/table.py`."""

from __future__ import annotations

from pathlib import Path

from kinds import KINDS

PAGE = Path(__file__).parents[2] / "docs" / "damaged-runs.md"
ENDS = ("0: passed", "1: failing", "2: unreadable", "3: undecided")
HEAD = """# What becomes of a damaged run directory

A run directory may have been through a full disk, a torn copy or another program, and may come from somebody who means
harm. It is read through one gate: every field that somebody reads has a type and a range, and what a file would expand
to is looked at before anything is expanded. What can be survived is survived: the damage stands, with the file and the
place, in what `missing` of the diagnosis says, and the run is never called healthy. A failing run stays failing as long
as what is left of its record shows it. What cannot be survived is one sentence and exit code 2.

Two runs of four parts, a healthy and a failing one, were damaged in each of these ways. *Healthy* and *failing* are how
`gandiag check` ends for them, *told* what it says.
"""
FOOT = """
Beside these, the tests damage runs at random, and show what comes out to all commands: bits are flipped; files cut,
swapped, removed, doubled, replaced by pipes, folders, links and devices; JSON values, column types, names and steps
replaced by wild ones. No exit code but 0 to 3, no traceback, and no failing run that passes.
`GANDIAG_MUTANTS=2000 python -m pytest tests/damage/test_mutants.py` tries two thousand.

This page is generated from the tests: `python tests/damage/table.py`.
"""


def render() -> str:
    """The page."""
    lines = [HEAD]
    for file, entries in KINDS.items():
        lines += [f"## {file}\n", "| damage | healthy | failing | told |", "|---|---|---|---|"]
        for entry in entries:
            told = f"*{entry.told}*" if entry.told else "nothing"
            lines.append(
                f"| {entry.what} | {ENDS[entry.healthy]} | {ENDS[entry.failing]} | {told} |".replace("\\", "\\\\")
            )
        lines.append("")
    return "\n".join(lines).rstrip() + "\n" + FOOT


if __name__ == "__main__":
    PAGE.write_text(render(), encoding="utf-8")

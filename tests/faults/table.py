"""Writes docs/reliability.md from what happens when every fault strikes: `cd tests && python -m faults.table`."""

from __future__ import annotations

from itertools import groupby
from pathlib import Path

from .matrix import FAULTS, outcome

PAGE = Path(__file__).parents[2] / "docs" / "reliability.md"
HEAD = """# What a fault costs

Each fault below is made to strike a training that gandiag watches. *The training*: whatever happens, it goes on as it
would without gandiag, bit for bit, or ends as it would. *Lost*: what the record lacks afterwards. *Told*: what the user
reads in the terminal, in run.json and in every diagnosis, and how the run is said to have ended. A signal is acted on
once Python is back from what it is doing, as Ctrl-C is: a process that hangs outside of Python has to be killed.

This page is generated from the tests: `cd tests && python -m faults.table`.
"""


def render() -> str:
    """The page, from what every fault gives."""
    lines = [HEAD]
    for group, entries in groupby(FAULTS, key=lambda name: FAULTS[name].group):
        lines += [f"## {group}\n", "| fault | the training | lost | told |", "|---|---|---|---|"]
        lines += [_row(name) for name in entries] + [""]
    return "\n".join(lines).rstrip() + "\n"


def _row(name: str) -> str:
    found = outcome(name)
    told = " ".join([*(f"*{message}*" for message in found.told), f"run.json: {found.ended}" if found.ended else ""])
    cells = (FAULTS[name].fault, found.training, found.lost, told.strip() or "which argument is wrong")
    return "| " + " | ".join(cell.replace("|", "\\|") for cell in cells) + " |"


if __name__ == "__main__":
    PAGE.write_text(render(), encoding="utf-8")

"""Writes docs/loops.md from what happens when every loop is run: `cd tests && python -m loops.table`."""

from __future__ import annotations

from itertools import groupby
from pathlib import Path

from .matrix import LOOPS, NEEDS_CUDA, Loop, outcome

PAGE = Path(__file__).parents[2] / "docs" / "loops.md"
HEAD = """# Which loops gandiag sees right

Each loop below is trained bare and watched. *Attributed*: what was recorded (gradient norms, D's outputs on real and
generated batches, the feedback to G, what D was given per update) equals what the loop computed by hand, at every step.
*Bit-exact*: weights, buffers, optimizer states and random states are the same with and without gandiag. Where a loop
hides something, the row is red and quotes what you are told; nothing wrong is recorded in its place.

This page is generated from the tests: `cd tests && python -m loops.table`.
"""


def render() -> str:
    """The page, from the outcome of every loop."""
    lines = [HEAD]
    for group, entries in groupby(LOOPS.items(), key=lambda item: item[1].group):
        lines += [f"## {group.capitalize()}\n", "| loop | attributed | bit-exact |", "|---|---|---|"]
        lines += [_row(name, loop) for name, loop in entries] + [""]
    return "\n".join(lines).rstrip() + "\n"


def _row(name: str, loop: Loop) -> str:
    feature = loop.feature.replace("|", "\\|")
    if NEEDS_CUDA in loop.marks:
        return f"| {feature} | on a GPU only | on a GPU only |"
    result = outcome(name)
    if result.wrong:
        attributed = f"🔴 wrong: {'; '.join(result.wrong)}"
    elif result.told:
        attributed = f"🔴 told: *{' '.join(result.told)}*"
    else:
        attributed = "🟢"
    return f"| {feature} | {attributed} | {'🔴 ' + result.changed if result.changed else '🟢'} |"


if __name__ == "__main__":
    PAGE.parent.mkdir(exist_ok=True)
    PAGE.write_text(render(), encoding="utf-8")

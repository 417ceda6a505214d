"""Writes docs/gallery.md from what is found in every example: `cd tests && python -m mistakes.gallery`."""

from __future__ import annotations

import io
import re
from pathlib import Path
from typing import TYPE_CHECKING

from rich.console import Console

from gandiag.cli.terminal import print_finding
from gandiag.detectors import DETECTORS

from .cases import CASES, found
from .snippets import EXAMPLES, START

if TYPE_CHECKING:
    from gandiag.findings import Finding

PAGE = Path(__file__).parents[2] / "docs" / "gallery.md"
WIDTH = 110
HEAD = """# A gallery of mistakes

One mistake of each kind that gandiag looks for in a loop, as people write it: the code, what gandiag prints of it, and
the corrected lines. Each is a test, and so is each corrected loop, of which nothing is said.
[mistakes.md](mistakes.md) has more of each kind, and what looks like it and is right.

All begin alike:

```python
{start}
```

This page is generated: `cd tests && python -m mistakes.gallery`.
"""
MARK = "  # the mistake"


def render() -> str:
    """The page, from what is found in every example."""
    order = [d.code for d in DETECTORS]
    names = sorted(EXAMPLES, key=lambda name: order.index(CASES[name].code))
    return "\n".join([HEAD.format(start=START), *map(section, names)])


def section(name: str) -> str:
    """One example: its code, the finding as `gandiag diagnose` prints it, and the corrected lines."""
    entry, code = EXAMPLES[name], CASES[name].code
    finding = next(f for f in found(name)[1].findings if f.code == code)
    wrong, right = entry.wrong.lines, entry.right.lines
    marked = [line + MARK * (line not in right) for line in wrong]
    corrected = [line for line in right if line not in wrong] or ["        # without what is marked"]
    parts = [f"## {code}\n", f"{entry.told[0].upper()}{entry.told[1:]}.\n", "```python", *marked, "```\n"]
    parts += ["gandiag says:\n", "```text", _printed(finding), "```\n"]
    return "\n".join([*parts, "Corrected:\n", "```python", *corrected, "```\n"])


def uncounted(text: str) -> str:
    """A text without its numbers, which differ between processors, nor where its lines end."""
    return " ".join(re.sub(r"-?\d[\d,.]*(e[+-]?\d+)?", "#", text).split())


def _printed(finding: Finding) -> str:
    out = Console(file=io.StringIO(), width=WIDTH, color_system=None)
    print_finding(out, finding)
    lines = out.file.getvalue().strip("\n").splitlines()  # type: ignore[attr-defined]
    return "\n".join(line.rstrip() for line in lines)


if __name__ == "__main__":
    PAGE.write_text(render(), encoding="utf-8")

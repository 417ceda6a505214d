"""Puts the table of docs/bench.md into docs/accuracy.md; detectors that the bench has not seen yet follow its own rows.

python -m benchmarks.accuracy_table
"""

from __future__ import annotations

import re
from pathlib import Path

from gandiag.detectors import DETECTORS

ROOT = Path(__file__).parent.parent
BLOCK = re.compile(r"(<!-- bench -->\n).*?(<!-- /bench -->)", flags=re.DOTALL)


def table(bench: str) -> str:
    """The first table under the heading of the runs held out, with a row for each detector that is newer."""
    lines = bench.partition("## evaluation + unseen")[2].partition("\n## ")[0].strip().splitlines()
    rows = [line for line in lines if line.startswith("| `")]
    newer = [f"| `{d.code}` | not in the last bench | – | – |" for d in DETECTORS if not _row_of(d.code, rows)]
    after = lines.index(rows[-1]) + 1
    return "\n".join([*lines[:after], *newer, *lines[after:]]) + "\n"


def _row_of(code: str, rows: list[str]) -> bool:
    return any(row.startswith(f"| `{code}` |") for row in rows)


def main() -> None:
    """Rewrite the page."""
    page, bench = ROOT / "docs" / "accuracy.md", ROOT / "docs" / "bench.md"
    text = page.read_text("utf-8")
    page.write_text(BLOCK.sub(rf"\g<1>\n{table(bench.read_text('utf-8'))}\n\g<2>", text), "utf-8")


if __name__ == "__main__":
    main()

"""Puts the table of docs/bench.md into the README.

python -m benchmarks.readme_table
"""

from __future__ import annotations

import re
from pathlib import Path

ROOT = Path(__file__).parent.parent
BLOCK = re.compile(r"(<!-- bench -->\n).*?(<!-- /bench -->)", flags=re.DOTALL)


def table(bench: str) -> str:
    """The first table under the heading of the runs held out."""
    return bench.partition("## evaluation + unseen")[2].partition("\n## ")[0].strip() + "\n"


def main() -> None:
    """Rewrite the README."""
    readme, bench = ROOT / "README.md", ROOT / "docs" / "bench.md"
    text = readme.read_text("utf-8")
    readme.write_text(BLOCK.sub(rf"\g<1>\n{table(bench.read_text('utf-8'))}\n\g<2>", text), "utf-8")


if __name__ == "__main__":
    main()

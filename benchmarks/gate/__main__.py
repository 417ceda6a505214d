"""`python -m benchmarks.gate`: the tables of docs/gate.md, from exact samplers and from checkpoints of the zoo."""

from __future__ import annotations

import re
from pathlib import Path

import click
import torch

from benchmarks.gate import judged_zoo, power
from benchmarks.gate.trained import save_all

PAGE = Path("docs/gate.md")
FRESH = 201  # limits were set on trainings with the seeds 0, 101 and 102
MARKS = ("<!-- tables -->", "<!-- /tables -->")


@click.command(epilog="Example: python -m benchmarks.gate --scale 0.1")
@click.option("--scale", default=1.0, show_default=True, help="Of the number of checks.")
@click.option("--seeds", default=1, show_default=True, help="Trainings of each recipe of the zoo.")
@click.option("--first-seed", default=FRESH, show_default=True, help="Of the first of them.")
@click.option("--cache", default=".gate", show_default=True, help="Where checkpoints and counts are kept.")
@click.option("--markdown", default=str(PAGE), show_default=True, help="The page whose tables are replaced.")
def main(scale: float, seeds: int, first_seed: int, cache: str, markdown: str) -> None:
    """Check exact samplers and trained checkpoints; write the tables."""
    torch.set_num_threads(1)
    folder = Path(cache)
    folder.mkdir(parents=True, exist_ok=True)
    counts = folder / f"power-{scale:g}.json"
    cells = power.run(power.planned(scale), counts, lambda cell: click.echo(f"{cell}"))
    chosen = range(first_seed, first_seed + seeds)
    saved = save_all(folder / "zoo", chosen)
    lines = [*power.tables(cells), "", *judged_zoo.tables(judged_zoo.judge(saved), chosen)]
    page = Path(markdown)
    text = page.read_text(encoding="utf-8")
    start, end = MARKS
    made = re.sub(f"{start}.*?{end}", lambda _: "\n".join([start, "", *lines, "", end]), text, flags=re.DOTALL)
    page.write_text(made, encoding="utf-8")


if __name__ == "__main__":
    main()

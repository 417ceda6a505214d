"""What `python -m benchmarks.corpus` prints."""

from __future__ import annotations

from collections import Counter
from typing import TYPE_CHECKING, Any

from rich.table import Table

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from benchmarks.corpus.configurations import Configuration


def corpus_table(configurations: Sequence[Configuration], runs: Sequence[Mapping[str, Any]] | None) -> Table:
    """What each configuration is meant to be, and what became of its runs."""
    table = Table(box=None, pad_edge=False, header_style="bold")
    for name in ("configuration", "meant to be", "steps", "runs", *(("labelled",) if runs is not None else ())):
        number = name in ("steps", "runs")
        table.add_column(name, justify="right" if number else "left", no_wrap=name != "labelled")
    for configuration in configurations:
        meant = ", ".join(configuration.meant) or "healthy"
        row = [configuration.name, meant, f"{configuration.recipe.steps:,}", str(configuration.seeds)]
        if runs is not None:
            row.append(_labelled([r for r in runs if r["configuration"] == configuration.name]))
        table.add_row(*row)
    return table


def _labelled(runs: Sequence[Mapping[str, Any]]) -> str:
    """How many runs have which failures, or none."""
    counts: Counter[str] = Counter()
    for run in runs:
        counts.update([f["code"] for f in run["failures"]] or [run["status"]])
    return ", ".join(f"{n} {what}" for what, n in counts.most_common())

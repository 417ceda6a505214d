"""Trainings after the first remedy, beside unchanged ones."""

from __future__ import annotations

import json
import re
import tempfile
from collections import Counter
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

    from benchmarks.bench.corpus import Entry
    from benchmarks.corpus.configurations import Configuration, PlannedRun

    Row = Mapping[str, Any]

BLOCK = re.compile(r"(<!-- remedies -->\n).*?(<!-- /remedies -->)", flags=re.DOTALL)
OTHER = 50  # added to the seed of the unchanged training


def first_seeds(entries: Iterable[Entry], seeds: int, *, tuning: bool = False) -> list[Entry]:
    """The failing runs among the first so many of each configuration for evaluation, or for tuning."""
    taken: Counter[str] = Counter()
    chosen = []
    for entry in entries:
        if (entry.split == "tuning") == tuning:
            taken[entry.configuration] += 1
            if entry.status == "failing" and taken[entry.configuration] <= seeds:
                chosen.append(entry)
    return chosen


def tried(out: Path, remedy: str | None, run_dir: Path, entry: Entry) -> dict[str, Any]:
    """One failing run, its training after a remedy, and the unchanged one with another seed.

    The first remedy of what was found, unless another one is named. What `out` holds of it is not done again.
    """
    from benchmarks.bench.kinds import root_of
    from benchmarks.corpus import CONFIGURATIONS
    from benchmarks.corpus.kinds import OF_KINDS
    from benchmarks.remedies.applied import applied
    from benchmarks.zoo import judged

    (configuration,) = [c for c in (OF_KINDS if entry.kind else CONFIGURATIONS) if c.name == entry.configuration]
    (run,) = [r for r in configuration.runs() if r.name == entry.name]
    first = root_of(judged(run_dir))
    row: dict[str, Any] = {"name": entry.name, "cause": configuration.cause, "code": first.code if first else ""}
    row["remedy"] = remedy or (first.remedies[0].name if first and first.remedies else "")
    place = out / ("kinds" if entry.kind else "first") / f"{entry.name}-{row['remedy']}.json"
    if place.exists():
        known: dict[str, Any] = json.loads(place.read_text())
        return known
    changed = applied(row["remedy"], run.recipe, configuration.cause, first.onset_step if first else 1)
    if changed is not None:
        row["remedied"] = _again(configuration, replace(run, recipe=changed), row["code"])
        other = replace(run.recipe, seed=run.recipe.seed + OTHER)
        row["rerun"] = _again(configuration, replace(run, recipe=other), row["code"])
    place.parent.mkdir(parents=True, exist_ok=True)
    place.write_text(json.dumps(row) + "\n")
    return row


def _again(configuration: Configuration, run: PlannedRun, code: str) -> dict[str, Any]:
    """Train once more: what ground truth says, and whether the finding is there."""
    from benchmarks.corpus.configurations import PlannedRun
    from benchmarks.corpus.generate import record
    from benchmarks.corpus.labelling import label
    from benchmarks.zoo import judged

    with tempfile.TemporaryDirectory() as folder:
        run_dir = Path(folder) / "run"
        truth = record(run, run_dir)
        diagnosis = judged(run_dir)
    # what was meant to fail is no longer asked: only what samples show
    asked = PlannedRun(replace(configuration, recipe=run.recipe, meant=()), run.recipe)
    known = label(asked, truth)
    found = any(f.code == code and f.severity != "info" and f.ongoing for f in diagnosis.findings)
    return {"status": known.status, "found": found, "verdict": diagnosis.verdict}


def table(rows: Sequence[Row]) -> str:
    """Markdown: by finding and remedy how often the finding went away and samples were good, with it and without."""
    from benchmarks.bench.markdown import markdown_table
    from benchmarks.bench.shares import Share

    trained = [row for row in rows if "remedied" in row]
    lines = []
    for code, remedy in [*sorted({(row["code"], row["remedy"]) for row in trained}), ("all", "")]:
        own = [row for row in trained if code in ("all", row["code"]) and remedy in ("", row["remedy"])]
        shares = [
            Share.of(test(row[which]) for row in own) for test in (_gone, _good) for which in ("remedied", "rerun")
        ]
        lines.append((f"`{code}`", f"`{remedy}`" if remedy else "", *(f"{s.hits} of {s.n}" for s in shares)))
    left = [row for row in rows if "remedied" not in row]
    header = (
        "root", "first remedy", "finding gone with it", "gone in the rerun", "samples good with it",
        "good in the rerun",
    )  # fmt: skip
    names = ", ".join(f"{row['name']} ({row['remedy'] or 'no remedy'})" for row in left) or "none"
    return f"{markdown_table(header, lines)}\nNot tried, as no change of a training: {names}.\n"


def _gone(outcome: Mapping[str, Any]) -> bool:
    return not outcome["found"]


def _good(outcome: Mapping[str, Any]) -> bool:
    return bool(outcome["status"] == "healthy")

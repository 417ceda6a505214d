"""Checks of exact samplers, counted: how often a defect is flagged, and how often a perfect sampler is."""

from __future__ import annotations

import json
import zlib
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

import numpy as np

from benchmarks.gate.samplers import DEFECTS, FAMILIES, Family
from gandiag.gate.judge import judged, read_case
from gandiag.gate.results import FAILED, UNDECIDED
from gandiag.gate.settings import Settings
from gandiag.modes.mode_statistics import wilson
from gandiag.quality.sources.arrays import ArraySource

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

    from gandiag.gate.reference import Known

SIZES = (500, 1000, 2500, 10_000)
REFERENCES = 4  # different sets of real samples, in turn


@dataclass
class Cell:
    """Checks of one family, defect and size, by how they ended."""

    family: str
    defect: str
    n: int
    checks: int = 0
    failed: int = 0
    warned: int = 0
    undecided: int = 0
    flags: dict[str, int] = field(default_factory=dict)

    @property
    def flagged(self) -> int:
        """Checks with a rule that failed or warned."""
        return self.failed + self.warned


def run(checks: Callable[[Family, str, int], int], path: Path, tell: Callable[[Cell], None]) -> list[Cell]:
    """Every defect, family and size; `checks` says how many of each. What `path` has from an earlier call is kept."""
    found = load(path) if path.exists() else []
    there = {(cell.family, cell.defect, cell.n) for cell in found}
    for defect in DEFECTS:
        for family in (family for family in FAMILIES if defect in family.defects):
            wanted = [n for n in SIZES if checks(family, defect, n) and (family.name, defect, n) not in there]
            references = [family.known(seed) for seed in range(REFERENCES)] if wanted else []
            for n in wanted:
                found.append(_cell(family, references, defect, n, checks(family, defect, n)))
                tell(found[-1])
                save(found, path)
    return found


def _cell(family: Family, references: list[Known], defect: str, n: int, checks: int) -> Cell:
    cell = Cell(family.name, defect, n)
    for index in range(checks):
        rng = np.random.default_rng([zlib.crc32(f"{family.name} {defect}".encode()), n, index])
        source = ArraySource(family.sample(defect, n, rng), "sampler")
        case = read_case(source, references[index % len(references)], Settings(seed=index))
        result = judged(case, "sampler", "samples")
        outcomes = {row.rule: row.outcome for row in result.rules}
        cell.checks += 1
        cell.failed += result.exit_code == FAILED
        cell.warned += result.exit_code != FAILED and "warned" in outcomes.values()
        cell.undecided += result.exit_code == UNDECIDED
        for rule, outcome in outcomes.items():
            if outcome in ("failed", "warned"):
                cell.flags[rule] = cell.flags.get(rule, 0) + 1
    return cell


def save(cells: list[Cell], path: Path) -> None:
    """Keep what was counted."""
    path.write_text(json.dumps([vars(cell) for cell in cells], indent=1) + "\n")


def load(path: Path) -> list[Cell]:
    """What was kept."""
    return [Cell(**entry) for entry in json.loads(path.read_text())]


def tables(cells: list[Cell]) -> Iterator[str]:
    """Markdown: the false alarms in one line, and the power by family, defect and size."""
    perfect = [cell for cell in cells if cell.defect == "none"]
    checks, alarms = sum(c.checks for c in perfect), sum(c.failed for c in perfect)
    warned = sum(c.warned for c in perfect)
    yield (
        f"**False alarms**: of {checks:,} checks of perfect samplers {alarms} failed and {warned} more had a warning; "
        f"{_interval(alarms + warned, checks)} of all checks are flagged (95 % interval)."
    )
    yield ""
    sizes = sorted({cell.n for cell in cells})
    yield f"| law, judged by | defect | {' | '.join(f'n = {n:,}' for n in sizes)} | found by (most samples) |"
    yield f"| --- | --- | {' | '.join('---' for _ in sizes)} | --- |"
    for family in dict.fromkeys(cell.family for cell in cells):
        for defect in dict.fromkeys(cell.defect for cell in cells if cell.family == family):
            yield _row(family, defect, {c.n: c for c in cells if (c.family, c.defect) == (family, defect)}, sizes)


def _row(family: str, defect: str, row: dict[int, Cell], sizes: list[int]) -> str:
    shown = [_shown(row[n]) if n in row else "" for n in sizes]
    last = row[max(row)]
    by = ", ".join(
        f"`{rule}`" for rule, count in sorted(last.flags.items(), key=lambda f: -f[1]) if count > last.checks / 2
    )
    return f"| {family} | {'perfect' if defect == 'none' else defect} | {' | '.join(shown)} | {by} |"


def _shown(cell: Cell) -> str:
    told = [f"{100 * cell.flagged / cell.checks:.3g} % of {cell.checks}"]
    if cell.failed and cell.failed != cell.flagged:
        told.append(f"{100 * cell.failed / cell.checks:.3g} % fail")
    elif not cell.failed and cell.flagged:
        told.append("warn")
    if cell.undecided:
        told.append(f"{100 * cell.undecided / cell.checks:.3g} % undecided")
    return ", ".join(told)


def _interval(count: int, total: int) -> str:
    low, high = (100 * float(end) for end in wilson(count, total))
    return f"{low:.2f} to {high:.2f} %"


def planned(scale: float) -> Callable[[Family, str, int], int]:
    """How many checks: most where a claim is made, at the default number of samples."""

    def checks(family: Family, defect: str, n: int) -> int:
        if n > 2500 and family.data == "digits":
            return 0  # so many are not drawn from 1,797 images
        slow = 0.25 if family.data in ("digits", "mnist") and family.by != "labels" else 1.0
        slow *= 0.4 if family.by == "both" else 1.0
        claimed = defect == "removed" and n == (2500 if family.data == "digits" else 10_000)
        perfect = {500: 160, 1000: 120, 2500: 40, 10_000: 40}
        count = perfect[n] if defect == "none" else 120 if claimed else 24
        return max(2, round(scale * slow * count))

    return checks

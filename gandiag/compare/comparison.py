"""Rows of many runs, and what they tell together: a table, and which settings separate the failing ones."""

from __future__ import annotations

import io
from collections import Counter
from dataclasses import dataclass
from functools import cached_property
from os import PathLike
from typing import TYPE_CHECKING, Any

from gandiag.compare.overlay import names
from gandiag.compare.paths import find_runs
from gandiag.compare.rows import UNREADABLE, look
from gandiag.compare.separating import separate
from gandiag.judge.policy import read_policy
from gandiag.rundir.folder import Folder, RunError

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Sequence

    import pandas as pd

    from gandiag.compare.rows import Row
    from gandiag.compare.separating import Separation
    from gandiag.judge.policy import Policy, PolicyLike

SCHEMA = "gandiag-comparison/1"
ORDER = ("failing", "suspect", "undecided", UNREADABLE, "healthy")
ALONE = 3  # runs up to which starting other processes takes longer than it saves


@dataclass(frozen=True)
class Comparison:
    """Runs beside each other, in the order in which they were named."""

    rows: tuple[Row, ...]

    def __repr__(self) -> str:
        told = ", ".join(f"{amount:,} {verdict}" for verdict, amount in self.verdicts.items())
        return f"<Comparison of {len(self.rows):,} runs: {told}>"

    @property
    def verdicts(self) -> dict[str, int]:
        """How many runs there are of each verdict, the worst first."""
        found = Counter(row.verdict for row in self.rows)
        return {verdict: found[verdict] for verdict in ORDER if found[verdict]}

    def ordered(self) -> list[tuple[str, Row]]:
        """The runs with what to call them, those of the worst verdict first."""
        return sorted(zip(names(self.rows), self.rows, strict=True), key=lambda pair: ORDER.index(pair[1].verdict))

    @cached_property
    def separation(self) -> Separation:
        """Which settings separate failing from healthy runs."""
        return separate(self.rows)

    def settings(self) -> list[str]:
        """The settings that differ between runs, those that matter most first."""
        begun = self._begun()
        names = dict.fromkeys(name for row in begun for name in row.settings)
        differing = [name for name in names if len({row.settings.get(name) for row in begun}) > 1]
        rank = {influence.setting: place for place, influence in enumerate(self.separation.influences)}
        return sorted(differing, key=lambda name: rank.get(name, len(rank)))

    def shared(self) -> dict[str, float | str]:
        """The settings that are the same in all runs."""
        begun, differing = self._begun(), set(self.settings())
        return {n: v for n, v in begun[0].settings.items() if n not in differing} if begun else {}

    def _begun(self) -> list[Row]:
        """The runs that can be read and have a step: of others not all settings are known."""
        return [row for row in self.rows if row.verdict != UNREADABLE and row.steps]

    def table(self) -> pd.DataFrame:
        """One row per run, with a column for each setting that differs."""
        import pandas as pd

        names = self.settings()
        flat = []
        for row in self.rows:
            told = row.to_dict()
            told |= {"failures": ", ".join(row.failures)}
            del told["settings"]
            flat.append(told | {f"settings/{name}": row.settings.get(name) for name in names})
        return pd.DataFrame(flat)

    def to_csv(self) -> str:
        """The table as CSV; what a spreadsheet would take for a formula is quoted with an apostrophe."""
        table = self.table()
        for name in table.columns:
            if table[name].dtype.kind not in "fiub":
                table[name] = table[name].map(_no_formula)
        table.columns = [_no_formula(name) for name in table.columns]
        out = io.StringIO()
        table.to_csv(out, index=False)
        return out.getvalue()

    def to_dict(self) -> dict[str, Any]:
        """A JSON-ready copy, without curves and samples."""
        from dataclasses import asdict

        from gandiag.findings import json_ready

        told: dict[str, Any] = json_ready(
            {
                "schema": SCHEMA,
                "verdicts": self.verdicts,
                "separation": asdict(self.separation),
                "runs": [row.to_dict() for row in self.rows],
            }
        )
        return told

    def html(self) -> str:
        """The page: what separates, the table, curves above each other, the last samples side by side."""
        from gandiag.compare.page import render

        return render(self)

    def write(self, path: str | PathLike[str]) -> str:
        """Write the page to a file, local or any fsspec path, and return its path. Raises RunError."""
        place, _, name = str(path).rpartition("/")
        folder = Folder(place or ("/" if str(path).startswith("/") else "."))
        try:
            folder.fs.makedirs(folder.root, exist_ok=True)
            folder.write(self.html().encode(), name)
        except OSError as error:
            raise RunError(f"{path}: cannot be written: {error.strerror or error}") from error
        return str(path)


def compare(
    paths: str | PathLike[str] | Iterable[str | PathLike[str]],
    *,
    policy: PolicyLike = None,
    processes: int | None = None,
    quick: bool = False,
    tell: Callable[[int, int], None] | None = None,
) -> Comparison:
    """Read and judge runs.

    Parameters
    ----------
    paths : run directories, folders of them, globs, each local or of any fsspec file system
    policy : as `gandiag.diagnose` takes it
    processes : that read and judge at a time, by default as many as the machine has processors
    quick : take the diagnosis that a training left behind where it has one of every step, see `gandiag.compare.kept`
    tell : is told after each run how many are done, and of how many

    Raises RunError when a path cannot be opened, PolicyError when a policy cannot be read. What is wrong with single
    runs stands in their rows.
    """
    given = [paths] if isinstance(paths, (str, PathLike)) else list(paths)
    runs, in_force = find_runs(given), read_policy(policy)
    rows = []
    for row in _rows(runs, in_force, processes, quick):
        rows.append(row)
        if tell is not None:
            tell(len(rows), len(runs))
    return Comparison(tuple(rows))


def _rows(runs: Sequence[str], policy: Policy, processes: int | None, quick: bool) -> Iterator[Row]:
    if len(runs) <= ALONE or processes == 1:
        yield from (look(run, policy, quick=quick) for run in runs)
        return
    import joblib

    jobs = min(processes or joblib.cpu_count(), len(runs))
    parallel = joblib.Parallel(n_jobs=jobs, return_as="generator", batch_size="auto")
    yield from parallel(joblib.delayed(look)(run, policy, quick=quick) for run in runs)


def _no_formula(value: Any) -> Any:
    return f"'{value}" if isinstance(value, str) and value[:1] in ("=", "+", "-", "@", "\t") else value

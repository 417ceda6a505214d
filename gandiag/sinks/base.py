"""What a sink is, and how one is named."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from gandiag.findings import Diagnosis, Finding

EVERY = 50
"""Steps whose mean a tracker is given, unless it is told otherwise."""


@dataclass(frozen=True)
class Event:
    """A new finding, or the verdict at the end, in words and as fields.

    Attributes
    ----------
    kind : finding or verdict
    level : info, warning or failure
    step : at which it is told
    title : mode-collapse, or the verdict
    text : one or two sentences
    fields : all of it, ready for JSON
    """

    kind: str
    level: str
    step: int
    title: str
    text: str
    fields: Mapping[str, Any]


class Sink:
    """One destination. All of its methods are called on a thread of their own, one after the other; they may be slow.

    What they raise is one warning and on record, and after three times in a row the sink is left alone.
    """

    name = "sink"

    def scalars(self, steps: np.ndarray, times: np.ndarray, columns: Mapping[str, np.ndarray]) -> None:
        """Take k rows: `steps` (k,), `times` (k,) in seconds since the epoch, columns (k,) with NaN for nothing."""

    def event(self, event: Event) -> None:
        """Take a finding, or the verdict."""

    def close(self) -> None:
        """There is nothing more to come."""


def finding_event(finding: Finding, step: int) -> Event:
    """A new finding as an event."""
    text = f"{finding.severity} {finding.title}: {finding.summary}"
    tries = finding.remedies[0].change if finding.remedies else ""
    fields = {"kind": "finding", "step": step, "text": text, "try": tries, **asdict(finding)}
    return Event(
        "finding",
        finding.severity,
        step,
        finding.title,
        f"{finding.summary}. Try: {tries}" if tries else finding.summary,
        fields,
    )


def verdict_event(diagnosis: Diagnosis, run_dir: str) -> Event:
    """How a run ended as an event."""
    level = {"healthy": "info", "failing": "failure"}.get(diagnosis.verdict, "warning")
    found = ", ".join(dict.fromkeys(f.title for f in diagnosis.findings if f.counts)) or "nothing found"
    text = f"{diagnosis.verdict} after {diagnosis.last_step:,} steps: {found}"
    fields = {
        "kind": "verdict",
        "step": diagnosis.last_step,
        "verdict": diagnosis.verdict,
        "text": text,
        "run_dir": run_dir,
    }
    return Event("verdict", level, diagnosis.last_step, diagnosis.verdict, text, fields)


def means(
    steps: np.ndarray, columns: Mapping[str, np.ndarray], every: int
) -> Iterator[tuple[int, int, dict[str, float]]]:
    """For each stretch of so many steps its last row, its last step, and the mean of each signal that has one there.

    >>> rows = means(np.array([1, 2, 3, 4]), {"a": np.array([1.0, 3.0, np.nan, 5.0])}, every=2)
    >>> list(rows)
    [(1, 2, {'a': 2.0}), (3, 4, {'a': 5.0})]
    """
    groups = (steps - 1) // every
    starts = np.flatnonzero(np.diff(groups, prepend=groups[:1] - 1))
    for start, end in zip(starts, [*starts[1:], len(steps)], strict=True):
        found = {}
        for name, values in columns.items():
            inside = values[start:end]
            present = inside[~np.isnan(inside)]
            if len(present):
                found[name] = float(present.mean())
        yield int(end) - 1, int(steps[end - 1]), found

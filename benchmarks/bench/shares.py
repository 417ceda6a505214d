"""Counts that are reported with their intervals."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from gandiag.modes.mode_statistics import wilson

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence


@dataclass(frozen=True)
class Share:
    """`hits` of `n`, with the Wilson score interval of 95 %.

    >>> Share(0, 30)
    Share(hits=0, n=30)
    >>> round(Share(0, 30).high, 3)
    0.114
    """

    hits: int
    n: int

    @classmethod
    def of(cls, flags: Iterable[bool]) -> Share:
        """How many of these are True."""
        values = list(flags)
        return cls(sum(values), len(values))

    @property
    def value(self) -> float:
        """The share itself, NaN of nothing."""
        return self.hits / self.n if self.n else float("nan")

    @property
    def low(self) -> float:
        """Lower end of the interval, 0 of nothing."""
        return self._interval()[0]

    @property
    def high(self) -> float:
        """Upper end of the interval, 1 of nothing."""
        return self._interval()[1]

    def _interval(self) -> tuple[float, float]:
        low, high = wilson(self.hits, self.n)
        return float(low), float(high)

    def to_dict(self) -> dict[str, Any]:
        """A JSON-ready copy; the share of nothing is None."""
        share = self.value if self.n else None
        return {"hits": self.hits, "n": self.n, "share": share, "low": self.low, "high": self.high}


@dataclass(frozen=True)
class Delays:
    """From the labelled onset of a failure to the onset that was stated, of the runs in which it was found.

    `steps` holds one delay per run, negative where the stated onset is the earlier one, `shares` the same as a share
    of the run's length. `early` counts those that began more than the slack before the label: an alarm that stood
    long before the failure tells little.
    """

    steps: tuple[int, ...] = ()
    shares: tuple[float, ...] = ()
    early: int = 0

    @property
    def median(self) -> float:
        """Median delay in steps, NaN without any."""
        return _quantile(self.steps, 0.5)

    @property
    def p90(self) -> float:
        """90th percentile in steps, NaN without any."""
        return _quantile(self.steps, 0.9)

    def to_dict(self) -> dict[str, Any]:
        """A JSON-ready copy; None where there are no delays."""
        figures = {
            "median_steps": self.median,
            "p90_steps": self.p90,
            "median_share_of_run": _quantile(self.shares, 0.5),
            "p90_share_of_run": _quantile(self.shares, 0.9),
        }
        plain = {name: None if np.isnan(value) else value for name, value in figures.items()}
        return {"n": len(self.steps), **plain, "early": self.early}


def _quantile(values: Sequence[float], q: float) -> float:
    return float(np.quantile(values, q)) if values else float("nan")

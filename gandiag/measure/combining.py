"""One signal of several networks that share a role."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from gandiag.signals import describe
from gandiag.signals.names import COMBINED, parse

if TYPE_CHECKING:
    from collections.abc import Mapping

    from gandiag.signals import Signal

OF_ONE = ("columns/unreached_column", "columns/unreached_value")
"""Signals that say where another one was: those of several networks have nothing in common."""


def combined(signals: Mapping[str, np.ndarray]) -> dict[str, np.ndarray]:
    """One signal for all networks of a role that have it each: that of the worst, where one direction is worse.

    Else their mean, and of minima and maxima the extreme one. A mean would hide one that is dead among several; what is
    NaN for one of them is taken from the others.
    """
    same: dict[str, list[np.ndarray]] = {}
    for name, values in signals.items():
        if (parsed := parse(name)).network and (parsed.head in COMBINED or parsed.family == "weights"):
            same.setdefault(str(parsed.base), []).append(values)
    same = {name: values for name, values in same.items() if name not in OF_ONE or len(values) == 1}
    return {name: _of_all(describe(name), np.stack(values)) for name, values in same.items()}


def _of_all(signal: Signal, values: np.ndarray) -> np.ndarray:
    """One value (k,) of those (n, k) of n networks."""
    extreme = signal.merge if signal.merge in ("min", "max") else {"low": "min", "high": "max"}.get(signal.worse)
    if extreme:
        worst: np.ndarray = (np.fmin if extreme == "min" else np.fmax).reduce(values)
        return worst
    there = ~np.isnan(values)
    mean: np.ndarray = np.where(there, values, 0.0).sum(axis=0) / np.where(there.any(axis=0), there.sum(axis=0), np.nan)
    return mean

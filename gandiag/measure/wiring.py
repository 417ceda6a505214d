"""Signals of what optimizers do with the networks, and of what G is given from step to step."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from gandiag.signals.names import parse

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    Raw = Mapping[str, np.ndarray]
    Signals = dict[str, np.ndarray]

INPUT, LEFTOVER = "input", "leftover"
_LEAST, _MOST = ("updates", "pace"), ("rate", LEFTOVER, "unheld", "mode", "copied")
MERGED = dict.fromkeys(_LEAST, np.min) | dict.fromkeys(_MOST, np.max)
"""How the values of several networks in one role become one: the network that is updated least often counts."""


def optimizer_signals(raw: Raw, signals: Signals) -> Signals:
    """Whether gradients of before were used, and one signal for all networks of a role.

    Parameters
    ----------
    raw : records of k rows, `leftover/<net>` (k,) the size of an old gradient in one that is used
    signals : what is known so far: `updates/<net>`, `rate/<net>`, `leftover/<net>`
    """
    found = {name: (values > 0).astype(float) for name, values in raw.items() if parse(name).family == LEFTOVER}
    same: dict[str, list[np.ndarray]] = {}
    for name, values in (signals | found).items():
        if (parsed := parse(name)).family in MERGED and parsed.network:
            same.setdefault(str(parsed.base), []).append(values)
    return found | {name: MERGED[parse(name).family](np.stack(values), axis=0) for name, values in same.items()}


class Inputs:
    """Whether what G is given is the same as it was before, row for row."""

    def __init__(self) -> None:
        self._before: dict[str, np.ndarray] = {}

    def track(self, size: int, raw: Sequence[tuple[list[int], Raw]]) -> Signals:
        """Signals (size,) of groups of rows: `input/repeated`, 1 where all that any G was given stood there before.

        `input/<values>` or `input.<network>/<values>` (k, n) are some of the values that G was given.
        """
        rows: dict[int, dict[str, np.ndarray]] = {}
        for positions, records in raw:
            for key in records:
                if parse(key).head == INPUT:
                    for i, row in enumerate(positions):
                        rows.setdefault(row, {})[key] = records[key][i]
        repeated = np.full(size, np.nan)
        for row in sorted(rows):
            known = [(values, self._before.get(key)) for key, values in rows[row].items()]
            if all(before is not None for _, before in known):
                repeated[row] = all(np.array_equal(values, before) for values, before in known if before is not None)
            self._before |= rows[row]
        return {"input/repeated": repeated} if rows else {}

"""Signals of the labels that a conditional generator is given, beside those of real samples."""

from __future__ import annotations

from collections import Counter
from typing import TYPE_CHECKING

import numpy as np

from gandiag.signals.names import parse

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    Raw = Mapping[str, np.ndarray]
    Signals = dict[str, np.ndarray]

CONDITION = "condition"
REAL = "labels/real"
ENOUGH = 100  # labels of each kind, before they are compared
MOST = 10_000  # classes that are counted: beyond, they are no classes


class Labels:
    """Counts the labels of real samples and those that each call of G in a step is given."""

    def __init__(self) -> None:
        self._real: Counter[int] = Counter()
        self._given: dict[str, Counter[int]] = {}

    def track(self, size: int, raw: Sequence[tuple[list[int], Raw]]) -> Signals:
        """Signals (size,) of groups of rows: `condition/lost` and `condition/foreign`, of the call of G with most.

        `condition/<call>` or `condition.<generator>/<call>` (k, n) are labels that G was given, `labels/real` or
        `labels.<discriminator>/real` (k, n) those of real samples; negative ones are none.
        """
        rows: dict[int, list[tuple[str, np.ndarray]]] = {}
        for positions, records in raw:
            for key, values in records.items():
                name = parse(key)
                if (name.head == CONDITION and name.rest.isdigit()) or str(name.base) == REAL:
                    for i, row in enumerate(positions):
                        rows.setdefault(row, []).append((key, values[i]))
        lost, foreign = np.full((2, size), np.nan)
        for row in sorted(rows):
            for key, values in rows[row]:
                self._count(
                    self._real if str(parse(key).base) == REAL else self._given.setdefault(key, Counter()), values
                )
            given = [of for of in self._given.values() if of.total() >= ENOUGH]
            if given and self._real.total() >= ENOUGH:
                lost[row] = max(without(self._real, of) for of in given)
                foreign[row] = max(without(of, self._real) for of in given)
        return {f"{CONDITION}/lost": lost, f"{CONDITION}/foreign": foreign} if rows else {}

    def _count(self, counter: Counter[int], values: np.ndarray) -> None:
        if len(counter) < MOST:
            counter.update(values[np.isfinite(values) & (values >= 0)].astype(int).tolist())


def without(one: Counter[int], other: Counter[int]) -> float:
    """The share of `one` in classes that `other` has nothing of, less what chance would leave out; 0 at least.

    Chance: were both drawn alike, all c labels of a class would fall to `one` with a probability of p^c, where p is
    its share of all labels.

    >>> round(without(Counter({0: 500, 1: 500}), Counter({0: 1000})), 2)
    0.5
    >>> round(without(Counter({0: 999, 1: 1}), Counter({0: 100})), 3)
    0.0
    """
    size = one.total()
    share = size / (size + other.total())
    missing = sum(count for label, count in one.items() if not other[label])
    chance = sum(count * share**count for count in (one[label] + other[label] for label in one | other))
    return float(max(missing - chance, 0.0) / size)

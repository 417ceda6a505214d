"""How often each D is updated per step, counted in every step, whether anything else of it is recorded or not."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from gandiag.measure.reductions import SCALAR

if TYPE_CHECKING:
    from collections.abc import Iterable

    from gandiag.probes.networks import Network


class Pace:
    """Counts the updates of each D; of one that several optimizers update, those of the busiest.

    What is told at a step is the latest rhythm: how many updates the last step with any had, over how many steps lie
    between it and the one before. It is exact at every step, and changes only with the rhythm itself.
    """

    def __init__(self) -> None:
        self._latest: dict[str, tuple[int, dict[int, int]]] = {}  # by D: a step, and its updates by optimizer
        self._apart: dict[str, int] = {}

    def updated(self, optimizer: int, discriminators: Iterable[Network], step: int) -> None:
        """An optimizer, by its id, updates some D in the step in progress."""
        for network in discriminators:
            name = network.name
            last, counts = self._latest.get(name) or (step, {})
            if step != last:
                self._apart[name], counts = step - last, {}
            counts[optimizer] = counts.get(optimizer, 0) + 1
            self._latest[name] = step, counts

    def put(self, row: dict[str, Any], step: int) -> None:
        """Put the pace of each D into the row of a step that ends."""
        for name, apart in self._apart.items():
            last, counts = self._latest[name]
            row[f"{SCALAR}pace/{name}"] = max(counts.values()) / max(apart, step - last)

"""Parameters that a network's optimizer was never given: they get a gradient, and nothing comes of it."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from gandiag.measure.reductions import SCALAR
from gandiag.nets.tensors import unwrapped

if TYPE_CHECKING:
    from torch import nn

    from gandiag.probes.networks import Holdings, Network
    from gandiag.record.recording import Recording

UNHELD = "unheld"


class Unheld:
    """Counts them into the row of a step. Those that an optimizer has held before were dropped on purpose."""

    def __init__(self, recording: Recording, holdings: Holdings) -> None:
        self._recording, self._holdings = recording, holdings
        self._ever = -1  # how many parameters had been held when they were looked for
        self._never: dict[str, list[tuple[str, nn.Parameter]]] = {}  # by network, with the module that each stands in
        self._told: dict[str, list[str]] = {}

    def put(self, row: dict[str, Any], network: Network) -> None:
        """A network is about to be updated: how many of its parameters have a gradient that no optimizer will use."""
        ever = self._holdings.ever
        if self._ever != len(ever):
            self._ever = len(ever)
            self._never.clear()
        never = self._never.get(network.name)
        if never is None:
            named = unwrapped(network.module).named_parameters()
            never = [(name.rpartition(".")[0] or name, p) for name, p in named if id(p) not in ever]
            self._never[network.name] = never
        found = [place for place, p in never if p.requires_grad and p.grad is not None]
        row[f"{SCALAR}{UNHELD}/{network.name}"] = float(len(found))
        places = list(dict.fromkeys(found))
        if places and places != self._told.get(network.name):
            self._told[network.name] = places
            self._recording.describe(unheld={network.name: places})

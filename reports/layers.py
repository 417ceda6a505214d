"""How each layer fares: its gradient at the end of a run beside what it used to be."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from gandiag.signals.names import matching, parse

from .text import number

if TYPE_CHECKING:
    from collections.abc import Iterator

    from gandiag.rundir.run import Run

PATTERN = "grad/<net>/layer/<layer>"
END = 0.1  # the part of a layer's values that tells how it is doing now
FAR = 30.0  # times by which a gradient is larger or smaller than it used to be, for that to be shown
FEWEST = 10  # values of a layer
MOST = 120  # layers of one network


@dataclass(frozen=True)
class Layer:
    """One layer: `state` is steady, smaller, larger, none (no gradient at all) or broken (not finite)."""

    name: str
    state: str
    words: str


@dataclass(frozen=True)
class Layers:
    """The layers of a network, from its input to its output."""

    network: str
    layers: tuple[Layer, ...]


def layers_of(run: Run) -> Iterator[Layers]:
    """The networks of which gradients were recorded by layer."""
    networks: dict[str, list[str]] = {}
    for name in matching(PATTERN, map(str, run.scalars.columns)):
        parsed = parse(name)
        network = f"{parsed.net}.{parsed.network}" if parsed.network else parsed.net
        networks.setdefault(network, []).append(name)
    for network, names in networks.items():
        found = [layer for name in names[:MOST] if (layer := _layer(run, name))]
        if found:
            yield Layers(network, tuple(found))


def _layer(run: Run, name: str) -> Layer | None:
    values = run.series(name).to_numpy()
    if len(values) < FEWEST:
        return None
    short = parse(name).rest.partition("layer/")[2]
    tail = values[-max(int(END * len(values)), 1) :]
    now, before = float(np.median(tail)), float(np.median(values[np.isfinite(values)])) if len(values) else 0.0
    if not np.isfinite(tail).all():
        return Layer(short, "broken", "gradients that are not finite")
    if now == 0:
        return Layer(short, "none", "no gradient")
    ratio = now / before if before else np.inf
    told = f"gradient norm {number(now)} at the end, {number(before)} over the run"
    state = "larger" if ratio > FAR else "smaller" if ratio < 1 / FAR else "steady"
    return Layer(short, state, told)

"""In which mode G and D are called: in the update of one's own, and in the other one's."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from torch import nn

from gandiag.measure.reductions import SCALAR
from gandiag.nets.tensors import unwrapped
from gandiag.probes.networks import GENERATOR

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence

    import torch

    from gandiag.probes.networks import Network
    from gandiag.probes.phases import Used
    from gandiag.record.recording import Recording

OWN, OTHERS = "own", "others"


@dataclass(frozen=True)
class Made:
    """How a batch was generated: by whom, in which mode, under which labels."""

    network: Network
    training: float | None
    labels: torch.Tensor | None = None  # (B,)


def depends_on_mode(module: nn.Module) -> bool:
    """Whether a layer computes something else in evaluation mode than in training mode."""
    if isinstance(module, nn.modules.batchnorm._NormBase):  # noqa: SLF001 - of batches and of instances
        return module.running_mean is not None
    if isinstance(module, nn.modules.dropout._DropoutNd):  # noqa: SLF001
        return module.p > 0
    return isinstance(module, (nn.RNNBase, nn.MultiheadAttention)) and module.dropout > 0


def layers_by_mode(module: nn.Module) -> list[nn.Module]:
    """The layers of a network that depend on its mode."""
    return [layer for layer in unwrapped(module).modules() if depends_on_mode(layer)]


class ModeProbe:
    """Puts into the row of the step in progress which mode a network is in where it is used."""

    def __init__(self, recording: Recording, networks: Sequence[Network]) -> None:
        self._recording = recording
        self._layers: dict[Network, tuple[int, list[nn.Module]]] = {}
        known = {n.name: sorted({type(m).__name__ for m in self._of(n)}) for n in networks}
        recording.describe(modes={name: layers for name, layers in known.items() if layers})

    def training(self, network: Network) -> float | None:
        """The share of the layers to which that matters that are in training mode now; None where there is none."""
        layers = self._of(network)
        return sum(layer.training for layer in layers) / len(layers) if layers else None

    def record(self, own: Used, others: Used) -> None:
        """An update used calls: `own` of each D that it updates, `others` those of an update of G."""
        for network, calls in own.items():
            self._put(network, OWN, (c.training for c in calls))
        for network, calls in others.items():
            self._put(network, OTHERS, (c.training for c in calls))
        for which, used in ((OTHERS, own), (OWN, others)):
            for network, made in _by_generator(used).items():
                self._put(network, which, (m.training for m in made))

    def _put(self, network: Network, which: str, found: Iterable[float | None]) -> None:
        row, key = self._recording.row, f"{SCALAR}mode/{network.name}"
        shares = list(found)
        known = [share for share in shares if share is not None]
        if known:
            row[f"{key}/{which}"] = sum(known) / len(known)
        if {f"{key}/{OWN}", f"{key}/{OTHERS}"} <= row.keys():
            row[f"{key}/switched"] = abs(row[f"{key}/{OWN}"] - row[f"{key}/{OTHERS}"])
        elif shares and not known:  # nothing in it depends on the mode
            row[f"{key}/switched"] = 0.0

    def _of(self, network: Network) -> list[nn.Module]:
        size, layers = self._layers.get(network, (-1, []))
        if size != len(network.parameters):  # it has grown
            layers = layers_by_mode(network.module)
            self._layers[network] = len(network.parameters), layers
        return layers


def _by_generator(used: Used) -> dict[Network, list[Made]]:
    found: dict[Network, list[Made]] = {}
    for made in _made(used):
        if made.network.role == GENERATOR:
            found.setdefault(made.network, []).append(made)
    return found


def _made(used: Used) -> Iterator[Any]:
    return (call.made for calls in used.values() for call in calls if call.made is not None)

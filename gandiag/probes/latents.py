"""Some of what G is given: values, by which it shows whether its input is the same in every step, and labels."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import torch

from gandiag.measure.conditions import CONDITION
from gandiag.measure.wiring import INPUT
from gandiag.nets.tensors import detached, tensors
from gandiag.probes.batches import ends

if TYPE_CHECKING:
    from gandiag.probes.networks import Network
    from gandiag.record.recording import Recording

VALUES = 64  # of all that G is given in a call, spread over it
MAX_LABELS = 256  # in a call
CALLS = 4  # of G in a step, the labels of each of which are kept


class InputProbe:
    """Keeps some values of G's floating-point inputs in the row of the step in progress, summed over its calls."""

    def __init__(self, recording: Recording) -> None:
        self._recording = recording
        self._places: dict[tuple[int, torch.device], torch.Tensor] = {}

    def note(self, network: Network, given: Any) -> None:
        """A call of G whose samples a loss may use; `given` are its arguments."""
        if not self._recording.plan.points:
            return
        inputs = [detached(t).flatten() for t in tensors(given) if t.is_floating_point() and t.numel()]
        if not inputs:
            return
        found = [t[self._spread(len(t), t.device)].float() for t in inputs]
        values = found[0] if len(found) == 1 else torch.cat([v.to(found[0].device) for v in found])
        row, key = self._recording.row, f"{INPUT}{network.suffix}/values"
        before = row.get(key)
        row[key] = values if before is None or before.shape != values.shape else before + values

    def note_labels(self, network: Network, labels: torch.Tensor) -> None:
        """The labels (B,) of a call of G whose samples a loss may use; each call of a step is kept for itself."""
        row, key = self._recording.row, f"{CONDITION}{network.suffix}/"
        number = sum(each.startswith(key) for each in row)
        if number < CALLS:
            row[f"{key}{number}"] = ends(labels, MAX_LABELS)

    def _spread(self, size: int, device: torch.device) -> torch.Tensor:
        if (size, device) not in self._places:
            places = torch.linspace(0, size - 1, min(VALUES, size)).round().long()
            self._places[size, device] = places.to(device, non_blocking=True)
        return self._places[size, device]

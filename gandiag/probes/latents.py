"""Some of the values that G is given, by which it shows whether its input is the same in every step."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import torch

from gandiag.measure.wiring import INPUT
from gandiag.nets.tensors import detached, tensors

if TYPE_CHECKING:
    from gandiag.probes.networks import Network
    from gandiag.record.recording import Recording

VALUES = 64  # of all that G is given in a call, spread over it


class InputProbe:
    """Keeps some values of G's floating-point inputs in the row of the step in progress, summed over its calls."""

    def __init__(self, recording: Recording) -> None:
        self._recording = recording
        self._places: dict[tuple[int, torch.device], torch.Tensor] = {}

    @torch.no_grad()
    def note(self, network: Network, given: Any) -> None:
        """A call of G whose samples a loss may use; `given` are its arguments."""
        inputs = [detached(t).flatten() for t in tensors(given) if t.is_floating_point() and t.numel()]
        if not inputs or not self._recording.plan.points:
            return
        found = [t[self._spread(len(t), t.device)].float() for t in inputs]
        values = found[0] if len(found) == 1 else torch.cat([v.to(found[0].device) for v in found])
        row, key = self._recording.row, f"{INPUT}{network.suffix}/values"
        before = row.get(key)
        row[key] = values if before is None or before.shape != values.shape else before + values

    def _spread(self, size: int, device: torch.device) -> torch.Tensor:
        if (size, device) not in self._places:
            places = torch.linspace(0, size - 1, min(VALUES, size)).round().long()
            self._places[size, device] = places.to(device, non_blocking=True)
        return self._places[size, device]

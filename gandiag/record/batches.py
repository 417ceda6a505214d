"""What is kept of a batch of tensors: points in few dimensions, the range of its values. Imports torch."""

from __future__ import annotations

import torch

from gandiag.measure.calls import MAX_POINTS
from gandiag.measure.reductions import MAX_PLAIN, PROJECTED
from gandiag.nets.tensors import detached


class TensorProjection:
    """A fixed random projection, drawn from a generator of its own: torch's stays untouched."""

    def __init__(self, seed: int = 0) -> None:
        self._seed = seed
        self._matrices: dict[tuple[int, torch.device], torch.Tensor] = {}

    def __call__(self, batch: torch.Tensor, limit: int = MAX_POINTS) -> torch.Tensor:
        """(B, ...) of any real dtype to (min(B, limit), p) float32, detached."""
        points = detached(batch)
        points = (points if points.shape[0] <= limit else points[:limit]).flatten(1)
        if points.shape[1] <= MAX_PLAIN:
            plain: torch.Tensor = points.to(torch.float32, copy=True)
            return plain
        projected: torch.Tensor = points.float() @ self._matrix(points.shape[1], points.device)
        return projected

    def _matrix(self, size: int, device: torch.device) -> torch.Tensor:
        key = (size, device)
        if key not in self._matrices:
            generator = torch.Generator().manual_seed(self._seed)
            matrix = torch.randn(size, PROJECTED, generator=generator) / PROJECTED**0.5
            self._matrices[key] = matrix.to(device, non_blocking=True)
        return self._matrices[key]


def value_range(batch: torch.Tensor) -> torch.Tensor:
    """Smallest and largest value of a batch (B, ...) and the share of its values equal in all samples, (3,) float32."""
    values = batch.detach().flatten(1)
    low, high = values.amin(dim=0), values.amax(dim=0)
    return torch.stack([low.min().float(), high.max().float(), (low == high).float().mean()])

"""Finds generated samples by their values, where neither memory nor autograd connects them to G.

A generated batch may reach D as a copy: cast to another type, detached after it was concatenated with reals or with
the images it was made from (pix2pix). A copy holds G's values exactly, so each sample of D's input is compared with
those that G just made. Which ones match is not looked at here: a mask stays on the device with D's outputs.
"""

from __future__ import annotations

from collections import deque

import torch

from gandiag.nets.tensors import detached

VALUES = 64  # of each sample are compared, spread over it
REMEMBERED = 4  # batches of G
MAX_MADE = 512  # samples in a batch of G, and twice as many in D's: beyond, nothing is compared


class Contents:
    """Values of G's recent batches, and which samples of another batch hold them."""

    def __init__(self) -> None:
        self.wanted = True  # until D's batches turn out to be traceable without
        self._made: deque[tuple[int, torch.Tensor]] = deque(maxlen=REMEMBERED)
        self._positions: dict[tuple[int, torch.device], torch.Tensor] = {}

    def note(self, batch: torch.Tensor) -> None:
        """Keep a few values of each sample of a generated batch (B, ...)."""
        if self.wanted and batch.dim() > 1 and len(batch) <= MAX_MADE:
            flat = detached(batch).flatten(1)
            size = flat.shape[1]
            self._made.append((size, flat[:, self._spread(size, flat.device)]))

    def holds(self, batch: torch.Tensor) -> torch.Tensor | None:
        """Which samples (N,) begin or end with the values of one that G made; None where nothing can be compared."""
        if not self._made or batch.dim() < 2 or len(batch) > 2 * MAX_MADE:
            return None
        return self._holds(batch)

    def _holds(self, batch: torch.Tensor) -> torch.Tensor:
        """Which samples (N,) begin or end with the values of one that G made."""
        flat = batch.flatten(1)
        generated = torch.zeros(len(flat), dtype=torch.bool, device=flat.device)
        for size, made in self._made:
            if made.device != flat.device:
                continue
            for offset in {0, flat.shape[1] - size} if flat.shape[1] >= size else ():
                here = flat[:, self._spread(size, flat.device) + offset]
                generated |= (here[:, None] == made.to(flat.dtype)).all(dim=2).any(dim=1)
        return generated

    def _spread(self, size: int, device: torch.device) -> torch.Tensor:
        """Positions of up to VALUES values in a sample of `size`."""
        key = (size, device)
        if key not in self._positions:
            spread = torch.linspace(0, size - 1, min(VALUES, size)).round().long()
            self._positions[key] = spread.to(device, non_blocking=True)
        return self._positions[key]

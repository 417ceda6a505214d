"""What the weights of the networks show now and then: how many lie at a bound, and the spectrum of each matrix."""

from __future__ import annotations

from typing import TYPE_CHECKING

import torch

from gandiag.measure.spectra import BOUND, GRAM
from gandiag.nets.tensors import unwrapped

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from gandiag.probes.networks import Network
    from gandiag.record.recording import Recording

BOUND_EVERY = 50  # steps between two counts of weights at their bound
SPECTRUM_EVERY = 200  # steps between two spectra, more where they take long
MAX_SIDE = 512  # smaller side of a matrix whose spectrum is taken: 20 ms of the background thread
MAX_ELEMENTS = 4_000_000  # of a network, that are looked at: as for the size of updates
NEARLY = 0.999  # of the largest magnitude: a clipped weight is rounded in half precision


class WeightProbe:
    """Reads the weight matrices of watched networks after a step, on their device."""

    def __init__(self, recording: Recording, networks: Sequence[Network]) -> None:
        self._recording, self._networks = recording, networks
        self._spectrum_every = 0  # told once parameters have their shapes

    @torch.no_grad()
    def record(self, step: int) -> None:
        """Put what is due at the end of `step` into its row."""
        row = self._recording.row
        if step % BOUND_EVERY == 0:
            for network in self._networks:
                if matrices := list(weight_matrices(network)):
                    row[f"{BOUND}/{network.name}"] = share_at_bound([weights for _, weights in matrices])
        if step % SPECTRUM_EVERY == 0:
            named = [(f"{n.name}/{name}", weights) for n in self._networks for name, weights in weight_matrices(n)]
            small = [(name, weights) for name, weights in named if min(weights.shape) <= MAX_SIDE]
            self._spectrum_every = self._spectrum_every or spectrum_interval([min(w.shape) for _, w in small])
            if step % self._spectrum_every == 0:
                row |= {f"{GRAM}/{name}": gram(weights) for name, weights in small}


def spectrum_interval(sides: Sequence[int]) -> int:
    """Steps between two spectra of matrices with these smaller sides: 0.1 ms of the background thread per step.

    >>> spectrum_interval([64, 128, 10]), spectrum_interval([512, 512, 512])
    (200, 600)
    """
    return SPECTRUM_EVERY * max(1, round(sum(side**3 for side in sides) / MAX_SIDE**3))


def weight_matrices(network: Network) -> Iterator[tuple[str, torch.Tensor]]:
    """The weights of a network's layers as (out, in) matrices, by parameter name, up to 4 million elements."""
    left = MAX_ELEMENTS
    for name, parameter in unwrapped(network.module).named_parameters():
        local = parameter.detach()
        if local.dim() < 2 or hasattr(local, "to_local") or min(local.flatten(1).shape) < 2:
            continue
        left -= local.numel()
        if left < 0:
            return
        yield name, local.flatten(1)


def share_at_bound(matrices: Sequence[torch.Tensor]) -> torch.Tensor:
    """Share of weights as large as the largest of their matrix, a scalar: near 1 where clipping holds them there."""
    magnitudes = [m.abs() for m in matrices]
    counts = torch.stack([(m >= NEARLY * m.max()).float().sum() for m in magnitudes])
    return counts.sum() / sum(m.numel() for m in matrices)


def gram(weights: torch.Tensor) -> torch.Tensor:
    """W W^T or W^T W, whichever is smaller, float32: its eigenvalues are the squared singular values."""
    wide = weights.float()
    product: torch.Tensor = wide @ wide.T if len(wide) <= wide.shape[1] else wide.T @ wide
    return product

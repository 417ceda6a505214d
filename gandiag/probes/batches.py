"""Small views of a batch: outputs of D, gradient norms per sample, labels."""

from __future__ import annotations

from typing import TYPE_CHECKING

import torch

from gandiag.measure.calls import MAX_OUTPUTS
from gandiag.nets.tensors import tensors

if TYPE_CHECKING:
    from collections.abc import Iterable


def ends(values: torch.Tensor, limit: int) -> torch.Tensor:
    """The first and the last of a batch (B, ...) that holds more than `limit`, which may hold reals in one half."""
    if not values.dim() or values.shape[0] <= limit:
        return values
    half = limit // 2
    return torch.cat([values[: limit - half], values[-half:]])


def sample_outputs(output: torch.Tensor, limit: int = MAX_OUTPUTS) -> torch.Tensor:
    """D's outputs (B, ...), averaged over patches where there are several, as (min(B, limit),) copies."""
    kept = output.detach()
    kept = kept.reshape(1) if kept.dim() == 0 else ends(kept, limit)
    if kept.numel() > kept.shape[0]:
        return torch.mean(kept.flatten(1), dim=1)
    return kept.reshape(-1).clone()


def pulls(gradient: torch.Tensor, limit: int = MAX_OUTPUTS) -> torch.Tensor:
    """Gradients of a loss by D's outputs (B, ...), summed over patches, as (min(B, limit),)."""
    kept = gradient.reshape(1) if gradient.dim() == 0 else ends(gradient, limit)
    return torch.sum(kept.flatten(1), dim=1) if kept.numel() > kept.shape[0] else kept.reshape(-1)


@torch.no_grad()
def sample_norms(gradient: torch.Tensor) -> torch.Tensor:
    """L2 norm per sample of a gradient (B, ...), shape (B,), in float32 at least."""
    wide = torch.float64 if gradient.dtype is torch.float64 else torch.float32
    norms: torch.Tensor = torch.linalg.vector_norm(gradient.detach().flatten(1), dim=1, dtype=wide)
    return norms


def classes(arguments: Iterable[object], size: int) -> torch.Tensor | None:
    """The labels (size,) among a module's arguments: the first vector of whole numbers with one per sample."""
    found = (t for value in arguments for t in tensors(value) if t.dim() == 1 and len(t) == size)
    return next((t for t in found if not (t.is_floating_point() or t.is_complex() or t.dtype == torch.bool)), None)


def judgement(output: object) -> torch.Tensor | None:
    """D's judgement among all that it returns: the first tensor with one value per sample, or the first of all."""
    found = [t for t in tensors(output) if t.is_floating_point()]
    single = (t for t in found if t.dim() and t.numel() == len(t))
    return next(single, found[0] if found else None)

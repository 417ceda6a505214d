"""Small views of a batch: outputs of D, gradient norms per sample, labels."""

from __future__ import annotations

import itertools
from typing import TYPE_CHECKING

import torch

from gandiag.measure.calls import MAX_OUTPUTS
from gandiag.nets.tensors import tensors

if TYPE_CHECKING:
    from collections.abc import Iterable

SAME = 1e-3  # relative difference of multiples that count as one: rounding leaves 1e-6 in single precision
UNLIKE = 1.02  # the largest over the smallest square of a norm, from which on norms are not alike
CANCELS = 1e-3  # of the sizes of a sample's pulls: rounding in half precision leaves so much of a sum that is 0
MAX_CLASSES = 1000  # in rows that may be one-hot


def ends(values: torch.Tensor, limit: int) -> torch.Tensor:
    """The first and the last of a batch (B, ...) that holds more than `limit`, which may hold reals in one half."""
    if not values.dim() or values.shape[0] <= limit:
        return values
    half = limit // 2
    return torch.cat([values[: limit - half], values[-half:]])


def sample_outputs(output: torch.Tensor, limit: int = MAX_OUTPUTS) -> torch.Tensor:
    """D's outputs (B, ...), averaged over patches where there are several, as (min(B, limit),) copies."""
    kept = output.detach() if output.requires_grad else output
    kept = kept.reshape(1) if kept.dim() == 0 else ends(kept, limit)
    if kept.numel() > kept.shape[0]:
        return torch.mean(kept.flatten(1), dim=1)
    return kept.reshape(-1).clone()


def margins(output: torch.Tensor, gradient: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
    """D's outputs (B, ...) and a loss's gradients by them; those of a classifier of two classes as one judgement, (B,).

    Outputs (B, 2) are of two classes where they are probabilities that add up to 1, or the logarithms of such, or a
    loss pulls those of every sample against each other, as it does with logits. Which of them is "real" does not
    matter: the judgement is the second probability, or the second less the first.
    """
    if output.dim() != 2 or output.shape[1] != 2 or gradient.shape != output.shape:
        return output, gradient
    (one, other), (first, second) = output.detach().unbind(dim=1), gradient.unbind(dim=1)
    shares = ((one >= 0) & (other >= 0) & ((one + other - 1).abs() < SAME)).all()
    logarithms = (torch.logaddexp(one, other).abs() < SAME).all()
    against = (first.sign() == -second.sign()).all() & gradient.any()
    margin, rising = other - one, torch.sigmoid(other - one)
    judged = torch.where(logarithms | against, margin, (one + other) / 2)
    pull = torch.where(against, (second - first) / 2, first + second)
    pull = torch.where(logarithms, second * (1 - rising) - first * rising, pull)
    return torch.where(shares, other, judged), torch.where(shares, second - first, pull)


def singles(output: torch.Tensor, gradient: torch.Tensor, limit: int = MAX_OUTPUTS) -> torch.Tensor:
    """Some of D's outputs (B, ...), and the pulls on them, one by one: (2, n)."""
    every = -(-output.numel() // limit)
    return torch.stack([values.detach().reshape(-1)[::every].float() for values in (output, gradient)])


def pulls(gradient: torch.Tensor, limit: int = MAX_OUTPUTS) -> torch.Tensor:
    """Gradients of a loss by D's outputs (B, ...), summed over patches, as (min(B, limit),).

    0 where they cancel out, as those by the logits of many classes do.
    """
    kept = gradient.reshape(1) if gradient.dim() == 0 else ends(gradient, limit)
    if kept.numel() == kept.shape[0]:
        return kept.reshape(-1)
    wide = torch.float64 if kept.dtype is torch.float64 else torch.float32  # many in half precision overflow
    flat = kept.flatten(1)
    total = torch.sum(flat, dim=1, dtype=wide)
    return torch.where(total.abs() <= CANCELS * torch.sum(flat.abs(), dim=1, dtype=wide), 0.0, total)


def sample_norms(gradient: torch.Tensor) -> torch.Tensor:
    """L2 norm per sample of a gradient (B, ...), shape (B,), in float32 at least."""
    wide = torch.float64 if gradient.dtype is torch.float64 else torch.float32
    norms: torch.Tensor = torch.linalg.vector_norm(gradient.detach().flatten(1), dim=1, dtype=wide)
    return norms


def penalty_gradient(gradient: torch.Tensor, back: torch.Tensor) -> torch.Tensor:
    """How a penalty depends on D's gradient by its input (B, ...), from its own gradient `back` by that; shape (3,).

    First the share of `back` that lies along the gradient within each sample, where it is not 0: a function of a
    sample's whole norm pulls along it, and has 1. Then 1 where `back` is not finite although the gradient is. Last 1
    where `back` is one multiple of the gradient in all samples, as of the square of the norm, 0 where it is not, NaN
    where all norms are alike, which tells nothing.
    """
    flat, pulled = (t.detach().flatten(1).float() for t in (gradient, back))
    finite = torch.isfinite(pulled).all()
    undefined = torch.isfinite(flat).all() & ~finite
    flat = torch.where(pulled == 0, 0.0, flat)  # what is masked
    power = flat.square().sum(dim=1) * pulled.square().sum(dim=1)
    along = (flat * pulled).sum(dim=1).square() / power
    return torch.stack([_mean_where(along, power > 0), undefined.float(), _to_zero(flat, pulled)])


def _to_zero(flat: torch.Tensor, pulled: torch.Tensor) -> torch.Tensor:
    """Whether the second of two batches (B, n) is one positive multiple of the first, NaN where that does not show."""
    power = flat.square().sum(dim=1)
    there = power > 0
    times = torch.where(there, (flat * pulled).sum(dim=1) / power, torch.nan)
    least, most = torch.where(there, times, torch.inf).min(), torch.where(there, times, -torch.inf).max()
    same = (least > 0) & (most - least < SAME * most)
    alike = power.max() < UNLIKE * torch.where(there, power, torch.inf).min()
    return torch.where(~there.any() | (same & alike), torch.nan, same.float())


def _mean_where(values: torch.Tensor, chosen: torch.Tensor) -> torch.Tensor:
    """The mean of chosen values (B,), NaN where there are none; waits for no device."""
    return torch.where(chosen, values, 0.0).sum() / chosen.sum()


def classes(arguments: Iterable[object], size: int) -> torch.Tensor | None:
    """The labels (size,) among a module's arguments: the first vector of whole numbers with one per sample."""
    found = (t for value in arguments for t in tensors(value) if t.dim() == 1 and len(t) == size)
    return next((t for t in found if not (t.is_floating_point() or t.is_complex() or t.dtype == torch.bool)), None)


def conditions(arguments: Iterable[object], size: int, batch: torch.Tensor | None = None) -> torch.Tensor | None:
    """The labels (size,) among a network's arguments, whole numbers or rows with a single 1; a copy.

    Rows that are not one-hot have the label -1. `batch` is what is not looked at: what D judges.
    """
    given = [t for value in arguments for t in tensors(value)]
    if len(given) < 2:
        return None
    if (found := classes(given, size)) is not None:
        return found.detach().clone()
    rows = (t for t in given if t is not batch and t.dim() == 2 and len(t) == size and 1 < t.shape[1] <= MAX_CLASSES)
    found = None
    for each in itertools.islice(rows, 2):
        values = each.detach().float()
        single = (values.amax(dim=1) == 1) & (values.sum(dim=1) == 1) & (values.amin(dim=1) == 0)
        places = torch.where(single, values.argmax(dim=1), -1)
        found = places if found is None else torch.where(found < 0, places, found)
    return found


def judgement(output: object) -> torch.Tensor | None:
    """D's judgement among all that it returns: the first tensor with one value per sample, or the first of all."""
    found = [t for t in tensors(output) if t.is_floating_point()]
    single = (t for t in found if t.dim() and t.numel() == len(t))
    return next(single, found[0] if found else None)

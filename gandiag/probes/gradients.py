"""Norms of gradients and updates, one small vector per optimizer step."""

from __future__ import annotations

from typing import TYPE_CHECKING

import torch

from gandiag.measure.reductions import MISSING, UNUSED

if TYPE_CHECKING:
    from collections.abc import Sequence

WIDE = (torch.float32, torch.float64)  # squares of half floats overflow
MAX_UPDATE_ELEMENTS = 4_000_000  # copied for an update ratio: 16 MB, so that memory stays nearly as it was


@torch.no_grad()
def gradient_norms(
    parameters: Sequence[torch.Tensor | None], scale: torch.Tensor | None = None, *, alike: bool = False
) -> torch.Tensor:
    """L2 norm of each parameter's gradient, shape (P,).

    It is -2 (unused) for a trainable parameter that got none, and -1 (missing) for None and for frozen parameters. Of a
    sharded parameter (FSDP) it is the norm of this rank's shard.

    Parameters
    ----------
    parameters : the parameters, None for those that the optimizer at hand does not hold
    scale : scalar tensor that the gradients still have to be divided by (a GradScaler's factor)
    alike : whether `are_alike(parameters)` holds, which saves looking at each of them
    """
    gradients = [None if p is None else p.grad for p in parameters]
    found = [g for g in gradients if g is not None]
    if alike and len(found) == len(parameters) and not any(g.is_sparse for g in found):
        stacked = torch.stack(torch._foreach_norm(found))  # noqa: SLF001 - as torch's own clip_grad_norm_
        return stacked if scale is None else stacked / scale
    norms = _norms([_dense(g) for g in found])
    stacked = torch.stack(_with_gaps(parameters, norms) if len(norms) < len(parameters) else norms)
    return stacked if scale is None else torch.where(stacked < 0, stacked, stacked / scale)


def are_alike(parameters: Sequence[torch.Tensor | None]) -> bool:
    """Whether all parameters are there, whole, of at least single precision and on one device."""
    present = [p for p in parameters if p is not None and p.dtype in WIDE and not hasattr(p, "to_local")]
    return len(present) == len(parameters) and len({p.device for p in present}) == 1


def _with_gaps(parameters: Sequence[torch.Tensor | None], norms: list[torch.Tensor]) -> list[torch.Tensor]:
    device = norms[0].device if norms else next(p.device for p in parameters if p is not None)
    none, missing = (torch.full((), value, device=device) for value in (UNUSED, MISSING))
    rest = iter(norms)
    return [
        missing if p is None or not (p.requires_grad or p.grad is not None) else none if p.grad is None else next(rest)
        for p in parameters
    ]


def merged(earlier: torch.Tensor, later: torch.Tensor) -> torch.Tensor:
    """(P,) norms of a network whose parameters two optimizers hold: the later value, where there is one."""
    return torch.where(later == MISSING, earlier, later)


def _norms(tensors: list[torch.Tensor]) -> list[torch.Tensor]:
    """One norm per tensor, all on the first one's device, in one launch where possible; in float32 at least."""
    if not tensors:
        return []
    if any(t.dtype not in WIDE for t in tensors):
        norms = [torch.linalg.vector_norm(t, dtype=torch.float32) for t in tensors]
    else:
        norms = list(torch._foreach_norm(tensors))  # noqa: SLF001 - as torch's own clip_grad_norm_
    device = norms[0].device
    return norms if all(n.device == device for n in norms) else [n.to(device, non_blocking=True) for n in norms]


def _dense(tensor: torch.Tensor) -> torch.Tensor:
    """The values of a sparse tensor, this rank's shard of a distributed one, any other as it is."""
    if tensor.is_sparse:
        return tensor.coalesce().values()
    local: torch.Tensor = tensor.to_local() if hasattr(tensor, "to_local") else tensor
    return local


class UpdateRatio:
    """||dw|| and ||w|| of one optimizer step, over the first parameters up to 4 million elements."""

    @torch.no_grad()
    def __init__(self, parameters: Sequence[torch.Tensor]) -> None:
        self._parameters: list[torch.Tensor] = []
        budget = MAX_UPDATE_ELEMENTS
        for parameter in map(_dense, parameters):
            budget -= parameter.numel()
            if budget < 0 and self._parameters:
                break
            self._parameters.append(parameter.detach())
        self._before = [p.clone() for p in self._parameters]

    @torch.no_grad()
    def measure(self) -> torch.Tensor:
        """Shape (2,): norm of the change since construction, norm of the weights now."""
        moved = _norms(list(torch._foreach_sub(self._parameters, self._before)))  # noqa: SLF001 - as norms above
        weights = _norms(self._parameters)
        return torch.stack([torch.linalg.vector_norm(torch.stack(n)) for n in (moved, weights)])

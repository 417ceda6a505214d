"""Norms of gradients and updates, one small vector per optimizer step."""

from __future__ import annotations

from typing import TYPE_CHECKING

import torch

if TYPE_CHECKING:
    from collections.abc import Sequence

MAX_UPDATE_ELEMENTS = 4_000_000  # copied for an update ratio: 16 MB, so that memory stays nearly as it was


def layer_names(module: torch.nn.Module) -> list[str]:
    """For each parameter that requires grad, the layer whose weight it is; "" for biases and normalisation."""
    named = [(name, p) for name, p in module.named_parameters() if p.requires_grad]
    return [name.removesuffix(".weight") if p.dim() >= 2 else "" for name, p in named]


@torch.no_grad()
def gradient_norms(parameters: Sequence[torch.Tensor]) -> torch.Tensor:
    """L2 norm of each parameter's gradient, shape (P,); 0 for a parameter without one."""
    gradients = [p.grad for p in parameters]
    norms = _norms([_dense(g) for g in gradients if g is not None])
    if len(norms) < len(gradients):
        found, none = iter(norms), torch.zeros((), device=parameters[0].device)
        norms = [none if g is None else next(found) for g in gradients]
    return torch.stack(norms)


def _norms(tensors: list[torch.Tensor]) -> list[torch.Tensor]:
    """One norm per tensor, in one launch where all sit on one device; in float32 at least."""
    if not tensors:
        return []
    if tensors[0].dtype in (torch.float16, torch.bfloat16):  # squares of half floats overflow
        return [torch.linalg.vector_norm(t, dtype=torch.float32) for t in tensors]
    norms: list[torch.Tensor] = list(torch._foreach_norm(tensors))  # noqa: SLF001 - as torch's own clip_grad_norm_
    return norms


def _dense(gradient: torch.Tensor) -> torch.Tensor:
    return gradient.coalesce().values() if gradient.is_sparse else gradient


class UpdateRatio:
    """||dw|| and ||w|| of one optimizer step, over the first parameters up to 4 million elements."""

    @torch.no_grad()
    def __init__(self, parameters: Sequence[torch.Tensor]) -> None:
        self._parameters: list[torch.Tensor] = []
        budget = MAX_UPDATE_ELEMENTS
        for parameter in parameters:
            budget -= parameter.numel()
            if budget < 0 and self._parameters:
                break
            self._parameters.append(parameter.detach())
        self._before = [p.clone() for p in self._parameters]

    @torch.no_grad()
    def measure(self) -> torch.Tensor:
        """Shape (2,): norm of the change since construction, norm of the weights now."""
        moved = _norms([now - before for now, before in zip(self._parameters, self._before, strict=True)])
        weights = _norms(self._parameters)
        return torch.stack([torch.stack(n).square().sum().sqrt() for n in (moved, weights)])

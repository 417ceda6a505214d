"""Each weight's gradient, summed up every few steps: what the rules of other tools are judged on."""

from __future__ import annotations

from collections.abc import Mapping
from math import nan
from typing import TYPE_CHECKING, Any

import numpy as np
import torch
from torch import Tensor, nn

if TYPE_CHECKING:
    from os import PathLike

Network = nn.Module | Mapping[str, nn.Module]


class GradientLog:
    """Looks at the gradients of G and D when their optimizers use them, and leaves the training as it is.

    SageMaker Debugger saves tensors every 500 steps unless told otherwise, AutoTrainer looks once in a while; every
    10 steps is generous to both.

    Parameters
    ----------
    generator, discriminator : a network each, or several by name
    optimizer_g, optimizer_d : their optimizers
    every : generator updates between two looks; the first update is looked at
    """

    def __init__(
        self,
        generator: Network,
        discriminator: Network,
        optimizer_g: torch.optim.Optimizer,
        optimizer_d: torch.optim.Optimizer,
        every: int = 10,
    ) -> None:
        if every < 1:
            raise ValueError(f"every must be at least 1, got {every}")
        self.every = every
        self._updates = 0  # of the generator
        self._weights = {"generator": _named(generator), "discriminator": _named(discriminator)}
        self._steps: dict[str, list[int]] = {network: [] for network in self._weights}
        self._records: dict[str, list[Tensor]] = {network: [] for network in self._weights}
        self._handles = [
            optimizer_g.register_step_pre_hook(self._before_generator),
            optimizer_d.register_step_pre_hook(self._before_discriminator),
        ]

    def _before_generator(self, *_: Any) -> None:
        self._look("generator", self._updates + 1)
        self._updates += 1

    def _before_discriminator(self, *_: Any) -> None:
        self._look("discriminator", self._updates + 1)

    @torch.no_grad()
    def _look(self, network: str, step: int) -> None:
        """Record a network, once in a step: of several updates of D the first."""
        steps = self._steps[network]
        if (step - 1) % self.every or (steps and steps[-1] == step):
            return
        steps.append(step)
        self._records[network].append(torch.stack([_summary(w) for w in self._weights[network].values()]))

    def save(self, path: str | PathLike[str]) -> None:
        """Write what was recorded as an .npz file that `benchmarks.bench.recorded.read_gradients` reads."""
        content: dict[str, np.ndarray] = {}
        for network, weights in self._weights.items():
            records = self._records[network]
            table = torch.stack(records).cpu().numpy() if records else np.zeros((0, len(weights), 4), np.float32)
            content |= {
                f"{network}/steps": np.array(self._steps[network], dtype=np.int64),
                f"{network}/names": np.array(list(weights), dtype=np.str_),
                f"{network}/kernels": np.array([w.ndim > 1 for w in weights.values()], dtype=bool),
                f"{network}/sizes": np.array([w.numel() for w in weights.values()], dtype=np.int64),
            }
            sizes = content[f"{network}/sizes"]
            content |= {
                f"{network}/mean_abs": table[:, :, 0] / sizes,
                f"{network}/norm": table[:, :, 1],
                f"{network}/zeros": 1 - table[:, :, 2] / sizes,
                f"{network}/nonfinite": sizes - table[:, :, 3],
            }
        with open(path, "wb") as file:  # noqa: PTH123 - savez would append .npz to a path
            np.savez_compressed(file, **content)  # type: ignore[arg-type]

    def close(self) -> None:
        """Take the hooks off the optimizers."""
        for handle in self._handles:
            handle.remove()


def _named(network: Network) -> dict[str, Tensor]:
    parts = network if isinstance(network, Mapping) else {"": network}
    return {f"{part}.{name}".lstrip("."): w for part, module in parts.items() for name, w in module.named_parameters()}


def _summary(weight: Tensor) -> Tensor:
    """Of a weight's gradient: L1 norm, L2 norm, how many numbers are not zero, and how many are finite, (4,)."""
    gradient = weight.grad
    if gradient is None:
        return torch.tensor([nan, nan, nan, weight.numel()], device=weight.device)
    values = gradient.detach().float().flatten()
    norms = values.norm(p=1), values.norm()
    counts = values.count_nonzero(), values.isfinite().count_nonzero()
    return torch.stack([*norms, *(n.float() for n in counts)])

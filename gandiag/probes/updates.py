"""What one optimizer step tells: gradient norms as they are used, feedback, the size of the update."""

from __future__ import annotations

from typing import TYPE_CHECKING

import torch

from gandiag.probes.gradients import UpdateRatio, gradient_norms, merged
from gandiag.probes.networks import GENERATOR

if TYPE_CHECKING:
    from gandiag.probes.attribution import Call
    from gandiag.probes.networks import Holding
    from gandiag.record.recording import Recording


class UpdateProbe:
    """Reads the gradients of watched networks at optimizer steps into the row of the step in progress."""

    def __init__(self, recording: Recording) -> None:
        self._recording, self._plan = recording, recording.plan
        self.feedback: dict[str, torch.Tensor] = {}  # per generator: (B,) norms from the last backward pass
        self._ratios: dict[int, dict[str, UpdateRatio]] = {}

    @property
    def measures(self) -> bool:
        """Whether weights of before an update are kept."""
        return bool(self._ratios)

    def before(self, optimizer: torch.optim.Optimizer, held: Holding) -> None:
        """Keep the weights as they are, where the size of the update is to be measured."""
        if self._plan.updates:
            self._ratios[id(optimizer)] = {h.network.name: UpdateRatio(h.measured) for h in held.parts if h.measured}

    def forget(self, optimizer: torch.optim.Optimizer) -> None:
        """Drop what was kept of an update that is not part of the game."""
        self.feedback = {}
        self._ratios.pop(id(optimizer), None)

    def after(self, optimizer: torch.optim.Optimizer) -> None:
        """Measure the update."""
        for name, ratio in self._ratios.pop(id(optimizer), {}).items():
            self._recording.row[f"update/{name}"] = ratio.measure()

    def without_feedback(self, held: Holding, asked: list[Call]) -> None:
        """G's loss used D's outputs on samples of G, `asked`, none of which is connected to G: it is told nothing."""
        generators = [h.network for h in held.parts if h.network.role == GENERATOR]
        made = [c for c in asked if "direct" in c.origins]
        if len(generators) == 1 and not self.feedback and made:
            batch = made[0].given[made[0].position() or 0]
            self.feedback[generators[0].suffix] = batch.new_zeros(len(batch), dtype=torch.float32)

    def record(self, optimizer: torch.optim.Optimizer, held: Holding, scale: torch.Tensor | None) -> None:
        """Norms of the gradients that the optimizer is about to use, and the feedback that led to G's.

        `scale` is a GradScaler's factor: it is still in the feedback, and in gradients only for optimizers that
        unscale them themselves (fused ones).
        """
        if not self._plan.gradients:
            self.feedback = {}
            return
        row = self._recording.row
        if GENERATOR in held.roles:
            for suffix, norms in self.feedback.items():
                row[f"feedback{suffix}"] = norms if scale is None else norms / scale
            self.feedback = {}
        own_scale, skipped = (getattr(optimizer, name, None) for name in ("grad_scale", "found_inf"))
        for h in held.parts:
            if not h.measured:
                continue
            key = f"grad/{h.network.name}"
            factor = own_scale if isinstance(own_scale, torch.Tensor) else None
            norms = gradient_norms(h.parameters, factor, alike=h.alike)
            row[key] = merged(row[key], norms) if h.partial and key in row else norms
            if isinstance(skipped, torch.Tensor):
                row[f"skipped/{h.network.name}"] = skipped.detach().reshape(()).clone()

    def skip(self, held: Holding) -> None:
        """Note that a GradScaler left this update out."""
        for h in held.parts:
            self._recording.row[f"skipped/{h.network.name}"] = 1.0

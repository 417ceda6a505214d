"""Collects what the inference of the loss family needs during the first steps, then stops costing anything."""

from __future__ import annotations

from collections import deque
from typing import TYPE_CHECKING, Any

import torch

if TYPE_CHECKING:
    from gandiag.probes.attribution import Call, Phase
    from gandiag.record.settings import Settings

KEPT_CALLS = 32


class FamilyProbe:
    """Outputs of D and the gradients they received: in G's step on generated, in D's on real samples."""

    def __init__(self, settings: Settings, *, wanted: bool) -> None:
        self._settings, self._wanted = settings, wanted
        self._generated: deque[Call] = deque(maxlen=KEPT_CALLS)
        self._real: deque[Call] = deque(maxlen=KEPT_CALLS)
        self._penalised = False

    @property
    def wanted(self) -> bool:
        """Whether the loss family is still to be inferred."""
        return self._wanted and not self._settings.family_found

    def give_up(self) -> None:
        """Collect no more: no family has fitted for long."""
        self._wanted = False

    def see(self, role: str, phase: Phase, scale: torch.Tensor | None) -> None:
        """Note the calls behind an update of G or D; `scale` is a GradScaler's factor in their gradients."""
        calls = [c for c in (phase.fake if role == "generator" else phase.real) if c.output_gradient is not None]
        for call in calls:
            if scale is not None and call.output_gradient is not None:
                call.output_gradient = call.output_gradient / scale
        (self._generated if role == "generator" else self._real).extend(calls)
        self._penalised |= role != "generator" and bool(phase.penalty)

    def collected(self) -> dict[str, Any]:
        """The evidence so far, see `gandiag.families.infer_family`; tensors stay on their device."""
        evidence: dict[str, Any] = {"penalised": float(self._penalised)}
        for kind, calls in (("generated", self._generated), ("real", self._real)):
            pairs = [(c.output, c.output_gradient) for c in calls if c.output is not None]
            same = [(o.reshape(-1), g.reshape(-1)) for o, g in pairs if g is not None and o.shape == pairs[-1][0].shape]
            if same:
                evidence[f"{kind}/outputs"], evidence[f"{kind}/gradients"] = map(torch.cat, zip(*same, strict=True))
        return evidence

"""Collects what the inference of the loss family needs during the first steps, then stops costing anything."""

from __future__ import annotations

from collections import deque
from typing import TYPE_CHECKING, Any

import torch

if TYPE_CHECKING:
    from gandiag.probes.attribution import Call, Phase

KEPT_CALLS = 32


class FamilyProbe:
    """Outputs of D and the gradients they received: in G's step on generated, in D's on real samples."""

    def __init__(self, *, wanted: bool) -> None:
        self.wanted = wanted
        self._generated: deque[Call] = deque(maxlen=KEPT_CALLS)
        self._real: deque[Call] = deque(maxlen=KEPT_CALLS)
        self._penalised = False

    def see(self, net: str, phase: Phase) -> None:
        """Note the calls of one phase."""
        if net == "generator":
            self._generated.extend(c for c in phase.fake if c.output_gradients)
        else:
            self._real.extend(c for c in phase.real if c.output_gradients)
            self._penalised |= bool(phase.penalty)

    def collected(self) -> dict[str, Any]:
        """The evidence so far, see `gandiag.families.infer_family`; tensors stay on their device."""
        evidence: dict[str, Any] = {"penalised": float(self._penalised)}
        for kind, calls in (("generated", self._generated), ("real", self._real)):
            same = [c for c in calls if c.output.shape == calls[-1].output.shape]
            if same:
                evidence[f"{kind}/outputs"] = torch.cat([c.output.reshape(-1) for c in same])
                evidence[f"{kind}/gradients"] = torch.cat([c.output_gradients[0].detach().reshape(-1) for c in same])
        return evidence

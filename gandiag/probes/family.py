"""Collects what the inference of the loss family needs during the first steps, then stops costing anything."""

from __future__ import annotations

from collections import deque
from typing import TYPE_CHECKING

import numpy as np
import torch

from gandiag.families import infer_generator_loss, infer_linear_family

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

    def infer(self) -> tuple[str, bool]:
        """The family's name, and whether D's outputs are probabilities. Waits for the device, once."""
        outputs, gradients = _paired(self._generated)
        probabilities = bool(len(outputs)) and outputs.min() >= 0 and outputs.max() <= 1
        family = infer_generator_loss(outputs, gradients)
        if family == "linear":
            family = infer_linear_family(*_paired(self._real), penalised=self._penalised)
        return family, probabilities


def _paired(calls: deque[Call]) -> tuple[np.ndarray, np.ndarray]:
    """Outputs and first gradients of the calls that have the latest call's shape, both flat."""
    same = [c for c in calls if c.output.shape == calls[-1].output.shape]
    if not same:
        return np.empty(0), np.empty(0)
    outputs = torch.cat([c.output.reshape(-1) for c in same])
    gradients = torch.cat([c.output_gradients[0].detach().reshape(-1) for c in same])
    return outputs.double().cpu().numpy(), gradients.double().cpu().numpy()

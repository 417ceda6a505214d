"""Collects what the inference of the loss family needs during the first steps, then stops costing anything."""

from __future__ import annotations

from collections import deque
from typing import TYPE_CHECKING, Any

import torch

from gandiag.probes.batches import margins

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from gandiag.probes.attribution import Call, Judged
    from gandiag.record.settings import Settings

    Pair = tuple[torch.Tensor, torch.Tensor]

KEPT_CALLS = 32


class FamilyProbe:
    """Outputs of D and the gradients they received: in G's step on generated samples, in D's on others."""

    def __init__(self, settings: Settings, *, wanted: bool) -> None:
        self._settings, self._wanted = settings, wanted
        self._generated: deque[Pair] = deque(maxlen=KEPT_CALLS)
        self._others: deque[Pair] = deque(maxlen=KEPT_CALLS)
        self._penalised = self._both = False  # whether D's loss has a penalty; G's loss looks at D's outputs on reals
        self._to_zero: deque[torch.Tensor] = deque(maxlen=KEPT_CALLS)  # of penalties, see `penalty_gradient`

    @property
    def wanted(self) -> bool:
        """Whether the loss family is still to be inferred."""
        return self._wanted and not self._settings.family_found

    def give_up(self) -> None:
        """Collect no more: no family has fitted for long."""
        self._wanted = False

    def see(
        self,
        role: str,
        calls: Iterable[Call],
        judged: Judged,
        scale: torch.Tensor | None,
        *,
        penalties: Sequence[Call] = (),
        after: bool = False,
    ) -> None:
        """Note the calls behind an update of G or D; `scale` is a GradScaler's factor in their gradients.

        `penalties` are the calls of D that only a penalty used; `after` says that D was updated before in this step.
        """
        if not self.wanted:
            return
        self._penalised |= bool(penalties)
        self._to_zero += [call.penalty[2] for call in penalties if call.penalty is not None]
        for call in calls:
            origin = call.origins[judged.batch(call)]
            if (origin in ("direct", "derived", "mixed")) != (role == "generator"):
                self._both |= after and any(place in call.pulls for place in judged.outputs(call)[:1])
                continue
            for place in judged.outputs(call)[:1]:
                pull = call.pull(place, generator=role == "generator")
                if pull is not None:
                    kept = self._generated if role == "generator" else self._others
                    answer, pull = margins(call.outputs[place], pull)
                    kept.append((answer, pull if scale is None else pull / scale))

    def collected(self) -> dict[str, Any]:
        """The evidence so far, see `gandiag.families.infer_family`; tensors stay on their device."""
        evidence: dict[str, Any] = {"penalised": float(self._penalised), "both": float(self._both)}
        if self._to_zero:
            evidence["to_zero"] = torch.stack(list(self._to_zero))
        for kind, pairs in (("generated", self._generated), ("real", self._others)):
            same = [(o.reshape(-1), g.reshape(-1)) for o, g in pairs if o.shape == pairs[-1][0].shape]
            if same:
                evidence[f"{kind}/outputs"], evidence[f"{kind}/gradients"] = map(torch.stack, zip(*same, strict=True))
        return evidence

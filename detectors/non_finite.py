"""NaN or infinity in what was recorded."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, ClassVar

import numpy as np

from .remedies import named
from .specification import check_thresholds, evidence, finding, threshold
from .windows import remembered, spells

if TYPE_CHECKING:
    from collections.abc import Mapping

    import pandas as pd

    from gandiag.findings import Finding
    from gandiag.rundir.run import Run

_NETS = ("generator", "discriminator")
BACKWARD = ("safe-norm", "logits-loss", "bfloat16", "clip-gradients", "roll-back")
"""Remedies where D's outputs are finite and its gradients are not: a root at 0, or a logarithm, comes first."""


@dataclass(frozen=True, kw_only=True)
class NonFinite:
    """A gradient, a loss or an output of D is NaN or infinite.

    Sees:
        Records of a step that are not finite: gradient norms of either network, D's outputs, the feedback, the
        logged losses. Updates that a GradScaler skips one after the other, long after its scale has come down.
    Why it happens:
        An overflow (half precision, the exponential of a large logit, an exploding gradient), a logarithm or a
        division at zero (log D of a saturated sigmoid), or a square root at zero in a gradient penalty. One
        optimizer step on such a gradient makes weights NaN, and everything after it.
    Misses:
        Single steps that a GradScaler skipped, which were caught in time. NaN in values that never reach D, a logged
        loss, or a gradient.
    Try:
        - logits-loss
        - safe-norm
        - bfloat16
        - clip-gradients
        - roll-back
    References:
        Micikevicius et al. 2018 (loss scaling). SageMaker Debugger's rule ExplodingTensor fires on the same.
    """

    code: ClassVar[str] = "non-finite"
    needs: ClassVar[tuple[str, ...]] = ("nonfinite|grad/generator/nonfinite|grad/discriminator/nonfinite",)
    how_to: ClassVar[str] = "attach with gandiag.attach, or log the losses"
    not_for: ClassVar[Mapping[str, str]] = {}

    min_run_steps: int = threshold(1, "one step is enough")
    bridge_steps: int = threshold(100, "single steps this close together are one finding")
    skipped_steps: int = threshold(
        20, "halved so often, the initial scale of 65,536 is below 0.1: no overflow is left to skip"
    )
    failure_steps: int = threshold(3, "fewer in a row may be a transient that the loop itself repaired")

    def __post_init__(self) -> None:
        check_thresholds(self)
        for name in ("failure_steps", "skipped_steps"):
            if getattr(self, name) < 1:
                raise ValueError(f"{name} must be at least 1, got {getattr(self, name)}")

    @remembered
    def score(self, run: Run) -> pd.Series:
        """Number of records that are not finite, one more where a GradScaler has skipped many updates in a row."""
        columns = [n for n in self.needs[0].split("|") if n in run.scalars]
        score = run.scalars[columns].max(axis=1).dropna().rename("nonfinite")
        for net in _NETS:
            score += self._stuck(run, net).reindex(score.index, fill_value=False)
        return score

    def _stuck(self, run: Run, net: str) -> pd.Series:
        """Whether all of the last `skipped_steps` updates of a network were skipped."""
        skipped = run.series(f"skipped/{net}").reindex(run.scalars.index, fill_value=0.0) > 0
        return skipped.rolling(self.skipped_steps).sum() == self.skipped_steps

    def __call__(self, run: Run) -> list[Finding]:
        score = self.score(run)
        found = []
        for spell in spells(score > 0, bridge_steps=self.bridge_steps):
            inside = score.loc[spell.onset : spell.last]
            lasting = bool(spells(inside > 0, min_steps=self.failure_steps))
            where, backward = self._where(run, spell.onset), _on_the_way_back(run, spell.onset)
            summary = f"{where} NaN or infinite from step {spell.onset:,}" + ("" if lasting else ", and recovered")
            summary += "; its outputs were finite: it arose on the way back" if backward else ""
            facts = (evidence(score, 0, "above", spell.onset),)
            columns = ("nonfinite", "grad/generator/norm", "grad/discriminator/norm")
            made = finding(self, spell, "failure" if lasting else "warning", summary, facts, columns)
            found.append(replace(made, remedies=named(BACKWARD)) if backward else made)
        return found

    def _where(self, run: Run, step: int) -> str:
        """What was not finite at a step, as far as the record tells."""
        at = run.scalars.loc[step]
        stuck = [net for net in _NETS if self._stuck(run, net).loc[step]]
        if stuck:
            return f"Gradients of the {' and the '.join(stuck)}, all of whose updates a GradScaler skips, are"
        nets = [net for net in _NETS if at.get(f"grad/{net}/nonfinite", 0.0) > 0]
        if not nets:
            return "A loss or an output of the discriminator is"
        return f"Gradients of the {' and the '.join(nets)} are"


def _on_the_way_back(run: Run, step: int) -> bool:
    """Whether D's gradients were the first that were not finite, in a step in which D's outputs still were."""
    at = run.scalars.loc[step]
    outputs = at.reindex(["d/real/mean", "d/fake/mean"]).to_numpy()
    first = at.get("grad/discriminator/nonfinite", 0.0) > 0 and at.get("skipped/discriminator", 0.0) != 1
    return bool(first and np.isfinite(outputs).all())

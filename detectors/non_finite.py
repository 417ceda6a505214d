"""NaN or infinity in what was recorded."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, ClassVar

from .specification import check_thresholds, evidence, finding
from .windows import remembered, spells

if TYPE_CHECKING:
    import pandas as pd

    from gandiag.findings import Finding
    from gandiag.run import Run


@dataclass(frozen=True, kw_only=True)
class NonFinite:
    """A gradient, a loss or an output of D is NaN or infinite.

    Sees:
        Records of a step that are not finite: gradient norms of either network, D's outputs, the feedback, the
        logged losses.
    Why it happens:
        An overflow (half precision, the exponential of a large logit, an exploding gradient), a logarithm or a
        division at zero (log D of a saturated sigmoid), or a square root at zero in a gradient penalty. One
        optimizer step on such a gradient makes weights NaN, and everything after it.
    Misses:
        Steps that a GradScaler skipped, which were caught in time. NaN in values that never reach D, a logged
        loss, or a gradient.
    Try:
        - compute losses on logits (BCEWithLogitsLoss in place of sigmoid and BCELoss)
        - add a small constant inside the square root of a gradient penalty
        - lower the learning rate or clip gradients, and restart from the last healthy checkpoint
    References:
        Micikevicius et al. 2018 (loss scaling). SageMaker Debugger's rule ExplodingTensor fires on the same.
    """

    code: ClassVar[str] = "non-finite"
    needs: ClassVar[tuple[str, ...]] = ("nonfinite|grad/generator/nonfinite|grad/discriminator/nonfinite",)
    how_to: ClassVar[str] = "attach with gandiag.attach, or log the losses"

    min_run_steps: int = 1  # one step is enough
    bridge_steps: int = 100  # single steps this close together are one finding
    failure_steps: int = 3  # fewer in a row may be a transient that the loop itself repaired

    def __post_init__(self) -> None:
        check_thresholds(self)
        if self.failure_steps < 1:
            raise ValueError(f"failure_steps must be at least 1, got {self.failure_steps}")

    @remembered
    def score(self, run: Run) -> pd.Series:
        """Number of records that are not finite."""
        columns = [n for n in self.needs[0].split("|") if n in run.scalars]
        return run.scalars[columns].max(axis=1).dropna().rename("nonfinite")

    def __call__(self, run: Run) -> list[Finding]:
        score = self.score(run)
        found = []
        for spell in spells(score > 0, bridge_steps=self.bridge_steps):
            inside = score.loc[spell.onset : spell.last]
            lasting = bool(spells(inside > 0, min_steps=self.failure_steps))
            where = _where(run, spell.onset)
            summary = f"{where} NaN or infinite from step {spell.onset:,}" + ("" if lasting else ", and recovered")
            facts = (evidence(score, 0, "above", spell.onset),)
            columns = ("nonfinite", "grad/generator/norm", "grad/discriminator/norm")
            found.append(finding(self, spell, "failure" if lasting else "warning", summary, facts, columns))
        return found


def _where(run: Run, step: int) -> str:
    """What was not finite at a step, as far as the record tells."""
    at = run.scalars.loc[step]
    nets = [net for net in ("generator", "discriminator") if at.get(f"grad/{net}/nonfinite", 0.0) > 0]
    if not nets:
        return "A loss or an output of the discriminator is"
    return f"Gradients of the {' and the '.join(nets)} are"

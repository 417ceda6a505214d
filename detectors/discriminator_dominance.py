"""A discriminator that wins."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, ClassVar

from .specification import check_thresholds, evidence, finding, threshold
from .windows import remembered, rolling_mean, spells

if TYPE_CHECKING:
    from collections.abc import Mapping

    import pandas as pd

    from gandiag.findings import Finding
    from gandiag.run import Run


@dataclass(frozen=True, kw_only=True)
class DiscriminatorDominance:
    """D tells real from generated almost perfectly, for long.

    Sees:
        The area under D's ROC curve within a step, averaged over a window. It needs no loss family and no
        decision point.
    Why it happens:
        D learns faster than G: more steps, a higher learning rate, more capacity, little data that it can
        remember, or a shortcut (range, padding or dtype that differ between real and generated). Under the
        saturating loss vanishing gradients follow; under others G may still learn.
    Misses:
        A D that remembers its training data while G fools it: that shows on held-out data only.
    Try:
        - match-inputs
        - train-d-less
        - r1-penalty
        - spectral-norm
        - instance-noise
    References:
        Arjovsky & Bottou 2017; Heusel et al. 2017 (two time-scales); Karras et al. 2020 (augmentation).
    """

    code: ClassVar[str] = "discriminator-dominance"
    needs: ClassVar[tuple[str, ...]] = ("d/auc",)
    how_to: ClassVar[str] = (
        "attach with gandiag.attach; where D's outputs are not attributed, callback.observe(real=, fake=)"
    )
    not_for: ClassVar[Mapping[str, str]] = {}

    auc: float = threshold(0.98, "none of 18 healthy tuning runs held 0.97 for 400 steps on end")
    window_steps: int = threshold(100, "single steps scatter by 0.04 to 0.11 in healthy tuning runs")
    min_steps: int = threshold(500, "shorter spells are normal early in training")
    min_run_steps: int = threshold(600, "a window and a spell")

    def __post_init__(self) -> None:
        check_thresholds(self)
        if not 0.5 < self.auc <= 1:
            raise ValueError(f"auc must lie in (0.5, 1], got {self.auc}")

    @remembered
    def score(self, run: Run) -> pd.Series:
        """Mean area under the ROC curve over the window."""
        return rolling_mean(run.series("d/auc"), self.window_steps)

    def __call__(self, run: Run) -> list[Finding]:
        score = self.score(run)
        found = []
        for spell in spells(score >= self.auc, min_steps=self.min_steps, lead_steps=self.window_steps // 2):
            steps = spell.last - spell.onset + 1
            summary = f"D has told real from generated almost perfectly for {steps:,} steps, from step {spell.onset:,}"
            facts = (evidence(score, self.auc, "above", spell.certain),)
            found.append(finding(self, spell, "warning", summary, facts, ("d/auc", "d/real/mean", "d/fake/mean")))
        return found

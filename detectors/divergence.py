"""A game that runs away."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, ClassVar

import numpy as np
import pandas as pd

from .specification import check_thresholds, evidence, finding, threshold
from .windows import held, remembered, rolling_median, spells

if TYPE_CHECKING:
    from collections.abc import Mapping

    from gandiag.findings import Finding
    from gandiag.run import Run

GRADIENTS = "grad/generator/norm|grad/discriminator/norm"


@dataclass(frozen=True, kw_only=True)
class Divergence:
    """D's outputs and the gradients grow together by orders of magnitude and do not come back.

    Sees:
        How far the magnitude of D's outputs, and the larger of the two gradient norms, have risen above the
        lowest level each had so far; both must have. It counts in decades and needs no loss family.
    Why it happens:
        Each player's step makes the other's next step larger: a critic whose Lipschitz constraint fails, a
        learning rate beyond what the curvature allows, simultaneous steps on a rotating field. Outputs then grow
        exponentially while samples get worse.
    Misses:
        Growth held down by clipping. A D whose outputs pass through a sigmoid, which bounds them.
    Try:
        - lower-learning-rates
        - spectral-norm
        - roll-back
        - r1-penalty
    References:
        Mescheder et al. 2018 (which GANs converge locally); Gulrajani et al. 2017.
    """

    code: ClassVar[str] = "divergence"
    needs: ClassVar[tuple[str, ...]] = ("d/real/mean", "d/fake/mean", GRADIENTS)
    how_to: ClassVar[str] = (
        "attach with gandiag.attach; where D's outputs are not attributed, callback.observe(real=, fake=)"
    )
    not_for: ClassVar[Mapping[str, str]] = {}

    decades: float = threshold(1.5, "healthy tuning runs (18; digits, ring8, grid25; six losses) stay below 0.4")
    stay_decades: float = threshold(0.5, "dates the onset")
    output_floor: float = threshold(1.0, "outputs below this are small on any loss's scale")
    window_steps: int = threshold(100, "single steps jump by a decade, medians of 100 do not")
    warmup_steps: int = threshold(200, "while D's outputs leave zero nothing can be said about growth")
    min_steps: int = threshold(50, "half a window: no single stretch of spikes")
    min_run_steps: int = threshold(400, "the warm-up and two windows")

    def __post_init__(self) -> None:
        check_thresholds(self)
        if not 0 < self.stay_decades <= self.decades:
            raise ValueError(f"need 0 < stay_decades <= decades, got {self.stay_decades} and {self.decades}")

    @remembered
    def score(self, run: Run) -> pd.Series:
        """Decades by which outputs and gradients have both risen above their lowest level."""
        outputs = run.scalars[["d/real/mean", "d/fake/mean"]].abs().max(axis=1).dropna()
        gradients = run.scalars[[n for n in GRADIENTS.split("|") if n in run.scalars]].max(axis=1).dropna()
        risen = self._risen(outputs, self.output_floor)
        both = pd.concat([risen, held(self._risen(gradients, 0.0), risen.index)], axis=1)
        return both.min(axis=1, skipna=False).dropna().rename("decades")

    def _risen(self, series: pd.Series, floor: float) -> pd.Series:
        level = rolling_median(series, self.window_steps)
        level = level.loc[level.index[:1].min() + self.warmup_steps :] if len(level) else level
        decades: pd.Series = np.log10(level.clip(lower=max(floor, 1e-30), upper=1e30))
        return decades - decades.cummin()

    def __call__(self, run: Run) -> list[Finding]:
        score = self.score(run)
        found = []
        for spell in spells(
            score > self.decades,
            score > self.stay_decades,
            min_steps=self.min_steps,
            lead_steps=self.window_steps // 2,
        ):
            peak = float(score.loc[spell.onset : spell.last].max())
            summary = f"D's outputs and the gradients grew {10**peak:,.2g}-fold together from step {spell.onset:,}"
            facts = (evidence(score, self.decades, "above", spell.certain, "decades of growth"),)
            columns = ("d/real/mean", "d/fake/mean", "grad/generator/norm", "grad/discriminator/norm")
            found.append(finding(self, spell, "failure", summary, facts, columns))
        return found

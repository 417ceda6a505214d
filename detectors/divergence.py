"""A game that runs away."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, ClassVar

import numpy as np
import pandas as pd

from .specification import check_thresholds, evidence, finding, threshold
from .windows import held, remembered, rolling_median, spells, value_at

if TYPE_CHECKING:
    from collections.abc import Mapping

    from gandiag.findings import Finding
    from gandiag.rundir.run import Run

    from .windows import Spell

CRITICS = ("wgan", "wgan-gp")
GRADIENTS = "grad/generator/norm|grad/discriminator/norm"


@dataclass(frozen=True, kw_only=True)
class Divergence:
    """D's outputs grow by orders of magnitude, and the gradients with them, or the samples leave the data for good.

    Sees:
        How far D's outputs (their spread, or the gap between real and generated) have risen above their lowest level
        so far, in decades. It counts as far as the larger of the two gradient norms has risen, too; or in full where
        the samples have gone away from the data, by the energy distance against the real spread: gradients are gone
        by then. Half a decade is enough for a Wasserstein critic while samples are far from the data.
    Why it happens:
        Each player's step makes the other's next step larger: a critic whose Lipschitz constraint fails, a
        learning rate beyond what the curvature allows, simultaneous steps on a rotating field. Outputs then grow
        exponentially while samples get worse.
    Misses:
        Growth held down by clipping. A D whose outputs pass through a sigmoid, which bounds them. Data without
        spread.
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

    decades: float = threshold(1.5, "156 healthy tuning runs stay below 0.4; 17 of 23 that diverge come to 3.1 or more")
    critic_decades: float = threshold(
        0.5,
        "of Wasserstein critics far from the data; 12 healthy tuning runs grow by 0.11, six that diverge by 0.63",
    )
    far: float = threshold(0.15, "real spreads of energy distance: as in discriminator-too-weak")
    stay: float = threshold(1 / 3, "of these decades, dates the onset")
    departure: float = threshold(
        1.0, "real spreads of energy distance above its lowest; healthy tuning runs whose outputs grow have 0.35"
    )
    output_floor: float = threshold(1.0, "outputs below this are small on any loss's scale")
    window_steps: int = threshold(100, "single steps jump by a decade, medians of 100 do not")
    warmup_steps: int = threshold(200, "while D's outputs leave zero nothing can be said about growth")
    min_steps: int = threshold(50, "half a window: no single stretch of spikes")
    min_run_steps: int = threshold(400, "the warm-up and two windows")

    def __post_init__(self) -> None:
        check_thresholds(self, "0 < critic_decades <= decades")
        if not 0 < self.stay <= 1:
            raise ValueError(f"stay must lie in (0, 1], got {self.stay}")

    @remembered
    def score(self, run: Run) -> pd.Series:
        """Growth over its limit, both in decades: above 1 it is too much."""
        growth = self._growth(run)
        critic = run.loss_family in CRITICS and held(self._distance(run), growth.index) > self.far
        return (growth / np.where(critic, self.critic_decades, self.decades)).rename("growth")

    @remembered
    def _growth(self, run: Run) -> pd.Series:
        """Decades by which D's outputs have risen above their lowest level.

        No more than the gradients have risen, unless the samples have left the data.
        """
        frame = run.scalars
        sizes = {n: frame[n] for n in ("d/real/std", "d/fake/std") if n in frame}
        outputs = pd.DataFrame(sizes | {"gap": (frame["d/real/mean"] - frame["d/fake/mean"]).abs()}).max(axis=1)
        gradients = frame[[n for n in GRADIENTS.split("|") if n in frame]].max(axis=1).dropna()
        risen = self._risen(outputs.dropna(), self.output_floor)
        growth = held(self._risen(gradients, 0.0), risen.index)
        gone = held(self._departure(run), risen.index) > self.departure
        return risen.where(risen < growth, growth.where(~gone, risen)).dropna()

    @remembered
    def _distance(self, run: Run) -> pd.Series:
        """Distance of the samples from the data, in units of the real spread."""
        distance = rolling_median(run.series("distance/energy"), self.window_steps)
        return distance / held(rolling_median(run.series("diversity/real"), self.window_steps), distance.index)

    def _departure(self, run: Run) -> pd.Series:
        """As `_distance`, above its lowest value so far."""
        distance = self._distance(run)
        return distance - distance.cummin()

    def _risen(self, series: pd.Series, floor: float) -> pd.Series:
        level = rolling_median(series, self.window_steps)
        level = level.loc[level.index[:1].min() + self.warmup_steps :] if len(level) else level
        decades: pd.Series = np.log10(level.clip(lower=max(floor, 1e-30), upper=1e30))
        return decades - decades.cummin()

    def __call__(self, run: Run) -> list[Finding]:
        score = self.score(run)
        found = spells(
            score > 1,
            score > self.stay,
            min_steps=self.min_steps,
            lead_steps=self.window_steps // 2,
        )
        return [self._finding(run, spell) for spell in found]

    def _finding(self, run: Run, spell: Spell) -> Finding:
        growth = self._growth(run)
        peak = float(growth.loc[spell.onset : spell.last].max())
        limit = value_at(growth, spell.certain) / value_at(self.score(run), spell.certain)
        facts = [evidence(growth, limit, "above", spell.certain, "decades of growth")]
        columns = ["d/real/mean", "d/fake/mean", "d/real/std", "grad/generator/norm", "grad/discriminator/norm"]
        departure = self._departure(run)
        gone = len(departure) and value_at(departure, spell.certain) > self.departure
        if gone:
            label = "distance/energy above its lowest / diversity/real"
            facts.append(evidence(departure, self.departure, "above", spell.certain, label))
            columns.append("distance/energy")
        who = "D's outputs" if gone else "D's outputs and the gradients"
        left = ", and the samples left the data" if gone else ""
        summary = f"{who} grew {10**peak:,.2g}-fold{left} from step {spell.onset:,}"
        return finding(self, spell, "failure", summary, tuple(facts), tuple(columns))

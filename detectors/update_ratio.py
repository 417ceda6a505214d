"""How often D is updated for each update of G."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, ClassVar

from gandiag.wording import pace_in_words

from .remedies import named
from .specification import check_thresholds, evidence, finding, threshold
from .windows import remembered, rolling_mean, rolling_median, spells, value_at

if TYPE_CHECKING:
    from collections.abc import Mapping

    import pandas as pd

    from gandiag.findings import Finding, Severity
    from gandiag.rundir.run import Run

    from .windows import Spell

PACE = "pace/discriminator"
CRITICS = ("wgan", "wgan-gp")


@dataclass(frozen=True, kw_only=True)
class UpdateRatio:
    """D is updated far more often than G, or G more often than D, than anybody does on purpose.

    Sees:
        How many updates of D there are for each one of G, counted in every step. A steady rhythm is what the code says,
        so that it can be held against what is published: one to five updates of D, for a while up to some twenty; up
        to five of G, and none beyond one where the loss is a Wasserstein loss, whose critic is to be ahead of G. What
        is out of the common, but has been done, is mentioned.
    Why it happens:
        A mistake in the loop: `if step % n` stands before the other network's update, counts batches in place of steps,
        or is one level too deep, so that one network is updated once in an epoch; n_critic was set and is not used. The
        network that is updated seldom cannot answer, which looks like a D that is too weak or too strong.
    Misses:
        Wrong counts within what is published: one update of the critic in place of five, say. Rhythms that change, as
        of loops that leave D out while it is too good, are taken to be meant so.
    Try:
        - count-updates
        - critic-updates
    References:
        Goodfellow et al. 2014 (k updates of D, k = 1); Arjovsky et al. 2017 and Gulrajani et al. 2017 (5 of a critic;
        100 of it only in each of the first 25 steps and every 500th); Heusel et al. 2017 (one each, two time scales).
    """

    code: ClassVar[str] = "update-ratio"
    needs: ClassVar[tuple[str, ...]] = (PACE,)
    how_to: ClassVar[str] = "attach with gandiag.attach, and step torch optimizers"
    not_for: ClassVar[Mapping[str, str]] = {}

    most: float = threshold(
        20.0, "our choice: published are 5, and 100 for some steps at the start (Arjovsky et al. 2017)"
    )
    least: float = threshold(0.1, "our choice: twice as rare as the rarest we know, one update of D for five of G")
    usual: float = threshold(
        5.0, "Arjovsky et al. 2017, Gulrajani et al. 2017; what is above, or below 1, is mentioned"
    )
    steady: float = threshold(0.8, "our choice: the share of recent steps that keep to one rhythm")
    alike: float = threshold(0.05, "our choice: so close, relatively, are two rhythms that are one")
    window_steps: int = threshold(100, "our choice")
    min_steps: int = threshold(100, "our choice: Arjovsky et al. 2017 train a critic a hundred times in 25 steps")
    min_run_steps: int = threshold(100, "a spell")

    def __post_init__(self) -> None:
        check_thresholds(self, "0 < least < 1", "1 < usual <= most", "0 < steady < 1")

    @remembered
    def score(self, run: Run) -> pd.Series:
        """How many updates the one network has for each update of the other, the more frequent over the rarer."""
        level = self._level(run)
        return level.where(level >= 1, 1 / level).rename("updates of one network per update of the other")

    @remembered
    def _level(self, run: Run) -> pd.Series:
        """The rhythm, updates of D per update of G, at steps at which it is steady."""
        pace = run.series(PACE)
        level = rolling_median(pace, self.window_steps, 5)
        near = (pace.reindex(level.index) / level - 1).abs() < self.alike
        kept = rolling_mean(near.astype(float), self.window_steps, 1).reindex(level.index) >= self.steady
        return level[kept & (level > 0)]

    def __call__(self, run: Run) -> list[Finding]:
        level = self._level(run)
        unusual = ~level.between(1 - self.alike, self.usual + self.alike)
        flags = unusual.reindex(run.series(PACE).dropna().index, fill_value=False)  # a rhythm that is lost is over
        window = self.window_steps
        found = spells(flags, min_steps=self.min_steps, lead_steps=window // 2, bridge_steps=window)
        return [self._found(run, level, spell) for spell in found]

    def _found(self, run: Run, level: pd.Series, spell: Spell) -> Finding:
        pace = value_at(level, spell.certain)
        behind = pace < 1 and run.loss_family in CRITICS
        implausible = behind or not self.least <= pace <= self.most
        severity: Severity = "warning" if implausible and spell.ongoing else "info"
        if pace < 1:
            limit = self.least if implausible and not behind else 1.0
        else:
            limit = self.most if implausible else self.usual
        fact = evidence(level, limit, "below" if pace < 1 else "above", spell.certain)
        summary = f"{pace_in_words(pace)}, from step {spell.onset:,}"
        summary += ", under a Wasserstein loss, whose critic is to be ahead of G" if behind else ""
        made = finding(self, spell, severity, summary, (fact,), (PACE,))
        return replace(made, remedies=named(["critic-updates"] * behind + ["count-updates"]))

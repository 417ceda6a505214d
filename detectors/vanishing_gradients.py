"""Feedback from D that has faded away."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, ClassVar

import numpy as np
import pandas as pd

from .remedies import named
from .specification import check_thresholds, evidence, finding, threshold
from .windows import MAX_STRETCH, held, remembered, rolling_mean, rolling_median, spells

if TYPE_CHECKING:
    from collections.abc import Mapping

    from gandiag.findings import Finding
    from gandiag.rundir.run import Run

    from .windows import Spell


DEAD = ("leaky-relu", "fresh-discriminator", "roll-back")
"""Remedies where nothing comes back from D at all."""
FADED, PASSED = "feedback/norm", "pull/passed"
COLUMNS = (FADED, PASSED, "grad/generator/norm", "d/auc", "d/fake/mean")
FALLEN = (
    "The gradient that D gives G fell to {low} of its best level from step {onset:,}, while D tells real from generated"
)
FLAT = "; D ends in a sigmoid, which is flat there"
SATURATED = (
    "From step {onset:,} G's loss lets {low} of its gradient through to D's outputs, which tell real from generated: "
    "it is the saturating one, log(1 - D); what else moves G, if anything, comes from other terms of its loss"
)
SIGMOID = "sigmoid"  # as run.json has it of D's end
UNBOUNDED = ("lsgan", "hinge", "wgan", "wgan-gp")
"""Losses of outputs without bounds: the logarithm of the others makes up for a sigmoid's flat ends, theirs does not."""


@dataclass(frozen=True, kw_only=True)
class VanishingGradients:
    """D tells generated from real so surely that hardly any gradient reaches the generator.

    Sees:
        The feedback at G's output (or, without it, G's gradient norm) far below the best level this run had, or D's
        outputs on generated samples so low that the saturating loss lets next to nothing through; both only while D
        separates real from generated, and its mean outputs stand apart. Which loss it is shows at D's outputs at any
        time: also one that becomes the saturating one, and beside other terms of G's loss (L1, in image to image).
        Feedback of exactly 0 for hundreds of steps, whatever D says.
    Why it happens:
        Where D is sure that a sample is generated, the saturating loss log(1 - D) is flat: its gradient is
        sigmoid(logit), next to nothing. So is a sigmoid at D's end under a loss without a logarithm (least squares,
        hinge, Wasserstein), whose gradient is p (1 - p) times what it should be: fine as long as D is unsure. Real and
        generated data that lie on disjoint thin sets let D become that sure. The better D, the less G learns.
    Misses:
        A layer inside G or D whose own gradient is gone while the feedback is not. Feedback that was never more than
        next to nothing, under a loss other than the saturating one. D's part of a gradient to which other terms of G's
        loss add theirs, where it fades within D. Feedback that fades because G and D are at rest, which is convergence:
        D is at chance then, or its outputs on both have met.
    Try:
        - non-saturating-loss
        - clip-bound
        - penalty-weight
        - train-d-less
        - instance-noise
        - r1-penalty
        - wgan-gp
    References:
        Goodfellow et al. 2014; Arjovsky & Bottou 2017, whose frozen-G experiment decays by some five orders of
        magnitude; the factor p / (1 - p) between saturating and non-saturating gradients is exact.
    """

    code: ClassVar[str] = "vanishing-gradients"
    needs: ClassVar[tuple[str, ...]] = ("feedback/norm|grad/generator/norm", "d/auc")
    how_to: ClassVar[str] = (
        "attach with gandiag.attach; where D's outputs are not attributed, callback.observe(real=, fake=)"
    )
    not_for: ClassVar[Mapping[str, str]] = {}

    ratio: float = threshold(
        0.01, "of the best window: the hundredfold fall that Arjovsky & Bottou's experiment must show"
    )
    stay_ratio: float = threshold(0.03, "dates the onset")
    saturation: float = threshold(0.01, "sigmoid(logit): a hundredth of the gradient gets through the saturating loss")
    auc: float = threshold(0.9, "D separates; below, fading feedback may be convergence")
    gap: float = threshold(
        0.1,
        "of the widest gap between D's mean outputs so far; at rest both meet (a critically damped Dirac-GAN: 1e-8)",
    )
    zero_steps: int = threshold(200, "our choice: at rest feedback is small, not 0, and single steps of 0 come and go")
    window_steps: int = threshold(100, "single steps of healthy tuning runs vary by a quarter")
    min_steps: int = threshold(50, "half a window: no single stretch of weak steps")
    min_run_steps: int = threshold(200, "two windows: one to have had feedback in")

    def __post_init__(self) -> None:
        check_thresholds(self, "0 < ratio <= stay_ratio < 1")

    @remembered
    def score(self, run: Run) -> pd.Series:
        """Share of the generator's learning signal that is left, 1 all, 0 nothing, where D's AUC is known."""
        left = self._left(run)
        return left[self._auc(run, left.index).notna()].rename("feedback left")

    @remembered
    def _left(self, run: Run) -> pd.Series:
        """As `score`, at all steps."""
        return self._shares(run).min(axis=1).dropna().rename("feedback left")

    @remembered
    def _shares(self, run: Run) -> pd.DataFrame:
        """What is left of the feedback, against its best, and of G's loss at D's outputs, where that is known."""
        level = rolling_median(self._feedback(run), self.window_steps)
        shares = {FADED: (level / level.cummax()).mask(self._never(run, level), 0.0)}
        passed = rolling_median(run.series(PASSED), self.window_steps)
        if len(passed):
            known = held(passed, level.index, MAX_STRETCH * self.window_steps)
            shares[PASSED] = known.where(shares[FADED].notna())
        if run.loss_family == "minimax":
            assumed = held(self._passed(run), level.index)
            shares[PASSED] = shares[PASSED].fillna(assumed) if PASSED in shares else assumed
        return pd.DataFrame(shares, index=level.index)

    def _never(self, run: Run, level: pd.Series) -> pd.Series:
        """Whether there never was any feedback at a level's steps, and G has had no gradient from elsewhere."""
        own = held(run.series("grad/generator/norm").cummax(), level.index).fillna(0.0)
        return (level.cummax() == 0) & (own == 0)

    def _auc(self, run: Run, steps: pd.Index) -> pd.Series:
        """D's AUC, unknown once D has not been shown both kinds for long."""
        auc = rolling_mean(run.series("d/auc"), self.window_steps)
        return held(auc, steps, MAX_STRETCH * self.window_steps)

    def _apart(self, run: Run, steps: pd.Index) -> pd.Series:
        """Whether D's mean outputs on real and generated samples are as far apart as they were, or nearly."""
        gap = rolling_median(run.series("d/real/mean") - run.series("d/fake/mean"), self.window_steps)
        apart = held(gap >= self.gap * gap.cummax(), steps) if len(gap) else pd.Series(data=True, index=steps)
        return apart.fillna(value=True).astype(bool)

    def _feedback(self, run: Run) -> pd.Series:
        name = next(n for n in self.needs[0].split("|") if not run.series(n).empty)
        return run.series(name)

    def _passed(self, run: Run) -> pd.Series:
        """Sigmoid of the mean logit on generated samples: what the saturating loss lets through."""
        logits = rolling_median(run.series("d/fake/mean"), self.window_steps)
        low = held(run.series("d/fake/min").cummin(), logits.index)
        high = held(run.series("d/real/max").cummax(), logits.index)
        return logits.where((low >= 0) & (high <= 1), 1 / (1 + np.exp(-logits.clip(-60, 60))))

    def __call__(self, run: Run) -> list[Finding]:
        left = self._left(run)
        feedback = self._shares(run)[FADED].reindex(left.index)
        separates = (self._auc(run, left.index) >= self.auc) & self._apart(run, left.index)
        gone = self._gone(run, feedback)
        found = []
        for spell in spells(
            ((left < self.ratio) & separates) | gone,
            ((left < self.stay_ratio) & separates) | (feedback == 0),
            min_steps=self.min_steps,
            lead_steps=self.window_steps // 2,
        ):
            if separates.loc[spell.certain]:
                found.append(self._faded(run, spell))
            else:
                summary = f"No gradient at all has reached G for {self.zero_steps} steps at step {spell.certain:,}"
                facts = (evidence(left, self.ratio, "below", spell.certain),)
                made = finding(self, spell, "failure", summary, facts, COLUMNS)
                found.append(replace(made, remedies=named(DEAD)))
        return found

    def _faded(self, run: Run, spell: Spell) -> Finding:
        """Feedback that D's certainty let fade, or that the saturating loss holds back while other terms go on."""
        left = self._left(run)
        low = f"{float(left.loc[spell.onset : spell.last].min()):.2g}"
        facts = (
            evidence(left, self.ratio, "below", spell.certain),
            evidence(self._auc(run, left.index), self.auc, "above", spell.certain),
        )
        beside = bool(self._shares(run)[FADED].loc[spell.certain] >= self.stay_ratio)
        flat = run.loss_family in UNBOUNDED and SIGMOID in run.meta.get("discriminator_ends", {}).values()
        words = SATURATED if beside else FALLEN + FLAT if flat else FALLEN
        columns = (PASSED, *(c for c in COLUMNS if c != PASSED)) if beside else COLUMNS
        made = finding(self, spell, "failure", words.format(low=low, onset=spell.onset), facts, columns)
        if beside:  # whichever loss the training began with
            first = tuple(replace(remedy, families=()) for remedy in named(("non-saturating-loss",)))
        else:
            first = named(("linear-end",)) if flat else ()
        return replace(made, remedies=(*first, *(r for r in made.remedies if r.name not in {f.name for f in first})))

    def _gone(self, run: Run, left: pd.Series) -> pd.Series:
        """Whether feedback has been exactly 0 for long, in a game about more than one point."""
        steps = left.index.to_series()
        alive = steps.where(left > 0).ffill().fillna(steps.iloc[0] if len(steps) else 0)
        spread = held(run.series("diversity/real"), left.index)
        return (left == 0) & (steps - alive >= self.zero_steps) & ~(spread == 0)

"""A penalty on D's gradient that does not do what it is meant to, or is missing."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, ClassVar

import numpy as np
import pandas as pd

from gandiag.findings import Evidence

from .non_finite import first_place
from .remedies import named
from .specification import check_thresholds, evidence, finding, threshold
from .windows import Spell, all_steps, held, remembered, rolling_mean, rolling_median, spells, step_of_lowest, value_at

if TYPE_CHECKING:
    from collections.abc import Mapping

    from gandiag.findings import Finding
    from gandiag.rundir.run import Run

ALONG, ALONE, UNDEFINED, NORM, TO_ZERO = (
    f"penalty/{name}" for name in ("along", "alone", "undefined", "norm", "to_zero")
)
STEEP, AT_BOUND, GRADIENT = "d/lipschitz", "weights/discriminator/at_bound", "grad/discriminator/norm"
FEW = 2  # weights of a matrix as large as the largest, where none is clipped
FIRST = {ALONG: "norm-per-sample", ALONE: "whole-loss", UNDEFINED: "safe-norm", STEEP: "bound-the-critic"}
SAYS = {
    ALONG: "The penalty on D's gradient does not depend on the norm per sample: it is taken over another axis",
    ALONE: "D is updated by the gradient of a penalty alone, without that of its loss",
    UNDEFINED: "The penalty's gradient is not finite where D's own gradient is 0: a root without a small constant",
    STEEP: "Nothing bounds the critic, neither clipped weights nor a penalty",
}
SUDDEN = "All is NaN from one record to the next, with a penalty in use: most likely its root at 0"


@dataclass(frozen=True, kw_only=True)
class PenaltyError:
    """A gradient penalty of which the norm or the root is wrong, that D is updated with alone, or that is missing.

    Sees:
        How a penalty depends on D's gradient: a function of the norm per sample pulls along it. Whether that pull is
        finite where the gradient is 0. Updates of D through which only a penalty sent a gradient. Critics with a
        Wasserstein loss that have neither a penalty, nor clipped or normalised weights, and become too steep. All
        values NaN from one record to the next, without growth, while a penalty is in use.
    Why it happens:
        A mistake in the loop: the norm of images taken over their channels only, so that the slope is held at the
        square root of the number of pixels; sqrt or norm at 0, which has no derivative; a loss whose backward pass
        is missing beside the penalty's; a WGAN without its clipping.
    Misses:
        Penalties that are computed without a gradient by D's input, or within torch.func. The weight of a penalty, and
        the points at which it is taken (critic-constraint).
    Try:
        - norm-per-sample
        - safe-norm
        - whole-loss
        - bound-the-critic
    References:
        Gulrajani et al. 2017 (the norm of the whole sample); Arjovsky et al. 2017 (clipping).
    """

    code: ClassVar[str] = "penalty-error"
    needs: ClassVar[tuple[str, ...]] = (f"{ALONE}|{ALONG}",)
    how_to: ClassVar[str] = "attach with gandiag.attach"
    not_for: ClassVar[Mapping[str, str]] = {}

    along: float = threshold(0.95, "our choice: a norm per sample has 1 to rounding, one over channels 0.0 to 0.8")
    steep: float = threshold(3.0, "our choice: a slope that is held at the root of 9 pixels or more is a failure")
    share: float = threshold(0.9, "our choice: right loops have 0; a mistake in the code shows in every step")
    steepest: float = threshold(2.0, "our choice: twice the slope that critics are to have")
    steeper: float = threshold(2.0, "our choice, times the least steepness so far")
    far_too_steep: float = threshold(10.0, "our choice: a failure, whether it grows on or not")
    growth: float = threshold(10.0, "our choice, times its median: gradients that grow first are another failure")
    window_steps: int = threshold(40, "our choice")
    steep_steps: int = threshold(100, "our choice: a critic's first steps are no measure")
    min_steps: int = threshold(50, "our choice: with the window, told within 100 steps")
    min_run_steps: int = threshold(100, "a window and a spell")

    def __post_init__(self) -> None:
        check_thresholds(
            self, "0 < along < 1", "0 < share < 1", "1 < steeper", "1 < growth", "steepest <= far_too_steep"
        )

    @remembered
    def score(self, run: Run) -> pd.Series:
        """1 where one of the rules holds, 0 where none does."""
        return self._rules(run).max(axis=1).dropna().rename("penalty")

    @remembered
    def _rules(self, run: Run) -> pd.DataFrame:
        """Each rule by step, 1 where it holds."""
        along = rolling_median(run.series(ALONG), self.window_steps, 5)
        alone = rolling_mean(run.series(ALONE), self.window_steps, 5)
        rules = {ALONG: along < self.along, ALONE: alone > self.share, UNDEFINED: self._undefined(run)}
        rules[STEEP] = self._unbounded(run)
        steps = all_steps(rules.values())
        return pd.DataFrame({n: held(rule.astype(float), steps) for n, rule in rules.items() if len(rule)}, index=steps)

    def _undefined(self, run: Run) -> pd.Series:
        """Whether all is NaN since a penalty had no finite gradient, or since one step that nothing announced."""
        bad = run.series("nonfinite") > 0
        undefined = run.series(UNDEFINED) > 0
        steps = all_steps([bad, undefined])
        since = (held(undefined.astype(float), steps) > 0).cummax() | self._sudden(run, bad).reindex(
            steps, fill_value=False
        )
        return since & ((held(bad.astype(float), steps) > 0) | undefined.reindex(steps, fill_value=False))

    def _sudden(self, run: Run, bad: pd.Series) -> pd.Series:
        """Whether everything became NaN without growth or a bad batch before, in single precision."""
        norms, gradients = run.series(NORM), run.series(GRADIENT)
        gradients = gradients[np.isfinite(gradients)]
        if not bad.any() or norms.empty or not run.series("skipped/discriminator").empty:
            return bad & False
        first = int(bad.index[int(bad.to_numpy().argmax())])
        before = gradients.loc[: first - 1]
        spoilt = run.series("range/real/nonfinite").loc[:first].max() > 0
        lasting = bool(bad.loc[first:].all()) and (bad.index >= first).sum() > 1
        if run.series(TO_ZERO).loc[:first].median() == 1 or not _may_be_a_penalty(run, bad, first):
            return bad & False
        calm = len(before) >= self.growth and before.iloc[-3:].max() < self.growth * before.median()
        return bad & (bad.index >= first) & (calm and lasting and not spoilt and norms.index[0] < first)

    def _unbounded(self, run: Run) -> pd.Series:
        """Whether a critic that nothing bounds is steep, and becomes steeper."""
        level = rolling_median(run.series(STEEP), self.steep_steps)
        told = run.meta.get("roles", {}).get("discriminator", {})
        bounded = run.loss_family != "wgan" or not told or told.get("normalised") or len(run.series(NORM))
        if bounded or level.empty:
            return level.iloc[:0] > 0
        clipped = held(run.series(AT_BOUND), level.index) * told["parameters"] > FEW * (len(told["layers"]) + 1)
        level = level.loc[level.index[0] + self.steep_steps // 2 :]
        steeper = level > np.minimum(np.maximum(self.steepest, self.steeper * level.cummin()), self.far_too_steep)
        found: pd.Series = steeper & ~clipped.reindex(level.index).cummax()
        return found

    def __call__(self, run: Run) -> list[Finding]:
        rules = self._rules(run)
        found = []
        for name in (str(column) for column in rules):
            least, lead = (1, 0) if name == UNDEFINED else (self.min_steps, self.window_steps // 2)
            lasting = spells(rules[name] > 0, min_steps=least, lead_steps=lead, bridge_steps=self.steep_steps)
            if name == STEEP and lasting:  # a bound that is missing was missing from the start, and still is
                steps = run.series(STEEP).index
                lasting = [Spell(int(steps[0]), int(steps[-1]), lasting[0].certain, ongoing=True)]
            found += [self._found(run, name, spell) for spell in lasting]
        return found

    def _found(self, run: Run, name: str, spell: Spell) -> Finding:
        says, severe = SAYS[name], True
        if name == ALONG:
            level = rolling_median(run.series(ALONG), self.window_steps, 5)
            severe = value_at(run.series(NORM), spell.certain) > self.steep
            fact = evidence(level, self.along, "below", spell.certain)
        elif name == ALONE:
            fact = evidence(rolling_mean(run.series(ALONE), self.window_steps, 5), self.share, "above", spell.certain)
        elif name == STEEP:
            level = rolling_median(run.series(STEEP), self.steep_steps)
            severe = level.max() > self.far_too_steep
            worst = step_of_lowest(-level)
            fact = evidence(level, self.far_too_steep if severe else self.steepest, "above", worst)
            says += f": its slope is up to {fact.value:.2g} at step {worst:,}, where some 1 is meant"
        elif run.series(UNDEFINED).loc[: spell.certain].max() > 0:
            fact = Evidence(signal=UNDEFINED, value=1.0, threshold=0.0)
        else:
            says, fact = SUDDEN, evidence(run.series("nonfinite"), 0, "above", spell.certain)
        summary = says if name == STEEP else f"{says}, from step {spell.onset:,}"
        columns = (NORM, ALONG, ALONE, UNDEFINED, STEEP)
        made = finding(self, spell, "failure" if severe else "warning", summary, (fact,), columns)
        return replace(made, remedies=named([FIRST[name], *(("penalty-weight",) if name == ALONG else ())]))


def _may_be_a_penalty(run: Run, bad: pd.Series, step: int) -> bool:
    """Whether NaN, first seen at a step, can have begun with D's gradient: not where that is finite, nor where the step
    before was recorded and this one had NaN in samples, in D's outputs or in a loss before D was updated.
    """
    if run.series("grad/discriminator/nonfinite").get(step) == 0:
        return False
    before = bad.index[bad.index < step]
    gap = not len(before) or step - int(before[-1]) > 1
    return gap or first_place(run, step) in ("", "grad/discriminator/nonfinite")

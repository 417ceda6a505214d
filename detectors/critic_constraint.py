"""A critic whose Lipschitz constraint does not do what it is meant to."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, ClassVar

import numpy as np
import pandas as pd

from gandiag.findings import Evidence

from .layers import layer_levels
from .specification import check_thresholds, finding, threshold
from .windows import remembered, rolling_mean, rolling_median, side_by_side, spells, value_at

if TYPE_CHECKING:
    from collections.abc import Mapping

    from gandiag.findings import Finding, Severity
    from gandiag.rundir.run import Run

CRITICS = ("wgan", "wgan-gp")
AT_BOUND, PENALTY, LIPSCHITZ = "weights/discriminator/at_bound", "penalty/norm", "d/lipschitz"
LAYERS = "grad/discriminator/layer/<layer>"


@dataclass(frozen=True)
class _Rule:
    """One symptom: its values, how bad they are (above 1: too bad), between which limits they should lie."""

    label: str
    values: pd.Series
    score: pd.Series
    above: float
    below: float
    says: str

    def fact(self, step: int) -> Evidence:
        value = value_at(self.values, step)
        if value > self.above:
            return Evidence(signal=self.label, value=value, threshold=self.above)
        return Evidence(signal=self.label, value=value, threshold=self.below, comparison="below")


@dataclass(frozen=True, kw_only=True)
class CriticConstraint:
    """The critic's Lipschitz constraint fails: weights pile up at the clip bound, or the critic is too steep or flat.

    Sees:
        Weights of D that are all as large as the largest, and gradient norms that grow or decay exponentially through
        the layers. For losses known to be Wasserstein's also the gradient norm on a penalty's interpolates away from
        1 (WGAN-GP's target), and the steepest slope seen between a real and a generated sample against the run's
        first steps.
    Why it happens:
        Clipping bounds each weight, not the critic: weights end up at plus or minus the bound, the critic becomes
        too simple, and gradients shrink or grow with every layer. A penalty that is too weak, or that is computed
        on the wrong points, lets the critic become steep; without any constraint it grows without limit.
    Misses:
        What the recorded slopes do not show: the true Lipschitz constant is at least that large. Penalties whose
        target is not 1, unless the loss is said to be wgan-gp. Depth, where several discriminators are watched.
    Try:
        - clip-bound
        - penalty-weight
        - no-batch-norm-in-critic
        - wgan-gp
        - spectral-norm
    References:
        Arjovsky et al. 2017 (WGAN); Gulrajani et al. 2017, figure 1 (weights at the bound, norms through depth);
        Miyato et al. 2018 (spectral normalisation).
    """

    code: ClassVar[str] = "critic-constraint"
    needs: ClassVar[tuple[str, ...]] = (f"{AT_BOUND}|{PENALTY}|{LIPSCHITZ}|{LAYERS}",)
    how_to: ClassVar[str] = "attach with gandiag.attach; weights are looked at every 50 steps"
    not_for: ClassVar[Mapping[str, str]] = dict.fromkeys(
        ("minimax", "non-saturating", "lsgan", "hinge", "relativistic", "other"),
        "only Wasserstein critics need a Lipschitz constraint; other losses saturate or have fixed targets",
    )

    at_bound: float = threshold(0.5, "our choice, after figure 1 of Gulrajani et al. 2017: half of all weights")
    penalty_factor: float = threshold(
        5.0,
        "times or below WGAN-GP's target of 1: healthy tuning runs on rings, with the weight of 0.1, have 2.1 to 3.1",
    )
    steeper: float = threshold(10.0, "our choice: times the highest level of the first steps")
    flatter: float = threshold(100.0, "our choice: a hundredth of it, as for gradients that vanish")
    slope: float = threshold(0.5, "our choice: decades per layer, after the same figure: tenfold in two layers")
    failure: float = threshold(1.8, "our choice, times the limit of weights at the bound: 90 % of them")
    min_layers: int = threshold(3, "a slope through fewer is a difference")
    reference_steps: int = threshold(500, "our choice: a critic has found its scale by then")
    grace_steps: int = threshold(1000, "our choice: so long may the penalty take to bring the norm near 1")
    window_steps: int = threshold(200, "20 records at the usual interval of 10 steps")
    min_steps: int = threshold(300, "six looks at the weights at the usual interval of 50 steps")
    min_run_steps: int = threshold(500, "a window and a spell")

    def __post_init__(self) -> None:
        check_thresholds(self)
        for name in ("penalty_factor", "steeper", "flatter", "failure"):
            if not getattr(self, name) > 1:
                raise ValueError(f"{name} must be above 1, got {getattr(self, name)}")

    @remembered
    def score(self, run: Run) -> pd.Series:
        """How far the worst symptom is beyond its limit, on its own scale: above 1 it is."""
        return self._scores(run).max(axis=1).dropna().rename("constraint")

    @remembered
    def _scores(self, run: Run) -> pd.DataFrame:
        return side_by_side({rule.label: rule.score for rule in self._rules(run)})

    @remembered
    def _rules(self, run: Run) -> tuple[_Rule, ...]:
        """Those that apply to the loss family."""
        bound = run.series(AT_BOUND)
        says = "{0:.0%} of D's weights lie at the bound to which they are clipped"
        rules = [_Rule(AT_BOUND, bound, bound / self.at_bound, self.at_bound, 0.0, says)]
        to_zero = run.loss_family != "wgan-gp" and run.series("penalty/to_zero").median() == 1
        if run.loss_family in CRITICS:
            rules += [self._lipschitz(run)] if to_zero else [self._penalty(run), self._lipschitz(run)]
        return (*rules, self._slope(run))

    def _penalty(self, run: Run) -> _Rule:
        norms = rolling_mean(run.series(PENALTY), self.window_steps)
        score = np.abs(np.log(norms.clip(lower=1e-12))) / np.log(self.penalty_factor)
        if len(norms):
            settled = norms.index >= norms.index[0] + self.grace_steps
            score = score.where((score < 1).cummax() | settled)
        says = "The critic's gradient norm on interpolates is {0:.2g}, not 1"
        return _Rule(PENALTY, norms, score, self.penalty_factor, 1 / self.penalty_factor, says)

    def _lipschitz(self, run: Run) -> _Rule:
        levels = rolling_median(run.series(LIPSCHITZ), self.window_steps)
        first = levels.index[0] + self.reference_steps if len(levels) else 0
        ratio = (levels / levels.loc[:first].max()).loc[first + 1 :]
        decades = np.log10(ratio.clip(lower=1e-12))
        score = (decades / np.log10(self.steeper)).clip(lower=-decades / np.log10(self.flatter))
        label = f"{LIPSCHITZ} / its highest level in {self.reference_steps:,} steps"
        says = "The critic is {0:.2g} times as steep as it was"
        return _Rule(label, ratio, score, self.steeper, 1 / self.flatter, says)

    def _slope(self, run: Run) -> _Rule:
        """Least-squares slope of log10 gradient norm over the layer's number."""
        levels = layer_levels(run, "discriminator", self.window_steps)
        depth = np.arange(levels.shape[1]) - (levels.shape[1] - 1) / 2
        if len(depth) < self.min_layers:
            levels = levels.iloc[:0]
        decades = np.log10(levels.where(levels > 0).to_numpy()) @ depth / max(float(depth @ depth), 1.0)
        slopes = pd.Series(np.abs(decades), index=levels.index).dropna()
        label = "decades of gradient norm per layer of D"
        says = "The critic's gradient norm changes by {0:.2g} decades from layer to layer"
        return _Rule(label, slopes, slopes / self.slope, self.slope, 0.0, says)

    def __call__(self, run: Run) -> list[Finding]:
        scores = self._scores(run)
        found = []
        for spell in spells((scores > 1).any(axis=1), min_steps=self.min_steps, lead_steps=self.window_steps // 2):
            at = scores.loc[spell.certain]
            broken = sorted((r for r in self._rules(run) if at[r.label] > 1), key=lambda r: -at[r.label])
            inside = scores.loc[spell.onset : spell.last]
            bound, others = inside[AT_BOUND], inside.drop(columns=AT_BOUND)  # which on their own are no proof
            proof = (bound > self.failure) | ((bound > 1) & (others > 1).any(axis=1))
            severe = bool(spells(proof, min_steps=self.min_steps))
            severity: Severity = "failure" if severe else "warning"
            worst = broken[0]
            summary = f"{worst.says.format(value_at(worst.values, spell.certain))}, from step {spell.onset:,}"
            facts = tuple(rule.fact(spell.certain) for rule in broken)
            columns = (AT_BOUND, PENALTY, LIPSCHITZ, *run.names(LAYERS))
            found.append(finding(self, spell, severity, summary, facts, columns))
        return found

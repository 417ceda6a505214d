"""Collapse seen without labels."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, ClassVar

import pandas as pd

from gandiag.findings import Evidence

from .remedies import named
from .specification import check_thresholds, evidence, finding, threshold
from .windows import counted, has_reached, held, remembered, rolling_median, spells, step_of_lowest

if TYPE_CHECKING:
    from collections.abc import Mapping

    from gandiag.findings import Finding, Severity
    from gandiag.rundir.run import Run

    from .windows import Spell


REAL, FAKE = "diversity/real", "diversity/fake"
RATIO, NEAREST, LATENT = "diversity/ratio", "diversity/nearest_ratio", "diversity/latent"
COVERAGE = "quality/coverage"
MEASURES = {  # for the evidence
    RATIO: "diversity, generated over real",
    NEAREST: "diversity, generated over real (nearest samples)",
    COVERAGE: "coverage over its best",
    LATENT: "distance over that of latents, over its best",
}
SAYS = {
    COVERAGE: "From step {onset:,} on generated samples cover only {left:.0%} of what they covered at best",
    LATENT: "From step {onset:,} on two latents give samples that differ {less} times less than at their best",
}
ALIKE = "From step {onset:,} on generated samples differ {less} times less from each other than real ones do"
NEVER = "Generated samples never were as diverse as real ones: at step {worst:,} they differed {less} times less"
NOT_YET = "Generated samples were not yet as diverse as real ones: at step {worst:,} they differed {less} times less"
FROM_THE_START = ("test-d-alone", "packing", "minibatch-stddev")
"""Remedies for a G that never was diverse: there is nothing to go back to."""


@dataclass(frozen=True, kw_only=True)
class SampleCollapse:
    """Generated samples of one batch are far more alike than real samples are.

    Sees:
        Two distances within a batch, generated over real: between all pairs (everything looks alike) and to the
        nearest other sample (several groups of near-duplicates, which the first one misses). No labels needed. Where a
        quality metric tells the coverage, also a fall of that against its best (a part of the data is lost). Where no
        real batch was seen, a G that has become insensitive to its latents, against its own best: a warning. What is on
        its way back when the record ends is a warning, too; a G that was slow to learn is mentioned.
    Why it happens:
        G maps many latents to the few outputs that D rates best at the moment. D looks at one sample at a time
        and cannot see that they are all the same; if D is slow to answer (too weak, its learning rate too low
        against G's), G stays there or hops from one such output to the next. Losses show nothing: they may stay
        at log 2.
    Misses:
        Some modes lost while the others keep their spread (see mode-collapse, which needs labels). Outputs that
        vary without being any good.
    Try:
        - faster-discriminator
        - packing
        - minibatch-stddev
        - roll-back
        - unrolled-gan
    References:
        Salimans et al. 2016; Lin et al. 2018 (PacGAN); Arora & Zhang 2017 (near-duplicates); Naeem et al. 2020
        (coverage); Mao et al. 2019 (distances of samples over those of latents).
    """

    code: ClassVar[str] = "sample-collapse"
    needs: ClassVar[tuple[str, ...]] = (f"{RATIO}|{LATENT}",)
    how_to: ClassVar[str] = (
        "attach with gandiag.attach, or log diversity/ratio: mean pairwise distance of generated over real samples"
    )
    not_for: ClassVar[Mapping[str, str]] = {}

    ratio: float = threshold(0.5, "18 healthy tuning runs stay above 0.87 once trained for 1,000 steps")
    failure_ratio: float = threshold(
        0.35, "eight tuning runs whose G was made to outrun D have medians of 0.00 to 0.21"
    )
    stay_ratio: float = threshold(0.6, "dates the onset, and had to be passed before (see grace_steps)")
    window_steps: int = threshold(50, "the nearest ratio of single batches scatters by 9 % (digits) to 45 % (ring8)")
    min_steps: int = threshold(50, "a window")
    hold_steps: int = threshold(100, "so long it must have been diverse: two windows")
    grace_steps: int = threshold(
        1000, "a generator that never was diverse counts from here on, unless it still gets more so"
    )
    min_checks: int = threshold(2, "values of the coverage in a row: one alone may be chance")
    min_run_steps: int = threshold(200, "before, a generator has hardly left its initial state")

    def __post_init__(self) -> None:
        check_thresholds(self, "0 < failure_ratio <= ratio <= stay_ratio < 1")

    @remembered
    def score(self, run: Run) -> pd.Series:
        """Share of diversity that is left, by whichever recorded measure says least."""
        return self._left(run).min(axis=1).dropna().rename("diversity left")

    @remembered
    def _left(self, run: Run) -> pd.DataFrame:
        """Share of diversity left by each measure: 1 is as diverse as the data, or as G at its best."""
        if run.series(RATIO).empty:
            latent = rolling_median(run.series(LATENT), self.window_steps, min_rows=5)
            return pd.DataFrame({LATENT: latent / latent.cummax()})
        left = {name: rolling_median(run.series(name), self.window_steps) for name in (RATIO, NEAREST)}
        coverage = run.series(COVERAGE).rolling(self.min_checks).max()
        left[COVERAGE] = (coverage / coverage.cummax()).dropna()
        steps = left[RATIO].index
        return pd.DataFrame({name: held(series, steps) for name, series in left.items() if len(series)}, index=steps)

    def __call__(self, run: Run) -> list[Finding]:
        score = self.score(run)
        if score.empty:
            return []
        armed, dated = counted(score, self.stay_ratio, self.hold_steps, self.grace_steps)
        found = spells(
            (score < self.ratio) & armed,
            (score < self.stay_ratio) & dated,
            min_steps=self.min_steps,
            lead_steps=self.window_steps // 2,
            bridge_steps=self.window_steps,
        )
        return [*(self._finding(run, spell) for spell in found), *self._nothing_to_lose(run)]

    def _nothing_to_lose(self, run: Run) -> list[Finding]:
        """Said of data whose samples are all alike: meant where one point is learned, a broken loader elsewhere."""
        real = run.series(REAL)
        return [self._said(spell) for spell in spells(real == 0, min_steps=self.min_steps)]

    def _said(self, spell: Spell) -> Finding:
        since = f"Real samples are all alike from step {spell.onset:,}"
        summary = (
            f"{since}: generated ones have no variety to lose. Unless that is meant, look at what the loader gives"
        )
        fact = Evidence(signal=REAL, value=0.0, threshold=0.0, comparison="below")
        return replace(finding(self, spell, "info", summary, (fact,), (REAL, FAKE)), mechanism="")

    def _finding(self, run: Run, spell: Spell) -> Finding:
        inside = self.score(run).loc[spell.onset : spell.last]
        worst = step_of_lowest(inside)
        left = self._left(run).loc[worst]
        name = str(left.idxmin())
        above = inside.loc[spell.last - self.min_steps :] >= self.ratio
        rising = spell.ongoing and bool(above.all())  # on its way back, or up for the first time
        low_enough = bool(spells(inside < self.failure_ratio, min_steps=self.min_steps))
        severe = name != LATENT and low_enough and not rising
        limit = self.failure_ratio if severe else self.ratio
        low = max(float(inside.min()), 1e-3)
        never = name in (RATIO, NEAREST) and not self._was_diverse(run, spell.onset)
        severity: Severity = "failure" if severe else "info" if rising and never else "warning"
        words = SAYS.get(name, ALIKE) if not never else NEVER if spell.ongoing and not rising else NOT_YET
        less = f"{1 / low:,.0f}" if low < 0.1 else f"{1 / low:.2g}"
        summary = words.format(less=less, left=low, onset=spell.onset, worst=worst)
        facts = (evidence(self._left(run)[name], limit, "below", worst, MEASURES[name]),)
        made = finding(self, spell, severity, summary, facts, tuple(MEASURES))
        return replace(made, remedies=named(FROM_THE_START)) if never else made

    def _was_diverse(self, run: Run, step: int) -> bool:
        before = has_reached(self.score(run), self.stay_ratio, self.hold_steps).loc[:step]
        return bool(len(before) and before.iloc[-1])

"""Labels that do not belong to the samples."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, ClassVar

import pandas as pd

from .remedies import named
from .specification import check_thresholds, evidence, finding, threshold
from .windows import all_steps, held, remembered, rolling_mean, spells, value_at

if TYPE_CHECKING:
    from collections.abc import Mapping

    from gandiag.findings import Evidence, Finding, Severity
    from gandiag.rundir.run import Run

    from .windows import Spell

LOST, FOREIGN, AGREEMENT = (f"condition/{name}" for name in ("lost", "foreign", "agreement"))


@dataclass(frozen=True, kw_only=True)
class LabelMismatch:
    """G is not given the labels that real samples have, or D is told others than those under which G made a sample.

    Sees:
        The labels, whole numbers or one-hot rows, that G and D are given: classes of the data that G is never asked
        for, labels of G that no real sample has, and generated samples that reach D with another label than G had.
        Differences that so many labels would show by chance do not count.
    Why it happens:
        A mistake in the loop: one label for all (zeros in place of drawn ones), a range that leaves out the last
        class, labels that are drawn again for D. D then tells generated samples by their label, or learns that labels
        mean nothing: samples of some classes are never made, or look alike whatever the label.
    Misses:
        Labels that never agree: D may number them in another way. Labels within G's noise (concatenated before it is
        called), several labels per sample, and labels that are numbers. Proportions that differ while no class is
        missing: balanced labels for unbalanced data may be meant.
    Try:
        - labels-of-the-data
        - same-labels
    References:
        Mirza & Osindero 2014 (G and D are given one condition); Odena et al. 2017.
    """

    code: ClassVar[str] = "label-mismatch"
    needs: ClassVar[tuple[str, ...]] = (f"{LOST}|{AGREEMENT}",)
    how_to: ClassVar[str] = "pass labels to G and D as arguments of their own, whole numbers or one-hot rows"
    not_for: ClassVar[Mapping[str, str]] = {}

    lost: float = threshold(0.05, "our choice, of the data: a class of twenty")
    failure_lost: float = threshold(0.25, "our choice, of the data: not a rare class")
    foreign: float = threshold(0.25, "our choice, of G's labels: data in the order of their classes have fewer soon")
    agreement: float = threshold(0.75, "our choice: right loops have 1; of ten classes drawn again a tenth agree")
    window_steps: int = threshold(40, "our choice")
    min_steps: int = threshold(60, "our choice: with the window, told within 100 steps")
    min_run_steps: int = threshold(100, "a window and a spell")

    def __post_init__(self) -> None:
        check_thresholds(self, "0 < lost <= failure_lost < 1", "0 < foreign < 1", "0 < agreement < 1")

    @remembered
    def score(self, run: Run) -> pd.Series:
        """How far the worst of the three is beyond its threshold: above 1 it is."""
        return self._scores(run).max(axis=1).dropna().rename("labels")

    @remembered
    def _scores(self, run: Run) -> pd.DataFrame:
        agreement = rolling_mean(run.series(AGREEMENT), self.window_steps, 5)
        lost, foreign = (held(run.series(name), agreement.index) for name in (LOST, FOREIGN))
        same_set = (lost == 0) & (foreign == 0)  # labels that are numbered in another way never agree
        apart = (1 - agreement).where((agreement > 0) | same_set, 0.0)
        scores = {
            AGREEMENT: apart / (1 - self.agreement),
            LOST: run.series(LOST) / self.lost,
            FOREIGN: run.series(FOREIGN) / self.foreign,
        }
        steps = all_steps(scores.values())
        return pd.DataFrame({name: held(score, steps) for name, score in scores.items() if len(score)}, index=steps)

    def __call__(self, run: Run) -> list[Finding]:
        scores = self._scores(run)
        worst = scores.max(axis=1)
        found = []
        for spell in spells(worst > 1, min_steps=self.min_steps, lead_steps=self.window_steps // 2):
            broken = [str(name) for name in scores if value_at(scores[name], spell.certain) > 1]
            severity, summary, fact = self._told(run, broken[0], spell)
            made = finding(self, spell, severity, summary, (fact,), (LOST, FOREIGN, AGREEMENT))
            names = ["labels-of-the-data", "same-labels"]
            found.append(replace(made, remedies=named(names[:: -1 if broken[0] == AGREEMENT else 1])))
        return found

    def _told(self, run: Run, what: str, spell: Spell) -> tuple[Severity, str, Evidence]:
        """How bad it is, in words, and what shows it."""
        values = run.series(what)
        value = value_at(values, spell.certain)
        since = f"from step {spell.onset:,}"
        if what == AGREEMENT:
            mean = rolling_mean(values, self.window_steps, 5)
            share = value_at(mean, spell.certain)
            if share == 0:
                summary = f"D is told another label than the one under which G made a sample, for every sample, {since}"
                return "failure", summary, evidence(mean, self.agreement, "below", spell.certain)
            summary = f"D is told the label under which G made a sample for {share:.0%} of the samples only, {since}"
            return "failure", summary, evidence(mean, self.agreement, "below", spell.certain)
        if what == LOST:
            severity: Severity = "failure" if value > self.failure_lost else "warning"
            summary = f"G is never given the labels of {value:.0%} of the real samples, {since}"
            return severity, summary, evidence(values, self.lost, "above", spell.certain)
        summary = f"No real sample has the labels of {value:.0%} of the samples that G is asked for, {since}"
        return "warning", summary, evidence(values, self.foreign, "above", spell.certain)

"""One class of a conditional generator that varies no more."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, ClassVar

import numpy as np
import pandas as pd

from gandiag.signals.names import placeholder
from gandiag.wording import listed

from .remedies import named
from .specification import check_thresholds, evidence, finding, threshold
from .windows import all_steps, held, remembered, rolling_mean, spells, step_of_lowest

if TYPE_CHECKING:
    from collections.abc import Mapping

    from gandiag.findings import Finding, Severity
    from gandiag.rundir.run import Run

    from .windows import Spell

CLASS = "diversity/class/"
FROM_THE_START = ("fresh-latents", "mode-seeking", "projection-discriminator")
"""Remedies for a class that never varied: there is nothing to go back to."""
NAMED = 5  # classes in a summary; more are counted


@dataclass(frozen=True, kw_only=True)
class ClassCollapse:
    """One class of a conditional generator stops varying, or a few do, while the others keep their variety.

    Sees:
        The spread within each class, generated over real, against the best level that the class had so far and
        against the other classes at the same time; both must be far below. A class whose samples never differed
        at all counts, too, once the training has had time.
    Why it happens:
        G learns each class from its own share of the batch. A class that is rare, hard, or told from the others by
        one feature collapses first: a few outputs satisfy D, and where a classifier is part of the loss (AC-GAN) it
        rewards typical samples of a class, not all of them. The other classes hide it from measures of a whole batch.
    Misses:
        All classes at once (see sample-collapse, which looks at near-duplicates in the whole batch). Classes with fewer
        than two samples in nearly every batch, and those beyond the first 32.
    Try:
        - mode-seeking
        - projection-discriminator
        - roll-back
        - packing
    References:
        Odena et al. 2017 (AC-GAN; variety within classes); Miyato & Koyama 2018 (projection); Mao et al. 2019 (MSGAN).
    """

    code: ClassVar[str] = "class-collapse"
    needs: ClassVar[tuple[str, ...]] = ("diversity/class/<class>",)
    how_to: ClassVar[str] = (
        "for a conditional generator, let the callback see the labels: pass them to G and D, or to callback.observe"
    )
    not_for: ClassVar[Mapping[str, str]] = {}

    ratio: float = threshold(0.5, "our choice, as for whole batches: half the variety is lost")
    failure_ratio: float = threshold(0.25, "our choice: three quarters of the variety are lost")
    stay_ratio: float = threshold(0.7, "dates the onset")
    window_steps: int = threshold(
        200, "a spread of two to ten samples scatters by 10 to 70 %, the mean of a hundred by a tenth of that"
    )
    still: float = threshold(0.05, "our choice, of the variety of real samples: all samples of the class are the same")
    grace_steps: int = threshold(1000, "our choice, as for modes: from here on a class should have varied")
    min_rows: int = threshold(20, "values of a class in a window; it is stretched to twice its steps to hold them")
    min_steps: int = threshold(100, "half a window: no single stretch of unlucky batches")
    min_run_steps: int = threshold(500, "two windows, one to have varied in, and a spell")

    def __post_init__(self) -> None:
        check_thresholds(self, "0 < failure_ratio <= ratio <= stay_ratio < 1")
        if self.min_rows < 1:
            raise ValueError(f"min_rows must be at least 1, got {self.min_rows}")

    @remembered
    def score(self, run: Run) -> pd.Series:
        """Variety of the worst class over its own best or over the other classes' median, whichever is lower."""
        return self._left(run).min(axis=1).rename("variety left")

    @remembered
    def _left(self, run: Run) -> pd.DataFrame:
        """The share of variety left in each class, one column for each; `score` is the lowest."""
        names = run.names(self.needs[0])
        levels = {name: self._level(run, name) for name in names}
        steps = all_steps(levels.values())
        now = np.stack([held(level, steps).to_numpy() for level in levels.values()], axis=1)
        best = np.fmax.accumulate(now)
        best[self._never(best, steps)] = np.inf
        reference = np.minimum(best, _median_of_others(now)[:, None])
        left = np.divide(now, reference, out=np.full_like(now, np.nan), where=reference > 0)
        return pd.DataFrame(left, steps, [placeholder(self.needs[0], n) for n in names]).dropna(how="all")

    def _level(self, run: Run, name: str) -> pd.Series:
        return rolling_mean(run.series(name), self.window_steps, self.min_rows)

    def _never(self, best: np.ndarray, steps: pd.Index) -> np.ndarray:
        """Where classes (n, K) had not varied yet that did not until the training had had time for it."""
        early = int(steps.searchsorted(self.grace_steps))
        if not early or steps[-1] < self.grace_steps:
            return np.zeros_like(best, dtype=bool)
        never: np.ndarray = (best <= self.still) & (best[early - 1] <= self.still)
        return never

    def __call__(self, run: Run) -> list[Finding]:
        score = self.score(run)
        found = spells(
            score < self.ratio,
            score < self.stay_ratio,
            min_steps=self.min_steps,
            lead_steps=self.window_steps // 2,
            bridge_steps=self.window_steps,
        )
        return [self._finding(run, spell) for spell in found]

    def _finding(self, run: Run, spell: Spell) -> Finding:
        inside = self._left(run).loc[spell.onset : spell.last]
        lowest = inside.min().sort_values()
        classes = [str(name) for name in lowest[lowest < self.ratio].index]
        severe = bool(spells(inside.min(axis=1) < self.failure_ratio, min_steps=self.min_steps))
        severity: Severity = "failure" if severe else "warning"
        limit = self.failure_ratio if severe else self.ratio
        worst = step_of_lowest(inside.min(axis=1))
        facts = (evidence(self.score(run), limit, "below", worst, f"variety left in class {classes[0]}"),)
        columns = tuple(CLASS + name for name in classes[:NAMED])
        told = f"{_named(classes)} of {inside.shape[1]}"
        if self._level(run, columns[0]).loc[: spell.last].max() <= self.still:
            summary = f"{told} never varied: two samples are alike there, which differ in the other classes"
            spell = replace(spell, onset=int(run.series(columns[0]).index[0]))
            made = finding(self, spell, severity, summary, facts, columns)
            return replace(made, remedies=named(FROM_THE_START))
        summary = (
            f"{told} kept {lowest.iloc[0]:.0%} of the variety they had and the other classes have, from step "
            f"{spell.onset:,}"
        )
        return finding(self, spell, severity, summary, facts, columns)


def _median_of_others(levels: np.ndarray) -> np.ndarray:
    """Median (n,) of all classes but the lowest at each step, from (n, K) with NaN; NaN where there is only one."""
    ascending = np.sort(levels, axis=1)[:, 1:]  # NaN last
    count = (~np.isnan(ascending)).sum(axis=1)
    rows = np.arange(len(ascending))
    if not ascending.shape[1]:
        return np.full(len(levels), np.nan)
    lower, upper = (ascending[rows, np.clip(place, 0, None)] for place in ((count - 1) // 2, count // 2))
    median: np.ndarray = np.where(count > 0, (lower + upper) / 2, np.nan)
    return median


def _named(classes: list[str]) -> str:
    if len(classes) > NAMED:
        return f"{len(classes)} classes ({listed(classes, NAMED)})"
    return f"{'Class' if len(classes) == 1 else 'Classes'} {', '.join(classes)}"

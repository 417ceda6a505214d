"""A discriminator that wins."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, ClassVar

import numpy as np

from gandiag.findings import Evidence

from .remedies import named
from .specification import check_thresholds, evidence, finding, threshold
from .trend import slopes
from .windows import held, remembered, rolling_mean, rolling_median, spells, value_at

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    import pandas as pd

    from gandiag.findings import Finding
    from gandiag.rundir.run import Run


ENERGY = "distance/energy"
BLOCKS = 10  # in which the distance of the last steps is averaged: 45 slopes between pairs of them
KINDS = ("real", "fake")
ENDS = ("min", "max", "constant")


@dataclass(frozen=True, kw_only=True)
class DiscriminatorDominance:
    """D tells real from generated almost perfectly, for long.

    Sees:
        The area under D's ROC curve within a step, averaged over a window. It needs no loss family and no
        decision point. While samples still come closer to the data, or are as close as batches can tell, that is a
        remark. Where it is so from the first steps on, also what D might go by: values of real and of generated
        batches that lie in different ranges, or values that never change in generated ones.
    Why it happens:
        D learns faster than G: more steps, a higher learning rate, more capacity, little data that it can
        remember, or a shortcut (range, padding or dtype that differ between real and generated). Under the
        saturating loss vanishing gradients follow; under others G may still learn.
    Misses:
        A D that remembers its training data while G fools it: that shows on held-out data only. Values that never
        change in real batches only, which may be padding, or the black border of digits, which G learns.
    Try:
        - instance-noise
        - r1-penalty
        - train-d-less
        - spectral-norm
    References:
        Arjovsky & Bottou 2017; Heusel et al. 2017 (two time-scales); Karras et al. 2020 (augmentation).
    """

    code: ClassVar[str] = "discriminator-dominance"
    needs: ClassVar[tuple[str, ...]] = ("d/auc",)
    how_to: ClassVar[str] = (
        "attach with gandiag.attach; where D's outputs are not attributed, callback.observe(real=, fake=)"
    )
    not_for: ClassVar[Mapping[str, str]] = dict.fromkeys(
        ("wgan", "wgan-gp"),
        "a critic is to rank real above generated: G learns from its slope, which the constraint keeps",
    )

    auc: float = threshold(0.98, "none of 18 healthy tuning runs held 0.97 for 400 steps on end")
    window_steps: int = threshold(100, "single steps scatter by 0.04 to 0.11 in healthy tuning runs")
    min_steps: int = threshold(500, "shorter spells are normal early in training")
    early_steps: int = threshold(100, "a window: an onset so close to the first step is a win from the start")
    range_gap: float = threshold(
        0.25, "our choice, of the real range: half of what data in [0, 1] and samples in [-1, 1] differ by at least"
    )
    constant_gap: float = threshold(
        0.25, "of all values, more in generated than in real batches: no G is born with so many that never change"
    )
    near: float = threshold(
        0.01, "energy distance over the real spread: means of 100 batches of 64 of equal laws scatter by 0.002"
    )
    min_gain: float = threshold(0.1, "of the distance within half of the win, beyond doubt: samples still get better")
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
            facts: tuple[Evidence, ...] = (evidence(score, self.auc, "above", spell.certain),)
            columns: tuple[str, ...] = ("d/auc", "d/real/mean", "d/fake/mean", ENERGY)
            hints = []
            if spell.onset <= score.index[0] + self.early_steps:
                hints = list(self._shortcuts(run, spell.certain))
                summary += "".join(f"; {said}" for said, _ in hints)
                facts += tuple(fact for _, fact in hints)
                columns += tuple(f"range/{kind}/{end}" for kind in KINDS for end in ENDS) if hints else ()
            well = self._gets_closer(run, spell.last, max(self.min_steps, steps // 2))
            summary += f"; {well}" if well else ""
            made = finding(self, spell, "info" if well else "warning", summary, facts, columns)
            found.append(replace(made, remedies=(*named(("match-inputs",)), *made.remedies)) if hints else made)
        return found

    def _gets_closer(self, run: Run, step: int, look: int) -> str:
        """In words, that samples are as close to the data as can be told at a step, or came closer in the `look` steps
        up to it.
        """
        distance = run.series(ENERGY).loc[:step]
        spread = held(run.series("diversity/real"), distance.index)
        relative = (distance / spread[spread > 0]).dropna()
        recent = relative.loc[step - look + 1 :]
        if len(recent) < 2 * BLOCKS:
            return ""
        latest = recent.iloc[len(recent) // 2 :].to_numpy()
        if latest.mean() - latest.std(ddof=1) / np.sqrt(len(latest)) <= self.near:
            return "its samples are as close to the data as batches can tell"
        means = np.array([block.mean() for block in np.array_split(recent.to_numpy(), BLOCKS)])
        _, _, steepest = slopes(means[None])
        falls = -steepest[0] * (BLOCKS - 1) >= max(self.min_gain * np.median(means), self.near)
        return "meanwhile its samples still come closer to the data" if falls else ""

    def _shortcuts(self, run: Run, step: int) -> Iterator[tuple[str, Evidence]]:
        """What differs between real and generated values at a step, in words and as evidence."""
        seen = {
            (kind, end): value_at(rolling_median(run.series(f"range/{kind}/{end}"), self.window_steps, 4), step)
            for kind in KINDS
            for end in ENDS
        }
        real, fake = ([seen[kind, end] for end in ("min", "max")] for kind in KINDS)
        span = real[1] - real[0]
        gap = max(abs(r - f) for r, f in zip(real, fake, strict=True)) / span if span > 0 else 0.0
        if gap > self.range_gap:
            said = f"real data lie in [{real[0]:.3g}, {real[1]:.3g}], generated in [{fake[0]:.3g}, {fake[1]:.3g}]"
            yield said, Evidence(signal="range/real - range/fake, of range/real", value=gap, threshold=self.range_gap)
        real_constant, fake_constant = (seen[kind, "constant"] for kind in KINDS)
        if fake_constant - real_constant > self.constant_gap:
            said = f"{fake_constant:.0%} of the values are the same in all generated samples of a batch, against "
            said += f"{real_constant:.0%} in real ones"
            signal = "range/fake/constant - range/real/constant"
            yield said, Evidence(signal=signal, value=fake_constant - real_constant, threshold=self.constant_gap)

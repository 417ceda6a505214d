"""A discriminator that wins."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, ClassVar

from gandiag.findings import Evidence

from .specification import check_thresholds, evidence, finding, threshold
from .windows import remembered, rolling_mean, rolling_median, spells, value_at

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    import pandas as pd

    from gandiag.findings import Finding
    from gandiag.rundir.run import Run


KINDS = ("real", "fake")
ENDS = ("min", "max", "constant")


@dataclass(frozen=True, kw_only=True)
class DiscriminatorDominance:
    """D tells real from generated almost perfectly, for long.

    Sees:
        The area under D's ROC curve within a step, averaged over a window. It needs no loss family and no
        decision point. Where that is so from the first steps on, also what D might go by: values of real and of
        generated batches that lie in different ranges, or values that never change within one of them.
    Why it happens:
        D learns faster than G: more steps, a higher learning rate, more capacity, little data that it can
        remember, or a shortcut (range, padding or dtype that differ between real and generated). Under the
        saturating loss vanishing gradients follow; under others G may still learn.
    Misses:
        A D that remembers its training data while G fools it: that shows on held-out data only.
    Try:
        - match-inputs
        - train-d-less
        - r1-penalty
        - spectral-norm
        - instance-noise
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
        0.25, "of all values: healthy tuning runs on digits, whose corners are empty, have 0.16"
    )
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
            columns: tuple[str, ...] = ("d/auc", "d/real/mean", "d/fake/mean")
            if spell.onset <= score.index[0] + self.early_steps:
                hints = list(self._shortcuts(run, spell.certain))
                summary += "".join(f"; {said}" for said, _ in hints)
                facts += tuple(fact for _, fact in hints)
                columns += tuple(f"range/{kind}/{end}" for kind in KINDS for end in ENDS) if hints else ()
            found.append(finding(self, spell, "warning", summary, facts, columns))
        return found

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
        constant = [seen[kind, "constant"] for kind in KINDS]
        if abs(constant[0] - constant[1]) > self.constant_gap:
            said = (
                f"{constant[0]:.0%} of the values are equal in a whole real batch, {constant[1]:.0%} in a generated one"
            )
            signal = "range/real/constant - range/fake/constant"
            yield said, Evidence(signal=signal, value=abs(constant[0] - constant[1]), threshold=self.constant_gap)

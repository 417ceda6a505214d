"""Collapse seen without labels."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, ClassVar

import pandas as pd

from .specification import check_thresholds, evidence, finding, threshold
from .windows import counted, held, remembered, rolling_median, spells, step_of_lowest

if TYPE_CHECKING:
    from collections.abc import Mapping

    from gandiag.findings import Finding, Severity
    from gandiag.run import Run


@dataclass(frozen=True, kw_only=True)
class SampleCollapse:
    """Generated samples of one batch are far more alike than real samples are.

    Sees:
        Two distances within a batch, generated over real: between all pairs (everything looks alike) and to the
        nearest other sample (several groups of near-duplicates, which the first one misses). No labels needed.
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
        - roll-back
        - minibatch-stddev
        - unrolled-gan
    References:
        Salimans et al. 2016; Lin et al. 2018 (PacGAN); Arora & Zhang 2017 (near-duplicates).
    """

    code: ClassVar[str] = "sample-collapse"
    needs: ClassVar[tuple[str, ...]] = ("diversity/ratio",)
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
    min_run_steps: int = threshold(200, "before, a generator has hardly left its initial state")

    def __post_init__(self) -> None:
        check_thresholds(self)
        if not 0 < self.failure_ratio <= self.ratio <= self.stay_ratio < 1:
            raise ValueError(
                "need 0 < failure_ratio <= ratio <= stay_ratio < 1, "
                f"got {self.failure_ratio}, {self.ratio}, {self.stay_ratio}"
            )

    @remembered
    def score(self, run: Run) -> pd.Series:
        """The smaller of the two distance ratios, median over the window."""
        score = rolling_median(run.series("diversity/ratio"), self.window_steps)
        nearest = run.series("diversity/nearest_ratio")
        if not nearest.empty:
            near = held(rolling_median(nearest, self.window_steps), score.index)
            score = pd.concat([score, near], axis=1).min(axis=1)
        return score.rename("diversity/ratio")

    def __call__(self, run: Run) -> list[Finding]:
        score = self.score(run)
        if score.empty:
            return []
        armed, dated = counted(score, self.stay_ratio, self.hold_steps, self.grace_steps)
        found = []
        for spell in spells(
            (score < self.ratio) & armed,
            (score < self.stay_ratio) & dated,
            min_steps=self.min_steps,
            lead_steps=self.window_steps // 2,
            bridge_steps=self.window_steps,
        ):
            inside = score.loc[spell.onset : spell.last]
            severe = bool(spells(inside < self.failure_ratio, min_steps=self.min_steps))
            severity: Severity = "failure" if severe else "warning"
            low = float(inside.min())
            summary = (
                f"Generated samples became {1 / max(low, 1e-3):,.2g} times more alike than real ones "
                f"from step {spell.onset:,}"
            )
            threshold = self.failure_ratio if severe else self.ratio
            facts = (evidence(score, threshold, "below", step_of_lowest(inside), "diversity (lower of two ratios)"),)
            found.append(finding(self, spell, severity, summary, facts, ("diversity/ratio", "diversity/nearest_ratio")))
        return found

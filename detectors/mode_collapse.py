"""Collapse seen through labels."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, ClassVar

from .specification import check_thresholds, evidence, finding, threshold
from .windows import counted, remembered, spells, step_of_lowest, value_at

if TYPE_CHECKING:
    from collections.abc import Mapping

    import pandas as pd

    from gandiag.findings import Finding, Severity
    from gandiag.run import Run


@dataclass(frozen=True, kw_only=True)
class ModeCollapse:
    """The generator covers fewer modes, or classes, than the data have.

    Sees:
        The histogram of labels that a classifier, or the nearest centre of a labelled mixture, gives to generated
        samples: its effective number of modes, exp(entropy), over that of the real data.
    Why it happens:
        G is rewarded for samples that D takes for real, not for covering all of them. As soon as a few modes fool
        D better than the rest, all latents move there; D needs many steps to answer, and then G moves on.
    Misses:
        Loss of variety within a mode (see sample-collapse). What the classifier cannot tell apart. On mixtures,
        a generator of which fewer than half the samples lie on any mode.
    Try:
        - faster-discriminator
        - packing
        - roll-back
        - minibatch-stddev
        - unrolled-gan
        - reconstruct-latents
    References:
        Srivastava et al. 2017 (VEEGAN); Lin et al. 2018 (PacGAN); Metz et al. 2017 (unrolled GAN).
    """

    code: ClassVar[str] = "mode-collapse"
    needs: ClassVar[tuple[str, ...]] = ("modes/effective", "modes/expected_effective")
    how_to: ClassVar[str] = (
        'pass modes= to attach: a preset such as "ring8_pacgan", "digits", or gandiag.modes.Classifier(...)'
    )
    not_for: ClassVar[Mapping[str, str]] = {}

    share: float = threshold(
        0.8, "effective modes over expected: 12 healthy tuning runs stay above 0.81 once they covered the classes"
    )
    failure_share: float = threshold(0.6, "our choice: four modes of ten lost")
    stay_share: float = threshold(0.85, "dates the onset, and had to be passed before (see grace_steps)")
    high_quality: float = threshold(
        0.5, "share of samples on a mode of a mixture; below, G has not learned the modes yet"
    )
    bridge_steps: int = threshold(200, "spells this close together are one")
    min_checks: int = threshold(2, "histograms in a row: one alone may be chance")
    grace_steps: int = threshold(
        2000, "a generator that never covered the modes counts from here on, unless it still gains"
    )
    min_run_steps: int = threshold(200, "four histograms")

    def __post_init__(self) -> None:
        check_thresholds(self)
        if not 0 < self.failure_share <= self.share <= self.stay_share <= 1:
            raise ValueError(
                "need 0 < failure_share <= share <= stay_share <= 1, "
                f"got {self.failure_share}, {self.share}, {self.stay_share}"
            )

    @remembered
    def score(self, run: Run) -> pd.Series:
        """Effective modes over those that the data have, where enough samples lie on a mode to tell."""
        share = run.series("modes/effective") / run.series("modes/expected_effective")
        if "modes/high_quality" in run.scalars:
            share = share[run.series("modes/high_quality").reindex(share.index) >= self.high_quality]
        return share.dropna().rename("modes/effective")

    def __call__(self, run: Run) -> list[Finding]:
        score = self.score(run)
        if score.empty:
            return []
        armed = counted(score, self.stay_share, self.grace_steps)
        lasting = (score < self.share).rolling(self.min_checks).min() == 1
        found = []
        for spell in spells(lasting & armed, (score < self.stay_share) & armed, bridge_steps=self.bridge_steps):
            inside = score.loc[spell.onset : spell.last]
            severe = bool(((inside < self.failure_share).rolling(self.min_checks).min() == 1).any())
            severity: Severity = "failure" if severe else "warning"
            worst = step_of_lowest(inside)
            left, expected = (value_at(run.series(n), worst) for n in self.needs)
            summary = (
                f"The generator covers {left:.1f} of {expected:.1f} effective modes at step {worst:,}; "
                f"it lost them from step {spell.onset:,}"
            )
            threshold = self.failure_share if severe else self.share
            facts = (evidence(score, threshold, "below", worst, "effective modes, share of the data's"),)
            columns = ("modes/effective", "modes/missing", "modes/kl")
            found.append(finding(self, spell, severity, summary, facts, columns))
        return found

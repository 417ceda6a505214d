"""A generator that repeats its training samples."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, ClassVar

from gandiag.findings import Evidence

from .specification import check_thresholds, evidence, finding, threshold
from .windows import held, remembered, side_by_side, spells, step_of_lowest, value_at

if TYPE_CHECKING:
    from collections.abc import Mapping

    import pandas as pd

    from gandiag.findings import Finding, Severity
    from gandiag.rundir.run import Run

C_T, AUTHPCT, COPIES = "quality/c_t", "quality/authpct", "quality/copies"
CALIBRATION = f"{AUTHPCT}/perfect"


@dataclass(frozen=True, kw_only=True)
class Memorisation:
    """Generated samples lie nearer to training samples than held-out real samples do.

    Sees:
        Two tests against held-out real samples, both beyond their limits at successive evaluations: C_T, the z-score
        of distances to the nearest training sample, and AuthPct less its value for held-out samples. It is copying,
        and a failure, where more than a few samples are nearer to a training sample than nearly all held-out ones.
    Why it happens:
        Few training samples, a large G, long training, or a D that knows its training samples by heart and pulls G
        towards them. FID, precision and recall against the training set improve with every copy.
    Misses:
        Few copies: with 1,000 generated and 1,000 held-out samples, fewer than one in ten. Copies among poor
        samples, which cancel in C_T. Copies that the features do not see as such (shifted, recoloured). That nothing
        is found never shows that nothing is copied: no copying was detected at an effect of that size or more, which
        the note beside each recorded C_T states for its own samples. Without copies, a generator that is narrower
        than the data gives the same two values: that is a warning.
    Try:
        - augmentation
        - early-stop
    References:
        Meehan et al. 2020 (C_T); Alaa et al. 2022 (AuthPct); Jiralerspong et al. 2023 and Stein et al. 2023, who find
        that none of today's measures is sure to see memorisation.
    """

    code: ClassVar[str] = "memorisation"
    needs: ClassVar[tuple[str, ...]] = (C_T, AUTHPCT, CALIBRATION)
    how_to: ClassVar[str] = (
        "pass quality=gandiag.Quality(reference=, held_out=, metrics=['copying']) to attach: training samples, and "
        "real ones that G is not trained on"
    )
    not_for: ClassVar[Mapping[str, str]] = {}

    c_t: float = threshold(3.0, "standard deviations below 0: one in 700 where nothing is copied (standard normal)")
    authpct: float = threshold(
        5.0, "percentage points below held-out samples: 2.4 standard errors of 1,000 and 1,000 samples at 70 %"
    )
    copies: float = threshold(
        0.02, "of the samples: 20 of 1,000, where chance has 1, and a Gaussian of 0.8 the width in 16 dimensions 3"
    )
    min_checks: int = threshold(2, "evaluations in a row: one alone may be chance")
    min_run_steps: int = threshold(1, "an evaluation needs no past")

    def __post_init__(self) -> None:
        check_thresholds(self)
        if self.min_checks < 1:
            raise ValueError(f"min_checks must be at least 1, got {self.min_checks}")

    @remembered
    def score(self, run: Run) -> pd.Series:
        """The lower of the two tests over their limits, lowest of the last evaluations: above 1 both were over."""
        return self._checks(run).rolling(self.min_checks).min().dropna().rename("copying")

    @remembered
    def _checks(self, run: Run) -> pd.Series:
        """As `score`, for each evaluation by itself, where both tests were recorded."""
        tests = {C_T: run.series(C_T) / -self.c_t, AUTHPCT: _short_of_held_out(run) / self.authpct}
        return side_by_side(tests).dropna().min(axis=1)

    def __call__(self, run: Run) -> list[Finding]:
        score, checks = self.score(run), self._checks(run)
        if score.empty:
            return []
        found = []
        for spell in spells(score > 1, checks > 1):
            worst = step_of_lowest(-checks.loc[spell.onset : spell.last])
            short, z, copies = (
                value_at(series, worst) for series in (_short_of_held_out(run), run.series(C_T), run.series(COPIES))
            )
            copied = copies > self.copies
            severity: Severity = "failure" if copied else "warning"
            how = f"; {copies:.0%} are nearer than nearly all held-out ones" if copied else ""
            summary = (
                f"Generated samples lie nearer to the training data than held-out real ones from step {spell.onset:,}: "
                f"C_T is {z:.1f}, AuthPct {short:.0f} points lower{how}"
            )
            facts = (
                evidence(run.series(C_T), -self.c_t, "below", worst),
                Evidence(signal=f"{CALIBRATION} - {AUTHPCT}", value=short, threshold=self.authpct, unit="%"),
                *((evidence(run.series(COPIES), self.copies, "above", worst),) if copied else ()),
            )
            found.append(finding(self, spell, severity, summary, facts, (C_T, AUTHPCT, CALIBRATION, COPIES)))
        return found


def _short_of_held_out(run: Run) -> pd.Series:
    """How many percentage points AuthPct lies below its value for held-out samples."""
    found = run.series(AUTHPCT)
    return held(run.series(CALIBRATION), found.index) - found

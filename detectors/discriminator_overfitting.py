"""A discriminator that knows its training samples by heart."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, ClassVar

from gandiag.findings import Evidence

from .specification import check_thresholds, evidence, finding, threshold
from .windows import remembered, rolling_mean, side_by_side, spells, step_of_lowest, value_at

if TYPE_CHECKING:
    from collections.abc import Mapping

    import pandas as pd

    from gandiag.findings import Finding, Severity
    from gandiag.rundir.run import Run

    from .windows import Spell

GAP, AUC, POSITIVE = "d/held_out/gap", "d/held_out/auc", "d/real/positive"
WITHOUT_DECISION = ("wgan", "wgan-gp", "relativistic")  # their D's output of 0 decides nothing


@dataclass(frozen=True, kw_only=True)
class DiscriminatorOverfitting:
    """D tells its own training samples from other real ones: it has learnt them by heart.

    Sees:
        Real samples that D is not trained on, at every check: the share of the way from training samples to
        generated ones that D puts them (r_v), and how often D rates a training sample above one of them. Both must
        be beyond their limits. It needs no decision point, so it holds for critics, too.
    Why it happens:
        Few training samples, many passes over them, a large D without augmentation. What D says of a sample is
        then whether it has seen it, and its feedback pulls G towards single training samples or nowhere. Training
        data that lack what held-out data have, such as classes that a loader lost, look the same.
    Misses:
        Anything, without held-out samples. The share of training samples that D calls real (r_t = 2 p - 1) is given
        as evidence only: it is as high where D simply wins. A gap says little where D rates generated samples like
        real ones: then the other measure decides.
    Try:
        - augmentation
        - early-stop
        - r1-penalty
    References:
        Karras et al. 2020 (r_t, r_v, ADA); Zhao et al. 2020 (DiffAugment); Brock et al. 2019, whose D has over 98 %
        on training data and some 50 to 55 % on held-out data while G is still good: hence a warning first.
    """

    code: ClassVar[str] = "discriminator-overfitting"
    needs: ClassVar[tuple[str, ...]] = (f"{GAP}|{AUC}",)
    how_to: ClassVar[str] = "pass held_out= to attach: real samples that D is not trained on"
    not_for: ClassVar[Mapping[str, str]] = {}

    gap: float = threshold(
        0.4, "our choice, of the way to generated samples: 0.5 or more in tuning runs on a hundredth of digits or MNIST"
    )
    auc: float = threshold(0.65, "54 healthy tuning runs have up to 0.64, which is a medium effect by Cohen's table")
    failure_auc: float = threshold(
        0.71, "a large effect by Cohen's table; tuning runs on a hundredth of digits or MNIST have 0.78 or more"
    )
    positive: float = threshold(0.8, "r_t beyond ADA's target of 0.6 (Karras et al. 2020); evidence only")
    min_checks: int = threshold(3, "the middle one of three counts: the gap of one check may be divided by next to 0")
    bridge_steps: int = threshold(200, "four checks at the usual interval: between them single checks scatter")
    window_steps: int = threshold(100, "of r_t, whose single steps scatter")
    min_run_steps: int = threshold(200, "four checks at the usual interval of 50 steps")

    def __post_init__(self) -> None:
        check_thresholds(self, "0.5 < auc <= failure_auc < 1")
        if self.min_checks < 1:
            raise ValueError(f"min_checks must be at least 1, got {self.min_checks}")

    @remembered
    def score(self, run: Run) -> pd.Series:
        """The lower of the two measures over their limits, median of the last checks: above 1 both are over."""
        return self._checks(run).rolling(self.min_checks).median().dropna().rename("overfitting")

    @remembered
    def _checks(self, run: Run) -> pd.Series:
        """As `score`, for each check by itself."""
        excess = (run.series(AUC) - 0.5) / (self.auc - 0.5)
        return side_by_side({GAP: run.series(GAP) / self.gap, AUC: excess}).min(axis=1).dropna()

    def __call__(self, run: Run) -> list[Finding]:
        score, checks = self.score(run), self._checks(run)
        if score.empty:
            return []
        found = spells(score > 1, checks > 1, bridge_steps=self.bridge_steps)
        return [self._finding(run, spell) for spell in found]

    def _finding(self, run: Run, spell: Spell) -> Finding:
        gap, auc = (run.series(name).rolling(self.min_checks).median().dropna() for name in (GAP, AUC))
        worst = step_of_lowest(-self.score(run).loc[spell.certain : spell.last])
        severe = value_at(auc, worst) > self.failure_auc
        severity: Severity = "failure" if severe else "warning"
        said, facts = [], []
        for values, limit, says in (
            (gap, self.gap, "puts held-out real samples {0:.0%} of the way to generated ones"),
            (
                auc,
                self.failure_auc if severe else self.auc,
                "rates a training sample above a held-out one {0:.0%} of the time",
            ),
        ):
            if value_at(values, worst) > limit:
                said.append(says.format(value_at(values, worst)))
                facts.append(evidence(values, limit, "above", worst))
        positive = 2 * value_at(rolling_mean(run.series(POSITIVE), self.window_steps), worst) - 1
        if positive > self.positive and run.loss_family not in WITHOUT_DECISION:
            facts.append(Evidence(signal="r_t = 2 d/real/positive - 1", value=positive, threshold=self.positive))
        how = " and ".join(said) or "rates them higher"
        summary = f"From step {spell.onset:,} D tells training samples from other real ones: it {how}"
        return finding(self, spell, severity, summary, tuple(facts), (GAP, AUC, POSITIVE, "d/held_out/mean"))

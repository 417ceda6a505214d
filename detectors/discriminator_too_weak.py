"""A discriminator that cannot tell what plainly differs."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, ClassVar

from gandiag.findings import Evidence

from .specification import check_thresholds, evidence, finding, threshold
from .windows import held, remembered, rolling_mean, rolling_median, rolling_std, side_by_side, spells, value_at

if TYPE_CHECKING:
    from collections.abc import Mapping

    import pandas as pd

    from gandiag.findings import Finding, Severity
    from gandiag.rundir.run import Run

APART, ALIKE, REVERSED, WORSE = "apart", "alike", "reversed", "worse"
SAYS = {
    APART: "although generated samples clearly differ from real ones",
    ALIKE: "although generated samples are far less diverse than real ones",
    REVERSED: "and rates generated samples as more real than real ones",
    WORSE: "while G drifts away from where it was closest to the data: what D tells it is noise",
}


@dataclass(frozen=True, kw_only=True)
class DiscriminatorTooWeak:
    """D is at chance, or below, though generated and real samples differ.

    Sees:
        How much D is right beyond chance, over a window (the area under its ROC curve above 0.5): hardly ever. At the
        same time a difference that D ought to see: the energy distance between generated and real batches is
        large, generated samples are all alike, D prefers generated samples, or G's updates go on while that
        distance grows again from its best (junk feedback).
    Why it happens:
        D learns too slowly for G: too low a learning rate, too few steps, too small or too strongly regularised a
        network, an optimizer that never steps. What it tells G is then out of date or noise, and G drifts, or
        gathers where the old D was mistaken: the road to collapse. Once G was close and D reached chance, D's
        gradient is noise, too.
    Misses:
        D at chance because samples are alike: that is equilibrium. Differences that a batch's distances do not show
        (details of images, lost modes of small weight). Labels that are swapped between real and generated look the
        same as a D that is wrong all the time.
    Try:
        - test-d-alone
        - faster-discriminator
        - more-discriminator-steps
        - wider-discriminator
        - fresh-discriminator
    References:
        Goodfellow et al. 2014 (G must not be trained too much without updating D); Heusel et al. 2017 (TTUR);
        Szekely & Rizzo 2013 (energy distance).
    """

    code: ClassVar[str] = "discriminator-too-weak"
    needs: ClassVar[tuple[str, ...]] = ("d/auc", "distance/energy|diversity/ratio")
    how_to: ClassVar[str] = (
        "attach with gandiag.attach; where D's outputs are not attributed, callback.observe(real=, fake=)"
    )
    not_for: ClassVar[Mapping[str, str]] = {}

    right: float = threshold(
        0.08, "mean of AUC above 0.5: closed form at chance, 0.06 for batches of 8 and 0.02 for batches of 64"
    )
    energy: float = threshold(
        0.15, "of the real batch's spread: a third of what one point amid a Gaussian in many dimensions has, 0.41"
    )
    diversity: float = threshold(0.5, "generated over real: as in sample-collapse")
    reversed_auc: float = threshold(0.3, "our choice: as far below chance as healthy games are above it")
    worse: float = threshold(3.0, "our choice: standard deviations of single steps by which a mean is above its best")
    moving: float = threshold(0.3, "our choice: of the largest update ratio; below, G comes to rest")
    failure: float = threshold(
        1.6, "our choice, times a limit on its scale: energy 0.24, diversity 0.2, or an AUC of 0.18"
    )
    window_steps: int = threshold(100, "single steps of the AUC scatter by 0.04 to 0.11 in healthy tuning runs")
    min_steps: int = threshold(300, "our choice: shorter spells are normal while G overtakes D")
    min_run_steps: int = threshold(500, "a window and a spell, with time to have started")

    def __post_init__(self) -> None:
        check_thresholds(self)
        if not 0 < self.reversed_auc < 0.5:
            raise ValueError(f"reversed_auc must lie in (0, 0.5), got {self.reversed_auc}")
        if not 0 < self.diversity < 1:
            raise ValueError(f"diversity must lie in (0, 1), got {self.diversity}")
        if not self.failure >= 1:
            raise ValueError(f"failure must be at least 1, got {self.failure}")

    @remembered
    def score(self, run: Run) -> pd.Series:
        """The largest difference over its limit where D does not see it, 0 where D is right beyond chance."""
        return self._differences(run).max(axis=1).dropna().rename("unseen difference")

    @remembered
    def _differences(self, run: Run) -> pd.DataFrame:
        """Each difference over its limit by step, 0 where D is right beyond chance."""
        auc = run.series("d/auc")
        right = self._right(run)
        frame = side_by_side(
            {
                APART: rolling_mean(_relative_energy(run), self.window_steps) / self.energy,
                ALIKE: (1 - rolling_mean(run.series("diversity/ratio"), self.window_steps)) / (1 - self.diversity),
                REVERSED: (0.5 - rolling_mean(auc, self.window_steps)) / (0.5 - self.reversed_auc),
                WORSE: self._worse(run),
            }
        )
        frame = frame[frame[[APART, ALIKE]].notna().any(axis=1)].reindex(right.index, method="ffill")
        return frame.mask(right >= self.right, 0.0).dropna(how="all")

    def _right(self, run: Run) -> pd.Series:
        return rolling_mean((run.series("d/auc") - 0.5).clip(lower=0), self.window_steps)

    def _worse(self, run: Run) -> pd.Series:
        """Rise of the distance above its best, in standard deviations at that best, over the limit; 0 while G hardly
        moves.
        """
        distance = _relative_energy(run)
        mean, spread = rolling_mean(distance, self.window_steps), rolling_std(distance, self.window_steps)
        scatter = spread.where(mean <= mean.cummin()).ffill()
        update = rolling_median(run.series("update/generator/ratio"), self.window_steps, min_rows=5)
        moves = held(update / update.cummax(), mean.index) >= self.moving
        return ((mean - mean.cummin()) / scatter / self.worse).where(moves, 0.0)

    def __call__(self, run: Run) -> list[Finding]:
        differences, right = self._differences(run), self._right(run)
        found = []
        for spell in spells((differences > 1).any(axis=1), min_steps=self.min_steps, lead_steps=self.window_steps // 2):
            seen = differences.loc[spell.certain]
            plain = seen.drop(WORSE)
            said = SAYS[str(plain.idxmax()) if (plain > 1).any() else WORSE]
            inside = differences.loc[spell.onset : spell.last].drop(columns=WORSE)
            severe = bool(spells((inside > self.failure).any(axis=1), min_steps=self.min_steps))
            severity: Severity = "failure" if severe else "warning"
            summary = f"From step {spell.onset:,} on D cannot tell real from generated, {said}"
            facts = (
                evidence(right, self.right, "below", spell.certain, "d/auc above 0.5, mean"),
                *(self._fact(run, str(name), spell.certain) for name, score in seen.items() if score > 1),
            )
            columns = ("d/auc", "distance/energy", "diversity/ratio", "update/generator/ratio")
            found.append(finding(self, spell, severity, summary, facts, columns))
        return found

    def _fact(self, run: Run, difference: str, step: int) -> Evidence:
        window = self.window_steps
        if difference == APART:
            values = rolling_mean(_relative_energy(run), window)
            return evidence(values, self.energy, "above", step, "distance/energy / diversity/real")
        if difference == ALIKE:
            return evidence(rolling_mean(run.series("diversity/ratio"), window), self.diversity, "below", step)
        if difference == REVERSED:
            return evidence(rolling_mean(run.series("d/auc"), window), self.reversed_auc, "below", step)
        label = "distance/energy above its best, standard deviations"
        value = value_at(self._worse(run), step) * self.worse
        return Evidence(signal=label, value=value, threshold=self.worse)


def _relative_energy(run: Run) -> pd.Series:
    """Energy distance between the batches over the spread of the real one."""
    distance = run.series("distance/energy")
    return (distance / held(run.series("diversity/real"), distance.index)).dropna()

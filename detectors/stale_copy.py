"""A network that is trained against a copy of its opponent."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, ClassVar

from .specification import check_thresholds, evidence, finding, threshold
from .windows import remembered, rolling_mean, side_by_side, spells

if TYPE_CHECKING:
    from collections.abc import Mapping

    import pandas as pd

    from gandiag.findings import Finding, Severity
    from gandiag.rundir.run import Run

    from .windows import Spell

SIGNALS = ("copied/discriminator", "copied/generator")
SAYS = {
    SIGNALS[0]: "G is trained against one D while another one, built alike, is trained: one of the two stands still",
    SIGNALS[
        1
    ]: "D is trained on the samples of a copy of G that stands still, and never on those of the G it is to judge",
}

FOLLOWS = 0.5  # recorded of a copy of G that follows it
FOLLOWING = (
    "D is trained on the samples of a copy of G that follows it (a running mean, say), and never on those of the G "
    "that its answers train"
)


@dataclass(frozen=True, kw_only=True)
class StaleCopy:
    """G is trained against a D that is not the one being trained, or D on samples of a G that is not.

    Sees:
        Updates of G in whose loss D has no part, while a module built like D, whose weights stand still, is given G's
        samples; or in which D has a part and stands still, while such a module is trained. Updates of D on samples
        that a module built like G made, whose weights stand still; or follow those of G, which is a warning.
    Why it happens:
        A mistake in the loop: a network was copied, built a second time or loaded again, and one part of the loop still
        uses the old instance. It beats an opponent that does not answer, and the one that learns has none: curves
        look like a D that is far too strong.
    Misses:
        Copies that are compiled, or built in another way. A copy of D whose weights follow (a running mean, a target
        network that is set anew now and then, an unrolled D) is meant so.
    Try:
        - one-instance
    References:
        Goodfellow et al. 2014, algorithm 1.
    """

    code: ClassVar[str] = "stale-copy"
    needs: ClassVar[tuple[str, ...]] = ("|".join(SIGNALS),)
    how_to: ClassVar[str] = "attach with gandiag.attach"
    not_for: ClassVar[Mapping[str, str]] = {}

    share: float = threshold(0.9, "our choice: right loops have 0; a mistake in the code shows in every step")
    window_steps: int = threshold(20, "our choice")
    min_steps: int = threshold(100, "our choice: target networks are set anew within so many steps")
    min_run_steps: int = threshold(100, "a spell")

    def __post_init__(self) -> None:
        check_thresholds(self, "0 < share < 1")

    @remembered
    def score(self, run: Run) -> pd.Series:
        """The share of recent updates against a copy."""
        return self._shares(run).max(axis=1).dropna().rename("copies")

    @remembered
    def _shares(self, run: Run) -> pd.DataFrame:
        return side_by_side({name: rolling_mean(run.series(name), self.window_steps, 5) for name in SIGNALS})

    def __call__(self, run: Run) -> list[Finding]:
        shares = self._shares(run)
        found = []
        for name in shares:
            stale = spells(shares[name] > self.share, min_steps=self.min_steps, lead_steps=self.window_steps)
            says: list[tuple[Severity, str, float, Spell]]
            says = [("failure", SAYS[str(name)], self.share, spell) for spell in stale]
            if name == SIGNALS[1]:
                between = shares[name].between(self.share * FOLLOWS, self.share)
                follows = spells(between, min_steps=self.min_steps, lead_steps=self.window_steps)
                says += [("warning", FOLLOWING, self.share * FOLLOWS, spell) for spell in follows]
            for severity, words, limit, spell in says:
                fact = evidence(shares[name].rename(str(name)), limit, "above", spell.certain)
                summary = f"{words}, from step {spell.onset:,}"
                found.append(finding(self, spell, severity, summary, (fact,), (str(name),)))
        return found

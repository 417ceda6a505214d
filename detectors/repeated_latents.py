"""A generator that is given the same input in every step."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, ClassVar

from .specification import check_thresholds, evidence, finding, threshold
from .windows import held, remembered, rolling_mean, spells

if TYPE_CHECKING:
    from collections.abc import Mapping

    import pandas as pd

    from gandiag.findings import Finding
    from gandiag.rundir.run import Run


@dataclass(frozen=True, kw_only=True)
class RepeatedLatents:
    """G is given the same input in every step, and learns to make so many samples and no more.

    Sees:
        The values of G's input, beside those of the step before: equal to the last digit, while real samples differ.
    Why it happens:
        A mistake in the loop: the noise is drawn once, before it, or the batch that is kept for pictures is used for
        training too. G fits these few points, and losses, D's outputs and training samples all look well; with new
        noise it makes something between them.
    Misses:
        Noise that is drawn from a small pool, or by a seed that comes again after more than one step. A G that
        ignores its noise (see diversity/latent).
    Try:
        - fresh-latents
    References:
        Goodfellow et al. 2014, algorithm 1 (a new minibatch of noise for each update).
    """

    code: ClassVar[str] = "repeated-latents"
    needs: ClassVar[tuple[str, ...]] = ("input/repeated",)
    how_to: ClassVar[str] = "attach with gandiag.attach, and pass G its noise as an argument"
    not_for: ClassVar[Mapping[str, str]] = {}

    share: float = threshold(0.9, "our choice: two updates of G on one batch of noise, as some loops have it, give 0.5")
    window_steps: int = threshold(40, "our choice")
    min_steps: int = threshold(50, "our choice: with the window, told within 100 steps")
    min_run_steps: int = threshold(100, "a window and a spell")

    def __post_init__(self) -> None:
        check_thresholds(self, "0 < share < 1")

    @remembered
    def score(self, run: Run) -> pd.Series:
        """Share of recent steps in which G was given what it had been given before; 0 where the data are one point."""
        share = rolling_mean(run.series("input/repeated"), self.window_steps, 5).rename("repeated inputs")
        spread = held(run.series("diversity/real"), share.index)
        return share.where(~(spread == 0), 0.0)

    def __call__(self, run: Run) -> list[Finding]:
        share = self.score(run)
        found = []
        for spell in spells(share > self.share, min_steps=self.min_steps, lead_steps=self.window_steps):
            summary = f"G is given the same input in every step from step {spell.onset:,} on"
            facts = (evidence(share, self.share, "above", spell.certain),)
            found.append(finding(self, spell, "failure", summary, facts, ("input/repeated", "diversity/latent")))
        return found

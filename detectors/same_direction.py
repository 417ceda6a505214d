"""Losses that do not oppose each other."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, ClassVar

import pandas as pd

from .remedies import named
from .specification import check_thresholds, evidence, finding, threshold
from .windows import all_steps, held, remembered, rolling_median, spells

if TYPE_CHECKING:
    from collections.abc import Mapping

    from gandiag.findings import Finding
    from gandiag.rundir.run import Run

SHOWN = "d/fake/mean"
"""Recorded where D is given generated samples, whether anything pulls at its outputs or not."""


@dataclass(frozen=True, kw_only=True)
class SameDirection:
    """The losses of G and of D ask for the same, or D's loss asks for the same on real and on generated samples.

    Sees:
        The gradient of each loss by D's outputs. On generated samples G's loss is to pull them against D's loss; D's
        own is to pull those on real samples and those on generated ones apart. Which label or sign means real does
        not matter: a loop that has it all the other way round is right.
    Why it happens:
        A mistake in the loop: a wrong target or a wrong sign in one term. G then learns to be caught, or D to answer
        the same to everything, and both may look like a D that is too strong, too weak, or at chance.
    Misses:
        Losses that do not go through D's outputs (on D's features, say). A wrong term beside a right one that is
        larger.
    Try:
        - generator-target
        - discriminator-targets
    References:
        Goodfellow et al. 2014 (the two losses are opposed on generated samples), and all losses since.
    """

    code: ClassVar[str] = "same-direction"
    needs: ClassVar[tuple[str, ...]] = ("pull/agreement|pull/apart",)
    how_to: ClassVar[str] = "attach with gandiag.attach, and train with losses of D's outputs"
    not_for: ClassVar[Mapping[str, str]] = {}

    agreement: float = threshold(0.5, "our choice, half way: opposed losses have -1, equal ones 1")
    apart: float = threshold(0.1, "our choice: losses that pull apart have 1, near chance some 0.7")
    window_steps: int = threshold(40, "our choice: single steps of least squares may overshoot")
    min_steps: int = threshold(60, "our choice: with the window, told within 100 steps")
    min_run_steps: int = threshold(100, "a window and a spell")

    def __post_init__(self) -> None:
        check_thresholds(self, "0 < agreement < 1", "0 < apart < 1")

    @remembered
    def score(self, run: Run) -> pd.Series:
        """1 where the losses of G and D agree, or D's loss has no direction; -1 where all is as it should be."""
        agreement, blind = self._smoothed(run)
        steps = all_steps([agreement, blind])
        both = pd.DataFrame({"agreement": held(agreement, steps), "blind": held(blind, steps)}, index=steps)
        return both.max(axis=1).dropna().rename("same direction")

    def _smoothed(self, run: Run) -> tuple[pd.Series, pd.Series]:
        """How far the two losses agree, and the same for the two terms of D's loss: from -1 to 1."""
        agreement, apart = (
            rolling_median(run.series(f"pull/{n}"), self.window_steps, 3) for n in ("agreement", "apart")
        )
        return agreement, 1 - 2 * apart.rename("pull/apart")

    def __call__(self, run: Run) -> list[Finding]:
        agreement, blind = self._smoothed(run)
        limit = 1 - 2 * self.apart
        steps = all_steps([agreement, blind, run.series(SHOWN)])  # a hinge that is satisfied pulls no more
        flags = (held(agreement, steps) > self.agreement) | (held(blind, steps) > limit)
        found = []
        for spell in spells(
            flags, min_steps=self.min_steps, lead_steps=self.window_steps // 2, bridge_steps=self.min_steps
        ):
            told = blind.loc[spell.onset : spell.last].dropna()  # of a D that is asked for one answer not always known
            if of_d := bool((told > limit).any()):
                summary = "D's loss asks for the same answer on generated samples as on real ones"
                fact = evidence((1 - blind) / 2, self.apart, "below", int(told.index[int(told.to_numpy().argmax())]))
            else:
                summary = "G's loss asks D for the same answer on generated samples as D's own loss"
                fact = evidence(agreement, self.agreement, "above", spell.certain)
            columns = ("pull/agreement", "pull/apart", "d/fake/mean", "d/real/mean")
            made = finding(
                self,
                spell,
                "failure",
                f"{summary}, from step {spell.onset:,}: a wrong target or sign",
                (fact,),
                columns,
            )
            order = (
                ("discriminator-targets", "generator-target") if of_d else ("generator-target", "discriminator-targets")
            )
            found.append(replace(made, remedies=named(order)))
        return found

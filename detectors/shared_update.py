"""Networks that are updated by each other's loss."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, ClassVar

from .remedies import named
from .specification import check_thresholds, evidence, finding, threshold
from .windows import remembered, rolling_mean, side_by_side, spells, value_at

if TYPE_CHECKING:
    from collections.abc import Mapping

    import pandas as pd

    from gandiag.findings import Finding
    from gandiag.rundir.run import Run

CROSSED = "optimizers/crossed"
SIGNALS = (CROSSED, "leftover/generator", "leftover/discriminator")


@dataclass(frozen=True, kw_only=True)
class SharedUpdate:
    """A network is updated by the other one's loss as well: by an optimizer that holds both, or old gradients.

    Sees:
        Optimizers that hold parameters of both networks although another optimizer holds one of them too, and none is
        left to one of the networks alone. Gradients that hold, when they are used, what was there before an earlier
        optimizer step.
    Why it happens:
        A mistake in the loop: both optimizers were given all parameters, or gradients are not cleared between two
        uses. Each network then follows its opponent's loss, or the sum of all gradients of the past, which grows from
        step to step: the curves look like a D too strong, a collapse or a divergence.
    Misses:
        Gradients of the other network's loss that arrive in between without an optimizer step. One optimizer for both
        networks, stepped on a loss that is meant for both, and a third optimizer beside one for each, are no mistakes.
    Try:
        - one-optimizer-each
        - clear-gradients
    References:
        Goodfellow et al. 2014 (each player updates its own parameters). torch adds to gradients until they are cleared.
    """

    code: ClassVar[str] = "shared-update"
    needs: ClassVar[tuple[str, ...]] = ("optimizers/crossed|leftover/generator|leftover/discriminator",)
    how_to: ClassVar[str] = "attach with gandiag.attach, and step torch optimizers"
    not_for: ClassVar[Mapping[str, str]] = {}

    share: float = threshold(0.9, "our choice: right loops have 0; a mistake in the code shows in every step")
    window_steps: int = threshold(20, "our choice")
    min_steps: int = threshold(30, "our choice: with the window, told within 50 steps")
    min_run_steps: int = threshold(50, "a window and a spell")

    def __post_init__(self) -> None:
        check_thresholds(self, "0 < share < 1")

    @remembered
    def score(self, run: Run) -> pd.Series:
        """The share of recent updates that were shared."""
        return self._shares(run).max(axis=1).dropna().rename("shared updates")

    @remembered
    def _shares(self, run: Run) -> pd.DataFrame:
        return side_by_side({name: rolling_mean(run.series(name), self.window_steps, 5) for name in SIGNALS})

    def __call__(self, run: Run) -> list[Finding]:
        shares = self._shares(run)
        found = []
        flags = (shares > self.share).any(axis=1)
        for spell in spells(
            flags, min_steps=self.min_steps, lead_steps=self.window_steps, bridge_steps=self.window_steps
        ):
            facts = [
                evidence(shares[name], self.share, "above", spell.certain)
                for name in shares
                if value_at(shares[name], spell.certain) > self.share
            ]
            crossed = any(fact.signal == CROSSED for fact in facts)
            if crossed:
                summary = "G and D are updated by one optimizer although another one updates one of them, too,"
            else:
                nets = " and the ".join(fact.signal.partition("/")[2] for fact in facts)
                summary = f"The gradients of the {nets} are not cleared between two uses,"
            made = finding(self, spell, "failure", f"{summary} from step {spell.onset:,}", tuple(facts), SIGNALS)
            order = ("one-optimizer-each", "clear-gradients") if crossed else ("clear-gradients", "one-optimizer-each")
            found.append(replace(made, remedies=named(order)))
        return found

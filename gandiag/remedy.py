"""What to change against a failure."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from gandiag.wording import listed

if TYPE_CHECKING:
    from collections.abc import Collection


@dataclass(frozen=True, kw_only=True)
class Remedy:
    """One change to a training, with what speaks for it and how to tell that it worked.

    Attributes
    ----------
    name : a slug; detectors name it under "Try"
    change : what to change, in one clause
    code : at most three lines of PyTorch to paste, in the names of `gandiag.detectors.remedies`
    why : why it helps
    cost : what it costs
    cost_level : the same for sorting; 0 a setting, 1 a few lines and hardly any time, 2 up to twice the time of a step
        or a training to be repeated, 3 several times the time or one more network
    evidence : what was published, or what a closed form says
    verified : whether that was checked at its source or by computation; False for what is recalled from a paper
    expect : which signal should change, how, and by about when
    recipe : recipe of `gandiag.zoo` that shows it, None where none does
    families : loss families that it is for, () for any
    not_for : loss families that it is not for
    balance : whether it only shifts the balance of G and D, which hides a mistake in the loop and mends none
    """

    name: str
    change: str
    code: str
    why: str
    cost: str
    cost_level: int
    evidence: str
    verified: bool
    expect: str
    recipe: str | None = None
    families: tuple[str, ...] = ()
    not_for: tuple[str, ...] = ()
    balance: bool = False

    def fits(self, family: str) -> bool:
        """Whether it makes sense under a loss family; under "unknown", whatever is not for certain families alone."""
        return (not self.families or family in self.families) and family not in self.not_for

    def facts(self) -> tuple[tuple[str, str], ...]:
        """What stands beside the change, as (name, text) in the order in which it is shown."""
        told = {
            "why": self.why,
            "cost": self.cost,
            "evidence": f"{self.evidence} ({'verified' if self.verified else 'recalled'})",
            "expect": self.expect,
            "see": f"gandiag zoo train {self.recipe}" if self.recipe else "",
            "for": ", ".join(self.families),
            "not for": ", ".join(self.not_for),
        }
        return tuple((name, text) for name, text in told.items() if text)


MOST = 3
EXCLUDED = "mistakes in the loop were looked for, and none was found"


def offered(remedies: tuple[Remedy, ...], family: str) -> tuple[Remedy, ...]:
    """The first three of the remedies that fit a loss family, cheapest first; of equal cost, as they were given.

    What only shifts the balance of G and D comes last: of public reports on balance hardly one ended with such advice
    that helped, and most with a mistake in the loop.
    """
    fitting = [remedy for remedy in remedies if remedy.fits(family)]
    return tuple(sorted(fitting[:MOST], key=lambda remedy: (remedy.balance, remedy.cost_level)))


def on_balance(remedies: tuple[Remedy, ...], found: bool, unseen: Collection[str]) -> tuple[Remedy, ...]:
    """The remedies, where those that shift the balance say what is known of mistakes in the loop.

    Where one was `found` it is to be mended first, and there are none of them; `unseen` are the codes of those that
    could not be looked for.
    """
    kept = [remedy for remedy in remedies if not (remedy.balance and found)]
    said = f"but first see to {listed(unseen)}, which could not be looked for" if unseen else EXCLUDED
    return tuple(replace(r, change=f"{r.change} ({said})") if r.balance else r for r in kept)

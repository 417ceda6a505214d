"""A network whose weights stand still."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, ClassVar

import pandas as pd

from gandiag.wording import listed

from .remedies import named
from .specification import check_thresholds, evidence, finding, threshold
from .windows import all_steps, held, remembered, spells, value_at

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from gandiag.findings import Evidence, Finding, Severity
    from gandiag.rundir.run import Run

    from .windows import Spell

_NETS = ("generator", "discriminator")
NO_STEP, NO_RATE, NO_GRADIENT, TOO_SMALL, FROZEN = "step", "rate", "gradient", "size", "frozen"
BECAUSE = {
    NO_STEP: "no optimizer steps on them",
    NO_RATE: "their learning rate is 0",
    NO_GRADIENT: "no gradient reaches them",
    TOO_SMALL: "updates are lost in rounding",
    FROZEN: "they are frozen (requires_grad) when their optimizer steps",
}
FIRST = {
    NO_STEP: "step-each-optimizer",
    NO_RATE: "set-rate",
    NO_GRADIENT: "detach-for-d-only",
    TOO_SMALL: "set-rate",
    FROZEN: "unfreeze",
}
MARGIN = 1.0  # of the hinge loss, which is 0 beyond it (Lim & Ye 2017)
NAMED = 3  # layers; more are counted


@dataclass(frozen=True, kw_only=True)
class NotLearning:
    """The weights of G or of D do not move, though the game is played.

    Sees:
        From the start of a run on: steps in which no optimizer updates a network whose loss is computed, updates that
        leave every weight as it was, and a loss of G that uses D's outputs on generated samples but sends nothing back
        to G. At any time: layers of a network that is updated which get a gradient, and which no optimizer has held; a
        network that stops for good while the other one goes on, a failure once that has been so for most of the run.
    Why it happens:
        A mistake in the loop: an optimizer that is never stepped, or holds the parameters of the other network; a
        learning rate of 0; samples detached in G's own step; a D that is frozen for G's update and never again set
        free; layers that were added or replaced after the optimizer was made. The other network then plays alone, and
        whatever its curves look like, no balance of the two can help.
    Misses:
        Weights that move by weight decay or another loss alone, or by a small rate. A D without a gradient that tells
        all samples apart: the margins of a hinge loss are met. Single layers without a gradient
        (dead-layer), or that an optimizer has held at some time. Networks that are frozen, or whose loss is not
        computed, while no optimizer steps on them, are taken to be meant so. Rates that a scheduler set to 0 from the
        start, and networks that stand still only for a while or later on both at once, are mentioned; an update that
        fades away late is vanishing-gradients' affair.
    Try:
        - step-each-optimizer
        - detach-for-d-only
        - set-rate
        - unfreeze
        - whole-network
    References:
        Reports of optimizers that hold the wrong parameters or are never stepped are among the most common mistakes in
        public code. The rule is arithmetic: what gets no update does not learn.
    """

    code: ClassVar[str] = "not-learning"
    needs: ClassVar[tuple[str, ...]] = tuple(f"updates/{net}|update/{net}/ratio" for net in _NETS)
    how_to: ClassVar[str] = "attach with gandiag.attach"
    not_for: ClassVar[Mapping[str, str]] = {}

    ratio: float = threshold(1e-9, "arithmetic: float32 loses what is below 6e-8 of a weight; of all weights less")
    least_rate: float = threshold(1e-8, "our choice: a tenth of the smallest rate that anybody trains with on purpose")
    won: float = threshold(0.999, "our choice: a D that tells all samples apart has nothing left to learn of a margin")
    min_steps: int = threshold(100, "our choice: schedules that pause one network do so for shorter")
    early_steps: int = threshold(50, "our choice: what stands still from here on never moved")
    lasting_steps: int = threshold(200, "our choice: one network alone for so long, to the end, is worth a look")
    lasting_share: float = threshold(0.2, "our choice, of the steps so far: the tail of a schedule is shorter")
    most: float = threshold(0.5, "our choice, of the steps so far: most of the training was no game of two")
    min_run_steps: int = threshold(100, "a spell")

    def __post_init__(self) -> None:
        check_thresholds(self, "lasting_share <= most <= 1")

    @remembered
    def score(self, run: Run) -> pd.Series:
        """1 where a network stands still, 0 where both move."""
        both = pd.concat([self._still(run, net) for net in _NETS], axis=1)
        return both.sort_index().max(axis=1).dropna().rename("still")

    def _still(self, run: Run, net: str) -> pd.Series:
        """1 by step where nothing moves a network, 0 where something does."""
        updates, ratio = run.series(f"updates/{net}"), run.series(f"update/{net}/ratio")
        rules = [updates == 0, ratio <= self.ratio]
        if net == "generator" and not (feedback := run.series("feedback/norm")).empty:
            stuck = held(run.series("updates/discriminator"), feedback.index) == 0  # D's loss is taken for G's then
            rules.append((feedback.cummax() == 0) & ~stuck)
        known = [rule.astype(float) for rule in rules if not rule.empty]
        steps = all_steps(known)
        return pd.DataFrame({i: held(rule, steps) for i, rule in enumerate(known)}, steps).max(axis=1).rename(net)

    def __call__(self, run: Run) -> list[Finding]:
        return [f for net in _NETS for f in (*self._found(run, net), *self._unheld(run, net))]

    def _unheld(self, run: Run, net: str) -> Iterator[Finding]:
        """Layers that get a gradient and are in no optimizer; those that came into one later on were not left out."""
        left = run.series(f"unheld/{net}")
        for spell in spells(left > 0, min_steps=self.min_steps):
            if not spell.ongoing:
                continue
            told = run.meta.get("unheld", {})
            places = [place for name, of in told.items() if name.partition(".")[0] == net for place in of]
            layers = f"layer{'s' * (len(places) != 1)} {listed(places, NAMED)}" if places else "some layers"
            summary = (
                f"The {net}'s optimizer does not hold {layers}: nothing is learned from the gradient that comes there; "
                "where that is meant, requires_grad_(False) says so"
            )
            made = finding(
                self, spell, "warning", summary, (evidence(left, 0, "above", spell.certain),), (str(left.name),)
            )
            yield replace(made, remedies=named(["whole-network"]))

    def _found(self, run: Run, net: str) -> Iterator[Finding]:
        for spell in spells(self._still(run, net) > 0, min_steps=self.min_steps, bridge_steps=self.min_steps):
            why, fact = self._reason(run, net, spell)
            early = spell.onset - run.scalars.index[0] < self.early_steps
            if why in (NO_GRADIENT, TOO_SMALL) and (not early or self._rests(run, net, spell)):
                continue
            if why == TOO_SMALL and value_at(run.series(f"rate/{net}"), spell.certain) >= self.least_rate:
                continue
            severity = self._severity(run, net, spell, why, early=early)
            over = " any more" * (not early) + f" from step {spell.onset:,} " + _until(spell)
            moves = value_at(run.series(f"update/{net}/ratio"), spell.certain) > self.ratio
            summary = f"The weights of the {net} do not move{over}: {BECAUSE[why]}"
            if why == NO_GRADIENT and moves:
                summary = f"Nothing that D answers reaches the generator{over}: only other terms of its loss move it"
            columns = (f"updates/{net}", f"update/{net}/ratio", f"rate/{net}", "feedback/norm")
            made = finding(self, spell, severity, summary, (fact,), columns)
            rest = [remedy.name for remedy in made.remedies if remedy.name != FIRST[why]]
            yield replace(made, remedies=named([FIRST[why], *rest]))

    def _rests(self, run: Run, net: str, spell: Spell) -> bool:
        """Whether D has met the margins of a hinge loss, which is flat from there on: it won, and made no mistake."""
        if net != "discriminator":
            return False
        inside = slice(spell.onset, spell.last)
        means = [run.series(f"d/{kind}/mean").loc[inside].abs().median() for kind in ("real", "fake")]
        return bool(run.series("d/auc").loc[inside].median() > self.won and min(means) >= MARGIN)

    def _severity(self, run: Run, net: str, spell: Spell, why: str, *, early: bool) -> Severity:
        """A failure from the start; where it stopped later, for good, and the other network goes on alone, a warning,
        or a failure once that has been so for most of the training.
        """
        if not spell.ongoing:
            return "info"
        if early:
            return "info" if why == NO_RATE and _scheduled(run, net) else "failure"
        steps = spell.last - int(run.scalars.index[0])
        stood = spell.last - spell.onset
        lasting = stood >= max(self.lasting_steps, self.lasting_share * steps)
        if not (lasting and why in (NO_STEP, NO_RATE) and self._alone(run, net, spell)):
            return "info"
        return "failure" if stood >= self.most * steps else "warning"

    def _alone(self, run: Run, net: str, spell: Spell) -> bool:
        """Whether the other network goes on meanwhile."""
        (other,) = (name for name in _NETS if name != net)
        still = self._still(run, other).loc[spell.onset : spell.last].dropna()
        return not still.empty and float(still.mean()) < 0.5

    def _reason(self, run: Run, net: str, spell: Spell) -> tuple[str, Evidence]:
        """Why a network stands still, and what shows it."""
        at = spell.certain
        updates, ratio = run.series(f"updates/{net}"), run.series(f"update/{net}/ratio")
        rate, norm, feedback = (run.series(n) for n in (f"rate/{net}", f"grad/{net}/norm", "feedback/norm"))
        if value_at(updates, at) == 0:
            return NO_STEP, evidence(updates, 1, "below", at)
        fact = evidence(ratio, 2 * self.ratio, "below", at)
        if value_at(rate, at) == 0:
            return NO_RATE, fact
        if net == "generator" and not feedback.empty and feedback.loc[:at].max() == 0:
            return NO_GRADIENT, evidence(feedback, 1e-30, "below", at)
        if not updates.empty and updates.loc[spell.onset : spell.last].dropna().empty:  # counted are those that learn
            return FROZEN, fact
        return (NO_GRADIENT if value_at(norm, at) == 0 else TOO_SMALL), fact


def _until(spell: Spell) -> str:
    return "on" if spell.ongoing else f"to {spell.last:,}"


def _scheduled(run: Run, net: str) -> bool:
    """Whether a scheduler sets the learning rate of a network."""
    told = run.meta.get("optimizers", {})
    return any(of.get("scheduled") for name, of in told.items() if name.partition(".")[0] == net)

"""Collapse seen through a histogram: of labels, or of cells of the data."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, ClassVar

import numpy as np
import pandas as pd

from gandiag.measure.label_free import ENOUGH, LOST, RECENT
from gandiag.signals.names import placeholder
from gandiag.wording import listed

from .remedies import named
from .specification import check_thresholds, evidence, finding, threshold
from .windows import counted, has_reached, held, remembered, spells, step_of_lowest, value_at

if TYPE_CHECKING:
    from collections.abc import Mapping

    from gandiag.findings import Finding, Severity
    from gandiag.rundir.run import Run

    from .windows import Spell


SHARES = "modes/share/<class>"
UNREACHED, GROUPS = "bins/unreached", "bins/unreached_groups"
CATEGORY = "columns/unreached"
COLUMN, VALUE = "columns/unreached_column", "columns/unreached_value"
SAMPLES = ENOUGH * RECENT  # behind each of its values, at least
COLUMNS = (
    "modes/nearest/effective", "modes/nearest/missing", "bins/lost", "bins/effective", UNREACHED, GROUPS, CATEGORY
)  # fmt: skip
OF_DATA = "Hardly any generated sample falls where {share:.0%} of the data lie, from step {onset:,} {until}"
OF_CATEGORY = "{since} hardly any generated sample has {what}, as {share:.0%} of the real ones have"
FROM_THE_START = ("test-d-alone", "packing", "minibatch-stddev")
"""Remedies for a G that never covered the data: there is nothing to go back to."""
FOR_CATEGORIES = ("packing", "training-by-sampling", "more-discriminator-steps")
"""Remedies where a table lost a category: of two trainings for tuning packing brought it back in both, more steps of D
in one, minibatch discrimination and a faster D in none.
"""
MOST_SAMPLES = 1e12  # more of them are no number of samples


@dataclass(frozen=True, kw_only=True)
class ModeCollapse:
    """The generator covers fewer modes, classes, or parts of the data than there are.

    Sees:
        The histogram of labels that a classifier, or the nearest centre of a labelled mixture, gives to generated
        samples; without labels, that over 25 cells of the real samples (k-means, as in NDB). What counts as lost is
        the share of modes (of real samples) with less than a tenth of their due, or half of the shortfall in the
        effective number of modes, exp(entropy), whichever is more. Without labels also groups of samples, with a gap
        around each, that are left out of eight histograms together: a failure where they are many of all such groups,
        as one category of four is, however few samples it has. In tables also, column by column, values of a column
        that takes at most five: a category that is left out of eight histograms together.
    Why it happens:
        G is rewarded for samples that D takes for real, not for covering all of them. As soon as a few modes fool
        D better than the rest, all latents move there; D needs many steps to answer, and then G moves on.
    Misses:
        Loss of variety within a mode (see sample-collapse). What the classifier, or a random projection of large
        samples, cannot tell apart. Without labels, modes with less than some 3 % of the data, and categories in tables
        of more than 64 columns, or of sixteen and more that nearly all take the same few values: they may be pixels.
    Try:
        - faster-discriminator
        - packing
        - minibatch-stddev
        - roll-back
        - unrolled-gan
        - reconstruct-latents
    References:
        Srivastava et al. 2017 (VEEGAN); Lin et al. 2018 (PacGAN); Richardson & Weiss 2018 (NDB).
    """

    code: ClassVar[str] = "mode-collapse"
    needs: ClassVar[tuple[str, ...]] = ("modes/nearest/effective|bins/lost",)
    how_to: ClassVar[str] = (
        'attach with gandiag.attach; for labels pass modes=: a preset such as "ring8_pacgan", "digits", or '
        "gandiag.modes.Classifier(...)"
    )
    not_for: ClassVar[Mapping[str, str]] = {}

    share: float = threshold(
        0.87, "of what is to be covered; as failure_share, rounded up: such losses are worth a look"
    )
    failure_share: float = threshold(
        0.84, "of 138 healthy tuning runs those that stay low have 0.92 or more, 78 collapsed ones 0.83 or less"
    )
    stay_share: float = threshold(0.9, "dates the onset, and had to be reached before (see grace_steps)")
    bridge_steps: int = threshold(200, "spells this close together are one")
    passing_steps: int = threshold(
        300, "what is covered again within six checks only warns: some healthy tuning runs on rings need a second start"
    )
    min_checks: int = threshold(2, "histograms in a row: one alone may be chance")
    hold_steps: int = threshold(
        200, "so long it must have been covered; untrained generators of tuning runs were for 50"
    )
    rare: float = threshold(
        0.03, "of the data, in groups of cells that are left out; images, tables and series seldom have groups so small"
    )
    groups: float = threshold(0.14, "our choice, of all groups: one of seven; rings of 8 and grids that lack one warn")
    grace_steps: int = threshold(
        1000, "a generator that never covered the modes counts from here on, unless it still gains: our choice"
    )
    min_run_steps: int = threshold(200, "four histograms")

    def __post_init__(self) -> None:
        check_thresholds(self, "0 < failure_share <= share <= stay_share <= 1")

    @remembered
    def score(self, run: Run) -> pd.Series:
        """Share of the modes, or of the data, that generated samples cover."""
        if _labelled(run):
            effective = run.series("modes/nearest/effective")
            expected = held(run.series("modes/expected_effective"), effective.index)
            modes = float(run.meta.get("modes", {}).get("K", 0)) or expected
            lost, effective = run.series("modes/nearest/missing") / modes, effective / expected
        else:
            lost, effective = run.series("bins/lost"), run.series("bins/effective")
        both = pd.concat([1 - lost, (1 + effective) / 2], axis=1)
        return both.min(axis=1, skipna=False).dropna().rename("coverage")

    def __call__(self, run: Run) -> list[Finding]:
        found = self._lost(run)
        if not _labelled(run) and not any(f.ongoing for f in found):
            found += self._unreached(run, UNREACHED)
        if not _labelled(run) and not any(f.ongoing for f in found):
            found += self._unreached(run, CATEGORY)
        return sorted(found, key=lambda f: f.onset_step)

    def _lost(self, run: Run) -> list[Finding]:
        """What a large part of the modes, or of the data, shows."""
        score = self.score(run)
        if score.empty:
            return []
        armed, dated = counted(score, self.stay_share, self.hold_steps, self.grace_steps)
        lasting = (score < self.share).rolling(self.min_checks).min() == 1
        found = []
        for spell in spells(lasting & armed, (score < self.stay_share) & dated, bridge_steps=self.bridge_steps):
            inside = score.loc[spell.onset : spell.last]
            low = bool(((inside <= self.failure_share).rolling(self.min_checks).min() == 1).any())
            severe = low and self._lasts(spell)
            severity: Severity = "failure" if severe else "warning"
            worst = step_of_lowest(inside)
            what = "modes" if _labelled(run) else "data"
            never = not has_reached(score, self.stay_share, self.hold_steps).loc[: spell.onset].iloc[-1]
            if never and not spell.ongoing:
                severity = "info"  # it was slow to learn, as is known by now
            step = spell.last if never else worst
            lost, names = f"{1 - inside[step]:.0%} of the {what}", _named(run, step)
            summary = (
                f"The generator {'never covered' if spell.ongoing else 'had not yet covered'} the {what}: at step "
                f"{step:,} it {'lacks' if spell.ongoing else 'lacked'} {lost}{names}"
                if never
                else f"{_lost(spell, step)} {lost}{names}"
            )
            limit = self.failure_share if severe else self.share
            facts = (evidence(score, limit, "below", worst, f"share of the {what} that is covered"),)
            made = finding(self, spell, severity, summary, facts, COLUMNS)
            found.append(replace(made, remedies=named(FROM_THE_START)) if never else made)
        return found

    def _lasts(self, spell: Spell) -> bool:
        return spell.ongoing or spell.last - spell.onset >= self.passing_steps

    def _many(self, run: Run, spell: Spell) -> bool:
        """Whether at most looks of a spell many of the groups that the data form were left out."""
        groups = run.series(GROUPS).loc[spell.onset : spell.last].dropna()
        return bool((groups >= self.groups).mean() > 1 / 2)

    def _unreached(self, run: Run, signal: str) -> list[Finding]:
        """A rare part of the data, or a category, that is never drawn, which its share of all data hides."""
        unreached = run.series(signal).dropna()
        if unreached.empty:
            return []
        armed, dated = counted(1 - unreached, 1 - self.rare, self.hold_steps, self.grace_steps)
        lasting = unreached.rolling(self.min_checks).min() >= self.rare
        found = []
        for spell in spells(lasting & armed, (unreached >= self.rare) & dated, bridge_steps=self.bridge_steps):
            inside = unreached.loc[spell.onset : spell.last]
            worst, share = step_of_lowest(-inside), float(inside.median())
            reached = has_reached(1 - unreached, 1 - self.rare, self.hold_steps).loc[: spell.onset].iloc[-1]
            if signal == CATEGORY:
                worst = spell.last if spell.ongoing else worst  # of several categories the one that is missing now
                share = float(inside[worst])
                said = _of_category(run, spell, worst, share, reached=reached)
            else:
                said = OF_DATA.format(share=share, onset=spell.onset, until=_until(spell))
            summary = (
                f"{said}; a perfect generator leaves so much out of {SAMPLES:,} samples with a chance of "
                f"{chance(share):.0e}"
            )
            facts = (evidence(unreached, self.rare, "above", worst),)
            severity: Severity = "warning" if reached or spell.ongoing else "info"
            if spell.ongoing and (signal == CATEGORY or self._many(run, spell)):
                severity = "failure"
            made = finding(self, spell, severity, summary, facts, (signal, *(c for c in COLUMNS if c != signal)))
            found.append(replace(made, remedies=named(FOR_CATEGORIES)) if signal == CATEGORY else made)
        return found


def chance(share: float) -> float:
    """How likely it is that so many samples hold less than a tenth of what they should of a part of such a share."""
    from scipy.special import bdtr

    return float(bdtr(LOST * SAMPLES * share, SAMPLES, share))


def _lost(spell: Spell, worst: int) -> str:
    """In which time modes were lost, or how long they were missing where that is over."""
    if not spell.ongoing:
        return f"From step {spell.onset:,} to {spell.last:,} the generator lacked up to"
    when = f"Between step {spell.onset:,} and step {worst:,}" if spell.onset < worst else f"At step {worst:,}"
    return f"{when} the generator lost"


def _of_category(run: Run, spell: Spell, step: int, share: float, *, reached: bool) -> str:
    """Which category is left out at a step, and since when, or that it never was there."""
    since = (
        f"From step {spell.onset:,} {_until(spell)}" if reached or not spell.ongoing else f"Up to step {spell.last:,}"
    )
    column, value = (value_at(run.series(name), step) for name in (COLUMN, VALUE))
    known = np.isfinite(column) and np.isfinite(value)  # several discriminators may each miss one of their own
    what = f"the value {value:.4g} in column {column:.0f} (counted from 0)" if known else "the value of a column"
    return OF_CATEGORY.format(since=since, what=what, share=share)


def _until(spell: Spell) -> str:
    return "on" if spell.ongoing else f"to {spell.last:,}"


def _labelled(run: Run) -> bool:
    return not run.series("modes/nearest/effective").empty


def _named(run: Run, step: int) -> str:
    """Which modes were lost, where their shares were recorded and the number of samples leaves no doubt."""
    from gandiag.modes.mode_statistics import missing

    names = sorted(run.names(SHARES), key=_number)
    n = value_at(run.series("modes/samples"), step)
    shares = np.array([value_at(run.series(name), step) for name in names])
    if not len(shares) or not 0 < n < MOST_SAMPLES or not ((shares >= 0) & (shares <= 1)).all():
        return ""
    prior = np.asarray(run.meta.get("modes", {}).get("prior", ()), dtype=float)
    prior = prior if len(prior) == len(names) else np.full(len(names), 1 / len(names))
    gone = [str(_number(names[k])) for k in np.flatnonzero(missing(np.round(shares * n), prior))]
    if not gone:
        return ""
    return (
        f"; {len(gone)} of {len(names)} ({listed(gone)}) have less than a tenth of their share each "
        f"({n:,.0f} samples, 99% confidence)"
    )


def _number(name: str) -> int:
    return int(placeholder(SHARES, name))

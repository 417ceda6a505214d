"""Learning rates that do not fit together, jump at a resume, or have faded."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, ClassVar

import numpy as np

from .remedies import named
from .specification import check_thresholds, evidence, finding, threshold
from .windows import Spell, held, remembered, side_by_side, spells, value_at

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    import pandas as pd

    from gandiag.findings import Finding, Severity
    from gandiag.rundir.run import Run

_NETS = ("generator", "discriminator")
RATES = tuple(f"rate/{net}" for net in _NETS)
UPDATES = tuple(f"update/{net}/ratio" for net in _NETS)
ENERGY, SPREAD = "distance/energy", "diversity/real"
APART = "rate of G over that of D"


@dataclass(frozen=True, kw_only=True)
class LearningRates:
    """The learning rates of G and D do not fit: far apart, both too low, raised, started anew at a resume, or faded.

    Sees:
        The rates that the optimizers use: how far apart they are where both are of one kind, and whether the updates
        are, too. A rate that had been scheduled and is back at its start where the run was resumed. A rate that is
        suddenly ten times as high as it ever was. Updates of both networks that add up to next to nothing of their
        weights while samples are far from the data. A rate that has come down to nothing while the other network's has
        not, and both, where the training goes on for as long again.
    Why it happens:
        A slip of the pen (1e-6 in place of 1e-4), a scheduler for one network only, or one whose state was not saved.
        One of the networks then hardly learns while the other one does as it likes, which looks like a D that is too
        weak or too strong, or like a collapse.
    Misses:
        Rates that both are too high. Two rates ten times apart may be meant (two time scales); so are
        schedules that bring both to nothing.
    Try:
        - rates-of-one-scale
        - restore-schedule
        - step-the-schedule
        - rates-as-before
        - raise-learning-rate
    References:
        Heusel et al. 2017 (two time scales: up to some ten times apart).
    """

    code: ClassVar[str] = "learning-rates"
    needs: ClassVar[tuple[str, ...]] = RATES
    how_to: ClassVar[str] = "attach with gandiag.attach, and step torch optimizers"
    not_for: ClassVar[Mapping[str, str]] = {}

    apart: float = threshold(30.0, "our choice: published pairs are at most ten times apart")
    failure_apart: float = threshold(1000.0, "our choice: nothing is left of the slower one")
    moved: float = threshold(5.0, "our choice: so far apart are the updates, too, relative to the weights")
    jump: float = threshold(3.0, "our choice: schedules go on in smaller steps after a resume")
    raised: float = threshold(10.0, "our choice: restarts of a schedule do not go beyond its highest rate")
    faded: float = threshold(1e-3, "our choice, of its highest value, while the other rate has a tenth left")
    pace: float = threshold(
        5e-5,
        "of the weights, mean update: 40 tuning runs on seven kinds of data have 8e-4 or more in one network",
    )
    still: float = threshold(
        1e-5, "as pace; three of them trained at a thousandth of what works have 3e-6 in both: nothing is learned"
    )
    far: float = threshold(0.1, "energy distance over the real spread, as in stagnation")
    slow_steps: int = threshold(1000, "our choice: a training should have moved by then")
    min_steps: int = threshold(100, "our choice: a warm-up of one network may begin like this")
    min_run_steps: int = threshold(100, "a spell")

    def __post_init__(self) -> None:
        check_thresholds(self, "1 < moved <= apart <= failure_apart", "1 < jump", "0 < faded < 1", "0 < still <= pace")

    @remembered
    def score(self, run: Run) -> pd.Series:
        """How many times apart both rates are, the higher over the lower."""
        ratio = self._ratio(run)
        return ratio.where(ratio > 1, 1 / ratio).rename("rates apart")

    @remembered
    def _ratio(self, run: Run) -> pd.Series:
        """The rate of G over that of D, at steps at which neither is 0."""
        rates = self._rates(run)
        both = rates[(rates > 0).all(axis=1)]
        ratio: pd.Series = (both[RATES[0]] / both[RATES[1]]).rename(APART)
        return ratio

    @remembered
    def _rates(self, run: Run) -> pd.DataFrame:
        return side_by_side({name: run.series(name) for name in RATES}).dropna()

    def __call__(self, run: Run) -> list[Finding]:
        rules = (self._apart, self._jumps, self._raised, self._faded, self._both_faded, self._both_slow)
        return [found for rule in rules for found in rule(run)]

    def _apart(self, run: Run) -> Iterator[Finding]:
        kinds = [_kinds(run, net) for net in _NETS]
        if kinds[0] != kinds[1]:
            return
        apart = self.score(run)
        for spell in spells(apart > self.apart, min_steps=self.min_steps):
            ratio = value_at(self._ratio(run), spell.certain)
            moves = [float(run.series(n).loc[spell.onset : spell.last].median()) for n in UPDATES]
            if min(moves) > 0 and (moves[0] / moves[1]) ** np.sign(np.log(ratio)) < self.moved:
                continue
            fast, slow = _NETS if ratio > 1 else _NETS[::-1]
            value = value_at(apart, spell.certain)
            severity: Severity = "failure" if value > self.failure_apart else "warning"
            told = self._rates(run).loc[spell.certain]
            summary = (
                f"The {fast} has {value:,.0f} times the learning rate of the {slow}, {told[f'rate/{fast}']:.2g} "
                f"against {told[f'rate/{slow}']:.2g}, from step {spell.onset:,}"
            )
            fact = evidence(apart, self.apart, "above", spell.certain, "learning rates, the higher over the lower")
            made = finding(self, spell, severity, summary, (fact,), (*RATES, *UPDATES))
            yield replace(made, remedies=named(["rates-of-one-scale"]))

    def _jumps(self, run: Run) -> Iterator[Finding]:
        """Rates that are back at their start where the run was resumed."""
        starts = [int(segment["start_step"]) for segment in run.meta.get("segments", ())[1:]]
        for name in RATES:
            rate = run.series(name)
            rate = rate[np.isfinite(rate)]
            for start in starts:
                before, after = rate.loc[: start - 1], rate.loc[start:]
                if before.empty or after.empty or not before.iloc[-1] > 0:
                    continue
                times = float(after.iloc[0] / before.iloc[-1])
                if times < self.jump or after.iloc[0] < before.max() / 2:
                    continue
                first, last = int(after.index[0]), int(after.index[-1])
                spell = Spell(first, last, first, ongoing=True)
                net = name.partition("/")[2]
                summary = (
                    f"The learning rate of the {net} is {times:.3g} times as high after the resume at step {first:,}"
                )
                fact = evidence(after / before.iloc[-1], self.jump, "above", first, f"{name} over that before")
                made = finding(self, spell, "warning", summary, (fact,), RATES)
                yield replace(made, remedies=named(["restore-schedule"]))

    def _raised(self, run: Run) -> Iterator[Finding]:
        """Rates far above all that they had been, in the middle of a run; by one network alone, `_apart` tells it."""
        rates = self._rates(run)
        rates = rates[((rates > 0) & (rates < np.inf)).all(axis=1)]
        times = rates / rates.cummax().shift()
        most = times.max(axis=1).rename("a learning rate over its highest value before")
        apart = held(self.score(run), most.index) > self.apart
        for step in most.index[(most >= self.raised) & ~apart & (most.index >= rates.index.min() + self.min_steps)]:
            first = int(step)
            which = [name.partition("/")[2] for name in RATES if times.loc[step, name] >= self.raised]
            spell = Spell(first, int(most.index[-1]), first, ongoing=True)
            summary = (
                f"From step {first:,} on the learning rate of the {' and the '.join(which)} is {most[step]:,.3g} "
                "times as high as it had ever been"
            )
            made = finding(self, spell, "warning", summary, (evidence(most, self.raised, "above", first),), RATES)
            yield replace(made, remedies=named(["rates-as-before"]))

    def _faded(self, run: Run) -> Iterator[Finding]:
        """A rate that has come down to nothing, the other one not."""
        rates = self._rates(run)
        left = (rates / rates.cummax()).fillna(1.0)
        for name, other in zip(RATES, RATES[::-1], strict=True):
            low = (left[name] < self.faded) & (rates[name] > 0) & (left[other] > 0.1)
            for spell in spells(low, min_steps=self.min_steps):
                net = name.partition("/")[2]
                summary = (
                    f"By step {spell.onset:,} the learning rate of the {net} has dropped to almost nothing, "
                    "and the other has not"
                )
                fact = evidence(left[name], self.faded, "below", spell.certain, f"{name} over its highest value")
                made = finding(self, spell, "warning", summary, (fact,), RATES)
                yield replace(made, remedies=named(["rates-of-one-scale"]))

    def _both_faded(self, run: Run) -> Iterator[Finding]:
        """Both rates have come down to nothing, and the run goes on for longer than it took."""
        rates = self._rates(run)
        left = (rates / rates.cummax()).max(axis=1).rename("rates over their highest values")
        low = (left < self.faded) & (rates > 0).all(axis=1)
        for spell in spells(low, min_steps=self.min_steps):
            first = spell.onset - int(run.scalars.index[0])
            if not spell.ongoing or spell.last - spell.onset < max(first, self.min_steps):
                continue
            summary = f"By step {spell.onset:,} both learning rates have dropped to almost nothing, yet it trains on"
            fact = evidence(left, self.faded, "below", spell.certain, "both rates over their highest values")
            made = finding(self, spell, "warning", summary, (fact,), RATES)
            yield replace(made, remedies=named(["step-the-schedule"]))

    def _both_slow(self, run: Run) -> Iterator[Finding]:
        """Rates that both are so low that nothing is learned in the time that a training takes."""
        paths = side_by_side({name: _path(run.series(name)) for name in UPDATES}).dropna()
        if paths.empty:
            return
        first, last = (int(paths.index[i]) for i in (0, -1))
        distance = (run.series(ENERGY) / held(run.series(SPREAD), run.series(ENERGY).index)).loc[
            last - self.slow_steps :
        ]
        moved = paths.iloc[-1]
        steps = last - first
        if steps < self.slow_steps or not 0 < moved.min() <= moved.max() < self.pace * steps:
            return
        if distance.empty or not distance.median() > self.far:
            return
        said = [f"{100 * value:.2g}%" for value in moved]
        summary = (
            f"Both learning rates are too low: in {steps:,} steps all updates together moved the weights of the "
            f"generator by at most {said[0]} of their size, and those of the discriminator by {said[1]}"
        )
        severity: Severity = "failure" if moved.max() < self.still * steps else "warning"
        limit = self.still if severity == "failure" else self.pace
        fact = evidence(paths.max(axis=1) / steps, limit, "below", last, "mean update over the weights")
        made = finding(self, Spell(first, last, last, ongoing=True), severity, summary, (fact,), (*RATES, *UPDATES))
        yield replace(made, remedies=named(["set-rate", "raise-learning-rate"]))


def _path(ratio: pd.Series) -> pd.Series:
    """All updates up to each step, relative to the weights: at most so far they have moved."""
    ratio = ratio.dropna()
    steps = ratio.index.to_numpy()
    return (ratio * np.diff(steps, prepend=steps[:1] - 1)).cumsum()


def _kinds(run: Run, net: str) -> set[str]:
    """Kinds of the optimizers that update a network."""
    told = run.meta.get("optimizers", {})
    return {kind for name, of in told.items() if name.partition(".")[0] == net for kind in of["optimizers"]}

"""Real and generated batches that can never agree."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, ClassVar

import pandas as pd

from gandiag.findings import Evidence

from .remedies import named
from .specification import check_thresholds, finding, threshold
from .windows import all_steps, held, remembered, rolling_median, spells, value_at

if TYPE_CHECKING:
    from collections.abc import Mapping

    from gandiag.findings import Finding, Severity
    from gandiag.rundir.run import Run

    from .windows import Spell

NOT_FINITE, BEYOND, BELOW, BOUNDED = "not finite", "beyond", "below", "bounded"
SAYS = {
    NOT_FINITE: "A real batch that D is given holds NaN or infinite values at step {onset:,}",
    BEYOND: "Real values are as large as {real:.3g} from step {onset:,} on; G has never reached more than {fake:.3g}",
    BELOW: "Real values are no larger than {real:.3g} from step {onset:,} on, far below {fake:.3g}",
    BOUNDED: "G cannot leave its range, which ends at {fake:.3g}, and real values reach {real:.3g}",
}
BOUNDS = (-1.0, 0.0, 1.0)  # where tanh, the sigmoid and ReLU end


@dataclass(frozen=True, kw_only=True)
class InputMismatch:
    """Real and generated batches differ in what G cannot make good: their scale, their bounds, values that are NaN.

    Sees:
        Real batches with values that are not finite. Real values many times as large, or as small, as any that G has
        reached, and at its present pace would reach within many thousand steps; or far smaller than real values were
        before. A G that stands at the bound of its last layer while real values lie beyond it.
    Why it happens:
        A mistake in the data: images in 0 to 255 for a G that ends in tanh, tables that are not scaled, data that
        are scaled twice, a division by zero. D needs that single value to tell both kinds apart, so it wins at once,
        and nothing that changes the balance helps; a single NaN makes all weights NaN.
    Misses:
        Ranges that differ by little, or that a G without a bound is about to reach: a [0, 1] against a [-1, 1], data
        of ten times the usual size. Padding, noise or grids that only one kind has.
    Try:
        - scale-data
        - finite-data
        - match-inputs
    References:
        ganhacks, first rule (normalise to [-1, 1], tanh at G's end); reports of it are among the most common of all.
    """

    code: ClassVar[str] = "input-mismatch"
    needs: ClassVar[tuple[str, ...]] = ("range/real/nonfinite|range/real/max", "range/fake/max|range/real/nonfinite")
    how_to: ClassVar[str] = "attach with gandiag.attach"
    not_for: ClassVar[Mapping[str, str]] = {}

    times: float = threshold(30.0, "our choice: untrained networks give some 0.1 to 1, data of unit scale up to 5")
    failure_times: float = threshold(100.0, "our choice: 0 to 255 against 1 is 255")
    beyond: float = threshold(0.2, "our choice, of the real range: so much of it lies beyond G's bound")
    close: float = threshold(0.005, "our choice: so near to its bound a G stands at it, and does not pass by")
    grace_steps: int = threshold(120, "our choice: an untrained G shows by then at which pace it learns the range")
    pace_steps: int = threshold(100, "our choice: its pace is that of so many steps")
    reach_steps: int = threshold(20_000, "our choice: a G at a common rate is at 255 after 5,000 to 20,000 steps")
    window_steps: int = threshold(30, "our choice: single batches may hold an outlier")
    min_steps: int = threshold(50, "our choice: with the window, told within 100 steps")
    bridge_steps: int = threshold(100, "our choice: batches with NaN this close together are one finding")
    min_run_steps: int = threshold(10, "ranges are recorded at every tenth step")

    def __post_init__(self) -> None:
        check_thresholds(self, "1 < times <= failure_times", "0 < beyond < 1", "0 < close < 1")

    @remembered
    def score(self, run: Run) -> pd.Series:
        """1 where one of the rules holds, 0 where none does."""
        return self._rules(run).max(axis=1).dropna().astype(float).rename("mismatch")

    @remembered
    def _rules(self, run: Run) -> pd.DataFrame:
        """Each rule by step, 1 where it holds."""
        ends, (real, fake) = self._ends(run), self._sizes(run)
        at = real.index.to_series()
        waited = at >= at.min() + self.grace_steps
        rules: dict[str, pd.Series] = {
            BEYOND: waited & (real > self.times * fake.cummax()) & self._out_of_reach(real, fake.cummax()),
            BELOW: (waited & (real > 0) & (fake.cummin() > self.times * real) & self._out_of_reach(real, fake.cummin()))
            | (real.cummax() > self.times * real),
            BOUNDED: self._bounded(ends),
        }
        bad = run.series("range/real/nonfinite").dropna() > 0
        steps = all_steps([bad, real])
        found = {name: held(rule.astype(float), steps) for name, rule in rules.items() if len(rule)}
        return pd.DataFrame({NOT_FINITE: bad.astype(float).reindex(steps), **found}, index=steps)

    @remembered
    def _ends(self, run: Run) -> pd.DataFrame:
        """Smallest and largest values of both kinds, medians over a window, at the steps at which all are known."""
        names = [f"{kind}/{end}" for kind in ("real", "fake") for end in ("min", "max")]
        ends = {name: rolling_median(run.series(f"range/{name}"), self.window_steps, 2) for name in names}
        return pd.DataFrame(ends).dropna()

    def _sizes(self, run: Run) -> tuple[pd.Series, pd.Series]:
        """The largest magnitude of real and of generated values."""
        ends = self._ends(run).abs()
        real, fake = (ends[[f"{kind}/min", f"{kind}/max"]].max(axis=1) for kind in ("real", "fake"))
        return real, fake

    def _apart(self, run: Run) -> pd.Series:
        """Whether one kind is many times as large as the other, which dates what shows only once G has learned."""
        real, fake = self._sizes(run)
        return (real > self.times * fake.cummax()) | ((real > 0) & (fake.cummin() > self.times * real))

    def _out_of_reach(self, real: pd.Series, reached: pd.Series) -> pd.Series:
        """Whether what G has reached, in the steps it moved towards real values, leaves it too far to go."""
        before = held(reached.set_axis(reached.index + self.pace_steps), reached.index)
        pace = (reached - before).abs() / self.pace_steps
        return (real - reached).abs() > self.reach_steps * pace

    def _bounded(self, ends: pd.DataFrame) -> pd.Series:
        """Whether G stands at a bound of its last layer, and real values lie beyond it. What it passes is no bound."""
        span = ends["real/max"] - ends["real/min"]
        top, bottom = ends["fake/max"].cummax(), ends["fake/min"].cummin()
        found = pd.Series(data=False, index=ends.index)
        for bound in BOUNDS:
            if top.max() <= bound:
                found |= (top >= bound - self.close) & (ends["real/max"] > bound + self.beyond * span)
            if bottom.min() >= bound:
                found |= (bottom <= bound + self.close) & (ends["real/min"] < bound - self.beyond * span)
        return found

    def __call__(self, run: Run) -> list[Finding]:
        rules = self._rules(run)
        found = []
        bad = rules[NOT_FINITE].dropna() > 0
        for spell in spells(bad, bridge_steps=self.bridge_steps):
            since = min(spell.onset, _spoiled_since(run, spell.certain))
            facts = (Evidence(signal="range/real/nonfinite", value=1.0, threshold=0.0),)
            summary = SAYS[NOT_FINITE].format(onset=spell.certain)
            made = finding(self, replace(spell, onset=since), "failure", summary, facts, self._columns())
            found.append(replace(made, remedies=named(["finite-data", "match-inputs"])))
        others = rules.drop(columns=NOT_FINITE).dropna(how="all").fillna(0) > 0
        lead, steps = self.window_steps // 2, self.min_steps
        there = others.any(axis=1) | (held(self._apart(run).astype(float), others.index) > 0)
        lasting = spells(others.any(axis=1), there, min_steps=steps, lead_steps=lead, bridge_steps=steps)
        for spell in lasting:
            begun = spell.onset == others.index[0]  # before anything was known of it: from the start on
            holds = {str(name): value_at(others[name], spell.certain) > 0 for name in others}
            onset = int(run.scalars.index[0]) if begun else spell.onset
            found.append(self._found(run, replace(spell, onset=onset), holds))
        return found

    def _found(self, run: Run, spell: Spell, holds: Mapping[str, bool]) -> Finding:
        ends = self._ends(run)
        at = {name: value_at(ends[name], spell.certain) for name in ends}
        rule = next(name for name in (BOUNDED, BEYOND, BELOW) if holds.get(name, False))
        real, fake = (max(at[f"{kind}/min"], at[f"{kind}/max"], key=abs) for kind in ("real", "fake"))
        if rule == BOUNDED:
            over, under = at["real/max"] - at["fake/max"], at["fake/min"] - at["real/min"]
            real, fake = (at[f"{kind}/{'max' if over > under else 'min'}"] for kind in ("real", "fake"))
            times = self.failure_times
        else:
            real, fake = abs(real), abs(fake)
            times = max(real, fake) / max(min(real, fake), 1e-30)
        severity: Severity = "failure" if times >= self.failure_times else "warning"
        summary = SAYS[rule].format(real=real, fake=fake, onset=spell.onset)
        limit = {BEYOND: abs(fake), BELOW: abs(real), BOUNDED: abs(fake)}[rule]
        value = {BEYOND: abs(real), BELOW: max(abs(fake), ends["real/max"].max()), BOUNDED: abs(real)}[rule]
        name = {BEYOND: "largest real value", BELOW: "largest value otherwise", BOUNDED: "real value beyond G's bound"}[
            rule
        ]
        facts = (Evidence(signal=name, value=float(value), threshold=float(limit), comparison="above"),)
        made = finding(self, spell, severity, summary, facts, self._columns())
        return replace(made, remedies=named(["scale-data", "match-inputs"]))

    def _columns(self) -> tuple[str, ...]:
        return tuple(f"range/{kind}/{end}" for kind in ("real", "fake") for end in ("min", "max"))


def _spoiled_since(run: Run, step: int) -> int:
    """From which step on values are not finite up to `step`: data come again, so that these did it, unseen before."""
    counts = run.series("nonfinite").loc[:step]
    fine = counts.index[counts.to_numpy() == 0]
    spoiled = counts.index[counts.index > fine[-1]] if len(fine) else counts.index
    return int(spoiled[0]) if len(spoiled) else step

"""A model whose best moment is over."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, ClassVar

import numpy as np
import pandas as pd

from gandiag.signals import CALLED, QUALITY, describe

from .change import change_point, scatter_so_far
from .specification import check_thresholds, evidence, finding, threshold
from .windows import block_medians, held, remembered, rolling_median, spells, step_of_lowest, value_at

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from gandiag.findings import Finding, Severity
    from gandiag.rundir.run import Run

    from .windows import Spell

ENERGY = "distance/energy"
BLOCK_STEPS = 100  # of the energy distance, for one value: its memory of some ten steps is over then
MOST_ERRORS = 1000.0  # more standard errors are as good as that many: of values without scatter any loss has more
STAY = 0.5  # of the loss that counts, dates the end
INTERVAL = 2 * 1.96  # standard errors between the ends of a 95 % interval
MEDIAN = float(np.sqrt(np.pi / 2))  # standard error of a median over that of a mean


@dataclass(frozen=True, kw_only=True)
class QualityRegression:
    """The best step lies behind: the model has become worse since, beyond doubt.

    Sees:
        The median of the last five values of a quality metric against the best such median so far, in standard
        errors; by the metric's interval, or by how much it scatters from one check to the next, whichever is more.
        Of several metrics the first one counts in the order FID, Fréchet distance, KID, kernel distance, scores. As
        long as none is recorded, the energy distance between the training's own batches serves. Measures of variety or
        of copying alone do not count: noise that is like no data has the best of them.
    Why it happens:
        A GAN has no loss that ends at an optimum. D goes on learning, on a small data set by heart, and its feedback
        turns into noise or drives G away from what it had; learning rates that are never lowered let both players
        circle at a distance.
    Misses:
        A loss that the metric does not see. The first ten checks. Losses of less than a tenth.
    Try:
        - roll-back
        - early-stop
        - weight-averaging
        - lower-learning-rates
    References:
        Prechelt 1998 (early stopping); Karras et al. 2020 (quality that worsens as D overfits); Lord 1950 (the range
        of normal values, which bounds how far the best of many checks may lie from the last one by chance).
    """

    code: ClassVar[str] = "quality-regression"
    needs: ClassVar[tuple[str, ...]] = ("|".join((*QUALITY, ENERGY)),)
    how_to: ClassVar[str] = "pass quality= to attach, or log quality/fid or another metric now and then"
    not_for: ClassVar[Mapping[str, str]] = {}

    standard_errors: float = threshold(
        6.2, "the range of 50 independent normal values is larger in 1 % of cases (studentized range, closed form)"
    )
    loss: float = threshold(0.1, "our choice: worse than the best by a tenth of it")
    failure_loss: float = threshold(0.5, "our choice: worse than the best by half of it")
    energy_loss: float = threshold(
        0.05, "of the real spread; batches of 64 of equal laws scatter by 0.02, a median of five blocks by 0.002"
    )
    energy_failure: float = threshold(
        0.2, "of the real spread: a shift by one standard deviation has 0.23, closed form"
    )
    checks: int = threshold(5, "values behind a median, and checks without a better one: patience of 5")
    warmup_checks: int = threshold(10, "two medians that share no value")
    min_run_steps: int = threshold(1000, "ten checks, 100 steps apart")

    def __post_init__(self) -> None:
        check_thresholds(self, "0 < loss <= failure_loss", "0 < energy_loss <= energy_failure")
        for name, least in (("checks", 2), ("warmup_checks", self.checks)):
            if getattr(self, name) < least:
                raise ValueError(f"{name} must be at least {least}, got {getattr(self, name)}")

    @remembered
    def score(self, run: Run) -> pd.Series:
        """How many standard errors the metric that counts is behind its best; 0 where the loss is below its limit."""
        return self._counting(run, "score").rename("standard errors behind the best")

    def _counting(self, run: Run, column: str) -> pd.Series:
        """A column of `_tracks` by step, of the metric that counts there: the first that has a value by then."""
        frame = pd.concat([track[column] for track in self._tracks(run).values()], axis=1).sort_index().ffill()
        return frame.bfill(axis=1).iloc[:, 0].dropna()

    @remembered
    def _tracks(self, run: Run) -> dict[str, pd.DataFrame]:
        """What `_track` says of each metric, in the order in which they count."""
        tracks = {}
        for name in (n for n in QUALITY if not run.series(n).empty):
            sign = 1.0 if describe(name).worse == "high" else -1.0
            tracks[name] = self._track(sign * run.series(name), self._errors(run, name), pd.Series.abs, self.loss)
        energy = block_medians(run.series(ENERGY), BLOCK_STEPS, run.last_step)
        spread = held(rolling_median(run.series("diversity/real"), BLOCK_STEPS), energy.index)
        nothing = pd.Series(dtype="float64")
        tracks[ENERGY] = self._track((energy / spread).dropna(), nothing, _ones, self.energy_loss)
        return tracks

    def _errors(self, run: Run, name: str) -> pd.Series:
        """Standard errors of a metric's values, from their recorded intervals; NaN without one."""
        low, high = (run.series(f"{name}/{end}").reindex(run.series(name).index) for end in ("low", "high"))
        return (high - low) / INTERVAL

    def _track(
        self, values: pd.Series, errors: pd.Series, unit: Callable[[pd.Series], pd.Series], limit: float
    ) -> pd.DataFrame:
        """How a metric compares with its own best so far, at each of its steps. Higher `values` are worse.

        Columns: `value`; `level`, the median of the last checks; `best`, the lowest level so far, and `place`, its row;
        `behind`, how far the level is above it in standard errors; `loss`, the same in units of the best (`unit` gives
        them), and `reached`, that over its limit; `score`, which is `behind` once the warm-up is over, the loss above
        its limit and the best as many checks ago as a level spans, else 0.
        """
        values = values[np.isfinite(values)]
        level = values.rolling(self.checks).median()
        best = level.cummin()
        scatter = pd.Series(scatter_so_far(values.to_numpy(), self.checks), index=values.index)
        scatter = np.fmax(scatter, errors.reindex(values.index)) * MEDIAN / np.sqrt(self.checks)
        behind = ((level - best) / scatter.clip(lower=1e-300)).clip(upper=MOST_ERRORS)
        loss: pd.Series = (level - best) / unit(best).clip(lower=1e-300)
        rows = pd.Series(np.arange(len(values)), index=values.index)
        place = rows.where(level == best).ffill()
        counts = (rows >= self.warmup_checks - 1) & (rows - place >= self.checks) & (loss > limit)
        columns = {"value": values, "level": level, "best": best, "place": place, "behind": behind, "loss": loss}
        return pd.DataFrame(columns | {"reached": loss / limit, "score": behind.where(counts, 0.0)})

    def __call__(self, run: Run) -> list[Finding]:
        stay = self._counting(run, "reached") > STAY
        return [self._finding(run, spell) for spell in spells(self.score(run) > self.standard_errors, stay)]

    def _finding(self, run: Run, spell: Spell) -> Finding:
        name, track = next((n, t) for n, t in self._tracks(run).items() if len(t) and t.index[0] <= spell.certain)
        limits = (self.energy_loss, self.energy_failure) if name == ENERGY else (self.loss, self.failure_loss)
        best_step, onset = self._turn(track.loc[: spell.certain])
        losses = track["loss"].loc[spell.certain : spell.last]
        worst = step_of_lowest(-losses)
        severe = bool(losses.loc[worst] > limits[1])
        severity: Severity = "failure" if severe else "warning"
        unit, of = ("the real spread", " of the real spread") if name == ENERGY else ("the best value", "")
        best, last = (abs(value_at(track["value"], step)) for step in (best_step, worst))
        summary = (
            f"{_subject(name)} was best at step {best_step:,} ({best:.3g}{of}) and has been getting worse since "
            f"step {onset:,}, to {last:.3g}: keep the checkpoint of step {best_step:,}"
        )
        facts = (
            evidence(track["behind"], self.standard_errors, "above", spell.certain, f"{name}, standard errors lost"),
            evidence(track["loss"], limits[severe], "above", worst, f"{name}, loss over {unit}"),
        )
        columns = (name, f"{name}/low", f"{name}/high")
        return finding(self, replace(spell, onset=onset), severity, summary, facts, columns)

    def _turn(self, track: pd.DataFrame) -> tuple[int, int]:
        """The best step, and the first step at the worse level with which `track` ends."""
        now, values = track.iloc[-1], track["value"]
        place = int(now["place"]) + 1
        since = values.iloc[place - 1 :]
        turned = change_point(since.to_numpy(), float(now["best"]), float(now["level"]))
        return step_of_lowest(values.iloc[place - self.checks : place]), int(since.index[min(turned, len(since) - 1)])


def _ones(values: pd.Series) -> pd.Series:
    return pd.Series(1.0, index=values.index)


def _subject(name: str) -> str:
    """What people call a signal, with an article where it needs one."""
    called = CALLED.get(name, name)
    return f"The {called}" if " " in called else called

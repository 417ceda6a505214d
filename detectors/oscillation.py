"""G and D that circle each other."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, ClassVar

import numpy as np
import pandas as pd

from gandiag.findings import Evidence

from .binning import (
    BINS,
    FINENESS,
    bin_means,
    binned_windows,
    epoch_steps,
    evenly,
    intervals,
    median,
    recorded,
    shortest_period,
    window_ends,
)
from .periodicity import growing_swings_so_far, strongest_peaks
from .specification import check_thresholds, finding, threshold
from .swings import Swing, growing, in_units, swing_of, without_swings
from .windows import remembered, spells

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from gandiag.findings import Finding
    from gandiag.rundir.run import Run

    from .binning import Binned
    from .periodicity import Cycle
    from .swings import Swings
    from .windows import Spell

OUTPUTS = ("d/real/mean", "d/fake/mean", "d/fake/std")
CENTRES = ("centre/fake/1", "centre/fake/2")
EPOCH = 0.05  # a period this near to an epoch, or to half, a third or a quarter of one, is the data loader's
COLUMNS = (*OUTPUTS, *CENTRES, "diversity/real")


@dataclass(frozen=True, kw_only=True)
class Oscillation:
    """G and D circle each other instead of settling: samples, or D's verdicts, swing back and forth, cycle after cycle.

    Sees:
        A period that red noise does not explain (Fisher's g, p below a limit), with an envelope that does not die
        away: in the mean of the generated batch along fixed directions, as wide as the data (a failure), or at the
        same period in D's mean outputs on real and on generated samples, wider than the samples of a batch differ (a
        warning, a failure where it grows). Swings of the mean that grow from turn to turn are found without a period.
        What has died away was damped after all, and is a warning. Cycles of D's outputs as long as an epoch, or as a
        part of one, are left out where the loop tells its length (hyperparameters={"steps_per_epoch": n}).
    Why it happens:
        The two players' gradients form a rotation: without damping, steps lead around the equilibrium, not into
        it. Momentum, a high learning rate and a D that lags behind G make the circles wider.
    Misses:
        Damped cycles, which are convergence. Fewer than four cycles. Periods of a dozen steps, or of fewer than three
        records. Where the length of an
        epoch is not told, a cycle of the data loader differs from one of the game only by its size.
    Try:
        - r1-penalty
        - lower-beta1
        - optimistic-gradients
        - extragradient
        - weight-averaging
        - consensus-optimisation
    References:
        Mescheder et al. 2018 (Dirac-GAN, R1); Mescheder et al. 2017 (rotation); Fisher 1929.
    """

    code: ClassVar[str] = "oscillation"
    needs: ClassVar[tuple[str, ...]] = ("centre/fake/1|d/real/mean", "centre/fake/1|d/fake/mean")
    how_to: ClassVar[str] = (
        "attach with gandiag.attach; where D's outputs are not attributed, callback.observe(real=, fake=)"
    )
    not_for: ClassVar[Mapping[str, str]] = {}

    p_value: float = threshold(1e-4, "per window; a run of 20 windows stays below 1 % in all")
    amplitude: float = threshold(
        0.5, "of D's outputs, in their spread within a batch; one of 18 healthy tuning runs passes it, once"
    )
    swing: float = threshold(
        0.25, "of the mean of generated samples, in the mean distance of two real ones: our choice"
    )
    envelope: float = threshold(0.98, "per cycle; below, the cycle is damped (Dirac-GAN: 1.000 sustained, 0.92 damped)")
    failure_envelope: float = threshold(1.01, "above, it grows")
    window_steps: int = threshold(512, "two steps to a bin; longer windows see slower cycles")
    patience: float = threshold(
        4.0, "our choice: a turn of a growing spiral may take so many times as long as the last one (Dirac-GAN: 3)"
    )
    min_windows: int = threshold(3, "overlapping windows on end, a quarter apart")
    min_run_steps: int = threshold(768, "three windows, overlapping")

    def __post_init__(self) -> None:
        check_thresholds(self)
        if not 0 < self.p_value < 1:
            raise ValueError(f"p_value must lie in (0, 1), got {self.p_value}")
        if self.window_steps < BINS:
            raise ValueError(f"window_steps must be at least {BINS}, got {self.window_steps}")
        if self.window_steps % BINS:
            raise ValueError(f"window_steps must be a multiple of {BINS}, got {self.window_steps}")

    @remembered
    def score(self, run: Run) -> pd.Series:
        """Size of an undamped cycle by window, 1 at its threshold; 0 where there is none."""
        return self._windows(run).groupby("step")["size"].max()

    @remembered
    def _windows(self, run: Run) -> pd.DataFrame:
        """One row per window, shortest windows first: its last step, its length, and the widest `Swing` in it."""
        rows: list[dict[str, float]] = []
        window = self.window_steps
        while window <= run.last_step:  # each scale sees four times slower cycles
            rows += self._scale(run, window) + self._from_the_start(run, window)
            window *= 4
        looked = min((row["step"] for row in rows if row["window"]), default=run.last_step + 1)
        rows = [row for row in rows if row["step"] >= looked or row["size"] >= 1]  # spirals alone are not all of it
        return pd.DataFrame(rows, columns=["step", "window", *vars(Swing())], dtype="float64")

    def _scale(self, run: Run, window: int) -> list[dict[str, float]]:
        """One row for each window of so many steps in which something was recorded throughout."""
        ends = window_ends(run, window)
        seen: dict[int, dict[str, Swing]] = {end: {} for end in ends.tolist()}  # by what was searched
        for bins in FINENESS:  # as fine as the record allows
            if not len(ends):
                break
            searches = self._searches(run, window, ends, bins)
            for name, swings in searches.items():
                for end, swing in zip(ends.tolist(), swings, strict=True):
                    if swing is not None:
                        seen[end].setdefault(name, _in_steps(swing, end - window, window / bins))
            ends = np.array([end for end in ends.tolist() if len(seen[end]) < len(searches)], dtype=np.int64)
        rows: list[dict[str, float]] = []
        for end, found in seen.items():
            if found:
                widest = max(found.values(), key=lambda swing: (swing.size, swing.extent))
                rows.append({"step": end, "window": window, **vars(widest)})
        return rows

    def _searches(self, run: Run, window: int, ends: np.ndarray, bins: int) -> dict[str, Swings]:
        """By what is searched the swing in each window, in bins; None where too little was recorded."""
        binned = binned_windows(run, COLUMNS, window, ends, bins)
        known = {name: np.asarray(np.isfinite(values).all(axis=1)) for name, values in binned.items()}
        binned = {name: np.where(known[name][:, None], values, 0.0) for name, values in binned.items()}
        units = np.zeros(len(ends))
        if "diversity/real" in binned:
            units = np.where(known["diversity/real"], self.swing * np.median(binned["diversity/real"], axis=1), 0.0)
        searches: dict[str, Swings] = {}
        if all(name in binned for name in OUTPUTS):
            searches["outputs"] = self._cycles_of_outputs(binned, known, epoch_steps(run) * bins / window)
        for name in (n for n in CENTRES if n in binned):
            quiet = without_swings(binned[name], known[name])
            searches[name] = self._cycles_of_samples(binned[name], quiet, units)
            searches[f"{name} growing"] = growing(binned[name], quiet, units)
        return searches

    def _from_the_start(self, run: Run, window: int) -> list[dict[str, float]]:
        """One row, of window 0, for each end between `window` and four of it: swings that grew in all steps so far.

        The turns of a spiral that leaves the equilibrium take ever longer: no window holds five of them for long.
        """
        width = window // BINS
        count = min(run.last_step // width, 4 * BINS)
        ends = np.arange(BINS, min(count + 1, 4 * BINS), BINS // 4)
        found: dict[int, list[Swing]] = {end: [] for end in ends.tolist()}
        spread = self._means(run, "diversity/real", width, count, 1) if "diversity/real" in run.scalars else np.zeros(0)
        for name in (n for n in CENTRES if n in run.scalars):
            every = intervals(recorded(run, name)[0], ends * width)
            for interval in np.unique(every):
                here = ends[every == interval].tolist()
                units = [self.swing * median(spread[:end]) for end in here]
                means = self._means(run, name, width, count, int(interval))
                for end, swing in zip(here, self._growing_so_far(means, here, units), strict=True):
                    if np.isfinite(means[:end]).sum() >= BINS // 8:  # else nothing was looked at
                        found[end].append(swing)
        rows: list[dict[str, float]] = []
        for end, swings in found.items():
            if swings:
                widest = max((Swing(), *swings), key=lambda swing: swing.size)
                rows.append({"step": end * width, "window": 0, **vars(replace(widest, begins=widest.begins * width))})
        return rows

    def _means(self, run: Run, name: str, width: int, count: int, interval: int) -> np.ndarray:
        """Bin means (count,) of a signal as if it had been recorded at such an interval from the start."""
        steps, values = recorded(run, name)
        kept = evenly(steps, interval)
        means = bin_means((steps[kept] - 1) // width, values[kept], count)
        return np.where(np.isinf(means), np.nan, means)

    def _cycles_of_outputs(self, binned: Binned, known: Binned, epoch: float) -> list[Swing | None]:
        """The cycle of D's outputs in each window; `epoch` in bins."""
        shortest = shortest_period(binned["d/fake/mean"].shape[1])
        fake, real = (strongest_peaks(binned[n], min_period=shortest) for n in ("d/fake/mean", "d/real/mean"))
        likely = np.maximum(fake.p_value, real.p_value) <= self.p_value
        recorded = np.logical_and.reduce([known[name] for name in OUTPUTS])
        found: list[Swing | None] = [Swing() if there else None for there in recorded]
        for place in np.flatnonzero(recorded & likely).tolist():
            cycle = fake.cycle(place)
            if cycle is None or not 0.8 < cycle.period * real.frequency[place] < 1.25 or not self._lasts(cycle):
                continue
            if any(abs(cycle.period * parts - epoch) < EPOCH * epoch for parts in (1, 2, 3, 4)):
                continue
            spread = max(float(np.median(binned["d/fake/std"][place])), 1e-12)
            size = cycle.amplitude / spread / self.amplitude
            found[place] = Swing(size=size, envelope=cycle.envelope, period=cycle.period, begins=cycle.begins)
        return found

    def _cycles_of_samples(self, values: np.ndarray, quiet: Swings, units: np.ndarray) -> list[Swing | None]:
        """The cycle of the generated batch along one direction, (windows, BINS), in each window."""
        peaks, found = strongest_peaks(values, min_period=shortest_period(values.shape[1])), list(quiet)
        for place, still in enumerate(quiet):
            cycle = peaks.cycle(place) if still and peaks.p_value[place] <= self.p_value else None
            if still and cycle is not None and self._lasts(cycle):
                size = in_units(cycle.amplitude, float(units[place]))
                seen = replace(still, size=size, envelope=cycle.envelope, period=cycle.period, begins=cycle.begins)
                found[place] = replace(seen, samples=True)
        return found

    def _growing_so_far(self, values: np.ndarray, ends: Sequence[int], units: Sequence[float]) -> list[Swing]:
        """The growing swings of the generated batch along one direction (bins,), up to each of the `ends`."""
        known = np.flatnonzero(~np.isnan(values))
        spirals = growing_swings_so_far(values[known], [int(np.searchsorted(known, end)) for end in ends])
        found: list[Swing] = []
        for spiral, unit in zip(spirals, units, strict=True):
            if spiral is None or spiral.since > self.patience * spiral.lasted:
                found.append(Swing())
            else:
                found.append(replace(swing_of(spiral, unit), begins=float(known[spiral.begins])))
        return found

    def _lasts(self, cycle: Cycle) -> bool:
        return cycle.p_value <= self.p_value and cycle.envelope >= self.envelope

    def __call__(self, run: Run) -> list[Finding]:
        candidates: list[tuple[Spell, pd.DataFrame]] = []
        windows = self._windows(run)
        for window in windows["window"].unique():
            rows = windows[windows["window"] == window]
            frame = rows.set_index(rows["step"].astype("int64"))
            spiral = frame["spiral"].where(frame["size"] >= 1).ffill()
            hit = (frame["size"] >= 1) | (frame["extent"] >= spiral / 2)  # or its next turn takes longer than a window
            lasting = (hit.rolling(self.min_windows).min() == 1) | (hit & spiral.notna())
            for spell in spells(lasting, hit, bridge_steps=int(window) * 3 // 4):
                onset = max(int(frame["begins"][spell.onset]), int(run.scalars.index[0]))
                candidates.append((replace(spell, onset=onset), frame[hit].loc[spell.onset : spell.last]))
        kept: list[tuple[Spell, pd.DataFrame]] = []
        for spell, frame in sorted(candidates, key=lambda c: c[0].certain):
            if not kept or spell.onset > kept[-1][0].certain:
                kept.append((spell, frame))
            else:  # one cycle, seen at two scales
                first, seen = kept.pop()
                last, ongoing = max(first.last, spell.last), first.ongoing or spell.ongoing
                kept.append((replace(first, last=last, ongoing=ongoing), seen))
        return [self._finding(run, frame, spell) for spell, frame in kept]

    def _finding(self, run: Run, frame: pd.DataFrame, spell: Spell) -> Finding:
        frame = frame[frame["size"] >= 1]
        last, settled = frame.iloc[-1], frame.iloc[3:]  # earlier windows hold the cycle's beginning, which grows
        envelope = float((settled if len(settled) else frame)["envelope"].median())
        grows = len(settled) >= self.min_windows and envelope > self.failure_envelope
        samples = bool((frame["samples"] > 0).any())
        period = frame["period"].dropna()
        every = f" with a period of {period.iloc[-1]:,.0f} steps" if len(period) else ""
        who = "Generated samples" if samples else "D's outputs"
        kind = "diverging" if envelope > self.failure_envelope else "sustained"
        kind = kind if spell.ongoing else "growing while they lasted" if envelope > 1 else "weakly damped"
        over = "" if spell.ongoing else f"; by step {spell.last:,} that had died away"
        size = f"{kind}: each cycle {envelope:.2f} times as large as the last"
        summary = f"{who} swing{every} from step {spell.onset:,}, {size}{over}"
        unit = (
            (self.swing, "swing of samples / real spread") if samples else (self.amplitude, "swing of D / batch spread")
        )
        facts = (
            Evidence(signal=unit[1], value=float(last["size"]) * unit[0], threshold=unit[0]),
            Evidence(signal="amplitude per cycle", value=envelope, threshold=self.envelope),
        )
        columns = ("centre/fake/1", "centre/fake/2", "d/real/mean", "d/fake/mean", "loss/generator")
        severe = spell.ongoing and (samples or grows)
        made = finding(self, spell, "failure" if severe else "warning", summary, facts, columns)
        if _has_momentum(run):
            return made
        return replace(made, remedies=tuple(r for r in made.remedies if r.name != "lower-beta1"))


def _has_momentum(run: Run) -> bool:
    """Whether some optimizer has momentum, or nothing is known of it."""
    told = [of.get("momentum") for of in run.meta.get("optimizers", {}).values()]
    return not told or any(value is None or value > 0 for value in told)


def _in_steps(swing: Swing, before: int, scale: float) -> Swing:
    """A swing in bins of so many steps as one in steps, of a window after the step `before`."""
    return replace(swing, begins=before + swing.begins * scale, period=swing.period * scale)

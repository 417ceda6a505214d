"""G and D that circle each other."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, ClassVar

import numpy as np
import pandas as pd

from gandiag.findings import Evidence

from .periodicity import growing_swings, strongest_cycle
from .specification import check_thresholds, finding, threshold
from .windows import remembered, spells

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from gandiag.findings import Finding
    from gandiag.run import Run

    from .periodicity import Cycle
    from .windows import Spell

BINS = 256  # samples of each window: periods from 6 to 64 bins can be seen


OUTPUTS = ("d/real/mean", "d/fake/mean", "d/fake/std")
CENTRES = ("centre/fake/1", "centre/fake/2")
COLUMNS = (*OUTPUTS, *CENTRES, "diversity/real")


@dataclass(frozen=True, kw_only=True)
class Oscillation:
    """G and D circle each other instead of settling: samples, or D's verdicts, swing back and forth, cycle after cycle.

    Sees:
        A period that red noise does not explain (Fisher's g, p below a limit), with an envelope that does not die
        away: in the mean of the generated batch along fixed directions, as wide as the data (a failure), or at the
        same period in D's mean outputs on real and on generated samples, wider than the samples of a batch differ (a
        warning, a failure where it grows). Swings of the mean that grow from turn to turn are found without a period.
    Why it happens:
        The two players' gradients form a rotation: without damping, steps lead around the equilibrium, not into
        it. Momentum, a high learning rate and a D that lags behind G make the circles wider.
    Misses:
        Damped cycles, which are convergence. Fewer than four cycles. Periods of a few steps. A cycle of the
        data loader is told from one of the game only by its size.
    Try:
        - damp D: R1 (gamma 0.1 to 10; on Dirac-GAN any gamma > 0 turns the circle into a spiral inwards)
        - lower Adam's beta1 to 0.5 or 0, and the learning rates
        - use an average of the generator's weights (EMA 0.999): the average of a circle is its centre
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
    min_windows: int = threshold(3, "overlapping windows on end, a quarter apart")
    min_run_steps: int = threshold(768, "three windows, overlapping")

    def __post_init__(self) -> None:
        check_thresholds(self)
        if not 0 < self.p_value < 1:
            raise ValueError(f"p_value must lie in (0, 1), got {self.p_value}")
        if self.window_steps < BINS:
            raise ValueError(f"window_steps must be at least {BINS}, got {self.window_steps}")

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
            rows += self._scale(run, window)
            window *= 4
        return pd.DataFrame(rows, columns=["step", "window", *QUIET], dtype="float64")

    def _scale(self, run: Run, window: int) -> list[dict[str, float]]:
        steps = run.scalars.index.to_numpy()
        columns = {name: run.scalars[name].to_numpy() for name in COLUMNS if name in run.scalars}
        rows: list[dict[str, float]] = []
        for end in range(window, int(steps[-1]) + 1, window // 4):
            inside = slice(*np.searchsorted(steps, [end - window + 1, end + 1]))
            if steps[inside].size < BINS:
                continue
            edges = np.linspace(end - window, end, BINS + 1)
            binned = {k: _bin_means(steps[inside], v[inside], edges) for k, v in columns.items()}
            binned = {k: v for k, v in binned.items() if np.isfinite(v).all()}
            found = [*self._of_outputs(binned), *self._of_samples(binned)]
            if found:
                widest = max(found, key=lambda swing: (swing["size"], swing["extent"]))
                scale = window / BINS
                places = {"begins": end - window + widest["begins"] * scale, "period": widest["period"] * scale}
                rows.append({"step": end, "window": window, **widest, **places})
        return rows

    def _of_outputs(self, binned: Mapping[str, np.ndarray]) -> Iterator[dict[str, float]]:
        """The cycle of D's outputs, if they were recorded."""
        if not all(name in binned for name in OUTPUTS):
            return
        fake, real = (strongest_cycle(binned[name]) for name in ("d/fake/mean", "d/real/mean"))
        both = fake is not None and real is not None and 0.8 < fake.period / real.period < 1.25
        if fake is None or real is None or not both or not self._lasts(fake) or real.p_value > self.p_value:
            yield QUIET
            return
        size = fake.amplitude / max(float(np.median(binned["d/fake/std"])), 1e-12) / self.amplitude
        yield {**QUIET, "size": size, "envelope": fake.envelope, "period": fake.period, "begins": fake.begins}

    def _of_samples(self, binned: Mapping[str, np.ndarray]) -> Iterator[dict[str, float]]:
        """The cycle, or the growing swings, of the generated batch along each direction."""
        spread = float(np.median(binned["diversity/real"])) if "diversity/real" in binned else 0.0
        for values in (binned[name] for name in CENTRES if name in binned):
            quiet = {**QUIET, "extent": float(np.ptp(values)) / 2}
            yield quiet
            cycle = strongest_cycle(values)
            if cycle is not None and self._lasts(cycle):
                size = _in_units(cycle.amplitude, self.swing * spread)
                found = {"size": size, "envelope": cycle.envelope, "period": cycle.period, "begins": cycle.begins}
                yield {**quiet, **found, "samples": 1.0}
            spiral = growing_swings(values)
            if spiral is not None:
                found = {"size": _in_units(spiral.size, self.swing * spread), "envelope": spiral.growth}
                yield {**quiet, **found, "begins": spiral.begins, "samples": 1.0, "spiral": spiral.size}

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
            if not kept or spell.onset > kept[-1][0].certain:  # else one cycle, seen at two scales
                kept.append((spell, frame))
        return [self._finding(frame, spell) for spell, frame in kept]

    def _finding(self, frame: pd.DataFrame, spell: Spell) -> Finding:
        frame = frame[frame["size"] >= 1]
        last, settled = frame.iloc[-1], frame.iloc[3:]  # earlier windows hold the cycle's beginning, which grows
        envelope = float((settled if len(settled) else frame)["envelope"].median())
        grows = len(settled) >= self.min_windows and envelope > self.failure_envelope
        samples = bool((frame["samples"] > 0).any())
        period = frame["period"].dropna()
        every = f" with a period of {period.iloc[-1]:,.0f} steps" if len(period) else ""
        who = "Generated samples" if samples else "D's outputs"
        size = f"each cycle {envelope:.2f} times as large as the last"
        summary = f"{who} swing{every} from step {spell.onset:,}, {size}"
        unit = (
            (self.swing, "swing of samples / real spread") if samples else (self.amplitude, "swing of D / batch spread")
        )
        facts = (
            Evidence(signal=unit[1], value=float(last["size"]) * unit[0], threshold=unit[0]),
            Evidence(signal="amplitude per cycle", value=envelope, threshold=self.envelope),
        )
        columns = ("centre/fake/1", "centre/fake/2", "d/real/mean", "d/fake/mean", "loss/generator")
        return finding(self, spell, "failure" if samples or grows else "warning", summary, facts, columns)


NAN = float("nan")
QUIET = {"size": 0.0, "envelope": NAN, "period": NAN, "begins": 0.0, "samples": 0.0, "spiral": NAN, "extent": 0.0}
"""A window without a swing; `spiral` is the size of growing swings, `extent` half of what the samples' mean covers."""


def _in_units(amplitude: float, unit: float) -> float:
    """An amplitude in units; of data without any spread, as in Dirac-GAN, any amplitude is one unit."""
    return amplitude / unit if unit > 0 else float(amplitude > 0)


def _bin_means(steps: np.ndarray, values: np.ndarray, edges: np.ndarray) -> np.ndarray:
    """Mean of the recorded values in each bin of steps, NaN for a bin without any."""
    present = ~np.isnan(values)
    places = np.searchsorted(edges, steps[present], side="left") - 1
    size = len(edges) - 1
    counts = np.bincount(places, minlength=size)
    sums = np.bincount(places, weights=values[present], minlength=size)
    with np.errstate(invalid="ignore"):
        means: np.ndarray = sums / np.where(counts, counts, np.nan)
    return means

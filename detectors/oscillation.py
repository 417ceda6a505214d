"""G and D that circle each other."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, ClassVar

import numpy as np
import pandas as pd

from gandiag.findings import Evidence

from .periodicity import strongest_cycle
from .specification import check_thresholds, finding, threshold
from .windows import remembered, spells

if TYPE_CHECKING:
    from collections.abc import Mapping

    from gandiag.findings import Finding
    from gandiag.run import Run

    from .windows import Spell

BINS = 256  # samples of each window: periods from 6 to 64 bins can be seen


@dataclass(frozen=True, kw_only=True)
class Oscillation:
    """G and D circle each other instead of settling: D's verdicts rise and fall together, cycle after cycle.

    Sees:
        A period in D's mean outputs that red noise does not explain (Fisher's g, p below a limit), at the same
        period in the outputs on real and on generated samples, larger than the differences between the samples
        of a batch, and with an envelope that does not die away.
    Why it happens:
        The two players' gradients form a rotation: without damping, steps lead around the equilibrium, not into
        it. Momentum, a high learning rate and a D that lags behind G make the circles wider.
    Misses:
        Damped cycles, which are convergence. Fewer than four cycles. Periods of a few steps. A cycle of the
        data loader is told from one of the game only by its size.
    Try:
        - r1-penalty
        - lower-beta1
        - weight-averaging
        - optimistic-gradients
        - extragradient
        - consensus-optimisation
    References:
        Mescheder et al. 2018 (Dirac-GAN, R1); Mescheder et al. 2017 (rotation); Fisher 1929.
    """

    code: ClassVar[str] = "oscillation"
    needs: ClassVar[tuple[str, ...]] = ("d/real/mean", "d/fake/mean", "d/fake/std")
    how_to: ClassVar[str] = (
        "attach with gandiag.attach; where D's outputs are not attributed, callback.observe(real=, fake=)"
    )
    not_for: ClassVar[Mapping[str, str]] = {}

    p_value: float = threshold(1e-4, "per window; a run of 20 windows stays below 1 % in all")
    amplitude: float = threshold(
        0.5, "of the spread of D's outputs within a batch; one of 18 healthy tuning runs passes it, once"
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
        """Amplitude of an undamped cycle over the spread within a batch, by window; 0 where there is none."""
        return self._windows(run).groupby("step")["size"].max()

    @remembered
    def _windows(self, run: Run) -> pd.DataFrame:
        """One row per window, shortest windows first: its last step, length, and what `_judge` found."""
        rows: list[tuple[float, ...]] = []
        window = self.window_steps
        while window <= run.last_step:  # each scale sees four times slower cycles
            rows += self._scale(run, window)
            window *= 4
        return pd.DataFrame(rows, columns=["step", "window", "size", "envelope", "period"], dtype="float64")

    def _scale(self, run: Run, window: int) -> list[tuple[float, ...]]:
        steps = run.scalars.index.to_numpy()
        columns = {name: run.scalars[name].to_numpy() for name in self.needs}
        rows: list[tuple[float, ...]] = []
        for end in range(window, int(steps[-1]) + 1, window // 4):
            inside = slice(*np.searchsorted(steps, [end - window + 1, end + 1]))
            if steps[inside].size < BINS:
                continue
            edges = np.linspace(end - window, end, BINS + 1)
            binned = {k: _bin_means(steps[inside], v[inside], edges) for k, v in columns.items()}
            if all(np.isfinite(v).all() for v in binned.values()):
                rows.append((end, window, *self._judge(binned, window / BINS)))
        return rows

    def _judge(self, binned: dict[str, np.ndarray], bin_steps: float) -> tuple[float, float, float]:
        """Amplitude over the spread within a batch (0: no undamped cycle), envelope per cycle, period in steps."""
        fake, real = (strongest_cycle(binned[name]) for name in ("d/fake/mean", "d/real/mean"))
        if fake is None or real is None or max(fake.p_value, real.p_value) > self.p_value:
            return 0.0, float("nan"), float("nan")
        if not 0.8 < fake.period / real.period < 1.25 or fake.envelope < self.envelope:
            return 0.0, fake.envelope, fake.period * bin_steps
        spread = max(float(np.median(binned["d/fake/std"])), 1e-12)
        return fake.amplitude / spread, fake.envelope, fake.period * bin_steps

    def __call__(self, run: Run) -> list[Finding]:
        candidates: list[tuple[Spell, pd.DataFrame]] = []
        windows = self._windows(run)
        for window in windows["window"].unique():
            rows = windows[windows["window"] == window]
            frame = rows.set_index(rows["step"].astype("int64"))
            hit = frame["size"] >= self.amplitude
            lasting = hit.rolling(self.min_windows).min() == 1
            lead = int(window) * 3 // 4
            for spell in spells(lasting, hit, bridge_steps=lead):
                onset = max(spell.onset - lead, int(run.scalars.index[0]))
                candidates.append((replace(spell, onset=onset), frame[hit].loc[spell.onset : spell.last]))
        kept: list[tuple[Spell, pd.DataFrame]] = []
        for spell, frame in sorted(candidates, key=lambda c: c[0].certain):
            if not kept or spell.onset > kept[-1][0].certain:  # else one cycle, seen at two scales
                kept.append((spell, frame))
        return [self._finding(frame, spell) for spell, frame in kept]

    def _finding(self, frame: pd.DataFrame, spell: Spell) -> Finding:
        last, settled = frame.iloc[-1], frame.iloc[3:]  # earlier windows hold the cycle's beginning, which grows
        envelope = float((settled if len(settled) else frame)["envelope"].median())
        grows = len(settled) >= self.min_windows and envelope > self.failure_envelope
        summary = (
            f"D's outputs swing with a period of {last['period']:,.0f} steps from step {spell.onset:,}, "
            f"each cycle {envelope:.2f} times as large as the last"
        )
        facts = (
            Evidence(signal="swing of D's mean / batch spread", value=float(last["size"]), threshold=self.amplitude),
            Evidence(signal="amplitude per cycle", value=envelope, threshold=self.envelope),
        )
        columns = ("d/real/mean", "d/fake/mean", "loss/generator")
        return finding(self, spell, "failure" if grows else "warning", summary, facts, columns)


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

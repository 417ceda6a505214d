"""A generator that gets no better, though it is far from the data."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, ClassVar

import numpy as np
import pandas as pd

from gandiag.signals import QUALITY, describe

from .specification import check_thresholds, evidence, finding, threshold
from .trend import slopes
from .windows import block_medians, held, remembered, spells, value_at

if TYPE_CHECKING:
    from collections.abc import Mapping

    from gandiag.findings import Finding, Severity
    from gandiag.rundir.run import Run

    from .windows import Spell

ENERGY, SPREAD = "distance/energy", "diversity/real"
BLOCKS = 16  # of a window: 120 slopes between pairs of them
ENOUGH = 12  # blocks of a window with a value
MIN_VALUES = 5  # of a metric in a window: five that all improve are chance in one case of 120


@dataclass(frozen=True, kw_only=True)
class Stagnation:
    """The generator gets no better, although what it generates is far from the data.

    Sees:
        The energy distance between generated and real batches, which is 0 on average for a perfect generator whatever
        the batch size, over the spread of the real data. Over the last third to two thirds of the training, and at
        least 1,600 steps, its trend (Theil-Sen, 95 % interval by Kendall's test) leaves no room for a gain worth the
        name, or, where it swings, shows none at any look over as many steps again; and the first of the quality
        metrics, where recorded, does not improve either.
    Why it happens:
        No useful gradient reaches G: D wins and its feedback has faded, a part of a network is dead, the learning
        rate has decayed too early, or G and D circle. Or G has all the feedback it needs and cannot do better: too
        small a network, latents of too few dimensions, a regulariser that is too strong.
    Misses:
        A distance that the energy distance hardly sees, such as fine detail in images. Noise: where medians
        over a sixteenth of the window scatter by 1 % of the level, 99 % of standstills are seen at the first look,
        by 2 % 74 %, by 3 % 40 %, and the others as windows grow.
    Try:
        - raise-learning-rate
        - fresh-discriminator
        - relativistic-loss
        - wider-discriminator
    References:
        Székely & Rizzo 2013 (energy distance); Theil 1950, Sen 1968, Kendall 1938 (trend).
    """

    code: ClassVar[str] = "stagnation"
    needs: ClassVar[tuple[str, ...]] = (ENERGY, SPREAD)
    how_to: ClassVar[str] = "attach with gandiag.attach, which compares the batches of generated and real samples"
    not_for: ClassVar[Mapping[str, str]] = {}

    distance: float = threshold(
        0.1,
        "of the real spread; batches of 64 of equal laws scatter by 0.02 around 0, a ring of 8 with 5 modes has 0.17",
    )
    failure_distance: float = threshold(0.3, "of the real spread: a ring of 8 of which 4 modes are covered")
    min_gain: float = threshold(0.05, "our choice: a twentieth of the distance, within the window")
    window_steps: int = threshold(
        1600, "our choice: the shortest window, for runs of up to 4,800 steps; then they double"
    )
    min_windows: int = threshold(2, "looks on end, a sixteenth of a window apart")
    min_run_steps: int = threshold(2500, "one and a half windows and a second look")

    def __post_init__(self) -> None:
        check_thresholds(self, "0 < distance <= failure_distance")
        if not 0 < self.min_gain < 1:
            raise ValueError(f"min_gain must lie in (0, 1), got {self.min_gain}")
        if self.window_steps < BLOCKS or self.window_steps % BLOCKS:
            raise ValueError(f"window_steps must be a multiple of {BLOCKS}, got {self.window_steps}")
        if self.min_windows < 1:
            raise ValueError(f"min_windows must be at least 1, got {self.min_windows}")

    @remembered
    def score(self, run: Run) -> pd.Series:
        """Distance from the data in units of the real spread, where it has stopped shrinking; 0 where it may still
        shrink.
        """
        looks = self._looks(run)
        return looks["level"].where(looks["still"], 0.0).rename("distance that is left")

    @remembered
    def _looks(self, run: Run) -> pd.DataFrame:
        """All looks at the distance. A look judges the trend over the window of steps that ends at it.

        One row per look, indexed by its step: the length of its `window`, the median distance in it (`level`), whether
        the distance certainly no longer shrinks (`still`, which begins a spell), and whether it seems so (`calm`,
        which keeps a spell going). Windows grow with the run: the shortest serves its first steps, then twice
        that length, and so on.
        """
        frames = []
        window = self.window_steps
        while 3 * window <= 2 * run.last_step:
            frames.append(self._scale(run, window))
            window *= 2
        columns = {"window": "int64", "level": "float64", "still": "bool", "calm": "bool"}
        frame = pd.concat(frames) if frames else pd.DataFrame(columns=list(columns))
        return frame.astype(columns).rename_axis("step")

    @remembered
    def _relative(self, run: Run) -> np.ndarray:
        """Energy distance over the real spread: a median for each block, a 16th of the shortest window; NaN without
        values.
        """
        block = self.window_steps // BLOCKS
        distance, spread = (block_medians(run.series(name), block, run.last_step) for name in (ENERGY, SPREAD))
        relative = distance / held(spread, distance.index)
        blocks = np.full(run.last_step // block, np.nan)
        blocks[relative.index.to_numpy() // block - 1] = np.where(np.isfinite(relative), relative, np.nan)
        return blocks

    def _blocks(self, run: Run, window: int) -> np.ndarray:
        """As `_relative`, in blocks of a 16th of `window`, which is the shortest window times a power of two."""
        blocks = self._relative(run)
        while window > self.window_steps:
            blocks, window = _halved(blocks), window // 2
        return blocks

    def _scale(self, run: Run, window: int) -> pd.DataFrame:
        """The looks with windows of this length: they lie between 1.5 and 3 times as many steps into the run."""
        blocks = self._blocks(run, window)[: 3 * BLOCKS - 1]
        windows = np.lib.stride_tricks.sliding_window_view(blocks, BLOCKS)[BLOCKS // 2 :]
        steps = window // BLOCKS * (BLOCKS * 3 // 2 + np.arange(len(windows)))
        known = np.isfinite(windows).sum(axis=1) >= ENOUGH
        windows, steps = pd.DataFrame(windows[known]).ffill(axis=1).bfill(axis=1).to_numpy(), steps[known]
        level = np.median(windows, axis=1)
        limit = self.min_gain / (BLOCKS - 1) * level  # per block
        slope, steepest, _ = slopes(windows)
        calm, still = ((level > self.distance) & (-falls < limit) for falls in (slope, steepest))
        for look in np.flatnonzero(calm):
            if _improves(run, int(steps[look]) - window, int(steps[look])):
                calm[look] = still[look] = False
        still |= pd.Series(calm).rolling(BLOCKS).min().to_numpy() == 1  # a distance that swings is never certain
        columns = {"window": np.full(len(steps), window), "level": level, "still": still, "calm": calm}

        return pd.DataFrame(columns, index=steps)

    def __call__(self, run: Run) -> list[Finding]:
        looks = self._looks(run)
        lasting = looks["still"].rolling(self.min_windows).min() == 1
        found: list[Finding] = []
        for spell in spells(lasting, looks["calm"]):
            made = self._finding(run, spell)
            if found and made.onset_step <= found[-1].last_step:  # the same level, held through a doubtful look
                made = replace(made, onset_step=found.pop().onset_step)
            found.append(made)
        return found

    def _finding(self, run: Run, spell: Spell) -> Finding:
        looks = self._looks(run)
        onset = self._onset(run, spell.certain)
        inside = looks["level"].loc[spell.certain : spell.last]
        severe = bool(inside.iloc[-1] > self.failure_distance)
        severity: Severity = "failure" if severe else "warning"
        summary = (
            f"Generated samples have stayed {inside.iloc[-1]:.2g} of the real spread away from real ones (energy "
            f"distance) since step {onset:,}; over the last {looks['window'].loc[spell.last]:,} steps that shrank by "
            f"less than {self.min_gain:.0%}"
        )
        limit = self.failure_distance if severe else self.distance
        fact = evidence(looks["level"], limit, "above", int(inside.index[-1]), "energy distance / real spread")
        columns = (ENERGY, "feedback/norm", "d/auc", "update/generator/ratio")
        return finding(self, replace(spell, onset=onset), severity, summary, (fact,), columns)

    def _onset(self, run: Run, step: int) -> int:
        """The step from which on the distance stayed within `min_gain` of the level that the look at `step` found.

        Within the window of that look single blocks scatter by more: there it counts as having stayed, unless it was
        less than half of the level, or G was near the data.
        """
        looks = self._looks(run)
        window, level = int(value_at(looks["window"], step)), value_at(looks["level"], step)
        block = window // BLOCKS
        blocks = self._blocks(run, window)[: step // block]
        smooth = pd.Series(blocks).rolling(3, min_periods=1).median().to_numpy()  # one block may be chance
        inside = np.arange(len(blocks)) >= step // block - BLOCKS
        moved = np.abs(smooth - level) > self.min_gain * level
        away = np.flatnonzero(np.where(inside, smooth < max(self.distance, level / 2), moved))
        first = int(run.scalars.index[0])
        return max(block * (int(away[-1]) + 1) + 1, first) if len(away) else first


def _halved(blocks: np.ndarray) -> np.ndarray:
    """The mean of each pair of neighbours; where one of them is NaN, the other."""
    first, second = blocks[: len(blocks) // 2 * 2].reshape(-1, 2).T
    means: np.ndarray = np.where(np.isnan(first), second, np.where(np.isnan(second), first, (first + second) / 2))
    return means


def _improves(run: Run, start: int, end: int) -> bool:
    """Whether the first quality metric with enough values between two steps gets better beyond doubt."""
    for name in QUALITY:
        if name not in run.scalars:
            continue
        values = run.series(name).loc[start + 1 : end].to_numpy()
        if len(values) >= MIN_VALUES:
            _, low, _ = slopes(values[None] * (-1.0 if describe(name).worse == "high" else 1.0))
            return bool(low[0] > 0)
    return False

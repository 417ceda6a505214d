"""Rolling statistics over training steps, and spells: what detectors share.

Windows count steps, not rows, so that a change of the recording interval changes no verdict. All are trailing:
the value at a step depends on nothing later.
"""

from __future__ import annotations

import functools
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, TypeVar

import numpy as np
import pandas as pd
from pandas.api.indexers import BaseIndexer

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping

    from gandiag.rundir.run import Run

T = TypeVar("T")


def remembered(method: Callable[[Any, Run], T]) -> Callable[[Any, Run], T]:
    """Make a detector's method of a run work once for each run: judging asks for scores more than once."""

    @functools.wraps(method)
    def once(self: Any, run: Run) -> T:
        key = (method.__qualname__, self)
        if key not in run.memo:
            run.memo[key] = method(self, run)
        value: T = run.memo[key]
        return value

    return once


@dataclass(frozen=True)
class Spell:
    """Rows over which something held: first and last step, and the step at which it was certain."""

    onset: int
    last: int
    certain: int
    ongoing: bool


MAX_STRETCH = 4  # times its length that a window may have, to hold enough rows of what is recorded at every 16th step


def rolling_median(series: pd.Series, window_steps: int, min_rows: int = 10) -> pd.Series:
    """Median over the last `window_steps` steps, or as many more as hold `min_rows` values; those are finite."""
    return _rolled(series, window_steps, min_rows, _medians)


def rolling_mean(series: pd.Series, window_steps: int, min_rows: int = 10) -> pd.Series:
    """Mean over the last `window_steps` steps, or as many more as hold `min_rows` values; those are finite."""
    return _rolled(series, window_steps, min_rows, lambda *rows: _windows(*rows).mean().to_numpy())


def rolling_std(series: pd.Series, window_steps: int, min_rows: int = 10) -> pd.Series:
    """Standard deviation over the last `window_steps` steps, or as many more as hold `min_rows` values."""
    return _rolled(series, window_steps, min_rows, lambda *rows: _windows(*rows).std().to_numpy())


def _rolled(
    series: pd.Series, window_steps: int, min_rows: int, statistic: Callable[[np.ndarray, np.ndarray], np.ndarray]
) -> pd.Series:
    """A statistic of trailing windows, indexed by the step at which each ends; windows with too few rows are left out.

    `statistic` is given the values (n,) and the first row of the window that ends at each of them.
    """
    finite = np.isfinite(series.to_numpy())
    present = series if finite.all() else series[finite]
    steps = present.index.to_numpy()
    rows = np.arange(len(steps))
    starts, stretched = (_first_rows(steps, reach) for reach in (window_steps, MAX_STRETCH * window_steps))
    least = rows - min_rows + 1
    starts = np.where((stretched <= least) & (least >= 0), np.minimum(starts, least), starts)
    enough = rows - starts >= min_rows - 1
    result = pd.Series(statistic(present.to_numpy(), starts), index=present.index, name=series.name)
    first = int(enough.argmax()) if enough.any() else len(rows)
    return result.iloc[first:] if enough[first:].all() else result[enough]


def _first_rows(steps: np.ndarray, reach: int) -> np.ndarray:
    """The first row (n,) of the window of so many steps that ends at each of (n,) ascending steps."""
    if len(steps) > 1 and (np.diff(steps) == (apart := steps[1] - steps[0])).all():
        rows: np.ndarray = np.maximum(np.arange(len(steps)) - (reach - 1) // apart, 0)
    else:
        rows = np.searchsorted(steps, steps - reach, side="right")
    return rows


class _FromRow(BaseIndexer):
    """Windows from a given first row (n,) up to each row."""

    starts: np.ndarray

    def get_window_bounds(  # the signature that pandas asks for
        self,
        num_values: int = 0,
        min_periods: int | None = None,  # noqa: ARG002
        center: bool | None = None,  # noqa: ARG002
        closed: str | None = None,  # noqa: ARG002
        step: int | None = None,  # noqa: ARG002
    ) -> tuple[np.ndarray, np.ndarray]:
        return self.starts, np.arange(1, num_values + 1)


def _windows(values: np.ndarray, starts: np.ndarray) -> Any:
    return pd.Series(values).rolling(_FromRow(starts=starts.astype(np.int64)), min_periods=1)


MANY = 20
"""Stretches of windows of uncommon length that `_medians` does one by one; with more of them pandas does all."""


def _medians(values: np.ndarray, starts: np.ndarray) -> np.ndarray:
    """Medians of windows: a rank filter for each common number of rows, eight times as fast as pandas."""
    sizes = np.arange(1, len(values) + 1) - starts
    medians = np.full(len(values), np.nan)
    left = np.ones(len(values), dtype=bool)
    counts = np.bincount(sizes, minlength=1)
    for size in np.argsort(-counts)[: int((counts > 0).sum())]:
        rows = np.flatnonzero(sizes == size)
        if len(rows) <= size or 3 * len(rows) < rows[-1] - rows[0]:
            break
        medians[rows] = _fixed_medians(values[rows[0] - size + 1 : rows[-1] + 1], size)[rows - rows[0]]
        left[rows] = False
    stretches = _runs(left)
    if len(stretches) > MANY:
        stretches = [(0, len(values) - 1)]
    for first, last in stretches:
        row = starts[first]
        found = _windows(values[row : last + 1], np.maximum(starts[row : last + 1] - row, 0)).median()
        medians[first : last + 1] = found.to_numpy()[first - row :]
    return medians


def _fixed_medians(values: np.ndarray, size: int) -> np.ndarray:
    """Median of each row and the size - 1 rows before it, for all rows that have so many."""
    from scipy.ndimage import rank_filter

    ranks = {(size - 1) // 2, size // 2}
    filtered = [rank_filter(values, rank, size=size, origin=(size - 1) // 2)[size - 1 :] for rank in ranks]
    medians: np.ndarray = sum(each / len(filtered) for each in filtered)
    return medians


def spells(
    enter: pd.Series,
    stay: pd.Series | None = None,
    *,
    min_steps: int = 1,
    lead_steps: int = 0,
    bridge_steps: int = 0,
) -> list[Spell]:
    """Maximal runs of rows at which `stay` holds and in which `enter` held for `min_steps` steps on end.

    Parameters
    ----------
    enter, stay : boolean series by step; `stay`, by default `enter`, is the weaker condition that dates the onset
    min_steps : how long `enter` must hold before the spell counts
    lead_steps : the onset is dated this much before the first row of the spell (half the smoothing window)
    bridge_steps : spells at most this far apart are one
    """
    entered = enter.to_numpy(dtype=bool)
    stayed = entered if stay is None else stay.reindex(enter.index, fill_value=False).to_numpy(dtype=bool) | entered
    steps = enter.index.to_numpy()
    found = []
    for first, last in _runs(stayed):
        for start, end in _runs(entered[first : last + 1]):
            inside = steps[first + start : first + end + 1]
            if inside[-1] - inside[0] + 1 >= min_steps:
                certain = int(inside[np.searchsorted(inside, inside[0] + min_steps - 1)])
                onset = max(int(steps[first]) - lead_steps, int(steps[0]))
                found.append(Spell(onset, int(steps[last]), certain, ongoing=bool(last == len(steps) - 1)))
                break
    return _bridged(found, bridge_steps)


def _bridged(found: list[Spell], bridge_steps: int) -> list[Spell]:
    joined: list[Spell] = []
    for spell in found:
        if joined and spell.onset - joined[-1].last <= bridge_steps:
            first = joined.pop()
            joined.append(Spell(first.onset, spell.last, first.certain, spell.ongoing))
        else:
            joined.append(spell)
    return joined


def _runs(flags: np.ndarray) -> list[tuple[int, int]]:
    """First and last position of each run of True."""
    edges = np.diff(np.concatenate([[0], flags.astype(np.int8), [0]]))
    return list(zip(np.flatnonzero(edges == 1), np.flatnonzero(edges == -1) - 1, strict=True))


def held(series: pd.Series, index: pd.Index, reach: int | None = None) -> pd.Series:
    """The last value recorded up to each step of `index`, NaN before the first: for signals of other cadences.

    With `reach`, NaN also where that value is older than so many steps: what was true then may not be so any more.
    """
    values, steps, wanted = series.to_numpy(), series.index.to_numpy(), index.to_numpy()
    missing = pd.isna(values)
    if missing.any():
        values, steps = values[~missing], steps[~missing]
    if len(values) >= len(wanted) and np.array_equal(steps[len(steps) - len(wanted) :], wanted):
        return pd.Series(values[len(values) - len(wanted) :], index=index, name=series.name)
    rows = np.searchsorted(steps, wanted, side="right") - 1
    before = int(np.searchsorted(rows, 0))
    known = pd.Series(values[rows[before:]], index=index[before:], name=series.name)
    if reach is not None:
        known = known.where(wanted[before:] - steps[rows[before:]] <= reach)
    return known.reindex(index) if before else known


def all_steps(series: Iterable[pd.Series]) -> pd.Index:
    """The steps at which any of some series has a value, in order."""
    return functools.reduce(lambda steps, each: steps.union(each.index), series, pd.Index([], dtype="int64"))


def side_by_side(rules: Mapping[str, pd.Series]) -> pd.DataFrame:
    """Signals as columns, indexed by the steps of all of them; each value holds until the next, infinite ones are
    dropped.
    """
    frame = pd.DataFrame(dict(rules))
    return frame.mask(np.isinf(frame)).ffill()


def block_medians(series: pd.Series, block_steps: int, last_step: int) -> pd.Series:
    """Medians of the steps 1 to n, n + 1 to 2 n and so on, under the last step of each; none of an unfinished block."""
    present = series.dropna()
    present = present.loc[: last_step // block_steps * block_steps]
    blocks = -(-present.index.to_numpy() // block_steps)
    if not len(blocks):
        return present
    starts = np.flatnonzero(np.diff(blocks, prepend=blocks[0] - 1))
    ends, counts = blocks[starts] * block_steps, np.diff(starts, append=len(blocks))
    places = np.arange(counts.max())
    rows = np.full((len(ends), len(places)), np.inf)
    rows[places < counts[:, None]] = present.to_numpy()
    rows.sort(axis=1)
    lower, upper = (rows[np.arange(len(ends)), place] for place in ((counts - 1) // 2, counts // 2))
    return pd.Series(lower / 2 + upper / 2, index=pd.Index(ends, name="step"), name=series.name)


def aligned(run: Run, *names: str) -> pd.DataFrame:
    """Signals side by side at the steps at which any of them was recorded, once all were; each holds its value."""
    frame = pd.concat([run.series(name) for name in names], axis=1).sort_index()
    return frame.ffill().dropna()


FALLEN = 0.8  # of its height, our choice: histograms of thousands of samples swing by a few hundredths


def counted(score: pd.Series, reach: float, hold_steps: int, grace_steps: int) -> tuple[pd.Series, pd.Series]:
    """When a low score is a loss and not a generator that is still warming up: two boolean series by step.

    The first says where a low score counts: True from the step on at which the score had stayed at `reach` or above
    for `hold_steps` (for a moment a generator that has learned nothing may be diverse, too). A generator that never
    gets there counts after `grace_steps`, as soon as its score rises by less than 5 % within half of those. The second
    says how far back the onset may be dated: as the first, and for such a generator half the grace earlier, or from
    where its score fell by a fifth, if it did: until then it was learning.
    """
    before = held(score.set_axis(score.index + grace_steps // 2), score.index)
    stalled = (score.index >= score.index[0] + grace_steps) & (score <= 1.05 * before)
    reached = has_reached(score, reach, hold_steps)
    counts: pd.Series = (reached | stalled).cummax()
    dated = counts.copy()
    first = int(counts.to_numpy().argmax())
    if counts.any() and not reached.iloc[first]:
        late = score.loc[score.index[first] - grace_steps // 2 : score.index[first]]
        high = late.index[late >= FALLEN * late.max()]
        dated |= score.index > high[-1] if high[-1] < late.index[-1] else score.index >= late.index[0]
    return counts, dated


def has_reached(score: pd.Series, reach: float, hold_steps: int) -> pd.Series:
    """Whether a score has ever stayed at `reach` or above for `hold_steps` so far: boolean, by step."""
    steps = score.index.to_series()
    missed = steps.where(score < reach).ffill().fillna(score.index[0])
    reached: pd.Series = (steps - missed >= hold_steps).cummax()
    return reached


def value_at(series: pd.Series, step: int) -> float:
    """The last value recorded up to `step`, NaN when there is none."""
    before = series.loc[:step].dropna()
    return float(before.iloc[-1]) if len(before) else float("nan")


def step_of_lowest(series: pd.Series) -> int:
    """The first step at which a series takes its lowest value."""
    return int(series.index.to_numpy()[int(series.to_numpy().argmin())])

"""Is a series periodic? Fisher's test against a red-noise null, and how the cycle's envelope moves.

Fisher's g on raw training curves is unusable: it calls 100 % of first-order autoregressive noise with rho = 0.9
periodic. Dividing the periodogram by the fitted AR(1) spectrum brings that to the nominal rate.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from collections.abc import Sequence


@dataclass(frozen=True)
class Cycle:
    """The strongest periodic component of a series.

    `period` in samples; `p_value` of Fisher's g; `amplitude` in the series' units, over the last third;
    `envelope` the factor by which the amplitude changes per cycle; `begins` the sample from which it had half of that
    amplitude.
    """

    period: float
    p_value: float
    amplitude: float
    envelope: float
    begins: int


def strongest_cycle(values: np.ndarray, min_cycles: float = 4.0, min_period: float = 6.0) -> Cycle | None:
    """The strongest cycle among periods from `min_period` samples to 1/`min_cycles` of the series.

    Parameters
    ----------
    values : (n,) evenly spaced, finite

    Returns
    -------
    Cycle or None
        None for a constant series.

    References
    ----------
    Fisher 1929 for g; Schwarz & Percival's practice of whitening by an AR(1) fit for the null.
    """
    return strongest_peaks(values[None], min_cycles, min_period).cycle(0)


@dataclass(frozen=True)
class Peaks:
    """The strongest periodic components of m series: `frequency` per sample and `p_value`, (m,), 1 for none.

    `series` (m, n) are detrended, in units of `scale` (m,).
    """

    frequency: np.ndarray
    p_value: np.ndarray
    series: np.ndarray
    scale: np.ndarray

    def cycle(self, place: int) -> Cycle | None:
        """The cycle of one series, now with its amplitude and envelope; None for a constant series."""
        frequency = float(self.frequency[place])
        if not frequency > 0:
            return None
        amplitude, envelope, begins = _envelope(self.series[place], frequency)
        p_value = float(self.p_value[place])
        return Cycle(1 / frequency, p_value, amplitude * float(self.scale[place]), envelope, begins)


def strongest_peaks(values: np.ndarray, min_cycles: float = 4.0, min_period: float = 6.0) -> Peaks:
    """As `strongest_cycle` for m series (m, n) at once, but frequency and p value only; `Peaks.cycle` adds the rest."""
    m, n = values.shape
    scale = np.maximum(np.abs(values).max(axis=1), 1e-300)  # so that no square overflows
    series = values / scale[:, None]
    time = np.arange(n) - (n - 1) / 2
    series -= series.mean(axis=1, keepdims=True)
    series -= (np.einsum("mn,n->m", series, time) / (time @ time))[:, None] * time  # `@` would start threads
    power = np.abs(np.fft.rfft(series))[:, 1 : (n - 1) // 2 + 1] ** 2
    frequencies = np.arange(1, power.shape[1] + 1) / n
    candidates = np.flatnonzero((frequencies >= min_cycles / n) & (frequencies <= 1 / min_period))
    varies = np.ptp(series, axis=1) > 1e-12
    if not len(candidates) or not varies.any():
        return Peaks(np.zeros(m), np.ones(m), series, scale)
    power[~varies] = 1.0
    ratios = power / _red_spectrum(power, frequencies)
    peak = candidates[np.argmax(ratios[:, candidates], axis=1)]
    g = ratios[np.arange(m), peak] / ratios.sum(axis=1)
    p_value = np.where(varies, _fisher_p(g, power.shape[1]), 1.0)
    return Peaks(np.where(varies, frequencies[peak], 0.0), p_value, series, scale)


MIN_SWINGS = 5
"""Swings in a row, each larger than the one before, that make a spiral: by chance one in 5! = 120."""
REGULAR = 0.1
"""Spread of the growth, in logarithms and of its mean, at which one swing less is enough: exponential growth."""
GROWTH = 1.02
"""Least growth from one swing to the next; a circle that is sampled now and then varies by less."""
SMALLEST = 0.25
"""Of the last swing: smaller ones before it are noise, out of which a cycle grew."""
NOISE = 6.0
"""A turn must exceed the scatter of the samples so many times."""


@dataclass(frozen=True)
class Spiral:
    """Swings that grow, with a period that may change: `size` is half of the last one, `growth` per two swings.

    `begins` is the sample at which they do; `lasted` and `since` count samples: of the last swing, and after it.
    """

    size: float
    growth: float
    begins: int
    lasted: int
    since: int


def growing_swings_of_each(values: np.ndarray) -> list[Spiral | None]:
    """Of each series, the last run of swings of which each is larger than the one before.

    None where there are fewer than five, or four that grow by the same factor. Where players leave the equilibrium far
    behind, losses saturate and each turn takes longer: no periodogram finds a period, but the turning points of the
    trajectory still lie ever farther out.

    Parameters
    ----------
    values : (m, n) evenly spaced, finite
    """
    turns = (_turns(*each) for each in zip(values.tolist(), _reversals(values), strict=True))
    return [_spiral(series, np.array([at for at, _ in found])) for series, found in zip(values, turns, strict=True)]


def growing_swings_so_far(values: np.ndarray, ends: Sequence[int]) -> list[Spiral | None]:
    """As `growing_swings_of_each` of the first values of a series (n,), for several ascending numbers of them.

    What is noise is told from the first part.
    """
    if not len(values[: ends[0]]) > 2:
        return [None for _ in ends]
    found = _turns(values.tolist(), _reversals(values[None, : ends[0]])[0])
    return [_spiral(values[:end], np.array([at for at, seen in found if seen < end])) for end in ends]


def _reversals(values: np.ndarray) -> list[float]:
    """How far each of m series (m, n) must come back from a peak or trough for that to be no mere noise."""
    scatter = np.median(np.abs(np.diff(values, 2, axis=1)), axis=1)
    reversals: list[float] = (NOISE * scatter / (0.6745 * 6**0.5)).tolist()  # of smooth series next to 0
    return reversals


def _spiral(values: np.ndarray, turns: np.ndarray) -> Spiral | None:
    if len(turns) < MIN_SWINGS:
        return None
    heights = np.abs(np.diff(values[turns]))
    rising = (heights[1:] >= GROWTH * heights[:-1]) & (heights[:-1] >= SMALLEST * heights[-1])
    run = len(rising) if rising.all() else int(np.argmin(rising[::-1]))
    growth = np.diff(np.log(heights[len(heights) - 1 - run :]))
    regular = run >= MIN_SWINGS - 2 and growth.std() <= REGULAR * growth.mean()
    if run < MIN_SWINGS - 1 and not regular:
        return None
    per_cycle = (heights[-1] / heights[-1 - run]) ** (2 / run)
    lasted, since = int(turns[-1] - turns[-2]), len(values) - 1 - int(turns[-1])
    return Spiral(float(heights[-1]) / 2, float(per_cycle), int(turns[-2 - run]), lasted, since)


def _turns(values: list[float], reversal: float) -> list[tuple[int, int]]:
    """Peaks and troughs of a series, its start left out: where each lies, and where it was `reversal` away again."""
    turns: list[tuple[int, int]] = []
    extreme, at, rising = values[0], 0, True
    for i, value in enumerate(values):
        ahead = value - extreme if rising else extreme - value
        if ahead >= 0:
            extreme, at = value, i
        elif -ahead > reversal:
            turns.append((at, i))
            extreme, at, rising = value, i, not rising
    return [turn for turn in turns if turn[0]]


def fisher_p(g: float, m: int) -> float:
    """P(max P / sum P > g) for m ordinates of white noise, by the first term of Fisher's series (an upper bound).

    >>> round(fisher_p(0.0888, 100), 4)
    0.01
    """
    return float(_fisher_p(np.array(g), m))


def _fisher_p(g: np.ndarray, m: int) -> np.ndarray:
    p: np.ndarray = np.minimum(1.0, m * (1 - g) ** (m - 1))
    return p


def _red_spectrum(power: np.ndarray, frequencies: np.ndarray) -> np.ndarray:
    """Spectrum, up to a factor, of the AR(1) process fitted to each periodogram (m, k), as if without a strong cycle.

    What a first fit leaves as the strongest ordinate is replaced, with its neighbours, by what that fit expects
    there. Were it left out, red noise itself would look less red, and periodic.
    """
    first = _ar1_spectrum(power, frequencies)
    ratios = power / first
    near = np.argmax(ratios, axis=1)[:, None] + np.array([-1, 0, 1])
    inside = (near >= 0) & (near < power.shape[1])
    places = np.where(inside, near, near[:, 1:2])  # at the ends the peak itself, once more
    left_out = np.where(inside, np.take_along_axis(ratios, places, axis=1), 0.0).sum(axis=1)
    others = np.maximum(power.shape[1] - inside.sum(axis=1), 1)
    expected = np.take_along_axis(first, places, axis=1) * ((ratios.sum(axis=1) - left_out) / others)[:, None]
    rest = power.copy()
    np.put_along_axis(rest, places, np.minimum(np.take_along_axis(power, places, axis=1), expected), axis=1)
    return _ar1_spectrum(rest, frequencies)


def _ar1_spectrum(power: np.ndarray, frequencies: np.ndarray) -> np.ndarray:
    turn = np.cos(2 * np.pi * frequencies)
    rho = np.clip(np.einsum("mn,n->m", power, turn) / np.maximum(power.sum(axis=1), 1e-300), 0.0, 0.999)[:, None]
    shape: np.ndarray = 1 / (1 - 2 * rho * turn + rho**2)
    return shape


def _envelope(series: np.ndarray, frequency: float) -> tuple[float, float, int]:
    """Amplitude over the last third, its factor per cycle and where it begins, by demodulation over whole cycles."""
    n = len(series)
    cycle = round(1 / frequency)
    carrier = series * np.exp(-2j * np.pi * frequency * np.arange(n))
    smooth = np.convolve(carrier, np.ones(cycle) / cycle, mode="valid")
    amplitude = 2 * np.abs(smooth)
    recent = float(np.median(amplitude[-max(1, len(amplitude) // 3) :]))
    first = int(np.argmax(amplitude >= recent / 2))
    settled = first + cycle if first and first + 2 * cycle < len(amplitude) else 0  # its beginning is no growth
    slope = np.polyfit(np.arange(len(amplitude) - settled), np.log(np.maximum(amplitude[settled:], 1e-300)), 1)[0]
    begins = first + cycle // 2 if first else 0
    return recent, float(np.exp(np.clip(slope * cycle, -20, 20))), begins

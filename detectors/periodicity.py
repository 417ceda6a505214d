"""Is a series periodic? Fisher's test against a red-noise null, and how the cycle's envelope moves.

Fisher's g on raw training curves is unusable: it calls 100 % of first-order autoregressive noise with rho = 0.9
periodic. Dividing the periodogram by the fitted AR(1) spectrum brings that to the nominal rate.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np


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
    n = len(values)
    time = np.arange(n)
    scale = max(float(np.abs(values).max()), 1e-300)  # so that no square overflows
    series = values / scale
    series = series - np.polyval(np.polyfit(time, series, 1), time)
    if not np.ptp(series) > 1e-12:
        return None
    power = np.abs(np.fft.rfft(series))[1 : (n - 1) // 2 + 1] ** 2
    frequencies = np.arange(1, len(power) + 1) / n
    ratios = power / _red_spectrum(power, frequencies)
    candidates = np.flatnonzero((frequencies >= min_cycles / n) & (frequencies <= 1 / min_period))
    if not len(candidates):
        return None
    peak = int(candidates[np.argmax(ratios[candidates])])
    amplitude, envelope, begins = _envelope(series, float(frequencies[peak]))
    return Cycle(
        1 / float(frequencies[peak]),
        fisher_p(float(ratios[peak] / ratios.sum()), len(power)),
        amplitude * scale,
        envelope,
        begins,
    )


MIN_SWINGS = 5
"""Swings in a row, each larger than the one before, that make a spiral: by chance one in 5! = 120."""
GROWTH = 1.02
"""Least growth from one swing to the next; a circle that is sampled now and then varies by less."""
NOISE = 6.0
"""A turn must exceed the scatter of the samples so many times."""


@dataclass(frozen=True)
class Spiral:
    """Swings that grow, with a period that may change: `size` is half of the last one, `growth` per two swings."""

    size: float
    growth: float
    begins: int


def growing_swings(values: np.ndarray) -> Spiral | None:
    """The last run of swings of which each is larger than the one before, None where there are fewer than five.

    Where players leave the equilibrium far behind, losses saturate and each turn takes longer: no periodogram finds
    a period, but the turning points of the trajectory still lie ever farther out.

    Parameters
    ----------
    values : (n,) evenly spaced, finite
    """
    scatter = np.median(np.abs(np.diff(values, 2))) / (0.6745 * 6**0.5)  # of white noise; of smooth series next to 0
    turns = _turns(values, NOISE * float(scatter))
    heights = np.abs(np.diff(values[turns]))
    if len(heights) < MIN_SWINGS:
        return None
    rising = heights[1:] >= GROWTH * heights[:-1]
    run = len(rising) if rising.all() else int(np.argmin(rising[::-1]))
    if run < MIN_SWINGS - 1:
        return None
    per_cycle = (heights[-1] / heights[-1 - run]) ** (2 / run)
    return Spiral(float(heights[-1]) / 2, float(per_cycle), int(turns[-2 - run]))


def _turns(values: np.ndarray, reversal: float) -> np.ndarray:
    """Positions at which a series turns by more than `reversal`; its ends are none."""
    turns: list[int] = []
    extreme, rising = 0, True
    for i, value in enumerate(values):
        ahead = value - values[extreme] if rising else values[extreme] - value
        if ahead >= 0:
            extreme = i
        elif -ahead > reversal:
            turns.append(extreme)
            extreme, rising = i, not rising
    return np.array([turn for turn in turns if turn], dtype=np.int64)


def fisher_p(g: float, m: int) -> float:
    """P(max P / sum P > g) for m ordinates of white noise, by the first term of Fisher's series (an upper bound).

    >>> round(fisher_p(0.0888, 100), 4)
    0.01
    """
    return float(min(1.0, m * (1 - g) ** (m - 1)))


def _red_spectrum(power: np.ndarray, frequencies: np.ndarray) -> np.ndarray:
    """Spectrum, up to a factor, of the AR(1) process fitted to a periodogram, undisturbed by one strong cycle.

    What a first fit leaves as the strongest ordinate is replaced, with its neighbours, by what that fit expects
    there. Were it left out, red noise itself would look less red, and periodic.
    """
    first = _ar1_spectrum(power, frequencies)
    ratios = power / first
    peak = int(np.argmax(ratios))
    near = slice(max(peak - 1, 0), peak + 2)
    rest = power.copy()
    rest[near] = np.minimum(power[near], first[near] * np.delete(ratios, near).mean())
    return _ar1_spectrum(rest, frequencies)


def _ar1_spectrum(power: np.ndarray, frequencies: np.ndarray) -> np.ndarray:
    turn = np.cos(2 * np.pi * frequencies)
    rho = float(np.clip(power @ turn / max(float(power.sum()), 1e-300), 0.0, 0.999))
    shape: np.ndarray = 1 / (1 - 2 * rho * turn + rho**2)
    return shape


def _envelope(series: np.ndarray, frequency: float) -> tuple[float, float, int]:
    """Amplitude over the last third, its factor per cycle and where it begins, by demodulation over whole cycles."""
    n = len(series)
    cycle = round(1 / frequency)
    carrier = series * np.exp(-2j * np.pi * frequency * np.arange(n))
    smooth = np.convolve(carrier, np.ones(cycle) / cycle, mode="valid")
    amplitude = 2 * np.abs(smooth)
    slope = np.polyfit(np.arange(len(amplitude)), np.log(np.maximum(amplitude, 1e-300)), 1)[0]
    recent = float(np.median(amplitude[-max(1, len(amplitude) // 3) :]))
    first = int(np.argmax(amplitude >= recent / 2))
    begins = first + cycle // 2 if first else 0
    return recent, float(np.exp(np.clip(slope * cycle, -20, 20))), begins

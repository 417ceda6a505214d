"""Swings of a run: what one search finds in one window, and the search for those that grow."""

from __future__ import annotations

import math
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

import numpy as np

from .periodicity import growing_swings_of_each

if TYPE_CHECKING:
    from collections.abc import Sequence

    from .periodicity import Spiral

    Swings = Sequence["Swing | None"]  # by window, None where too little was recorded of it


@dataclass(frozen=True, kw_only=True)
class Swing:
    """What one search finds in one window; as it stands, that nothing swings there.

    `size` is 1 at the threshold, `envelope` the factor by which the swing changes per cycle; `period` and `begins` are
    in bins while a window is searched, in steps afterwards. `samples` says that the generated batch swings, not only
    D's outputs; then `spiral` is the size of growing swings, in the samples' own units, and `extent` half of what
    their mean covers in the window.
    """

    size: float = 0.0
    envelope: float = math.nan
    period: float = math.nan
    begins: float = 0.0
    samples: bool = False
    spiral: float = math.nan
    extent: float = 0.0


def without_swings(values: np.ndarray, known: np.ndarray) -> Swings:
    """For each of the windows (m, BINS) how far the samples' mean reaches in it; None where that is not known, (m,)."""
    extents = np.ptp(values, axis=1) / 2
    return [Swing(extent=float(extent)) if there else None for extent, there in zip(extents, known, strict=True)]


def growing(values: np.ndarray, quiet: Swings, units: np.ndarray) -> list[Swing | None]:
    """The growing swings of the generated batch along one direction, (windows, BINS), in each window."""
    spirals = growing_swings_of_each(values)
    return [
        still if still is None or spiral is None else replace(swing_of(spiral, float(unit)), extent=still.extent)
        for still, spiral, unit in zip(quiet, spirals, units, strict=True)
    ]


def swing_of(spiral: Spiral, unit: float) -> Swing:
    """A spiral as a swing, in such units."""
    size = in_units(spiral.size, unit)
    return Swing(size=size, envelope=spiral.growth, begins=spiral.begins, samples=True, spiral=spiral.size)


def in_units(amplitude: float, unit: float) -> float:
    """An amplitude in units; of data without any spread, as in Dirac-GAN, any amplitude is one unit."""
    return amplitude / unit if unit > 0 else float(amplitude > 0)

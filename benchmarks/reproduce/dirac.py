"""Trajectories of Dirac-GAN (Mescheder et al. 2018), beside those of the reference implementation."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from benchmarks.reproduce.intervals import Estimate, estimate
from benchmarks.reproduce.methods import METHODS, WAYS, Radius
from benchmarks.reproduce.spectrum import TOLERANCE, Spectrum, spectrum
from gandiag.zoo.training import train

if TYPE_CHECKING:
    from collections.abc import Callable

    from numpy.typing import NDArray

    from benchmarks.reproduce.methods import Method
    from gandiag.zoo.game import Game

CYCLE = 63  # steps of a small rotation: 2 pi / arccos(1 - (0.2 * 0.5)^2 / 2)
SMALL = 1e-3  # radii below are compared by order of magnitude
FACTOR, SHARE = 2.0, 0.02  # how far small and other radii may be from the expected ones
STARTED = 0.1  # noise keeps a radius up: its envelope is that of the way down to here


@dataclass(frozen=True, kw_only=True)
class Trajectory:
    """Five hundred steps of one method, moved in one way.

    Attributes
    ----------
    method, way : names
    radius : sqrt(theta^2 + psi^2) after the last step, over seeds
    low, high : its range over the last 100 steps, of all seeds
    envelope : factor of the radius in one cycle of 63 steps
    behaviour : "diverging", "sustained", "weakly damped" or "damped", by the envelope
    expected : what is published
    same : whether all that is published agrees; None where nothing is
    """

    method: str
    way: str
    radius: Estimate
    low: float
    high: float
    envelope: float
    behaviour: str
    expected: Radius
    same: bool | None


@dataclass(frozen=True, kw_only=True)
class DiracRow:
    """One method: its eigenvalues, its trajectories, and whether it converges in the paper and here."""

    method: str
    spectrum: Spectrum
    trajectories: tuple[Trajectory, ...]
    converges: bool
    expected_to_converge: bool

    @property
    def same(self) -> bool:
        """Whether nothing disagrees with what is published."""
        checks = [t.same for t in self.trajectories]
        return self.spectrum.same and False not in checks and self.converges == self.expected_to_converge


def reproduce_dirac(seeds: int = 10, tell: Callable[[int, int], None] | None = None) -> tuple[DiracRow, ...]:
    """The Dirac-GAN table, row by row.

    Parameters
    ----------
    seeds : trainings of methods that are random
    tell : called with how many rows are done, and how many there are

    Raises
    ------
    ValueError
        When there is no seed.
    """
    if seeds < 1:
        raise ValueError(f"at least one seed is needed, found {seeds}")
    rows = []
    for done, method in enumerate(METHODS, 1):
        rows.append(dirac_row(method, seeds))
        if tell is not None:
            tell(done, len(METHODS))
    return tuple(rows)


def dirac_row(method: Method, seeds: int = 10) -> DiracRow:
    """One method of the table."""
    ways = WAYS[:2] if method.consensus else WAYS
    found = spectrum(method)
    trajectories = tuple(trajectory(method, way, seeds) for way in ways)
    # linear convergence needs eigenvalues left of the imaginary axis, not only a radius that still shrinks
    contracting = found.found is not None and max(value.real for value in found.found) < -TOLERANCE
    return DiracRow(
        method=method.name,
        spectrum=found,
        trajectories=trajectories,
        converges=contracting and all(t.envelope < 1 for t in trajectories),
        expected_to_converge=method.converges,
    )


def trajectory(method: Method, way: str, seeds: int = 10) -> Trajectory:
    """Train one method in one way, on several seeds where it is random."""
    radii = np.array([radius_by_step(method, way, seed) for seed in range(seeds if method.noisy else 1)])
    expected = method.radii[WAYS.index(way)]
    last, late = estimate(radii[:, -1]), radii[:, -100:]
    factor = float(np.mean([envelope(r, noisy=method.noisy) for r in radii]))
    low, high = float(late.min()), float(late.max())
    return Trajectory(
        method=method.name,
        way=way,
        radius=last,
        low=low,
        high=high,
        envelope=factor,
        behaviour=behaviour(factor),
        expected=expected,
        same=_agrees(expected, last.mean, (low, high), factor),
    )


def radius_by_step(method: Method, way: str, seed: int = 0) -> NDArray[np.float64]:
    """Distance from the equilibrium before the first step and after each one, (501,)."""
    points: list[list[float]] = []

    def note(game: Game, _step: int) -> None:
        weights = (*game.generator.parameters(), *game.discriminator.parameters())
        points.append([w.item() for w in weights])

    train(method.recipe(way, seed), after_step=note)
    radii: NDArray[np.float64] = np.hypot(*np.array([[1.0, -1.0], *points]).T)
    return radii


def envelope(radii: NDArray[np.float64], *, noisy: bool = False) -> float:
    """Factor of the radius in one cycle: from a line through its logarithm over the last half.

    With noise, which ends every decay, the line goes through the first part, down to a radius of 0.1.
    """
    steps = np.arange(len(radii))
    used = steps >= len(radii) // 2
    if noisy:
        used = steps < (np.argmax(radii < STARTED) or len(radii))
    logs = np.log(np.maximum(radii[used], np.finfo(np.float64).tiny))
    return float(np.exp(np.polyfit(steps[used], logs, 1)[0] * CYCLE))


def behaviour(factor: float) -> str:
    """The class of an envelope."""
    classes = ((1.01, "diverging"), (0.98, "sustained"), (0.8, "weakly damped"))
    return next((name for least, name in classes if factor >= least), "damped")


def _agrees(expected: Radius, last: float, band: tuple[float, float], factor: float) -> bool | None:
    checks = []
    if expected.last is not None:
        checks.append(_near(last, expected.last))
    if expected.band is not None:
        checks += [_near(found, wanted) for found, wanted in zip(band, expected.band, strict=True)]
    if expected.envelope is not None:
        checks.append(abs(factor - expected.envelope) <= 0.01)
    return all(checks) if checks else None


def _near(found: float, wanted: float) -> bool:
    if wanted < SMALL:
        return wanted / FACTOR <= found <= wanted * FACTOR
    return abs(found - wanted) <= SHARE * wanted

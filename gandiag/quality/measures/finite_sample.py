"""What the number of samples does to a Fréchet distance: its bias, and the value without it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
import torch

from gandiag.quality.measures.features import checked_features, is_marked, mark
from gandiag.quality.measures.frechet import ReferenceStatistics, frechet_distance_from_features

if TYPE_CHECKING:
    from torch import Tensor

SAMPLES_PER_DIMENSION = 3
"""Samples per dimension from which the closed form of the bias is within 5 % for Gaussian features.

Simulated for 16 to 128 dimensions and eigenvalues 1, 1/k and 1/k^2, the mean distance over the closed form was 1.02 to
1.05 at N = 3 D against a much larger reference, 1.02 to 1.03 at 5 D, 1.01 at 10 D; 1.06 to 1.08 at 2 D and 1.2 at D.
"""

SMALLEST = 5000  # fewest samples of a point of the extrapolation, of 2048 features: Chong & Forsyth 2020
POINTS = 15  # sizes through which the line is drawn, by them too
ROWS = 1024  # of the (D, D) matrix of pairs of eigenvalues that are held at a time


@dataclass(frozen=True)
class ExpectedDistance:
    """What a perfect generator would score.

    Attributes
    ----------
    value
        Mean Fréchet distance of two samples of one Gaussian law; None where no closed form holds.
    reason
        Why there is no value, or what it leaves out; empty otherwise.
    """

    value: float | None
    reason: str = ""


@dataclass(frozen=True, eq=False)
class FrechetInfinity:
    """A Fréchet distance extrapolated to infinitely many generated samples.

    Attributes
    ----------
    value
        Intercept of the line, the distance without the bias of the generated sample. It can be below 0 by chance,
        and the reference's own bias stays in.
    slope
        Of the line over 1 / N: the distance at N samples is about `value` + `slope` / N.
    sizes
        Numbers of samples (points,).
    values
        Their distances (points,).
    """

    value: float
    slope: float
    sizes: tuple[int, ...]
    values: tuple[float, ...]


def expected_distance(eigenvalues: Tensor, generated: int, reference: int | None) -> ExpectedDistance:
    """Fréchet distance that a perfect generator is to expect from the numbers of samples alone.

    For Gaussian features with covariance eigenvalues l_i, to first order in 1/N,

        E = (1/N1 + 1/N2) (sum_i l_i + 1/2 sum_ij l_i l_j / (l_i + l_j) + 1/4 sum_i l_i),

    which is (1/N1 + 1/N2) (D + D (D + 1) / 4) for unit covariance. Features of heavier tails have more. It holds for
    N >> D: both numbers must be at least three times the number of eigenvalues that are not 0.

    Parameters
    ----------
    eigenvalues
        (D,) of the features' covariance, from 0; `ReferenceStatistics.eigenvalues` has them.
    generated
        Number of generated samples.
    reference
        Number of real samples. None, where a file does not say, counts as infinitely many.

    Raises
    ------
    ValueError
        When the eigenvalues are no (D,) numbers from 0, or a number of samples is below 1.

    >>> import torch
    >>> round(expected_distance(torch.ones(64), 1000, 1000).value, 3)
    2.208
    """
    row = mark(eigenvalues[None], "finite") if is_marked(eigenvalues, "finite") else eigenvalues[None]
    found = checked_features(row, "eigenvalues")[0].double()
    counted = torch.where(found > len(found) * 2.0**-52 * found.max(), found, 0)
    pairs = torch.stack([_harmonic(part, counted) for part in counted.split(ROWS)]).sum()
    least, number, total, halves = torch.stack(
        [found.min(), counted.count_nonzero().double(), counted.sum(), pairs]
    ).tolist()
    if least < 0:
        raise ValueError(f"eigenvalues must be at least 0, found {least:.3g}")
    if min(generated, reference or 1) < 1 or reference == 0:
        raise ValueError(f"numbers of samples must be at least 1, found {generated} and {reference}")
    fewest = generated if reference is None else min(generated, reference)
    if fewest < SAMPLES_PER_DIMENSION * number:
        reason = f"{fewest} samples are too few for {number:.0f} dimensions: the closed form needs "
        return ExpectedDistance(None, f"{reason}{SAMPLES_PER_DIMENSION} samples per dimension")
    rate = 1 / generated + (0 if reference is None else 1 / reference)
    unsaid = "the reference does not say of how many samples it is: its part of the bias is left out"
    return ExpectedDistance(rate * (1.25 * total + halves / 2), unsaid if reference is None else "")


def _harmonic(some: Tensor, values: Tensor) -> Tensor:
    """Sum of l_i l_j / (l_i + l_j), which is 0 where one of them is."""
    sums = some[:, None] + values
    return torch.where(sums > 0, some[:, None] * values / sums, 0).sum()


def frechet_infinity(
    features: Tensor, reference: ReferenceStatistics, *, smallest: int = SMALLEST, points: int = POINTS, seed: int = 0
) -> FrechetInfinity:
    """Fréchet distance extrapolated to infinitely many generated samples (Chong & Forsyth 2020).

    Distances of random subsets of `points` sizes, evenly from `smallest` to N, are regressed on 1 / size. As published;
    their Sobol latents are a matter of the generator. It costs as much as `points` distances.

    Parameters
    ----------
    features
        (N, D) of any floating dtype, of the generated samples.
    reference
        Of the real samples.
    smallest
        Fewest samples of a subset. It must exceed D: with fewer the distance is not linear in 1 / size.
    points
        Number of sizes, at least 3.
    seed
        Of the subsets.

    Raises
    ------
    ValueError
        When `smallest` or `points` is too small, or there are fewer than 2 `smallest` samples; and as
        `frechet_distance_from_features`.
    """
    found = checked_features(features)
    n, d = found.shape
    if smallest <= d:
        raise ValueError(f"smallest must exceed the {d} dimensions, found {smallest}")
    if points < 3:
        raise ValueError(f"points must be at least 3, found {points}")
    if n < 2 * smallest:
        raise ValueError(f"features must hold at least 2 x {smallest} samples to extrapolate from, found {n}")
    rng = np.random.default_rng(seed)
    sizes = np.linspace(smallest, n, points).astype(int)
    values = [frechet_distance_from_features(_drawn(found, rng, int(size)), reference).value for size in sizes]
    slope, value = np.polyfit(1 / sizes, values, 1)
    return FrechetInfinity(float(value), float(slope), tuple(int(size) for size in sizes), tuple(values))


def _drawn(features: Tensor, rng: np.random.Generator, size: int) -> Tensor:
    return features[torch.from_numpy(rng.permutation(len(features))[:size]).to(features.device, non_blocking=True)]

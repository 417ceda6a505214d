"""Fréchet distance between two Gaussians with the moments of two sets of features, on the device in float64."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING

import torch

from gandiag.quality.measures import covariances
from gandiag.quality.measures.features import checked_features, mark
from gandiag.quality.measures.moments import Moments, Statistics

if TYPE_CHECKING:
    from collections.abc import Sequence

    from torch import Tensor

ENTRIES = 2**24  # of matrices that are decomposed together: 128 MiB
BLOCK = 256  # columns of a triangular factor that are multiplied at a time


@dataclass(frozen=True)
class Frechet:
    """A Fréchet distance and what it is made of.

    Attributes
    ----------
    value
        Squared distance: `mean_term` + `covariance_term`. FID where the features are Inception's 2048.
    mean_term
        Squared distance of the means.
    covariance_term
        tr(S1) + tr(S2) - 2 tr((S1 S2)^1/2). Rounding can leave it about 1e-14 of the traces below 0.
    rank
        Rank of the generated covariance, by its correlation matrix.
    deficient
        Whether the rank is below D. Then samples lie in a subspace: there are no more of them than dimensions, or
        they are copies, or features are constant. A symptom to report; the value is exact all the same.
    """

    value: float
    mean_term: float
    covariance_term: float
    rank: int
    deficient: bool


class ReferenceStatistics:
    """Statistics to measure distances from, whose factor is made once.

    Parameters
    ----------
    statistics
        Of the real samples. Distances are computed on their device.
    features
        The samples (N, D) themselves, where they are at hand: of fewer than D no (D, D) matrix is decomposed.
    """

    def __init__(self, statistics: Statistics, features: Tensor | None = None) -> None:
        self.statistics = statistics
        self._features = None if features is None or len(features) > len(statistics.mean) else features

    @cached_property
    def cholesky(self) -> Tensor | None:
        """(D, D) lower factor L with L L^T the covariance; None when that is singular."""
        return covariances.cholesky(self.statistics)

    @cached_property
    def factor(self) -> Tensor:
        """(D, rank) matrix F with F F^T the covariance: Cholesky's or, of a singular one, from eigenvectors."""
        if self._features is not None:
            return covariances.root_of_rows(self._rows, self.statistics.largest_rank)
        return covariances.root(self.statistics) if self.cholesky is None else self.cholesky

    @property
    def _rows(self) -> Tensor:
        """(N, D) float64, the centred samples / sqrt(N - 1)."""
        assert self._features is not None  # noqa: S101 - whoever asks has looked
        rows = self._features.to(self.statistics.mean.device, torch.float64)
        scaled: Tensor = (rows - rows.mean(dim=0)) / (len(rows) - 1) ** 0.5
        return scaled

    @cached_property
    def eigenvalues(self) -> Tensor:
        """(D,) float64 of the covariance, ascending, those that rounding put below 0 as 0."""
        if self._features is None:
            found: Tensor = torch.linalg.eigvalsh(self.statistics.covariance)
        else:
            rows = self._rows
            few = torch.linalg.eigvalsh(rows @ rows.T)[1:]  # without the one that centring makes 0
            found = torch.cat([few.new_zeros(rows.shape[1] - len(few)), few])
        return mark(found.clamp_(min=0), "finite")


def frechet_distance(generated: Statistics, reference: Statistics | ReferenceStatistics) -> Frechet:
    """Squared Fréchet (2-Wasserstein) distance of two Gaussians, FID on Inception features (Heusel et al. 2017).

    With S2 = F F^T the trace of (S1 S2)^1/2 is the sum of the roots of the eigenvalues of the symmetric F^T S1 F, so
    nothing complex can appear and nothing is added to a diagonal.

    Parameters
    ----------
    generated
        Of the generated samples.
    reference
        Of the real samples. A `ReferenceStatistics` keeps its factor for the next distance.

    Raises
    ------
    ValueError
        When the dimensions differ.

    >>> eye = torch.eye(2, dtype=torch.float64)
    >>> near = Statistics(torch.zeros(2, dtype=torch.float64), eye, 100)
    >>> far = Statistics(torch.ones(2, dtype=torch.float64), 4 * eye, 100)
    >>> round(frechet_distance(near, far).value, 12)
    4.0
    """
    known = reference if isinstance(reference, ReferenceStatistics) else ReferenceStatistics(reference)
    _check_dimensions(len(generated.mean), known)
    placed = generated.to(known.statistics.mean.device)
    eigenvalues: Tensor = torch.linalg.eigvalsh(_congruent(placed, known))
    most = placed.largest_rank
    parts = _parts(
        placed.mean, placed.covariance.trace(), _sum_of_roots(eigenvalues, min(most, known.factor.shape[1])), known
    )
    *values, kept = torch.stack([*parts, covariances.is_kept(eigenvalues, most).sum().double()]).tolist()
    rank = most
    if kept != most and covariances.cholesky(placed) is None:
        rank = len(covariances.kept(torch.linalg.eigvalsh(covariances.correlation(placed)), most))
    return _assembled(values, rank, len(placed.mean))


def frechet_values(generated: Sequence[Statistics], reference: ReferenceStatistics) -> list[float]:
    """The values alone of several distances, in order, for which a GPU is waited for twice, or more for many features.

    Raises ValueError when the dimensions differ.
    """
    found = []
    at_once = max(1, ENTRIES // len(reference.statistics.mean) ** 2)
    for start in range(0, len(generated), at_once):
        placed = [each.to(reference.statistics.mean.device) for each in generated[start : start + at_once]]
        for each in placed:
            _check_dimensions(len(each.mean), reference)
        eigenvalues = torch.linalg.eigvalsh(torch.stack([_congruent(each, reference) for each in placed]))
        for each, values in zip(placed, eigenvalues, strict=True):
            roots = _sum_of_roots(values, min(each.largest_rank, reference.factor.shape[1]))
            found.append(torch.stack(_parts(each.mean, each.covariance.trace(), roots, reference)))
    return [_assembled(values, 0, 0).value for values in torch.stack(found).tolist()]


def frechet_distance_from_features(features: Tensor, reference: Statistics | ReferenceStatistics) -> Frechet:
    """Squared Fréchet distance of samples from a reference, by the cheaper of two exact ways.

    With A the centred features / sqrt(N - 1), the eigenvalues of the N x N matrix A S2 A^T are those that count: for
    N <= D that takes a fraction of the time and needs no factor of the reference. Otherwise as `frechet_distance`.

    Parameters
    ----------
    features
        (N, D) of any floating dtype, N >= 2, of the generated samples.
    reference
        Of the real samples.

    Raises
    ------
    TypeError
        When the features are no floating tensor.
    ValueError
        When there are fewer than 2 samples, when one is not finite, or when the dimensions differ.
    """
    known = reference if isinstance(reference, ReferenceStatistics) else ReferenceStatistics(reference)
    d = len(known.statistics.mean)
    found = checked_features(features, dimensions=d)
    n = len(found)
    if n < 2:
        raise ValueError(f"features must hold at least 2 samples, found {n}")
    device = known.statistics.mean.device
    if n > d:
        moments = Moments(d, device)
        moments.update(found)
        return frechet_distance(moments.statistics(), known)
    rows = found.to(device, torch.float64, copy=True)
    mean = rows.mean(dim=0)
    rows.sub_(mean).div_((n - 1) ** 0.5)
    eigenvalues: Tensor = torch.linalg.eigvalsh(rows @ known.statistics.covariance @ rows.T)
    roots = _sum_of_roots(eigenvalues, min(n - 1, known.statistics.largest_rank))
    variances = rows.square().sum(dim=0)
    rank = n - 1
    parts = _parts(mean, variances.sum(), roots, known)
    *values, kept = torch.stack([*parts, covariances.is_kept(eigenvalues, rank).sum().double()]).tolist()
    if kept < rank:  # then either covariance may have lost it
        scaled = rows.mul_(covariances.inverse(variances.sqrt()))
        rank = len(covariances.kept(torch.linalg.eigvalsh(scaled @ scaled.T), rank))
    return _assembled(values, rank, d)


def _check_dimensions(d: int, reference: ReferenceStatistics) -> None:
    if d != len(reference.statistics.mean):
        raise ValueError(
            f"generated must have {len(reference.statistics.mean)} dimensions like the reference, found {d}"
        )


def _parts(mean: Tensor, trace: Tensor, roots: Tensor, reference: ReferenceStatistics) -> list[Tensor]:
    """What a distance is made of, on the device: that of the means, both traces, the trace of the root."""
    apart = (mean - reference.statistics.mean).square().sum()
    return [apart, trace + reference.statistics.covariance.trace(), roots]


def _assembled(parts: list[float], rank: int, dimensions: int) -> Frechet:
    mean_term, traces, root = parts
    covariance_term = traces - 2 * root
    return Frechet(mean_term + covariance_term, mean_term, covariance_term, rank, rank < dimensions)


def _congruent(generated: Statistics, reference: ReferenceStatistics) -> Tensor:
    """F^T S F, of which the lower triangle counts, with the reference's factor F."""
    if reference.cholesky is not None:
        return _triangular_congruence(generated.covariance, reference.factor)
    return reference.factor.T @ generated.covariance @ reference.factor


def _sum_of_roots(eigenvalues: Tensor, most: int) -> Tensor:
    """The sum of the roots of the `most` largest of ascending eigenvalues, those below 0 as 0."""
    return eigenvalues[len(eigenvalues) - most :].clamp(min=0).sqrt().sum()


def _triangular_congruence(covariance: Tensor, lower: Tensor) -> Tensor:
    """Lower triangle of L^T S L for a lower L, at little over a quarter of the multiplications of two full products."""
    out = torch.zeros_like(covariance)
    starts = range(0, len(lower), BLOCK)
    for k in starts:
        rows = lower[k:, k : k + BLOCK].T @ covariance[k:, k:]
        for j in starts[k // BLOCK :]:
            out[j : j + BLOCK, k : k + BLOCK] = (rows[:, j - k :] @ lower[j:, j : j + BLOCK]).T
    return out

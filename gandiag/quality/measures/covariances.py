"""Ranks and factors of covariances that may be singular."""

from __future__ import annotations

from typing import TYPE_CHECKING

import torch

if TYPE_CHECKING:
    from torch import Tensor

    from gandiag.quality.measures.moments import Statistics


def tolerance(d: int) -> float:
    """Share of a variance that rounding can leave of one that is none."""
    return 4 * max(d, 8) * torch.finfo(torch.float64).eps


def cholesky(statistics: Statistics) -> Tensor | None:
    """Lower factor of a covariance; None for a singular one, be it that a pivot is only rounding."""
    covariance = statistics.covariance
    if statistics.largest_rank < len(covariance):
        return None
    lower, failed = torch.linalg.cholesky_ex(covariance)
    sound = (lower.diagonal().square() > tolerance(len(covariance)) * covariance.diagonal()).all()
    return lower if bool(sound & (failed == 0)) else None


def inverse(scale: Tensor) -> Tensor:
    """1 over each, 0 where there is nothing to divide by."""
    return torch.where(scale > 0, 1 / scale, 0)


def correlation(statistics: Statistics) -> Tensor:
    """(D, D), rows and columns of constant features 0: its rank does not depend on the features' units."""
    scale = inverse(statistics.covariance.diagonal().sqrt())
    return scale[:, None] * statistics.covariance * scale


def is_kept(eigenvalues: Tensor, most: int) -> Tensor:
    """Which of the `most` largest of ascending eigenvalues are not mere rounding."""
    largest = eigenvalues[max(0, len(eigenvalues) - most) :]
    return largest > tolerance(len(eigenvalues)) * largest[-1:]


def kept(eigenvalues: Tensor, most: int) -> Tensor:
    """Those of ascending eigenvalues that are not mere rounding, `most` at most."""
    return eigenvalues[max(0, len(eigenvalues) - most) :][is_kept(eigenvalues, most)]


def root(statistics: Statistics) -> Tensor:
    """(D, rank) matrix whose product with its transpose is the covariance, of any rank."""
    eigenvalues, vectors = torch.linalg.eigh(correlation(statistics))
    large = kept(eigenvalues, statistics.largest_rank)
    directions: Tensor = vectors[:, len(eigenvalues) - len(large) :]
    return directions * statistics.covariance.diagonal().sqrt()[:, None] * large.sqrt()


def root_of_rows(rows: Tensor, most: int) -> Tensor:
    """The same of the covariance A^T A of few rows A (N, D), whose rank is `most` at most: N x N is decomposed."""
    scaled = rows * inverse(rows.square().sum(dim=0).sqrt())
    eigenvalues, vectors = torch.linalg.eigh(scaled @ scaled.T)
    large: Tensor = vectors[:, len(eigenvalues) - len(kept(eigenvalues, most)) :]
    return rows.T @ large

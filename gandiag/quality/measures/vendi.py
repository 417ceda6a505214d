"""Vendi score: the effective number of different samples in a set, without a reference."""

from __future__ import annotations

import torch

from gandiag.quality.measures.features import checked_rows

TOLERANCE = 1e-6  # of symmetry and of the unit diagonal, what a kernel computed in float32 can miss


def vendi_score(features: torch.Tensor) -> float:
    """Effective number of different rows under the cosine kernel (Friedman & Dieng 2023), in [1, N].

    exp of the entropy of the eigenvalues of K / N with K[i, j] = cos(x_i, x_j). It grows with N and knows nothing
    of quality: noise scores highest, so compare equal N, and with real samples.

    Parameters
    ----------
    features
        (N, D) floating point on any device; the smaller one of the N x N and the D x D matrix is decomposed there,
        in float64.

    Raises
    ------
    TypeError, ValueError
        When the features are no finite (N, D), or a row is zero and has no direction.

    >>> round(vendi_score(torch.eye(5).repeat(3, 1)), 6)
    5.0
    """
    rows = checked_rows(features, "features").double()
    largest = rows.abs().amax(dim=1, keepdim=True)  # divided by first, as a square could overflow
    empty = largest == 0
    rows = torch.nn.functional.normalize(rows / torch.where(empty, 1, largest), dim=1)
    n, width = rows.shape
    return _effective((rows.T @ rows if width < n else rows @ rows.T) / n, empty.sum())


def vendi_of_kernel(kernel: torch.Tensor) -> float:
    """Vendi score of a similarity matrix of your own.

    Parameters
    ----------
    kernel
        (N, N) symmetric positive semi-definite with ones on the diagonal.

    Raises
    ------
    TypeError, ValueError
        When it is not as described.

    >>> round(vendi_of_kernel(torch.tensor([[1.0, 0.9, 0.0], [0.9, 1.0, 0.0], [0.0, 0.0, 1.0]])), 4)
    2.1573
    """
    matrix = checked_rows(kernel, "kernel").double()
    n = len(matrix)
    if matrix.shape != (n, n):
        raise ValueError(f"kernel must be square, found shape {tuple(matrix.shape)}")
    if float((matrix - matrix.T).abs().max()) > TOLERANCE:
        raise ValueError("kernel must be symmetric, found k(x, y) and k(y, x) that differ by more than 1e-6")
    if float((matrix.diagonal() - 1).abs().max()) > TOLERANCE:
        ends = f"{float(matrix.diagonal().min()):.6g} to {float(matrix.diagonal().max()):.6g}"
        raise ValueError(f"kernel must have ones on the diagonal, found {ends}")
    return _effective((matrix + matrix.T) / (2 * n))


def _effective(matrix: torch.Tensor, empty: torch.Tensor | None = None) -> float:
    """exp(-sum of l ln l) of eigenvalues that sum to 1; `empty` is the number of rows of zeros, refused here."""
    values = torch.linalg.eigvalsh(matrix)
    least, kept = values.min(), values.clamp(min=0)
    score = torch.special.entr(kept / kept.sum()).sum().exp()
    zeros = torch.zeros_like(score) if empty is None else empty.double()
    found, lowest, none = torch.stack([score, least, zeros]).tolist()
    if none:
        raise ValueError(f"features must have a direction for the cosine kernel, found {none:.0f} rows of zeros")
    if lowest < -TOLERANCE:
        raise ValueError(f"kernel must be positive semi-definite, found an eigenvalue of {lowest:.3g} of K/n")
    return float(found)

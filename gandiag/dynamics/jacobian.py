"""Eigenvalues of the Jacobian of a field, from its products with vectors or as a whole."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
import torch
from scipy.sparse.linalg import ArpackError, ArpackNoConvergence, LinearOperator, eigs
from torch import Tensor

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray

RESTARTS = 100  # of Arnoldi's method; each costs about k products


class Jacobian:
    """J[i, j] = d v_i / d w_j of a field v at weights w, by automatic differentiation.

    Parameters
    ----------
    field
        v, tensors that autograd can differentiate for the weights.
    weights
        w, tensors of the same shapes in the same order.

    Attributes
    ----------
    size : n, the numbers in v and in w
    products : how many products with vectors were taken
    """

    def __init__(self, field: Sequence[Tensor], weights: Sequence[Tensor]) -> None:
        self._field, self._weights = field, weights
        self.size = sum(weight.numel() for weight in weights)
        self.products = 0
        self.precision = float(max(torch.finfo(weight.dtype).eps for weight in weights))

    def transposed_product(self, vector: NDArray[np.float64]) -> NDArray[np.float64]:
        """J^T u for a vector u of shape (n,): one backward pass, the gradient of <v, u>."""
        self.products += 1
        flat = torch.from_numpy(np.ascontiguousarray(vector, dtype=np.float64).reshape(-1))
        parts = flat.split([weight.numel() for weight in self._weights])
        used = [(v, u.to(v.dtype).to(v.device).view_as(v)) for v, u in zip(self._field, parts, strict=True)]
        used = [(v, u) for v, u in used if v.requires_grad]
        if not used:
            return np.zeros(self.size)
        found = torch.autograd.grad(
            [v for v, _ in used],
            self._weights,
            [u for _, u in used],
            retain_graph=True,
            allow_unused=True,
            materialize_grads=True,
        )
        product: NDArray[np.float64] = torch.cat([g.detach().cpu().double().flatten() for g in found]).numpy()
        return product

    def dense(self) -> NDArray[np.float64]:
        """J, (n, n), by n products."""
        return np.stack([self.transposed_product(row) for row in np.eye(self.size)])


@dataclass(frozen=True, kw_only=True, eq=False)
class Eigenvalues:
    """What Arnoldi's method found.

    Attributes
    ----------
    values : (m,) complex, in descending order of absolute value
    complete : whether it converged to all that it was asked for
    """

    values: NDArray[np.complex128]
    complete: bool


def all_eigenvalues(jacobian: Jacobian) -> NDArray[np.complex128]:
    """All n of them in descending order of absolute value."""
    return _sorted(np.linalg.eigvals(jacobian.dense()))


def arnoldi(jacobian: Jacobian, k: int, which: str, seed: int = 0) -> Eigenvalues:
    """k eigenvalues by the implicitly restarted Arnoldi method (ARPACK).

    It works on J^T, which has J's eigenvalues: a product with it takes one backward pass, one with J two.

    Parameters
    ----------
    jacobian
        Of more than k + 1 weights.
    k
        How many.
    which
        "LM" for the largest in absolute value, "SR" for those with the smallest real part.
    seed
        Of the vector that it starts from.
    """
    size = jacobian.size
    operator = LinearOperator((size, size), matvec=jacobian.transposed_product, dtype=np.float64)
    start = np.random.default_rng(seed).standard_normal(size)
    tolerance = float(np.sqrt(jacobian.precision))
    try:
        values = eigs(operator, k, which=which, v0=start, tol=tolerance, maxiter=RESTARTS, return_eigenvectors=False)
    except ArpackNoConvergence as error:
        return Eigenvalues(values=_sorted(error.eigenvalues), complete=False)
    except ArpackError:  # the field is constant in every direction that was tried
        return Eigenvalues(values=np.zeros(0, dtype=np.complex128), complete=False)
    return Eigenvalues(values=_sorted(values), complete=True)


def _sorted(values: NDArray[Any]) -> NDArray[np.complex128]:
    """Largest first; of a pair, the one above the real axis."""
    complex_values = np.asarray(values, dtype=np.complex128)
    return complex_values[np.lexsort((-complex_values.imag, -np.abs(complex_values).round(12)))]

"""The eigenvalues of a game's Jacobian at a checkpoint: does descent come back to it, and how large may a step be?"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

import numpy as np

from gandiag.dynamics.field import GameField, Players
from gandiag.dynamics.jacobian import Jacobian, all_eigenvalues, arnoldi

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from gandiag.dynamics.checkpoints import Checkpoint

Method = Literal["auto", "dense", "arnoldi"]
DENSE = 500  # weights up to which "auto" takes all eigenvalues: fewer products than Arnoldi's method often needs


@dataclass(frozen=True, kw_only=True, eq=False)
class GameSpectrum:
    """Eigenvalues of the Jacobian of v = (dL_G / dw_G, dL_D / dw_D): a positive real part attracts descent.

    Attributes
    ----------
    eigenvalues : (m,) complex
        In descending order of absolute value: all of them (dense), or the k largest and the k with the smallest
        real parts (arnoldi).
    rotation
        max |Im| / |Re| over the eigenvalues: 0 without rotation, infinite for one without attraction. NaN where
        all eigenvalues are 0.
    unstable
        Whether descent, however small its steps, leaves along a direction with Re < 0. None where Arnoldi's method
        found no such eigenvalue and did not converge either.
    largest_step
        Bound of the learning rate of simultaneous gradient descent, the smallest 2 |Re| / |l|^2 =
        (1 / |Re|) * 2 / (1 + (Im / Re)^2) over the eigenvalues l found; 0 where no step is small enough, infinite
        where all are 0.
    gradient_norm
        |v|. The linear picture holds where it is small.
    weights
        n, the number of weights.
    method
        "dense" or "arnoldi".
    products
        Backward passes through v that it took.
    """

    eigenvalues: NDArray[np.complex128]
    rotation: float
    unstable: bool | None
    largest_step: float
    gradient_norm: float
    weights: int
    method: Literal["dense", "arnoldi"]
    products: int


def game_spectrum(
    field: GameField, checkpoint: Checkpoint | None = None, *, k: int = 20, method: Method = "auto", seed: int = 0
) -> GameSpectrum:
    """Leading eigenvalues of the game's Jacobian at a checkpoint.

    Real and imaginary parts below sqrt(machine epsilon) of the largest eigenvalue count as 0: a double eigenvalue
    has half of the digits.

    Parameters
    ----------
    field
        The game; its losses must not detach generated samples.
    checkpoint
        Weights of both players; None: as they are now.
    k
        How many of the largest and of the smallest real parts Arnoldi's method looks for; Berard et al. show 20.
    method
        "dense" takes all eigenvalues with one backward pass for each weight, "arnoldi" some hundreds of passes for
        any number of weights; "auto" is dense up to 500 weights.
    seed
        Of the vector that Arnoldi's method starts from.

    Raises
    ------
    ValueError
        When k or the method does not fit, the checkpoint does not fit the networks, the losses are not two finite
        numbers, or loss_d does not depend on the generator.

    References
    ----------
    Mescheder et al. 2017, "The Numerics of GANs", theorem 3 and corollary 5 (the bound of the step); Berard et al.
    2020, "A Closer Look at the Optimization Landscapes of Generative Adversarial Networks", section 5.
    """
    if method not in ("auto", "dense", "arnoldi"):
        raise ValueError(f"method must be auto, dense or arnoldi, found {method!r}")
    if k < 1:
        raise ValueError(f"k must be at least 1, found {k}")
    players = Players(field, field.states(checkpoint, "checkpoint"))
    loss_d, loss_g = players.losses("at the checkpoint")
    players.check_coupled(loss_d)
    v = players.gradient((loss_d, loss_g), create_graph=True)
    jacobian = Jacobian(v, players.weights)
    if method == "auto":
        method = "dense" if jacobian.size <= DENSE else "arnoldi"
    if method == "dense":
        values, complete = all_eigenvalues(jacobian), True
    else:
        if k >= jacobian.size - 1:
            raise ValueError(f"k must be below {jacobian.size - 1}, the number of weights less 1, found {k}")
        values, complete = _leading(jacobian, k, seed)
    clean = _without_rounding(values, jacobian.precision)
    return GameSpectrum(
        eigenvalues=values,
        rotation=_rotation(clean),
        unstable=True if bool((clean.real < 0).any()) else (False if complete else None),
        largest_step=_largest_step(clean),
        gradient_norm=math.sqrt(math.fsum(float(part.detach().double().square().sum()) for part in v)),
        weights=jacobian.size,
        method=method,
        products=jacobian.products,
    )


def _leading(jacobian: Jacobian, k: int, seed: int) -> tuple[NDArray[np.complex128], bool]:
    """The k largest eigenvalues and the k with the smallest real parts, each once."""
    largest, lowest = (arnoldi(jacobian, k, which, seed) for which in ("LM", "SR"))
    scale = float(np.abs(largest.values).max(initial=0.0))
    near = max(scale, 1e-300) * math.sqrt(jacobian.precision) * 10
    new = [value for value in lowest.values if not (np.abs(largest.values - value) < near).any()]
    values = np.concatenate([largest.values, np.array(new, dtype=np.complex128)])
    return values[np.argsort(-np.abs(values), kind="stable")], largest.complete and lowest.complete


def _without_rounding(values: NDArray[np.complex128], precision: float) -> NDArray[np.complex128]:
    """Eigenvalues whose parts are set to 0 where they are no larger than rounding errors, without those that are 0
    then.
    """
    smallest = math.sqrt(precision) * float(np.abs(values).max(initial=0.0))
    real, imaginary = (np.where(np.abs(part) <= smallest, 0.0, part) for part in (values.real, values.imag))
    clean = real + 1j * imaginary
    kept: NDArray[np.complex128] = clean[clean != 0]
    return kept


def _rotation(values: NDArray[np.complex128]) -> float:
    if not len(values):
        return math.nan
    with np.errstate(divide="ignore"):
        return float((np.abs(values.imag) / np.abs(values.real)).max())


def _largest_step(values: NDArray[np.complex128]) -> float:
    if (values.real <= 0).any():
        return 0.0
    return float((2 * values.real / np.abs(values) ** 2).min(initial=math.inf))

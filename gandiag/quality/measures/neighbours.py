"""Precision, recall, density and coverage: are generated samples near real ones, and real ones near generated ones?"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING

import torch

from gandiag.quality.measures.features import checked_rows
from gandiag.quality.measures.nearest import Balls, kth_neighbours, memberships

if TYPE_CHECKING:
    from torch import Tensor


@dataclass(frozen=True)
class PrecisionRecall:
    """Shares in [0, 1]: generated samples among the real ones, and real samples among the generated ones.

    Attributes
    ----------
    precision
        Share of generated samples within the ball of some real sample. Blind to lost modes.
    recall
        Share of real samples within the ball of some generated sample. Falls with lost modes.
    """

    precision: float
    recall: float


@dataclass(frozen=True)
class DensityCoverage:
    """How thickly generated samples lie among the real ones, and how much of those they reach.

    Attributes
    ----------
    density
        Real balls around a generated sample on average, in units of k: 1 is expected of identical laws, far more
        means a tight blob in a dense place.
    coverage
        Share of real balls with a generated sample inside; `expected_coverage` is expected of identical laws.
    """

    density: float
    coverage: float


@dataclass(frozen=True)
class PRDC:
    """Precision, recall, density and coverage as in `PrecisionRecall` and `DensityCoverage`."""

    precision: float
    recall: float
    density: float
    coverage: float


class Neighbourhood:
    """A set of features with the distance of each row to its k-th nearest other row: keep it to use it again.

    Parameters
    ----------
    features
        (N, D) floating point on any device.
    k
        Neighbours to count, below N; several where they serve several metrics, as (3, 5).
    name
        What messages call the features.
    block
        Rows of a block of distances; changes memory, never a result.

    Raises
    ------
    TypeError, ValueError
        When the features are no finite (N, D) or a k is not in [1, N).

    >>> import torch
    >>> Neighbourhood(torch.tensor([[0.0], [1.0], [3.0]]), 1).radii(1).tolist()
    [1.0, 1.0, 2.0]
    """

    def __init__(
        self, features: Tensor, k: int | tuple[int, ...], *, name: str = "features", block: int | None = None
    ) -> None:
        self.features = checked_rows(features, name)
        self.name = name
        self.ks = tuple(sorted({k} if isinstance(k, int) else set(k)))
        n = len(self.features)
        for each in self.ks:
            if not 1 <= each < n:
                raise ValueError(f"k must be at least 1 and below the number of {name}, {n}, found {each}")
        self._squared = kth_neighbours(self.features, self.ks, block)

    def __len__(self) -> int:
        return len(self.features)

    def balls(self, k: int, *, closed: bool = False) -> Balls:
        """A ball around each row that reaches to its k-th neighbour; ValueError for a k it was not made with."""
        if k not in self.ks:
            raise ValueError(f"k must be one that the neighbourhood of {self.name} was made with, {self.ks}, found {k}")
        return Balls(self._squared[self.ks.index(k)], closed)

    def radii(self, k: int) -> Tensor:
        """Distance of each row to its k-th neighbour, (N,) float64; ValueError for a k it was not made with."""
        return self.balls(k).squared_radii.sqrt()


def precision_recall(
    generated: Tensor | Neighbourhood, reference: Tensor | Neighbourhood, k: int = 3, *, block: int | None = None
) -> PrecisionRecall:
    """Improved precision and recall (Kynkäänniemi et al. 2019): balls to the k-th neighbour, surface included.

    Compare with the values of held-out real samples of the same number: identical laws have no fixed value, about
    0.47 in 1000 dimensions.

    Parameters
    ----------
    generated, reference
        (M, D) and (N, D) features, or their `Neighbourhood`.
    k
        Neighbours that reach from a sample to its ball's surface, itself not counted.
    block
        Rows of a block of distances; changes memory, never a result.

    Raises
    ------
    TypeError, ValueError
        When the features are not finite, differ in D or are no more than k.

    >>> import torch
    >>> line = torch.arange(6.0)[:, None]
    >>> precision_recall(line[:3], line, k=1)
    PrecisionRecall(precision=1.0, recall=0.6666666666666666)
    """
    near, real = _near(generated, "generated", (k,), block), _near(reference, "reference", (k,), block)
    balls = [real.balls(k, closed=True)], [near.balls(k, closed=True)]
    (_, real_balls), (generated_balls, _) = memberships(real.features, near.features, *balls, block)
    return PrecisionRecall(*_shares(real_balls, generated_balls))


def density_coverage(
    generated: Tensor | Neighbourhood, reference: Tensor | Neighbourhood, k: int = 5, *, block: int | None = None
) -> DensityCoverage:
    """Density and coverage (Naeem et al. 2020): open balls from each real sample to its k-th real neighbour.

    Parameters and errors as for `precision_recall`; generated samples need no neighbours of their own.

    >>> import torch
    >>> line = torch.arange(6.0)[:, None]
    >>> density_coverage(line[:3], line, k=1)
    DensityCoverage(density=1.0, coverage=0.5)
    """
    real = _near(reference, "reference", (k,), block)
    rows = generated.features if isinstance(generated, Neighbourhood) else checked_rows(generated, "generated")
    [(inside, _)] = memberships(real.features, rows, [real.balls(k)], block=block)
    inner, reached = torch.stack([inside.sum(), inside.count_nonzero()]).tolist()
    return DensityCoverage(inner / (k * len(rows)), reached / len(real))


def prdc(
    generated: Tensor | Neighbourhood,
    reference: Tensor | Neighbourhood,
    k: int = 5,
    *,
    manifold_k: int | None = None,
    closed: bool = False,
    block: int | None = None,
) -> PRDC:
    """Precision, recall, density and coverage from one pass over the distances.

    By default all four are those of Naeem et al. 2020 (the package prdc): open balls, one k.
    `prdc(..., k=5, manifold_k=3, closed=True)` gives precision and recall as Kynkäänniemi et al. 2019 publish them.

    Parameters
    ----------
    generated, reference
        (M, D) and (N, D) features, or their `Neighbourhood`.
    k
        Neighbours for density and coverage, and for the others without `manifold_k`.
    manifold_k
        Neighbours for precision and recall.
    closed
        Whether the balls of precision and recall contain their surface; it matters for duplicates.
    block
        Rows of a block of distances; changes memory, never a result.

    Raises
    ------
    TypeError, ValueError
        When the features are not finite, differ in D or are no more than k.

    >>> import torch
    >>> line = torch.arange(6.0)[:, None]
    >>> prdc(line[:3] + 0.25, line, k=1)
    PRDC(precision=1.0, recall=0.6666666666666666, density=2.0, coverage=0.6666666666666666)
    """
    inner = k if manifold_k is None else manifold_k
    near, real = _near(generated, "generated", (inner,), block), _near(reference, "reference", (inner, k), block)
    balls = [real.balls(inner, closed=closed), real.balls(k)], [near.balls(inner, closed=closed)]
    (_, real_balls), (inside, _), (generated_balls, _) = memberships(real.features, near.features, *balls, block)
    counts = [real_balls.count_nonzero(), generated_balls.count_nonzero(), inside.sum(), inside.count_nonzero()]
    precise, recalled, inner, reached = torch.stack(counts).tolist()
    return PRDC(precise / len(near), recalled / len(real), inner / (k * len(near)), reached / len(real))


def expected_coverage(n_generated: int, n_reference: int, k: int = 5) -> float:
    """Coverage that is expected where both laws are the same and continuous: 1 - prod (N - i) / (N + M - i), i = 1..k.

    Raises ValueError when k is not in [1, n_reference).

    >>> round(expected_coverage(10_000, 10_000), 5)
    0.96877
    """
    if not 1 <= k < n_reference or n_generated < 1:
        sizes = f"k = {k}, n_reference = {n_reference}, n_generated = {n_generated}"
        raise ValueError(f"coverage needs 1 <= k < n_reference and a generated sample, found {sizes}")
    return 1 - math.prod((n_reference - i) / (n_reference + n_generated - i) for i in range(1, k + 1))


def _near(features: Tensor | Neighbourhood, name: str, ks: tuple[int, ...], block: int | None) -> Neighbourhood:
    return features if isinstance(features, Neighbourhood) else Neighbourhood(features, ks, name=name, block=block)


def _shares(*counts: Tensor) -> list[float]:
    """Share of rows with a count above 0, of each of several counts (N,)."""
    found = torch.stack([each.count_nonzero() for each in counts]).tolist()
    return [number / len(each) for number, each in zip(found, counts, strict=True)]

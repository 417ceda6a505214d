"""Copies of training data: are generated samples nearer to the training set than held-out real samples are?"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING

import torch

from gandiag.quality.birthday import duplicate_threshold
from gandiag.quality.distances import Distinct, checked_features, checked_pair
from gandiag.quality.nearest import kth_neighbours, nearest

if TYPE_CHECKING:
    from torch import Tensor

ALARM = -3.0  # C_T below: three standard deviations, ours
POWER = 1.645  # standard deviations beyond the alarm that make it sound in 95 % of cases
CLOSEST = 0.1  # share of the distances of each set that the second test looks at
CELL_DIMENSIONS = 64  # principal components to cluster on, as fld and dgm-eval do
FEWEST = 20  # generated samples that a cell needs, as there


@dataclass(frozen=True)
class Copying:
    """What distances to the training set say of copying. Nothing here shows that a generator does not memorise.

    Attributes
    ----------
    authpct
        Percentage of generated samples whose nearest training point is nearer to another training point than to them
        (Alaa et al. 2022). There is no fixed null: 70, not 50, for one perfect generator.
    authpct_of_held_out
        The same of held-out real samples.
    authpct_difference
        The first less the second; negative where samples lie too near to training points.
    c_t
        Data-copying score of Meehan et al. 2020, a z-score: far below 0 for copies, far above 0 for samples that lie
        farther from the training set than real ones.
    c_t_closest
        The like z-score of the closest tenth of generated and of held-out samples alone: copies show even where
        other samples are too far, which cancels in `c_t`.
    copies, copies_of_held_out
        Generated and held-out samples within `threshold` of a training point.
    threshold
        Distance up to which two samples count as the same.
    detectable
        Share of exact copies, the rest perfect, that `c_t` alone finds with a probability of 95 %; above 1 for none.
    """

    authpct: float
    authpct_of_held_out: float
    authpct_difference: float
    c_t: float
    c_t_closest: float
    copies: int
    copies_of_held_out: int
    threshold: float
    detectable: float

    @property
    def alarm(self) -> bool:
        """Whether either score lies below -3."""
        return min(self.c_t, self.c_t_closest) < ALARM

    def __str__(self) -> str:
        if self.alarm:
            return f"copying detected: C_T {self.c_t:.1f}, of the closest tenth {self.c_t_closest:.1f}"
        if self.detectable > 1:
            return "no copying detected, and at these numbers of samples none can be"
        return f"no copying detected at effect >= {self.detectable:.0%} of copies"


def copying(
    generated: Tensor,
    train: Tensor,
    held_out: Tensor,
    *,
    cells: int = 1,
    threshold: float | None = None,
    seed: int = 0,
) -> Copying:
    """AuthPct and C_T, calibrated on held-out real samples.

    Parameters
    ----------
    generated, train, held_out
        (M, D), (T, D) and (N, D) features; held-out samples are real ones that the generator was not trained on.
        Hold out as many as are generated: the precision is that of the fewer.
    cells
        Regions of the training set, by k-means on 64 principal components, in which C_T is measured before it is
        averaged by held-out share; regions with fewer than 20 generated samples are left out. 3 in fld and dgm-eval.
    threshold
        Distance up to which two samples count as the same; by default `duplicate_threshold(train)`.
    seed
        Of k-means.

    Raises
    ------
    TypeError, ValueError
        When features are not finite, differ in D or are too few, or no cell has samples of each set.

    >>> rng = torch.Generator().manual_seed(0)
    >>> real = torch.randn(900, 8, generator=rng)
    >>> found = copying(real[:300], real[:600], real[600:])
    >>> found.authpct, found.copies, found.alarm
    (0.0, 300, True)
    """
    sets = {"generated": generated, "train": train, "held_out": held_out}
    generated, train, held_out = (checked_features(rows, name, 2) for name, rows in sets.items())
    for name, rows in (("generated", generated), ("held_out", held_out)):
        checked_pair(rows, train, (name, "train"))
    if not 1 <= cells <= len(train):
        raise ValueError(f"cells must be at least 1 and at most the number of train, {len(train)}, found {cells}")
    distinct = Distinct.of(train)
    radii = kth_neighbours(distinct, (1,))[0][distinct.inverse]
    to_train = {name: nearest(rows, train) for name, rows in (("generated", generated), ("held_out", held_out))}
    authentic = {name: 100 * float((gap > radii[at]).double().mean()) for name, (gap, at) in to_train.items()}
    near, real = to_train["generated"][0], to_train["held_out"][0]
    limit = duplicate_threshold(train) if threshold is None else threshold
    c_t, of_all_copies = _c_t(generated, train, held_out, cells, seed) if cells > 1 else _rank_score(near, real)
    return Copying(
        authpct=authentic["generated"],
        authpct_of_held_out=authentic["held_out"],
        authpct_difference=authentic["generated"] - authentic["held_out"],
        c_t=c_t,
        c_t_closest=_closest_score(near, real),
        copies=int((near <= limit**2).sum()),
        copies_of_held_out=int((real <= limit**2).sum()),
        threshold=limit,
        detectable=(POWER - ALARM) / of_all_copies,
    )


def _rank_score(near: Tensor, real: Tensor) -> tuple[float, float]:
    """z-score of the Mann-Whitney statistic, negative where `near` (M,) is below `real` (N,), and minus its least."""
    m, n = len(near), len(real)
    deviation = math.sqrt((m + n + 1) / (12 * m * n))
    return (_share_above(near, real) - 0.5) / deviation, 0.5 / deviation


def _closest_score(near: Tensor, real: Tensor) -> float:
    """z-score of the Mann-Whitney statistic of the closest tenth of each set.

    Its variance under one law is larger than without the cut, as the ends u and v of the two tenths vary as well:
    ln u / v is nearly normal with variance s² = (1 - q) (1 / m + 1 / n), and moves the share by (1 - min / max) / 2.
    """
    from scipy.special import erfcx

    m, n = (max(1, int(CLOSEST * len(gaps))) for gaps in (near, real))
    share = _share_above(near.sort().values[:m], real.sort().values[:n])
    s = math.sqrt((1 - CLOSEST) * (1 / m + 1 / n))
    of_ends = (1 - 2 * float(erfcx(s / math.sqrt(2))) + float(erfcx(s * math.sqrt(2)))) / 4
    return (share - 0.5) / math.sqrt((m + n + 1) / (12 * m * n) + of_ends)


def _share_above(near: Tensor, real: Tensor) -> float:
    """Share of pairs with `near` above `real`, ties as halves."""
    ordered = real.sort().values
    below, upto = torch.searchsorted(ordered, near), torch.searchsorted(ordered, near, right=True)
    return float((below + upto).double().mean()) / (2 * len(real))


def _c_t(generated: Tensor, train: Tensor, held_out: Tensor, cells: int, seed: int) -> tuple[float, float]:
    """Scores by cell, averaged by held-out share, and minus what they are if all generated samples are copies."""
    from sklearn.cluster import KMeans
    from sklearn.decomposition import PCA

    rows = train.double().cpu().numpy()
    project = PCA(min(CELL_DIMENSIONS, *rows.shape), svd_solver="full").fit(rows)
    found = KMeans(cells, n_init=10, random_state=seed).fit(project.transform(rows))
    of_train, of_generated, of_held_out = (
        torch.from_numpy(found.predict(project.transform(part.double().cpu().numpy()))).to(part.device)
        for part in (train, generated, held_out)
    )
    scores, weights = [], []
    for cell in range(cells):
        there = train[of_train == cell]
        near, real = generated[of_generated == cell], held_out[of_held_out == cell]
        if len(near) >= FEWEST and len(real):
            scores.append(_rank_score(nearest(near, there)[0], nearest(real, there)[0]))
            weights.append(len(real))
    if not weights:
        raise ValueError(f"cells must be fewer: none of {cells} has {FEWEST} generated and a held-out sample")
    return (
        sum(w * score for w, (score, _) in zip(weights, scores, strict=True)) / sum(weights),
        sum(w * least for w, (_, least) in zip(weights, scores, strict=True)) / sum(weights),
    )

"""Are generated samples copies of training samples? Distances to those, calibrated on held-out real samples."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
import torch

from gandiag.quality.measures.features import checked_pair, checked_rows, mark
from gandiag.quality.measures.nearest import kth_neighbours, nearest

if TYPE_CHECKING:
    from numpy.typing import NDArray
    from torch import Tensor

    Floats = NDArray[np.float64]
    Cells = NDArray[np.int64]

ALARM = -3.0  # standard normal where nothing is copied: about 1 in 700
FEWEST = 20  # a cell with no more generated samples is left out, tau = 20 / M of fld and dgm-eval
CLOSEST = 0.002  # of the held-out samples, two at least, may be near-copies of training samples themselves
SHARED = 0.1  # of the held-out samples at most may also be training samples
PROJECTED = 64  # principal components in which there are several cells, also as fld and dgm-eval


@dataclass(frozen=True)
class Copying:
    """How near generated samples come to training samples, beside how near held-out real samples come.

    Attributes
    ----------
    authpct
        Percentage of generated samples whose nearest training sample has a nearer training sample. It falls with
        copying and has no fixed value without: compare with `authpct_of_held_out`.
    authpct_of_held_out
        The same of the held-out samples.
    c_t
        Z-score of the generated samples' distances to training samples against those of held-out ones: far below 0
        for copies, far above for samples unlike any real ones.
    c_t_closest
        The same among distances below the closest decile of held-out ones, since copies and poor samples cancel in
        `c_t`. None where no generated sample is as near.
    copies
        Number of generated samples nearer to a training sample than all held-out samples but two, or but 0.2 % of more
        than 1,000.
    copies_by_chance
        Share of the generated samples expected among them where nothing is copied.
    detectable
        Smallest share of the generated samples whose exchange for training samples would sound the alarm; 0 where it
        sounds already, None where no share would.
    shared
        Number of held-out samples that are training samples, too; they were left out.
    """

    authpct: float
    authpct_of_held_out: float
    c_t: float
    c_t_closest: float | None
    copies: int
    detectable: float | None
    copies_by_chance: float
    shared: int = 0

    @property
    def authpct_difference(self) -> float:
        """AuthPct beyond that of held-out samples: negative for copies."""
        return self.authpct - self.authpct_of_held_out

    @property
    def detected(self) -> bool:
        """Whether C_T, or C_T of the closest decile, is below -3."""
        return _alarmed(self.c_t, self.c_t_closest)

    @property
    def sentence(self) -> str:
        """What the distances show, and never that there are no copies."""
        if self.detected:
            closest = "" if self.c_t_closest is None else f", {self.c_t_closest:.1f} in the closest decile"
            said = f"copying detected: C_T is {self.c_t:.1f}{closest}, alarm below {ALARM:.0f}"
            return f"{said}; {self.copies} samples are nearer to a training sample than nearly all held-out ones"
        if self.detectable is None:
            return "no copying detected, but these samples are too few to detect even that all are copies"
        return f"no copying detected at an effect of {self.detectable:.1%} exact copies or more"


def copying(generated: Tensor, train: Tensor, held_out: Tensor, *, cells: int = 1, seed: int = 0) -> Copying:
    """AuthPct (Alaa et al. 2022) and C_T (Meehan et al. 2020) of generated samples beside held-out real ones.

    Parameters
    ----------
    generated, train, held_out
        Features (M, D), (T, D) and (N, D): held-out samples are of the training samples' law and took no part in the
        training. M and N exceed 20.
    cells
        Cells of k-means in which C_T is averaged, weighted by held-out samples. With several, C_T's distances are those
        in the 64 first principal components of `train`, to training samples of the same cell; fld and dgm-eval use 3.
    seed
        Of k-means, and of which samples `detectable` exchanges.

    Raises
    ------
    TypeError, ValueError
        When the features are not finite, differ in D, or are too few for the cells, and when more than a tenth of the
        held-out samples are training samples.
    """
    near, held = (
        checked_rows(given, name, FEWEST + 1) for given, name in ((generated, "generated"), (held_out, "held_out"))
    )
    real = checked_rows(train, "train", 2)
    checked_pair(near, real, ("generated", "train"))
    checked_pair(held, real, ("held_out", "train"))
    if not 1 <= cells <= len(real):
        raise ValueError(f"cells must be at least 1 and no more than the {len(real)} rows of train, found {cells}")
    held, shared = _unseen(held, real)
    (distances, which), (expected, whose) = nearest(near, real), nearest(held, real)
    between = kth_neighbours(real, (1,))[0]
    rank = max(2, int(CLOSEST * len(held)))
    ours, theirs, *limits = (
        torch.cat([distances, expected, between[which], between[whose]]).cpu().split([len(near), len(held)] * 2)
    )
    copies = int((ours < theirs.kthvalue(rank).values).sum())
    authentic = [float((d > limit).double().mean()) for d, limit in zip((ours, theirs), limits, strict=True)]
    test = _Test.of_one_cell(ours, theirs) if cells == 1 else _Test.of_cells(near, real, held, cells, seed)
    c_t, closest = test.scores(test.near)
    chance = rank / (len(held) + 1)
    return Copying(100 * authentic[0], 100 * authentic[1], c_t, closest, copies, test.detectable(seed), chance, shared)


def _unseen(held: Tensor, real: Tensor) -> tuple[Tensor, int]:
    """The held-out samples that are no training samples, and how many are."""
    new = (nearest(held, real)[0] > 0).nonzero().squeeze(1)
    shared = len(held) - len(new)
    if shared > SHARED * len(held) or len(held) - shared <= FEWEST:
        raise ValueError(
            f"{shared:,} of {len(held):,} held-out samples also are in the reference: what was held out must not be "
            "part of it, and where samples are equal by nature copies cannot be told"
        )
    return mark(held[new], "finite"), shared


@dataclass(frozen=True, eq=False)
class _Test:
    """Squared distances to the nearest training sample, of generated and of held-out samples, and their cells."""

    near: Floats
    held: Floats
    near_cells: Cells
    held_cells: Cells

    @classmethod
    def of_one_cell(cls, near: Tensor, held: Tensor) -> _Test:
        return cls(near.numpy(), held.numpy(), np.zeros(len(near), int), np.zeros(len(held), int))

    @classmethod
    def of_cells(cls, near: Tensor, real: Tensor, held: Tensor, cells: int, seed: int) -> _Test:
        from sklearn.cluster import KMeans

        points, sets = _projected(real, (near, held))
        model = KMeans(cells, n_init=10, random_state=seed).fit(points.cpu().numpy())
        own = torch.from_numpy(model.labels_).to(points.device)
        labels = [model.predict(rows.cpu().numpy()).astype(np.int64) for rows in sets]
        found = [np.zeros(len(rows)) for rows in sets]
        for cell in range(cells):
            for rows, label, distances in zip(sets, labels, found, strict=True):
                inside = label == cell
                if inside.any():
                    among = rows[torch.from_numpy(inside).to(rows.device)]
                    distances[inside] = nearest(among, points[own == cell])[0].cpu().numpy()
        return cls(found[0], found[1], labels[0], labels[1])

    def scores(self, near: Floats) -> tuple[float, float | None]:
        """C_T and C_T of the closest decile, of generated samples with the distances `near` (M,)."""
        weights, scores, closest = [], [], []
        for cell in np.unique(self.held_cells):
            ours, held = near[self.near_cells == cell], self.held[self.held_cells == cell]
            if len(ours) > FEWEST:
                weights.append(len(held))
                scores.append(_z(ours, held))
                # what lies below one of the held-out distances is of one law in both sets, where nothing is copied:
                # with each set cut at its own decile, scores would spread twice as much
                limit = np.partition(held, len(held) // 10)[len(held) // 10]
                closest.append(_z(ours[ours < limit], held[held < limit]))
        if not weights:
            raise ValueError(f"no cell holds held-out and more than {FEWEST} generated samples: fewer cells are needed")
        usable = ~np.isnan(closest)
        decile = np.average(np.array(closest)[usable], weights=np.array(weights)[usable]) if usable.any() else None
        return float(np.average(scores, weights=weights)), None if decile is None else float(decile)

    def detectable(self, seed: int) -> float | None:
        """`Copying.detectable`, found by bisection, as each copy lowers C_T; `seed` chooses which samples are
        exchanged.
        """
        order = np.random.default_rng(seed).permutation(len(self.near))

        def alarmed(copies: int) -> bool:
            exchanged = self.near.copy()
            exchanged[order[:copies]] = 0
            return _alarmed(*self.scores(exchanged))

        if alarmed(0):
            return 0.0
        silent, loud = 0, len(self.near)
        if not alarmed(loud):
            return None
        while loud - silent > 1:
            middle = (silent + loud) // 2
            silent, loud = (silent, middle) if alarmed(middle) else (middle, loud)
        return loud / len(self.near)


def _alarmed(c_t: float, closest: float | None) -> bool:
    return c_t < ALARM or (closest is not None and closest < ALARM)


def _z(ours: Floats, held: Floats) -> float:
    """Mann-Whitney's U of ours against held-out distances, in standard errors; NaN without any of one kind."""
    from scipy.stats import rankdata

    m, n = len(ours), len(held)
    if not m * n:
        return float("nan")
    above = rankdata(np.concatenate([ours, held]))[:m].sum() - m * (m + 1) / 2
    return float((above - m * n / 2 + 0.5) / np.sqrt(m * n * (m + n + 1) / 12))  # + 0.5 as published


def _projected(real: Tensor, others: tuple[Tensor, Tensor]) -> tuple[Tensor, list[Tensor]]:
    """Principal components of the training samples, where there are more than 64 dimensions, in float64."""
    centre = real.double().mean(dim=0)
    if real.shape[1] <= PROJECTED:
        return real.double(), [rows.double() for rows in others]
    centred = real.double() - centre
    axes = torch.linalg.eigh(centred.T @ centred).eigenvectors[:, -PROJECTED:]
    return centred @ axes, [(rows.double() - centre) @ axes for rows in others]

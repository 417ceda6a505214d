"""Rules without labels: distances between samples, copies, cells of the data that are left out."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

import torch

from gandiag.gate.cells import proportions
from gandiag.gate.likeness import LEAST, size_for
from gandiag.gate.measured import Measured
from gandiag.gate.statistics import as_many, lower_share, normal, upper_share
from gandiag.quality.measures.distances import Distinct
from gandiag.quality.measures.nearest import kth_neighbours
from gandiag.quality.values import spread

if TYPE_CHECKING:
    from torch import Tensor

    from gandiag.gate.case import Case

ALIKE = 0.5  # of the diversity of real samples, below which it is gone: as `SampleCollapse.ratio`
LOST_DATA = 0.065  # share of the data in parts that are left out; half of it where the part stands apart
SURE_PART = 0.04  # share of the data from which on a part must be told for the rule to pass
DIFFERENT = 0.02  # of the samples that would have to move to another cell, beyond what chance moves
COPIES = 0.005  # share of samples that repeat another, beyond that of real ones
SEARCHED = 3000  # samples searched for near copies
NEAR = 0.1  # of the usual distance of neighbours, within which a sample counts as a copy
SEEN_COPIES = 0.05  # share of copies that must have been seen for a rule to pass

RULES = {"pairwise": "pairwise-distance", "nearest": "nearest-distance", "coverage": "coverage"}
WORDS = {
    "pairwise": "the mean distance between two samples",
    "nearest": "the distance of a sample to the next",
    "coverage": "the coverage of real samples",
}


def diversity(name: str, case: Case, level: float) -> Measured:
    """One of the ratios of `RealSplits`."""
    size = size_for(case.n, len(case.real))
    if size < LEAST:
        return too_few(size, 2 * LEAST, "real and generated samples")
    found = case.likeness(level)[name]
    bound = case.settings.limit(RULES[name], ALIKE)
    decided = 2 * found.reach < -math.log(bound)
    needed = None if decided else math.ceil(size * (2 * found.reach / -math.log(bound)) ** 2 * 2)
    return Measured(
        value=found.value, bound=bound, side="below", low=found.low, high=found.high, n=found.n,
        interval="splits of the real samples", violated=found.value < bound and found.high < 1, decided=decided,
        needed=needed, sentence=f"{WORDS[name]} is {found.value:.3g} of that of real ones",
        details={"of_real": case.known.splits(size).expected[name]},
    )  # fmt: skip


def too_few(n: int, needed: int, what: str = "samples") -> Measured:
    """What a rule says that has too little to go by."""
    return Measured(n=n, violated=False, decided=False, needed=needed, sentence=f"too few {what}: {n:,}")


def lost_parts(case: Case, level: float) -> Measured:
    """Share of the data in parts that generated samples leave out."""
    if len(case.real) < 4 * LEAST:
        return too_few(len(case.real), 4 * LEAST, "real samples")
    found = case.known.parts().missed(case.features, level)
    limit = case.settings.limit("lost-parts", LOST_DATA)
    stands_apart = found.apart > limit / 2
    decided = found.told < SURE_PART
    value = max(found.share, found.apart)
    return Measured(
        value=value, bound=limit / 2 if stands_apart else limit, side="above", n=case.n,
        violated=stands_apart or found.share > limit, decided=decided,
        needed=None if decided else case.known.parts().samples_to_tell(level, SURE_PART),
        sentence=f"{100 * value:.3g} % of the data are left out" + (
            ", a part that stands apart from the others" if stands_apart else ""
        ),
        details={"share": found.share, "apart": found.apart, "lost": found.parts, "told_from": found.told},
    )  # fmt: skip


def cell_shares(case: Case, level: float) -> Measured:
    """How much the proportions of cells differ, beyond chance."""
    if len(case.real) < 4 * LEAST:
        return too_few(len(case.real), 4 * LEAST, "real samples")
    real, generated = case.known.cells().counts, case.cell_counts
    found = proportions(generated, real, case.settings.seed)
    limit = case.settings.limit("cell-shares", DIFFERENT)
    excess = math.sqrt(max(found.distance**2 - found.floor**2, 0.0))  # chance adds in squares
    reach = normal(level) * found.reach
    decided = reach < 5 * limit
    return Measured(
        value=excess, bound=limit, side="above", low=excess - reach, high=excess + reach, n=int(generated.sum()),
        interval="samples that change sides at random", violated=found.p < level and excess > limit,
        decided=decided, needed=None if decided else math.ceil(case.n * (reach / (5 * limit)) ** 2),
        sentence=f"{100 * excess:.3g} % of the samples would have to move to another cell, beyond chance",
        details={"p": found.p, "total_variation": found.distance, "by_chance": found.floor, "cells": len(real)},
    )  # fmt: skip


def duplicates(case: Case, level: float) -> Measured:
    """Share of samples that repeat another one, exactly or nearly, beside that of as many real ones."""
    exact_n, near_n = min(case.n, len(case.real)), min(case.n, len(case.real), SEARCHED)
    if near_n < LEAST:
        return too_few(near_n, 2 * LEAST, "real and generated samples")
    threshold, real_near = _real_copies(case, near_n)
    pairs = [
        (_repeats(spread(case.features, exact_n)), _repeats(spread(case.real, exact_n)), exact_n),
        (_near(spread(case.features, near_n), threshold), real_near, near_n),
    ]
    worst = max(pairs, key=lambda pair: (pair[0] - pair[1]) / pair[2])
    copies, of_real, n = worst
    limit = case.settings.limit("duplicates", COPIES)
    bound = of_real / n + limit
    sure = any(float(as_many(c, c + r, 0.5)) < level / 2 and c / k > r / k + limit for c, r, k in pairs)
    asked = math.floor(SEEN_COPIES * near_n)
    decided = float(as_many(asked, asked + real_near, 0.5)) < level / 2
    return Measured(
        value=copies / n, bound=bound, side="above", low=float(lower_share(copies, n, level)),
        high=float(upper_share(copies, n, level)), interval="Clopper-Pearson", n=n, violated=sure, decided=decided,
        needed=None if decided else math.ceil(20 / SEEN_COPIES),
        sentence=f"{copies:,} of {n:,} samples are copies, originals not counted; of as many real ones, {of_real:,}",
        details={"exact": pairs[0][0], "near": pairs[1][0], "near_within": threshold},
    )  # fmt: skip


def _real_copies(case: Case, n: int) -> tuple[float, int]:
    """Distance within which two samples are copies, and how many of n real samples repeat another by it."""
    key = f"copies {n}"
    if key not in case.known.memo:
        rows = spread(case.real, n)
        distinct, distances = Distinct.of(rows), kth_neighbours(rows, (1,))[0].sqrt()
        few = distances.sort().values
        threshold = min(NEAR * float(few.median()), float(few[int(1e-3 * (n - 1))]))
        case.known.memo[key] = threshold, _copies(distinct, _apart(distinct, distances), threshold)
    found: tuple[float, int] = case.known.memo[key]
    return found


def _near(rows: Tensor, threshold: float) -> int:
    distinct = Distinct.of(rows)
    return _copies(distinct, _apart(distinct), threshold)


def _apart(distinct: Distinct, known: Tensor | None = None) -> Tensor:
    """Distances (U,) of distinct rows to the next distinct one; `known` are those of all rows, where at hand."""
    count = len(distinct.rows)
    if count < 2:
        return torch.full((count,), torch.inf)
    if known is not None and len(known) == count:
        return known
    return kth_neighbours(distinct.rows, (1,))[0].sqrt()


def _copies(distinct: Distinct, distances: Tensor, threshold: float) -> int:
    """Samples beyond the first of their kind: exact repeats, and half of those with a neighbour that is near."""
    close = int(((distances <= threshold) & torch.isfinite(distances)).sum()) if threshold > 0 else 0
    return int((distinct.weights - 1).sum()) + close // 2


def _repeats(rows: Tensor) -> int:
    return len(rows) - len(Distinct.of(rows).rows)


__all__ = ["cell_shares", "diversity", "duplicates", "lost_parts"]

"""Rules on labels: modes or classes that are lost, that come too rarely or too often, and that lost their spread."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

import numpy as np

from gandiag.gate.cells import LOST, SURELY, lost_of_counts
from gandiag.gate.measured import Measured
from gandiag.gate.statistics import (
    as_few,
    as_many,
    lower_share,
    normal,
    samples_needed,
    upper_share,
)
from gandiag.modes.mixtures import RADIUS
from gandiag.wording import listed

if TYPE_CHECKING:
    from collections.abc import Sized

    from gandiag.gate.case import Case

TIGHT = 0.5  # of the spread within a mode, below which it collapsed: as `SampleCollapse.ratio`
LEAST_IN_MODE = 30
NAMED = 8  # modes in a sentence
RESIDUE = 0.03  # of a lost class's share, which other classes are taken for it


def lost_modes(case: Case, level: float) -> Measured:
    """Modes with less than a tenth of their share, and beyond doubt less than half of it."""
    counts, shares, m = case.counts, case.shares, case.real_count
    n, classes = int(counts.sum()), len(counts)
    each = level / classes
    if m is None:
        lost = (as_few(counts, n, SURELY * shares) < each) & (counts <= LOST * n * shares)
    else:
        assert case.known.counts is not None  # noqa: S101 - where there is a number there are counts
        lost = lost_of_counts(counts, case.known.counts, each, n, m).lost
    rarest = float(shares.min())
    needed = samples_needed(rarest, SURELY, RESIDUE, each, LOST)
    decided = n > 0 and _effective(n, m) >= needed
    upper, lower = (bound(counts, max(n, 1), each) for bound in (upper_share, lower_share))
    gone = [int(k) for k in np.flatnonzero(lost)]
    told = "; ".join(
        f"{k}: {counts[k]:,} of {n:,}, at most {100 * upper[k]:.2g} %, {100 * shares[k]:.3g} % expected"
        for k in gone[:NAMED]
    )
    what = f"{len(gone)} of {classes} modes are lost ({told}{_more_than_named(gone, '; ')})"
    return Measured(
        value=len(gone), bound=0, side="above", n=n, violated=bool(gone), decided=decided,
        needed=None if decided else _more(needed, m), interval="Clopper-Pearson bound of each share",
        low=float((upper < LOST * shares).sum()), high=float((lower < LOST * shares).sum()),
        sentence=what if gone else f"all {classes} modes are there",
        details={"lost": gone, "counts": counts.tolist(), "upper_shares": upper[gone].tolist()},
    )  # fmt: skip


def mode_shares(case: Case, level: float) -> Measured:
    """The mode whose share is farthest from its due, over that; beyond the tolerance for sure."""
    counts, shares, m = case.counts, case.shares, case.real_count
    n, classes = int(counts.sum()), len(counts)
    each, slack = level / (2 * classes), case.settings.tolerance
    if m is None:
        few = as_few(counts, n, (1 - slack) * shares)
        many = as_many(counts, n, np.minimum((1 + slack) * shares, 1))
    else:
        assert case.known.counts is not None  # noqa: S101
        both = counts + case.known.counts
        few = as_few(counts, both, (1 - slack) * n / ((1 - slack) * n + m))
        many = as_many(counts, both, (1 + slack) * n / ((1 + slack) * n + m))
    off = np.flatnonzero(np.minimum(few, many) < each)
    ratios = counts / max(n, 1) / shares
    worst = int(np.abs(np.log(np.maximum(ratios, 1e-3))).argmax())
    scale = 1 / shares[worst]
    needed = samples_needed(float(shares.min()), 1 - slack, 0.5, each)
    decided = _effective(n, m) >= needed
    named = ", ".join(f"{k} ({_of_share(ratios[k])})" for k in off[:NAMED]) + _more_than_named(off)
    return Measured(
        value=float(ratios[worst]), bound=1 - slack if ratios[worst] < 1 else 1 + slack,
        side="below" if ratios[worst] < 1 else "above", n=n, violated=len(off) > 0, decided=decided,
        low=float(lower_share(counts[worst], n, each)) * scale, high=float(upper_share(counts[worst], n, each)) * scale,
        interval="Clopper-Pearson", needed=None if decided else _more(needed, m),
        sentence=f"{len(off)} of {classes} modes come more than {100 * slack:.0f} % too rarely or too often: {named}"
        if len(off) else f"no mode is surely more than {100 * slack:.0f} % off its share; farthest is {worst}",
        details={"off": [int(k) for k in off], "ratios": ratios.tolist()},
    )  # fmt: skip


def tight_modes(case: Case, level: float) -> Measured:
    """Spread within a labelled mixture's modes over what it should be: the tightest mode."""
    assert case.known.mixture is not None  # noqa: S101 - not asked without
    mixture = case.known.mixture
    distances, nearest = mixture.distance(case.features.cpu().numpy())
    inside = distances < RADIUS
    limit = case.settings.limit("tight-modes", TIGHT)
    expected, spread = _truncated(mixture.centres.shape[1])
    z = normal(level / len(mixture.prior))
    tight, worst, n = [], (math.inf, math.inf, 0), int(inside.sum())
    for mode in range(len(mixture.prior)):
        squares = distances[inside & (nearest == mode)] ** 2
        if len(squares) < LEAST_IN_MODE:
            continue
        ratio = math.sqrt(squares.mean() / expected)
        high = math.sqrt(
            (squares.mean() + z * max(squares.std(), ratio**2 * spread) / math.sqrt(len(squares))) / expected
        )
        if ratio < limit and high < 1:
            tight.append(mode)
        worst = min(worst, (ratio, high, len(squares)))
    enough = n >= LEAST_IN_MODE and z * spread / math.sqrt(max(worst[2], 1)) < (1 - limit) * expected
    named = listed(map(str, tight), NAMED)
    return Measured(
        value=worst[0] if worst[2] else None, bound=limit, side="below", low=0.0 if worst[2] else None,
        high=worst[1] if worst[2] else None, interval="normal law of the mean square", n=n, violated=bool(tight),
        decided=enough, needed=None if enough else case.n * 2,
        sentence=f"samples of the modes {named} lie closer together than half of what they should"
        if tight else "no mode is tighter than it should be",
        details={"tight": tight},
    )  # fmt: skip


def _more_than_named(modes: Sized, joint: str = " ") -> str:
    """How many there are beyond those that a sentence names; empty for none."""
    return f"{joint}and {len(modes) - NAMED} more" if len(modes) > NAMED else ""


def _of_share(ratio: float) -> str:
    """How a mode's share compares with its due.

    >>> _of_share(9.99), _of_share(1.31), _of_share(0.313), _of_share(0.0)
    ('10 times its share', '1.3 times its share', '31 % of its share', 'none at all')
    """
    if ratio <= 0:
        return "none at all"
    if ratio < 1:
        return f"{100 * ratio:.2g} % of its share"
    return f"{f'{ratio:,.0f}' if ratio > 10 else f'{ratio:.2g}'} times its share"


def _truncated(dimensions: int) -> tuple[float, float]:
    """Mean and standard deviation of the squared distance in sigmas, of samples within 3 sigma of their mode."""
    from scipy.special import gammainc

    half, end = dimensions / 2, RADIUS**2 / 2
    whole = float(gammainc(half, end))
    mean = dimensions * float(gammainc(half + 1, end)) / whole
    square = dimensions * (dimensions + 2) * float(gammainc(half + 2, end)) / whole
    return mean, math.sqrt(square - mean**2)


def _effective(n: int, m: int | None) -> float:
    """Samples of the generator alone that tell as much as n and m real ones."""
    return n if m is None else n * m / (n + m)


def _more(needed: int, m: int | None) -> int | None:
    """Samples that would do; None where there are too few real ones for any number."""
    if m is None:
        return needed
    return math.ceil(needed * m / (m - needed)) if m > needed else None

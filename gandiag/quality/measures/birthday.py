"""Support size by the birthday paradox: how large a batch is until it likely holds two samples that are the same."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING

import torch

from gandiag.quality.measures.distances import ARITHMETICS, UNDERFLOW, Grid
from gandiag.quality.measures.features import checked_rows, mark
from gandiag.quality.measures.nearest import kth_neighbours

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from torch import Tensor

QUANTILE = 1e-4  # of real nearest-neighbour distances: one real sample in 10,000 has a neighbour as near by chance
ENTRIES = 2**26  # of batches that are kept until they are asked about: 256 MiB
TOGETHER = 64  # samples of the largest batches that are drawn before it is known whether smaller ones are enough
ROUNDS = 40  # batches per size: a share of 1/2 has a standard error of 0.08, s then one of about 7 %


@dataclass(frozen=True)
class Support:
    """What duplicates among generated samples say about how many different ones there are.

    It is an upper-bound heuristic: one output of probability p alone gives duplicates at batches of about 1/p,
    whatever the rest does, so a small estimate may come from one heavy atom and not from a small support.

    Attributes
    ----------
    batch_size
        Smallest batch, by interpolation, with a duplicate in at least half of all batches; the largest one tried
        where `bounded` is false.
    estimate
        batch_size² / (2 ln 2): exact for a law uniform on so many items.
    published
        batch_size², the number that Arora & Zhang 2017 quote.
    bounded
        Whether half of the batches of some size held a duplicate. Otherwise the support is only known to be
        larger: `estimate` and `published` are lower bounds.
    threshold
        Distance up to which two samples count as the same.
    """

    batch_size: float
    estimate: float
    published: float
    bounded: bool
    threshold: float

    def __str__(self) -> str:
        return f"support {'about' if self.bounded else '>'} {self.estimate:.3g}"


def duplicate_threshold(reference: Tensor, quantile: float = QUANTILE) -> float:
    """Distance up to which two samples count as the same: a quantile of real nearest-neighbour distances.

    The law is that of the distance from a real sample to its nearest other one among the N given, not of all
    pairs: of N² / 2 pairs a quantile of 1e-4 would be exceeded by thousands of near neighbours, and it would not fall
    as N grows. With N below 1 / quantile it is the smallest distance between two real samples. A reference
    that itself holds duplicates gives 0: then only exact repetition counts.

    Parameters
    ----------
    reference
        (N, D) features of real samples, N >= 2.
    quantile
        In (0, 1); the value at or just below it is taken, nothing is interpolated.

    Raises
    ------
    TypeError, ValueError
        When the features are no finite (N, D) or the quantile is not in (0, 1).

    >>> duplicate_threshold(torch.tensor([[0.0], [3.0], [5.0]]))
    2.0
    """
    if not 0 < quantile < 1:
        raise ValueError(f"quantile must lie in (0, 1), found {quantile}")
    squared = kth_neighbours(checked_rows(reference, "reference", 2), (1,))[0].sort().values
    return math.sqrt(float(squared[int(quantile * (len(squared) - 1))]))


def birthday(
    sample: Callable[[int], Tensor], threshold: float, *, largest: int = 2048, rounds: int = ROUNDS, smallest: int = 2
) -> Support:
    """Support size of a generator by the birthday paradox (Arora & Zhang 2017).

    Sizes are doubled until half of the batches hold a duplicate; the size with exactly that share is read off
    1 - exp(-c s²), fitted to the last two.

    Parameters
    ----------
    sample
        Gives that many fresh samples as features (s, D). `resampled` makes one of stored features.
    threshold
        Distance up to which two samples are the same, as from `duplicate_threshold`.
    largest
        Batches grow up to this size; without duplicates in half of these, only a lower bound results.
    rounds
        Batches per size.
    smallest
        The size to begin with, at least 2.

    Raises
    ------
    ValueError
        When an argument is out of range or `sample` returns another number of samples.

    >>> few = torch.arange(100.0)[:, None]
    >>> rng = torch.Generator().manual_seed(0)
    >>> found = birthday(lambda s: few[torch.randint(0, 100, (s,), generator=rng)], threshold=0.5)
    >>> 50 < found.estimate < 200
    True
    """
    if not (threshold >= 0 and math.isfinite(threshold)):
        raise ValueError(f"threshold must be a finite distance of at least 0, found {threshold}")
    if not 2 <= smallest <= largest or rounds < 1:
        sizes = f"smallest = {smallest}, largest = {largest}, rounds = {rounds}"
        raise ValueError(f"birthday needs 2 <= smallest <= largest and a round, found {sizes}")
    rates: list[tuple[int, float]] = []
    for size, hits in _with_duplicate(sample, _sizes(smallest, largest), threshold, rounds):
        rates.append((size, hits / rounds))
        if hits * 2 >= rounds:
            break
    bounded = rates[-1][1] >= 0.5
    half = _half(rates) if bounded else float(largest)
    return Support(half, half**2 / (2 * math.log(2)), half**2, bounded, threshold)


def resampled(features: Tensor, seed: int) -> Callable[[int], Tensor]:
    """Batches without replacement from stored generated samples, for `birthday`.

    Draw from at least several thousand: a batch near the number of stored samples repeats much of the last one.

    Parameters
    ----------
    features
        (N, D) features of generated samples, N at least the largest batch.
    seed
        Of the choice.
    """
    rows = checked_rows(features, "features", 2)
    rng = torch.Generator().manual_seed(seed)

    def sample(size: int) -> Tensor:
        if size > len(rows):
            raise ValueError(
                f"features must hold at least as many rows as the largest batch, {size}, found {len(rows)}"
            )
        drawn = torch.randperm(len(rows), generator=rng)[:size].to(rows.device, non_blocking=True)
        return mark(rows[drawn], "finite")

    return sample


def expected_batch(support: float) -> float:
    """Batch size sqrt(2 M ln 2) with a duplicate in half of all batches of a law uniform on M items.

    >>> [round(expected_batch(10.0**power)) for power in (4, 5, 6)]
    [118, 372, 1177]
    """
    return math.sqrt(2 * math.log(2) * support)


def _sizes(smallest: int, largest: int) -> list[list[int]]:
    """Sizes doubled up to the largest: those of few samples together, each other alone."""
    sizes = [smallest]
    while sizes[-1] < largest:
        sizes.append(min(2 * sizes[-1], largest))
    few = sum(size <= TOGETHER for size in sizes)
    return [group for group in (sizes[:few], *([size] for size in sizes[few:])) if group]


def _with_duplicate(
    sample: Callable[[int], Tensor], groups: list[list[int]], threshold: float, rounds: int
) -> Iterator[tuple[int, int]]:
    """Each size with how many of so many batches hold two samples that are the same.

    Products bound all distances, as in `nearest`; which batches of a group are clear by that is asked for together.
    """
    for group in groups:
        unclear: list[Tensor] = []
        flags: list[Tensor] = []
        answers: list[tuple[Tensor | None, bool]] = []  # batches that are still to be searched, and those that hit
        for size in [size for size in group for _ in range(rounds)]:
            unclear.append(_batch(sample, size))
            flags.append(_bounded(unclear[-1], threshold**2))
            if len(unclear) * unclear[-1].numel() >= ENTRIES:
                answers += _answered(unclear, flags)
        answers += _answered(unclear, flags)
        for at, size in enumerate(group):
            told = answers[at * rounds : (at + 1) * rounds]
            yield size, sum(sure or (one is not None and _holds(one, threshold**2)) for one, sure in told)


def _batch(sample: Callable[[int], Tensor], size: int) -> Tensor:
    """So many samples; ValueError where there are more or fewer, or where they are no features."""
    batch = checked_rows(sample(size), "the batch from sample", 1)
    if len(batch) != size:
        raise ValueError(f"sample must return as many samples as it is asked for, {size}, found {len(batch)}")
    return batch


def _answered(unclear: list[Tensor], flags: list[Tensor]) -> list[tuple[Tensor | None, bool]]:
    """Batches that are still to be searched, None for others, and whether one surely has a duplicate; once for each."""
    if not flags:
        return []
    told = torch.stack(flags).tolist()
    found = [(one if may and not does else None, does) for one, (may, does) in zip(unclear, told, strict=True)]
    unclear.clear()
    flags.clear()
    return found


def _holds(batch: Tensor, limit: float) -> bool:
    """Whether two of the rows (N, D) are as near as a squared distance."""
    return float(kth_neighbours(batch, (1,)).min()) <= limit


def _bounded(batch: Tensor, limit: float) -> Tensor:
    """Whether two of the rows (N, D) may be as near as a squared distance, and whether two surely are: (2,) bool."""
    grid = Grid(batch, size=len(batch))
    everything = slice(0, len(batch))
    block = grid.block(everything, everything, ARITHMETICS[0])
    low = block.low.double().fill_diagonal_(torch.inf)
    high = low + block.of_row[:, None] + block.of_col
    limits = limit * grid.scale
    return torch.stack([(low <= limits + UNDERFLOW).any(), (high <= limits).any()])


def _half(rates: list[tuple[int, float]]) -> float:
    """Size with a rate of 1/2: the likeliest c of 1 - exp(-c s²) given the last two sizes; the size where all hit."""
    tried = rates[-2:]
    if all(rate == 1 for _, rate in tried):
        return float(tried[0][0])

    def slope(log_c: float) -> float:  # of the log-likelihood, falling
        c = math.exp(log_c)
        return sum(s * s * (rate / math.expm1(min(c * s * s, 700.0)) - (1 - rate)) for s, rate in tried)

    low, high = -2 * math.log(tried[-1][0]) - 20.0, math.log(50.0)
    for _ in range(100):
        middle = (low + high) / 2
        low, high = (middle, high) if slope(middle) > 0 else (low, middle)
    return math.sqrt(math.log(2) / math.exp(low))

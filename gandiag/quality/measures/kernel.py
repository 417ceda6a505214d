"""Kernel distances of two sets of features: KID as published, a cheaper block estimate, and CMMD."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
import torch

from gandiag.quality.measures import kernel_sums
from gandiag.quality.measures.features import checked_features
from gandiag.quality.measures.products import rows_at

if TYPE_CHECKING:
    from collections.abc import Iterator

    from torch import Tensor


SUBSETS = 100  # of torch-fidelity and of the paper's code
SUBSET_SIZE = 1000
SEED = 2020  # torch-fidelity's
CMMD_SCALE = 1000.0


@dataclass(frozen=True)
class KernelDistance:
    """Kernel Inception distance by the published protocol.

    Attributes
    ----------
    value
        Mean over the subsets of the unbiased squared MMD. Below 0 by chance where the sets are alike.
    standard_deviation
        Over the subsets, as published. No standard error: subsets overlap.
    subsets, subset_size
        Of the protocol.
    """

    value: float
    standard_deviation: float
    subsets: int
    subset_size: int


@dataclass(frozen=True)
class BlockKernelDistance:
    """The same quantity by disjoint blocks; not the published protocol, so name it with its value.

    Attributes
    ----------
    value
        Mean over blocks of the unbiased squared MMD, from every sample once.
    standard_error
        Of `value`. Blocks share no sample, so it is that of a mean of independent numbers.
    blocks
        Their number.
    """

    value: float
    standard_error: float
    blocks: int


def kernel_distance(
    generated: Tensor, reference: Tensor, *, subsets: int = SUBSETS, subset_size: int = SUBSET_SIZE, seed: int = SEED
) -> KernelDistance:
    """KID (Binkowski et al. 2018): unbiased squared MMD with the kernel (x . y / D + 1)^3, as torch-fidelity does it.

    Subsets are torch-fidelity's for the same seed and order of samples, drawn without replacement within each.

    Parameters
    ----------
    generated
        (N, D) of any floating dtype.
    reference
        (M, D), on any device; the work is done on that of `generated`.
    subsets
        Number of subsets.
    subset_size
        Samples of each, at least 2 and at most min(N, M).
    seed
        Of the draw.

    Raises
    ------
    TypeError
        When the features are no floating tensors.
    ValueError
        When they are not finite or differ in D, or when `subsets` or `subset_size` do not fit.

    >>> x = torch.arange(12.0).reshape(6, 2)
    >>> kernel_distance(x, x, subsets=3, subset_size=4).value < 0
    True
    """
    x, y = _checked_pair(generated, reference)
    if subsets < 1:
        raise ValueError(f"subsets must be at least 1, found {subsets}")
    if not 2 <= subset_size <= min(len(x), len(y)):
        raise ValueError(
            f"subset_size must lie in [2, {min(len(x), len(y))}], the smaller number of samples, found {subset_size}"
        )
    rng = np.random.RandomState(seed)
    drawn = [[torch.from_numpy(rng.choice(len(z), subset_size, replace=False)) for z in (x, y)] for _ in range(subsets)]
    mine, theirs = (torch.stack(indices).to(x.device, non_blocking=True) for indices in zip(*drawn, strict=True))
    together = kernel_sums.cheaper_from_all_pairs(len(x), len(y), x.shape[1], subsets, subset_size)
    each = kernel_sums.from_all_pairs if together else kernel_sums.one_by_one
    found = kernel_sums.precise(
        lambda: [(x, y)],
        torch.promote_types(x.dtype, y.dtype),
        subset_size,
        lambda ours, others: each(ours, others, mine, theirs),
    )
    return KernelDistance(float(found.mean()), float(found.std()), subsets, subset_size)


def block_kernel_distance(
    generated: Tensor, reference: Tensor, *, block_size: int = SUBSET_SIZE, seed: int = SEED
) -> BlockKernelDistance:
    """Unbiased squared MMD with KID's kernel from disjoint blocks that hold every sample once (Zaremba et al. 2013).

    It estimates what `kernel_distance` estimates, and has a standard error, which the published protocol has not. Both
    sets are shuffled and split into as many blocks as the larger has multiples of `block_size`. Larger blocks tell like
    sets apart more sharply and cost in proportion.

    Parameters
    ----------
    generated
        (N, D) of any floating dtype.
    reference
        (M, D), on any device; the work is done on that of `generated`.
    block_size
        Samples of a block of the larger set.
    seed
        Of the shuffle.

    Raises
    ------
    TypeError
        When the features are no floating tensors.
    ValueError
        When they are not finite or differ in D, or when there are not two blocks with two samples of each set.
    """
    x, y = _checked_pair(generated, reference)
    if block_size < 2:
        raise ValueError(f"block_size must be at least 2, found {block_size}")
    blocks = max(len(x), len(y)) // block_size
    if blocks < 2 or min(len(x), len(y)) < 2 * blocks:
        raise ValueError(
            f"block_size {block_size} makes {blocks} blocks of {len(x)} and {len(y)} samples, "
            "expected at least 2 blocks with at least 2 samples of each"
        )
    rng = np.random.default_rng(seed)
    ours, theirs = (
        torch.from_numpy(rng.permutation(len(z))).to(x.device, non_blocking=True).tensor_split(blocks) for z in (x, y)
    )

    def pairs() -> Iterator[kernel_sums.Pair]:
        return ((rows_at(x, a), rows_at(y, b)) for a, b in zip(ours, theirs, strict=True))

    values = kernel_sums.precise(
        pairs,
        torch.promote_types(x.dtype, y.dtype),
        min(len(x), len(y)) // blocks,
        lambda x, y: kernel_sums.unbiased(x, y)[None],
    )
    return BlockKernelDistance(float(values.mean()), float(values.std(ddof=1) / math.sqrt(blocks)), blocks)


def cmmd(generated: Tensor, reference: Tensor) -> float:
    """CMMD (Jayasumana et al. 2024): 1000 times the biased squared MMD of all pairs, Gaussian kernel of sigma 10.

    The name supposes CLIP embeddings; on other features sigma 10 means nothing in particular.

    Parameters
    ----------
    generated
        (N, D) of any floating dtype.
    reference
        (M, D), on any device; the work is done on that of `generated`.

    Raises
    ------
    TypeError
        When the features are no floating tensors.
    ValueError
        When they are not finite, differ in D, or a set is empty.
    """
    x, y = _checked_pair(generated, reference)
    if not (len(x) and len(y)):
        raise ValueError(f"cmmd needs samples on both sides, found {len(x)} and {len(y)}")
    ours, theirs = rows = kernel_sums.placed(x, y, torch.promote_types(x.dtype, y.dtype), whole=False)[0]
    within = [
        kernel_sums.sum_within(z, kernel_sums.gaussian) / len(z) ** 2 for z in rows
    ]  # less 1 everywhere, 0 on the diagonal
    return CMMD_SCALE * float(
        within[0] + within[1] - 2 * kernel_sums.sum_between(ours, theirs, kernel_sums.gaussian) / (len(x) * len(y))
    )


def _checked_pair(generated: Tensor, reference: Tensor) -> tuple[Tensor, Tensor]:
    """Both on one device, of single precision at least."""
    x = checked_features(generated, "generated")
    y = checked_features(reference, "reference", x.shape[1]).to(x.device)
    return tuple(z.to(torch.promote_types(z.dtype, torch.float32)) for z in (x, y))  # type: ignore[return-value]

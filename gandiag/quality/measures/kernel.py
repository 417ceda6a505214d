"""Kernel distances of two sets of features: KID as published, a cheaper block estimate, and CMMD."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
import torch

from gandiag.quality.measures.features import checked_features

if TYPE_CHECKING:
    from collections.abc import Callable

    from torch import Tensor

    Kernel = Callable[[Tensor, Tensor], Tensor]

SUBSETS = 100  # of torch-fidelity and of the paper's code
SUBSET_SIZE = 1000
SEED = 2020  # torch-fidelity's
ROWS = 128  # of a symmetric kernel matrix that are not halved: fewer leave out more of its other triangle
ENTRIES = 4 * 2**20  # entries of it that are held at a time
LARGE = (
    100.0  # mean square of features; Inception's have about 1, and float32 leaves a distance three digits beyond this
)
CMMD_SIGMA = 10.0  # of Jayasumana et al. 2024, for CLIP embeddings of unit length
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
    mine, theirs = (torch.stack(indices).to(x.device) for indices in zip(*drawn, strict=True))
    pairs = len(x) ** 2 + len(y) ** 2 + len(x) * len(y)
    each = _from_all_pairs if pairs < 2 * subsets * subset_size**2 else _one_by_one
    found = each(x, y, mine, theirs).cpu().numpy()
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
    ours, theirs = (torch.from_numpy(rng.permutation(len(z))).to(x.device).tensor_split(blocks) for z in (x, y))
    values = (
        torch.stack([_unbiased(x.index_select(0, a), y.index_select(0, b)) for a, b in zip(ours, theirs, strict=True)])
        .cpu()
        .numpy()
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
    x, y = (z.double() for z in _checked_pair(generated, reference))
    if not (len(x) and len(y)):
        raise ValueError(f"cmmd needs samples on both sides, found {len(x)} and {len(y)}")
    within = sum((_within(z, _gaussian) + len(z)) / len(z) ** 2 for z in (x, y))  # the diagonal is 1
    return CMMD_SCALE * float(within - 2 * _between(x, y, _gaussian) / (len(x) * len(y)))


def _one_by_one(x: Tensor, y: Tensor, mine: Tensor, theirs: Tensor) -> Tensor:
    """Unbiased squared MMD (S,) of subsets with the rows (S, size) of x and y."""
    ours, others = (x.new_empty(mine.shape[1], x.shape[1]) for _ in range(2))  # memory taken anew costs a tenth more
    values = []
    for of_x, of_y in zip(mine, theirs, strict=True):
        torch.index_select(x, 0, of_x, out=ours)
        torch.index_select(y, 0, of_y, out=others)
        values.append(_unbiased(ours, others))
    return torch.stack(values)


def _from_all_pairs(x: Tensor, y: Tensor, mine: Tensor, theirs: Tensor) -> Tensor:
    """The same from the kernel of all pairs: with few samples the subsets share most of theirs."""
    size = mine.shape[1]
    p, q = (torch.zeros(len(z), len(i), dtype=torch.float64, device=x.device) for z, i in ((x, mine), (y, theirs)))
    for chosen, indices in ((p, mine), (q, theirs)):
        chosen.scatter_(0, indices.T, 1.0)
    within = [
        _summed(z, z, chosen, chosen) - (_diagonal(z)[:, None] * chosen).sum(dim=0) for z, chosen in ((x, p), (y, q))
    ]
    return (within[0] + within[1]) / (size * (size - 1)) - 2 * _summed(x, y, p, q) / size**2


def _summed(x: Tensor, y: Tensor, p: Tensor, q: Tensor) -> Tensor:
    """Sum of KID's kernel over the chosen rows of x and of y (S,), which are ones in p (N, S) and q (M, S)."""
    rows = max(1, ENTRIES // len(y))
    parts = zip(x.split(rows), p.split(rows), strict=True)
    return torch.stack([(chosen * (_polynomial(part, y).double() @ q)).sum(dim=0) for part, chosen in parts]).sum(dim=0)


def _diagonal(x: Tensor) -> Tensor:
    """The same of each row with itself (N,) float64."""
    squares = x.double().square().sum(dim=1) / x.shape[1]
    return ((squares + 3) * squares + 3) * squares


def _checked_pair(generated: Tensor, reference: Tensor) -> tuple[Tensor, Tensor]:
    """Both on one device, in a dtype whose products are exact enough there."""
    x = checked_features(generated, "generated")
    y = checked_features(reference, "reference", x.shape[1]).to(x.device)
    dtype = torch.promote_types(torch.promote_types(x.dtype, y.dtype), torch.float32)
    if dtype == torch.float32 and (x.is_cuda or _rounds_products() or max(_scale(x), _scale(y)) > LARGE):
        dtype = torch.float64  # TF32 or bfloat16 products would swamp a distance of 1e-4; large ones overflow, cubed
    return x.to(dtype), y.to(dtype)


def _scale(x: Tensor) -> float:
    """Largest mean square of a row: the kernel of a sample with itself is about its cube."""
    return float(x.square().mean(dim=1).max()) if len(x) else 0.0


def _rounds_products() -> bool:
    """Whether torch is allowed to multiply float32 with fewer bits."""
    try:
        return torch.get_float32_matmul_precision() != "highest"
    except RuntimeError:  # it was set per backend, which the one question cannot express
        return True


def _polynomial(x: Tensor, y: Tensor) -> Tensor:
    """KID's kernel less 1: the constant falls out of a distance, and with it what rounding makes of it."""
    products = (x @ y.T).div_(x.shape[1])
    return (products + 3).mul_(products).add_(3).mul_(products)


def _gaussian(x: Tensor, y: Tensor) -> Tensor:
    squares = x.square().sum(dim=1)[:, None] + y.square().sum(dim=1)
    return squares.addmm_(x, y.T, alpha=-2).clamp_(min=0).div_(-2 * CMMD_SIGMA**2).exp_()


def _total(kernel: Tensor) -> Tensor:
    """Sum of all entries: float32 within a row, float64 over rows, which costs no copy."""
    return kernel.sum(dim=1).double().sum()


def _between(x: Tensor, y: Tensor, kernel: Kernel) -> Tensor:
    """Sum of a kernel over all pairs of a row of x and one of y."""
    return torch.stack([_total(kernel(part, y)) for part in x.split(max(1, ENTRIES // len(y)))]).sum()


def _within(x: Tensor, kernel: Kernel) -> Tensor:
    """Sum of a symmetric kernel over the ordered pairs of different rows, of which it computes little over half."""
    if len(x) <= ROWS:
        block = kernel(x, x)
        return _total(block) - block.diagonal().double().sum()
    half = -(-len(x) // (2 * ROWS)) * ROWS
    return _within(x[:half], kernel) + _within(x[half:], kernel) + 2 * _between(x[:half], x[half:], kernel)


def _unbiased(x: Tensor, y: Tensor) -> Tensor:
    m, n = len(x), len(y)
    within = _within(x, _polynomial) / (m * (m - 1)) + _within(y, _polynomial) / (n * (n - 1))
    return within - 2 * _between(x, y, _polynomial) / (m * n)

"""Kernel distances of two sets of features: KID as published, a cheaper block estimate, and CMMD.

KID's kernel is (x . y / D + 1)^3. With both sets less a common centre c, x = c + u and y = c + v, its argument is

    a + s + d,   a = |c|² / D + 1,   s = (u . c + v . c) / D,   d = u . v / D.

What depends on x alone, on y alone or on neither falls out of an unbiased distance, with its rounding: of the cube
3 a² d + q² (3 a + q) with q = s + d is left. Only d takes a product of N x D numbers, small ones, for which float32 is
enough; sums are float64.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
import torch

from gandiag.quality.measures.features import checked_features
from gandiag.quality.measures.products import centred, product

if TYPE_CHECKING:
    from collections.abc import Callable

    from numpy.typing import NDArray
    from torch import Tensor

    Kernel = Callable[["Rows", "Rows"], Tensor]

SUBSETS = 100  # of torch-fidelity and of the paper's code
SUBSET_SIZE = 1000
SEED = 2020  # torch-fidelity's
ROWS = 1024  # of a symmetric kernel matrix that are not halved: its product takes half as long on a CPU as it is
ENTRIES = 4 * 2**20  # entries of it that are held at a time
PRECISE = 1e-6  # of a value, or of its spread over subsets where that is more: else float64 is taken
ROUNDING = 2.0**-24  # of the mean of an entry in float32, relative to a squared row over the subset's size
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
    mine, theirs = (torch.stack(indices).to(x.device, non_blocking=True) for indices in zip(*drawn, strict=True))
    pairs = len(x) ** 2 + len(y) ** 2 + len(x) * len(y)
    each = _from_all_pairs if pairs < 2 * subsets * subset_size**2 else _one_by_one
    found = _precise(x, y, subset_size, lambda ours, others: each(ours, others, mine, theirs))
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

    def each(x: Rows, y: Rows) -> Tensor:
        return torch.stack([_unbiased(x.take(a), y.take(b)) for a, b in zip(ours, theirs, strict=True)])

    values = _precise(x, y, min(len(x), len(y)) // blocks, each)
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
    ours, theirs = rows = _placed(x, y, torch.promote_types(x.dtype, y.dtype), whole=False)[0]
    within = [_within(z, _gaussian) / len(z) ** 2 for z in rows]  # less 1 everywhere, 0 on the diagonal
    return CMMD_SCALE * float(within[0] + within[1] - 2 * _between(ours, theirs, _gaussian) / (len(x) * len(y)))


@dataclass(frozen=True, eq=False)
class Rows:
    """One of two sets beside a common centre c.

    Attributes
    ----------
    beyond
        (N, D') u in units that make the largest entry of a kernel about 1: u . v is d.
    along
        (N,) float64, u . c in the same units: s is the sum of two.
    squares
        (N,) float64, u . u.
    level
        (0-dim.) float64: a in these units, at most 1.
    """

    beyond: Tensor
    along: Tensor
    squares: Tensor
    level: Tensor

    def __len__(self) -> int:
        return len(self.beyond)

    def take(self, index: Tensor | slice) -> Rows:
        """Some of the rows."""
        return Rows(self.beyond[index], self.along[index], self.squares[index], self.level)


def _placed(x: Tensor, y: Tensor, dtype: torch.dtype, *, whole: bool = True) -> tuple[tuple[Rows, Rows], Tensor]:
    """Both sets beside their centre, and the cube by which a kernel of theirs is to be multiplied (0-dim.) float64.

    With `whole=False` coordinates stay as they are, and the cube is 1.
    """
    d, one = x.shape[1], torch.ones((), dtype=torch.float64, device=x.device)
    centre = torch.stack([z.mean(dim=0, dtype=dtype) for z in (x, y)]).mean(dim=0).double()
    spread = torch.stack([(z - centre.to(z.dtype)).abs().amax() for z in (x, y)]).amax().double()
    level = centre.square().sum() / d + 1
    unit = torch.maximum(level, spread.square()) if whole else one  # no u . v / D exceeds it
    scale = (unit * d).rsqrt() if whole else one
    sets = []
    for z in (x, y):
        beyond, squares = centred(z, centre, scale, dtype)
        along = torch.cat([part.double() @ centre for part in beyond[:, :d].split(ENTRIES // d + 1)])
        sets.append(Rows(beyond, along * scale, squares, level / unit))
    return (sets[0], sets[1]), unit**3


def _precise(x: Tensor, y: Tensor, size: int, each: Callable[[Rows, Rows], Tensor]) -> NDArray[np.float64]:
    """The values (S,) of `each`, of float32 products unless their rounding could be seen, of samples `size` at a time.

    Errors of the entries are independent, so that they grow with the number of samples and not with that of pairs.
    """
    dtype = torch.promote_types(torch.promote_types(x.dtype, y.dtype), torch.float32)
    rows, cube = _placed(x, y, dtype)
    square = torch.stack([z.squares.square().mean() for z in rows]).amax().sqrt()
    steepest = 3 * (rows[0].level + square) ** 2 + 1e-30
    read = torch.cat([each(*rows) * cube, (ROUNDING / size * square * steepest * cube)[None]]).cpu().numpy()
    found, error = read[:-1], float(read[-1])
    if dtype == torch.float64 or error <= PRECISE * max(abs(found.mean()), found.std()):
        return np.asarray(found)
    rows, cube = _placed(x, y, torch.float64)
    return np.asarray((each(*rows) * cube).cpu().numpy())


def _one_by_one(x: Rows, y: Rows, mine: Tensor, theirs: Tensor) -> Tensor:
    """Unbiased squared MMD (S,) of subsets with the rows (S, size) of x and y."""
    return torch.stack([_unbiased(x.take(a), y.take(b)) for a, b in zip(mine, theirs, strict=True)])


def _from_all_pairs(x: Rows, y: Rows, mine: Tensor, theirs: Tensor) -> Tensor:
    """The same from the kernel of all pairs: with few samples the subsets share most of theirs."""
    size = mine.shape[1]
    p, q = (torch.zeros(len(z), len(i), dtype=torch.float64, device=i.device) for z, i in ((x, mine), (y, theirs)))
    for chosen, indices in ((p, mine), (q, theirs)):
        chosen.scatter_(0, indices.T, 1.0)
    within = [_summed(z, z, chosen, chosen) for z, chosen in ((x, p), (y, q))]
    return (within[0] + within[1]) / (size * (size - 1)) - 2 * _summed(x, y, p, q) / size**2


def _summed(x: Rows, y: Rows, p: Tensor, q: Tensor) -> Tensor:
    """Sum of KID's kernel (S,) over pairs of different chosen rows, which are ones in p (N, S) and q (M, S)."""
    rows = max(1, ENTRIES // len(y))
    parts = []
    for start in range(0, len(x), rows):
        kernel = _polynomial(x.take(slice(start, start + rows)), y)
        if x is y:
            kernel[:, start:].fill_diagonal_(0)
        parts.append((p[start : start + rows] * (kernel.double() @ q)).sum(dim=0))
    return torch.stack(parts).sum(dim=0)


def _checked_pair(generated: Tensor, reference: Tensor) -> tuple[Tensor, Tensor]:
    """Both on one device, of single precision at least."""
    x = checked_features(generated, "generated")
    y = checked_features(reference, "reference", x.shape[1]).to(x.device)
    return tuple(z.to(torch.promote_types(z.dtype, torch.float32)) for z in (x, y))  # type: ignore[return-value]


def _polynomial(x: Rows, y: Rows) -> Tensor:
    """KID's kernel (N, M) in the units of its rows, without what falls out of a distance."""
    d = product(x.beyond, y.beyond)
    level = x.level.to(d.dtype)
    q = d + x.along.to(d.dtype)[:, None]
    q += y.along.to(d.dtype)
    return (q + 3 * level).mul_(q).mul_(q).add_(d.mul_(3 * level * level))


def _gaussian(x: Rows, y: Rows) -> Tensor:
    """CMMD's kernel (N, M) float64 less 1, which falls out of a distance."""
    squares = product(x.beyond, y.beyond).double().mul_(-2)
    squares += x.squares[:, None]
    squares += y.squares
    return squares.clamp_(min=0).div_(-2 * CMMD_SIGMA**2).expm1_()


def _total(kernel: Tensor) -> Tensor:
    """Sum of all entries: float32 within a row, float64 over rows, which costs no copy."""
    return kernel.sum(dim=1).double().sum()


def _between(x: Rows, y: Rows, kernel: Kernel) -> Tensor:
    """Sum of a kernel over all pairs of a row of x and one of y."""
    rows = max(1, ENTRIES // len(y))
    parts = [slice(start, start + rows) for start in range(0, len(x), rows)]
    return torch.stack([_total(kernel(x.take(part), y)) for part in parts]).sum()


def _within(x: Rows, kernel: Kernel) -> Tensor:
    """Sum of a symmetric kernel over the ordered pairs of different rows, of which it computes little over half."""
    if len(x) <= ROWS:
        return _total(kernel(x, x).fill_diagonal_(0))
    half = -(-len(x) // (2 * ROWS)) * ROWS
    first, second = x.take(slice(half)), x.take(slice(half, None))
    return _within(first, kernel) + _within(second, kernel) + 2 * _between(first, second, kernel)


def _unbiased(x: Rows, y: Rows) -> Tensor:
    m, n = len(x), len(y)
    within = _within(x, _polynomial) / (m * (m - 1)) + _within(y, _polynomial) / (n * (n - 1))
    return within - 2 * _between(x, y, _polynomial) / (m * n)

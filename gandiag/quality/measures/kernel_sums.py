"""Sums of kernels over pairs of rows, from products of centred rows.

KID's kernel is (x . y / D + 1)^3. With both sets less a common centre c, x = c + u and y = c + v, its argument is

    a + s + d,   a = |c|² / D + 1,   s = (u . c + v . c) / D,   d = u . v / D.

What depends on x alone, on y alone or on neither falls out of an unbiased distance, with its rounding: of the cube
3 a² d + q² (3 a + q) with q = s + d is left. Only d takes a product of N x D numbers, small ones, for which float32 is
enough; sums are float64.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
import torch

from gandiag.quality.measures import products
from gandiag.quality.measures.products import centred, product, rows_at

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator

    from numpy.typing import NDArray
    from torch import Tensor

    Kernel = Callable[["Rows", "Rows"], Tensor]
    Pair = tuple[Tensor, Tensor]

ROWS = 1024  # of a symmetric kernel matrix that are not halved: its product takes half as long on a CPU as it is
TILE = 2048  # rows and columns of a kernel matrix that are held at a time where subsets are read off it
SLAB = 32 * 1023  # entries of it at a time: below 32,768 torch takes one thread, and waits for no other
GATHERED = 1.15  # what a product of rows that were gathered for it costs, beside one of rows as they lie
ENTRIES = 4 * 2**20  # entries of it that are held at a time
PRECISE = 1e-6  # of a value, or of its spread over subsets where that is more: else float64 is taken
ROUNDING = 2.0**-24  # of the mean of an entry in float32, relative to a squared row over the subset's size
CMMD_SIGMA = 10.0  # of Jayasumana et al. 2024, for CLIP embeddings of unit length


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
        beyond = self.beyond[index] if isinstance(index, slice) else rows_at(self.beyond, index)
        return Rows(beyond, self.along[index], self.squares[index], self.level)


def placed(x: Tensor, y: Tensor, dtype: torch.dtype, *, whole: bool = True) -> tuple[tuple[Rows, Rows], Tensor]:
    """Both sets beside their centre, and the cube by which a kernel of theirs is to be multiplied (0-dim.) float64.

    With `whole=False` coordinates stay as they are, and the cube is 1.
    """
    d, one = x.shape[1], torch.ones((), dtype=torch.float64, device=x.device)
    centre = torch.stack([z.mean(dim=0, dtype=dtype) for z in (x, y)]).mean(dim=0).double()
    level = centre.square().sum() / d + 1
    beyond = [centred(z, centre, one, dtype) for z in (x, y)]
    largest = torch.stack([squares.amax() for _, squares in beyond]).amax() / d if whole else one
    unit = torch.maximum(level, largest) if whole else one  # no u . v / D exceeds it
    sets = []
    for rows, squares in beyond:
        scale = (unit * d).rsqrt() if whole else one
        along = torch.cat([part.double() @ centre for part in rows[:, :d].split(products.ROWS)])
        sets.append(
            Rows(rows.mul_(scale.to(dtype)) if whole else rows, along * scale**2, squares * scale**2, level / unit)
        )
    return (sets[0], sets[1]), unit**3


def precise(
    pairs: Callable[[], Iterable[Pair]], dtype: torch.dtype, size: int, each: Callable[[Rows, Rows], Tensor]
) -> NDArray[np.float64]:
    """The values of `each` for every pair of sets (N, D) and (M, D), one after the other.

    Products are float32 unless their rounding could be seen, of samples `size` at a time, or `dtype`, that of the
    features, is float64. Errors of the entries are independent, so that they grow with the number of samples and not
    with that of pairs. A GPU is waited for once.
    """
    found, errors = [], []
    for x, y in pairs():
        rows, cube = placed(x, y, dtype)
        square = torch.stack([z.squares.square().mean() for z in rows]).amax().sqrt()
        steepest = 3 * (rows[0].level + square) ** 2 + 1e-30
        found.append(each(*rows) * cube)
        errors.append(ROUNDING / size * square * steepest * cube)
    *values, error = torch.cat([*found, torch.stack(errors).amax()[None]]).tolist()
    if dtype == torch.float64 or error <= PRECISE * max(abs(np.mean(values)), np.std(values)):
        return np.asarray(values)
    return precise(pairs, torch.float64, size, each)


def cheaper_from_all_pairs(n: int, m: int, d: int, subsets: int, size: int) -> bool:
    """Whether subsets of n and m rows of d features take fewer multiplications together than one by one."""
    together = (n * n + m * m + 2 * n * m) / 2 * (d + subsets)
    return together <= GATHERED * 2 * subsets * size * size * d


def one_by_one(x: Rows, y: Rows, mine: Tensor, theirs: Tensor) -> Tensor:
    """Unbiased squared MMD (S,) of subsets with the rows (S, size) of x and y."""
    return torch.stack([unbiased(x.take(a), y.take(b)) for a, b in zip(mine, theirs, strict=True)])


def from_all_pairs(x: Rows, y: Rows, mine: Tensor, theirs: Tensor) -> Tensor:
    """The same from the kernel of all pairs, as one large product, symmetric halves once, and no row copied."""
    size = mine.shape[1]
    p, q = (_chosen(z, indices) for z, indices in ((x, mine), (y, theirs)))
    within = _summed_within(x, p) + _summed_within(y, q)
    between = torch.stack(
        [_summed(x.take(a), y.take(b), p[:, a], q[:, b]) for a in _tiles(len(x)) for b in _tiles(len(y))]
    )
    return within / (size * (size - 1)) - 2 * between.sum(dim=0) / size**2


def _chosen(rows: Rows, indices: Tensor) -> Tensor:
    """Ones (S, N) at the rows of each subset."""
    return torch.zeros(len(indices), len(rows), dtype=rows.beyond.dtype, device=indices.device).scatter_(1, indices, 1)


def _tiles(n: int) -> Iterator[slice]:
    return (slice(start, min(start + TILE, n)) for start in range(0, n, TILE))


def _summed_within(x: Rows, p: Tensor) -> Tensor:
    """Sum of KID's kernel (S,) over ordered pairs of different chosen rows."""
    parts = []
    for b in _tiles(len(x)):
        cols = x.take(b)
        kernel = polynomial(cols, cols).fill_diagonal_(0)
        parts.append(_read_off(kernel, p[:, b], p[:, b]))
        parts += [2 * _summed(x.take(a), cols, p[:, a], p[:, b]) for a in _tiles(b.start)]
    return torch.stack(parts).sum(dim=0)


def _summed(x: Rows, y: Rows, p: Tensor, q: Tensor) -> Tensor:
    """Sum of KID's kernel (S,) over pairs of chosen rows, which are ones in p (S, N) and q (S, M)."""
    return _read_off(polynomial(x, y), p, q)


def _read_off(kernel: Tensor, p: Tensor, q: Tensor) -> Tensor:
    """Sums (S,) float64 of a kernel (N, M) over chosen rows and columns; in its own dtype within a row."""
    return (product(q, kernel) * p).sum(dim=1, dtype=torch.float64)


def polynomial(x: Rows, y: Rows) -> Tensor:
    """KID's kernel (N, M) in the units of its rows, without what falls out of a distance."""
    d = product(x.beyond, y.beyond)
    level, ours, theirs = (values.to(d.dtype) for values in (x.level, x.along, y.along))
    rows = len(d) if d.is_cuda else max(1, SLAB // len(y))
    for part, along in zip(d.split(rows), ours.split(rows), strict=True):
        q = part + along[:, None]
        q += theirs
        part.mul_(3 * level * level).addcmul_((q + 3 * level).mul_(q), q)
    return d


def gaussian(x: Rows, y: Rows) -> Tensor:
    """CMMD's kernel (N, M) float64 less 1, which falls out of a distance."""
    squares = product(x.beyond, y.beyond).double().mul_(-2)
    squares += x.squares[:, None]
    squares += y.squares
    return squares.clamp_(min=0).div_(-2 * CMMD_SIGMA**2).expm1_()


def _total(kernel: Tensor) -> Tensor:
    """Sum of all entries: float32 within a row, float64 over rows, which costs no copy."""
    return kernel.sum(dim=1).double().sum()


def sum_between(x: Rows, y: Rows, kernel: Kernel) -> Tensor:
    """Sum of a kernel over all pairs of a row of x and one of y."""
    rows = max(1, ENTRIES // len(y))
    parts = [slice(start, start + rows) for start in range(0, len(x), rows)]
    return torch.stack([_total(kernel(x.take(part), y)) for part in parts]).sum()


def sum_within(x: Rows, kernel: Kernel) -> Tensor:
    """Sum of a symmetric kernel over the ordered pairs of different rows, of which it computes little over half."""
    if len(x) <= ROWS:
        return _total(kernel(x, x).fill_diagonal_(0))
    half = -(-len(x) // (2 * ROWS)) * ROWS
    first, second = x.take(slice(half)), x.take(slice(half, None))
    return sum_within(first, kernel) + sum_within(second, kernel) + 2 * sum_between(first, second, kernel)


def unbiased(x: Rows, y: Rows) -> Tensor:
    """The unbiased estimate of the squared maximum mean discrepancy (Gretton et al. 2012), of the polynomial kernel."""
    m, n = len(x), len(y)
    within = sum_within(x, polynomial) / (m * (m - 1)) + sum_within(y, polynomial) / (n * (n - 1))
    return within - 2 * sum_between(x, y, polynomial) / (m * n)

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

from gandiag.quality.measures.products import centred, product

if TYPE_CHECKING:
    from collections.abc import Callable

    from numpy.typing import NDArray
    from torch import Tensor

    Kernel = Callable[["Rows", "Rows"], Tensor]

ROWS = 1024  # of a symmetric kernel matrix that are not halved: its product takes half as long on a CPU as it is
SLAB = 32 * 1023  # entries of it at a time: below 32,768 torch takes one thread, and waits for no other
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
        return Rows(self.beyond[index], self.along[index], self.squares[index], self.level)


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
        along = torch.cat([part.double() @ centre for part in rows[:, :d].split(ENTRIES // d + 1)])
        sets.append(
            Rows(rows.mul_(scale.to(dtype)) if whole else rows, along * scale**2, squares * scale**2, level / unit)
        )
    return (sets[0], sets[1]), unit**3


def precise(x: Tensor, y: Tensor, size: int, each: Callable[[Rows, Rows], Tensor]) -> NDArray[np.float64]:
    """The values (S,) of `each`, of float32 products unless their rounding could be seen, of samples `size` at a time.

    Errors of the entries are independent, so that they grow with the number of samples and not with that of pairs.
    """
    dtype = torch.promote_types(torch.promote_types(x.dtype, y.dtype), torch.float32)
    rows, cube = placed(x, y, dtype)
    square = torch.stack([z.squares.square().mean() for z in rows]).amax().sqrt()
    steepest = 3 * (rows[0].level + square) ** 2 + 1e-30
    read = torch.cat([each(*rows) * cube, (ROUNDING / size * square * steepest * cube)[None]]).cpu().numpy()
    found, error = read[:-1], float(read[-1])
    if dtype == torch.float64 or error <= PRECISE * max(abs(found.mean()), found.std()):
        return np.asarray(found)
    rows, cube = placed(x, y, torch.float64)
    return np.asarray((each(*rows) * cube).cpu().numpy())


def one_by_one(x: Rows, y: Rows, mine: Tensor, theirs: Tensor) -> Tensor:
    """Unbiased squared MMD (S,) of subsets with the rows (S, size) of x and y."""
    return torch.stack([unbiased(x.take(a), y.take(b)) for a, b in zip(mine, theirs, strict=True)])


def from_all_pairs(x: Rows, y: Rows, mine: Tensor, theirs: Tensor) -> Tensor:
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
        kernel = polynomial(x.take(slice(start, start + rows)), y)
        if x is y:
            kernel[:, start:].fill_diagonal_(0)
        parts.append((p[start : start + rows] * (kernel.double() @ q)).sum(dim=0))
    return torch.stack(parts).sum(dim=0)


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

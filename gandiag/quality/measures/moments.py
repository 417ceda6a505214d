"""Mean and covariance of a stream of features in float64, merged over batches, processes and ranks."""

from __future__ import annotations

import copy
import math
from typing import TYPE_CHECKING

import torch
from torch import distributed

from gandiag.quality.measures.features import checked_features, refuse_unfinite, shaped_features, unfinite_rows
from gandiag.quality.measures.statistics import Statistics

if TYPE_CHECKING:
    from torch import Tensor

__all__ = ["Moments", "Statistics"]

ROWS = 1024  # samples are gathered before they are multiplied: a product of few rows only waits for the memory
COLUMNS = 256  # wide enough for the product's speed, narrow enough to leave out most of the lower triangle


class Moments:
    """Sums and outer products of a stream of features, in float64 and shifted by the mean of the first batch.

    What is kept is (D, D) and 1024 rows, however many samples come. The shift keeps the digits that a sum of raw
    squares would lose where the mean is large against the spread (Chan, Golub & LeVeque 1983).

    Parameters
    ----------
    dimensions
        D of the features.
    device
        Where the sums are kept; features come there from any device. It needs float64, which mps lacks.

    Attributes
    ----------
    n
        Number of samples so far.

    >>> moments = Moments(2)
    >>> moments.update(torch.tensor([[1.0, 0.0], [3.0, 4.0]]))
    >>> moments.update(torch.tensor([[2.0, 2.0]]))
    >>> moments.statistics().mean.tolist(), moments.statistics().covariance.tolist()
    ([2.0, 2.0], [[1.0, 2.0], [2.0, 4.0]])
    """

    def __init__(self, dimensions: int, device: torch.device | str = "cpu") -> None:
        if dimensions < 1:
            raise ValueError(f"dimensions must be at least 1, found {dimensions}")
        self.dimensions = dimensions
        self.device = torch.device(device)
        self.n = 0
        self._waiting = 0  # rows that are not yet in the sums
        with torch.inference_mode(mode=False):  # sums made within it could not be updated outside
            self._rows = torch.empty(ROWS, dimensions, dtype=torch.float64, device=device)
            self._shift = torch.zeros(dimensions, dtype=torch.float64, device=device)
            self._sum = torch.zeros_like(self._shift)  # of the shifted samples
            self._outer = torch.zeros((dimensions, dimensions), dtype=torch.float64, device=device)  # upper triangle
            self._unfinite = torch.zeros((), dtype=torch.int64, device=device)  # rows, not yet looked at by the host

    def update(self, features: Tensor) -> None:
        """Take in a batch (B, D) of any floating dtype; B may be 0.

        Raises TypeError or ValueError as `checked_features` does; nothing of such a batch is taken in. Whether features
        on a GPU are finite is found out there, and said by `statistics`: no batch is waited for.
        """
        if self._there:
            batch = shaped_features(features, dimensions=self.dimensions)
            self._unfinite += unfinite_rows(batch).to(self.device, non_blocking=True)
        else:
            batch = checked_features(features, dimensions=self.dimensions)
        if not self.n and len(batch):
            self._shift.copy_(batch[:ROWS].double().mean(dim=0))
        done = 0
        while done < len(batch):
            taken = min(ROWS - self._waiting, len(batch) - done)
            self._rows[self._waiting : self._waiting + taken].copy_(batch[done : done + taken])
            self._waiting += taken
            done += taken
            if self._waiting == ROWS:
                self._multiply()
        self.n += len(batch)

    @property
    def _there(self) -> bool:
        """Whether asking for a value means to wait for a device."""
        return self.device.type != "cpu"

    def _multiply(self) -> None:
        """Move the waiting rows into the sums."""
        rows = self._rows[: self._waiting].sub_(self._shift)
        self._sum.add_(rows.sum(dim=0))
        for left in range(0, self.dimensions, COLUMNS):
            block = rows[:, left : left + COLUMNS]
            self._outer[left : left + COLUMNS, left:].addmm_(block.T, rows[:, left:])
        self._waiting = 0

    def _centre(self) -> None:
        """Make the mean the shift, which changes no sample's part."""
        if self._waiting:
            self._multiply()
        if self.n:
            self._outer.addr_(self._sum, self._sum, alpha=-1 / self.n)
            self._shift.add_(self._sum, alpha=1 / self.n)
            self._sum.zero_()

    def merge(self, other: Moments) -> None:
        """Add the samples of another, which keeps its own (Chan, Golub & LeVeque 1983).

        Raises ValueError when the dimensions differ.
        """
        self._combine(other, 1)

    def without(self, other: Moments) -> Moments:
        """What is left after taking out the samples of another, all of which are in this one.

        Raises ValueError when the dimensions differ or when `other` has more samples.
        """
        if other.n > self.n:
            raise ValueError(f"other must be a part of these {self.n} samples, found {other.n}")
        rest = copy.deepcopy(self)
        rest._combine(other, -1)  # noqa: SLF001 - one of us
        return rest

    def _combine(self, other: Moments, sign: int) -> None:
        if other.dimensions != self.dimensions:
            raise ValueError(f"other must have {self.dimensions} dimensions, found {other.dimensions}")
        self._centre()
        other._centre()
        total = self.n + sign * other.n
        if sign > 0:
            self._unfinite += other._unfinite.to(self.device)
        if other.n and total:
            apart = other._shift.to(self.device) - self._shift
            self._outer.add_(other._outer.to(self.device), alpha=sign)
            self._outer.addr_(apart, apart, alpha=sign * self.n * other.n / total)
            self._shift.add_(apart, alpha=sign * other.n / total)
        elif not total:
            self._shift.zero_()
            self._outer.zero_()
        self.n = total

    def all_reduce(self) -> None:
        """Make these the moments of the samples of all ranks, on every rank; some may have none.

        Call it once, on every rank: a second call would count each sample once per rank. Without an
        initialised process group nothing happens. NCCL needs the sums on a CUDA device.
        """
        if not (distributed.is_available() and distributed.is_initialized()):
            return
        self._centre()
        counted = torch.cat([self._shift * self.n, torch.full_like(self._shift[:1], self.n)])
        distributed.all_reduce(counted)
        total = round(float(counted[-1]))
        if not total:
            return
        mean = counted[:-1] / total
        apart = self._shift - mean
        self._outer.addr_(apart, apart, alpha=self.n)
        self._sum.copy_(apart).mul_(self.n)
        self._shift.copy_(mean)
        distributed.all_reduce(self._sum)
        distributed.all_reduce(self._outer)
        self.n = total

    def statistics(self) -> Statistics:
        """Mean and unbiased covariance so far; more samples may follow.

        Raises ValueError with fewer than two samples, and when features on a GPU were not finite.
        """
        if self.n < 2:
            raise ValueError(f"a covariance needs at least 2 samples, found {self.n}")
        mean, covariance = self._mean_and_covariance()
        found = torch.stack([self._unfinite.double(), mean.sum(), covariance.trace()]).tolist()
        refuse_unfinite(int(found[0]), self.n)
        if not math.isfinite(found[1] + found[2]):  # no entry exceeds the variances that it lies between
            return Statistics(mean, covariance, self.n)  # which says what overflowed
        return Statistics.of_sound(mean, covariance, self.n)

    def statistics_without(self, other: Moments) -> Statistics:
        """Those of what is left without the samples of another, all of which are in this one, whose own are sound."""
        rest = self.without(other)
        return Statistics.of_sound(*rest._mean_and_covariance(), rest.n)  # noqa: SLF001 - one of us

    def _mean_and_covariance(self) -> tuple[Tensor, Tensor]:
        """The second mirrored from its upper triangle, with no variance that rounding put below 0."""
        self._centre()
        covariance = torch.empty_like(self._outer)
        for left in range(0, self.dimensions, COLUMNS):
            block = self._outer[left : left + COLUMNS, left:] / (self.n - 1)
            covariance[left:, left : left + COLUMNS] = block.T
            covariance[left : left + COLUMNS, left:] = block
            corner = block[:, :COLUMNS].triu()
            covariance[left : left + COLUMNS, left : left + COLUMNS] = corner + corner.triu(1).T
        covariance.diagonal().clamp_(min=0)
        return self._shift.clone(), covariance

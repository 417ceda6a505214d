"""A first look at samples as they are read: NaN and infinities, constant outputs, values out of range, shape."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from gandiag.modes.value_range import TOLERANCE
from gandiag.quality.extractors.preprocessing import Preprocessing

if TYPE_CHECKING:
    from collections.abc import Iterator

    import torch

    from gandiag.quality.sources.open import Source

    Range = tuple[float, float]


class Unusable(ValueError):  # noqa: N818 - what the samples are, which is a finding and no fault of ours
    """Samples that nothing else can be said of: they hold NaN, or are all the same."""


@dataclass
class Seen:
    """What the samples that were read so far hold."""

    samples: int = 0
    not_finite: int = 0
    outside: int = 0  # samples with a value beyond the range
    low: float = float("inf")
    high: float = float("-inf")
    constant: bool = True


class LookedAt:
    """A `Source` that looks at every batch before it is used.

    Parameters
    ----------
    source
        The samples.
    value_range
        Of floating images: black and white. None decides it from the first batch, and for vectors sets none.
    shape
        Of a sample, where flat ones are images.

    Raises
    ------
    Unusable
        While reading, on a batch with a sample that is not finite; at once, where all samples are the same.
    """

    def __init__(self, source: Source, value_range: Range | None = None, shape: tuple[int, ...] | None = None) -> None:
        self._source, self.name = source, source.name
        self._shape = shape
        self.seen = Seen()
        self._first: torch.Tensor | None = None
        first = self._shaped(next(source.batches(min(len(source), 64))))
        self.images = first.ndim > 2
        self.shape = tuple(first.shape[1:])
        self.given_range = value_range is not None
        self.value_range = value_range or self._decided(first)

    def _decided(self, first: torch.Tensor) -> Range | None:
        if not self.images or not first.is_floating_point():
            return None
        if not first.isfinite().all() or bool((first == first[:1]).all()):
            return None  # said when all samples are read
        prepared = Preprocessing()
        prepared(first)
        return prepared.value_range

    @property
    def labels(self) -> torch.Tensor | None:
        """As of the source."""
        return self._source.labels

    def __len__(self) -> int:
        return len(self._source)

    def content_hash(self) -> str:
        """As of the source."""
        return self._source.content_hash()

    def batches(self, batch_size: int, start: int = 0, stop: int | None = None) -> Iterator[torch.Tensor]:
        """The samples, with values that lie out of range clipped."""
        self.seen = Seen()
        ahead = None  # a batch is handed on when the next one is read, so that constant samples are known in time
        for batch in self._source.batches(batch_size, start, stop):
            looked = self._looked(self._shaped(batch))
            if self.seen.constant:
                ahead = looked if ahead is None else ahead
                held = self.seen.samples
                continue
            if ahead is not None:
                yield ahead.repeat(-(-held // len(ahead)), *[1] * (ahead.ndim - 1))[:held]
                ahead = None
            yield looked
        if self.seen.constant:
            raise Unusable("all samples are the same")

    def _shaped(self, batch: torch.Tensor) -> torch.Tensor:
        return batch if self._shape is None or batch.ndim > 2 else batch.reshape(len(batch), *self._shape)

    def _looked(self, batch: torch.Tensor) -> torch.Tensor:
        seen = self.seen
        if batch.is_floating_point():
            bad = int((~batch.isfinite().flatten(1).all(dim=1)).sum())
            if bad:
                seen.samples, seen.not_finite = seen.samples + len(batch), seen.not_finite + bad
                raise Unusable(f"{bad} of {len(batch)} samples hold NaN or infinity")
        seen.low, seen.high = min(seen.low, float(batch.min())), max(seen.high, float(batch.max()))
        if self._first is None:
            self._first = batch[:1].clone()
        seen.constant = seen.constant and bool((batch == self._first.to(batch.device)).all())
        seen.samples += len(batch)
        if self.value_range is None or not batch.is_floating_point():
            return batch
        low, high = self.value_range
        slack = TOLERANCE * (high - low)
        seen.outside += int(((batch < low - slack) | (batch > high + slack)).flatten(1).any(dim=1).sum())
        return batch.clamp(low, high)

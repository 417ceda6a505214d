"""What sources of samples share: their error and their spans of batches."""

from __future__ import annotations


class SourceError(ValueError):
    """Samples that cannot be read: the message names the place and what is wrong."""


def check_span(length: int, batch_size: int, start: int, stop: int | None) -> list[tuple[int, int]]:
    """The batches [a, b) of samples [start, stop) of a source.

    Raises
    ------
    ValueError
        When the batch size is below 1 or the span is not within the source.

    >>> check_span(10, 4, 1, None)
    [(1, 5), (5, 9), (9, 10)]
    """
    end = length if stop is None else stop
    if batch_size < 1:
        raise ValueError(f"batch_size must be at least 1, found {batch_size}")
    if not 0 <= start <= end <= length:
        raise ValueError(f"start and stop must lie in 0..{length} in order, found {start} and {end}")
    return [(a, min(a + batch_size, end)) for a in range(start, end, batch_size)]

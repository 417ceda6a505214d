"""One target's samples beside what they are judged by: what every rule is given."""

from __future__ import annotations

from dataclasses import dataclass, field
from functools import cached_property
from typing import TYPE_CHECKING

import numpy as np

from gandiag.gate.likeness import size_for

if TYPE_CHECKING:
    from numpy.typing import NDArray
    from torch import Tensor

    from gandiag.gate.likeness import Ratio
    from gandiag.gate.look import Seen
    from gandiag.gate.reference import Known
    from gandiag.gate.settings import Settings
    from gandiag.quality.collect import Collected
    from gandiag.quality.protocol import Measurement
    from gandiag.quality.sources.open import Source


@dataclass(eq=False)
class Case:
    """What is to be judged.

    Attributes
    ----------
    known
        The reference.
    settings
        Tolerances, levels, seeds.
    source
        The samples themselves, a generator's or stored ones.
    seen
        What the first look saw.
    value_range
        Black and white, given or decided from the first samples; None for bytes and for vectors.
    generated
        The samples as they were read; None where they cannot be used: NaN, or all the same.
    measurements
        Values of quality metrics by name.
    unmeasured
        Why others are missing.
    """

    known: Known
    settings: Settings
    source: Source
    seen: Seen
    value_range: tuple[float, float] | None = None
    generated: Collected | None = None
    measurements: dict[str, Measurement] = field(default_factory=dict)
    unmeasured: tuple[str, ...] = ()
    _likeness: dict[float, dict[str, Ratio]] = field(default_factory=dict)

    @property
    def collected(self) -> Collected:
        """The samples; there for every rule but those of the first look."""
        assert self.generated is not None  # noqa: S101 - rules are not asked without
        return self.generated

    @property
    def n(self) -> int:
        """Number of samples."""
        return self.collected.n or 0

    @property
    def features(self) -> Tensor:
        """(N, D)."""
        found = self.collected.features
        assert found is not None  # noqa: S101 - the plan keeps them
        return found

    @property
    def real(self) -> Tensor:
        """(M, D) of the reference."""
        found = self.known.features
        assert found is not None  # noqa: S101 - rules that need them are not asked without
        return found

    @cached_property
    def counts(self) -> NDArray[np.int64]:
        """(K,) samples by mode."""
        seen = self.collected.seen
        assert seen is not None  # noqa: S101
        labels = seen[seen >= 0].cpu().numpy()
        return np.bincount(labels, minlength=len(self.shares))[: len(self.shares)].astype(np.int64)

    @cached_property
    def shares(self) -> NDArray[np.float64]:
        """(K,) what a perfect generator has."""
        if self.known.prior is not None:
            return self.known.prior
        assert self.known.counts is not None  # noqa: S101
        return np.asarray(self.known.counts / self.known.counts.sum())

    @property
    def real_count(self) -> int | None:
        """Real samples from which the shares are taken; None where they are known."""
        return None if self.known.counts is None else int(self.known.counts.sum())

    @cached_property
    def cell_counts(self) -> NDArray[np.int64]:
        """Samples by cell of the real ones."""
        return self.known.cells().count(self.features)

    def likeness(self, level: float) -> dict[str, Ratio]:
        """Ratios of diversity and coverage, at a level."""
        if level not in self._likeness:
            splits = self.known.splits(size_for(self.n, len(self.real)))
            self._likeness[level] = splits.compare(self.features, level)
        return self._likeness[level]

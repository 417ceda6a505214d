"""P(D(real) > D(fake)) where D gives one output for a whole batch, or batches are of one sample: over many steps."""

from __future__ import annotations

from collections import deque
from typing import TYPE_CHECKING

import numpy as np

from gandiag.measure.reductions import auc

if TYPE_CHECKING:
    from collections.abc import Sequence

    from gandiag.measure.reductions import Raw

POOLED_STEPS = 32
"""Recorded steps whose outputs are compared with each other: 32 x 32 pairs, as with a batch of 32."""


class Pool:
    """Remembers the single outputs of recent steps; of one value against one, the share of pairs won is 0 or 1."""

    def __init__(self) -> None:
        self._recent: dict[str, deque[tuple[float, float]]] = {}

    @property
    def used(self) -> list[str]:
        """The discriminators whose outputs are pooled (".patch", "" for an only one)."""
        return list(self._recent)

    def add(self, groups: Sequence[tuple[list[int], Raw]]) -> list[tuple[list[int], dict[str, np.ndarray]]]:
        """The groups of rows with `d/auc` (k,) beside `d/real` and `d/fake` of shape (k, 1)."""
        pooled = [(rows, dict(raw)) for rows, raw in groups]
        single = [(rows, raw, _single(raw)) for rows, raw in pooled]
        places = [(row, raw, i, owns) for rows, raw, owns in single if owns for i, row in enumerate(rows)]
        for _, raw, i, owns in sorted(places, key=lambda place: place[0]):
            for own in owns:
                recent = self._recent.setdefault(own, deque(maxlen=POOLED_STEPS))
                recent.append((float(raw[f"d{own}/real"][i, 0]), float(raw[f"d{own}/fake"][i, 0])))
                values = raw.setdefault(f"d{own}/auc", np.full(len(raw[f"d{own}/real"]), np.nan))
                values[i] = auc(*np.array(recent).T[:, None])[0]
        return pooled


def _single(raw: Raw) -> list[str]:
    """The discriminators that gave one output on reals and one on generated samples."""
    single = [key for key, values in raw.items() if key.startswith("d") and values.shape[1:] == (1,)]
    real, fake = (
        {k.removeprefix("d").removesuffix(f"/{kind}") for k in single if k.endswith(f"/{kind}")}
        for kind in ("real", "fake")
    )
    return sorted(real & fake)

"""Signals of how the losses pull: whether D's pulls real and generated samples apart, whether G's pulls against it."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from gandiag.measure.assembling import FAKE, REAL
from gandiag.measure.pulls import consistency

if TYPE_CHECKING:
    from collections.abc import Sequence

    from gandiag.measure.assembling import Kinds
    from gandiag.measure.calls import Calls


def directions(seen: Sequence[Calls], asked: Sequence[Calls], kinds: Kinds) -> dict[str, np.ndarray]:
    """Signals (k,): `apart`, 1 where D pulls real and generated samples apart, 0 where it pulls them the same way;
    `agreement`, -1 where G pulls generated samples against D, 1 where both pull the same way.
    """
    generated = _pull_on(FAKE, seen, kinds)
    real, back = _pull_on(REAL, seen, kinds), _pull_on(FAKE, asked, {})
    found = {}
    if generated is not None and real is not None:
        found["apart"] = np.abs(generated - real) / 2
    if generated is not None and back is not None:
        found["agreement"] = generated * back
    return found


def _pull_on(kind: int, calls: Sequence[Calls], kinds: Kinds) -> np.ndarray | None:
    """Consistency (k,) of the pull on all samples of a kind; where kinds are not given, on calls that are all G's."""
    chosen = []
    for call in calls:
        for output, answer in call.answers.items():
            if id(call) in kinds:
                chosen.append((answer.pull, kinds[id(call)][output] == kind))
            elif call.generated:
                chosen.append((answer.pull, np.ones(answer.pull.shape, dtype=bool)))
    if not chosen:
        return None
    return consistency(*(np.concatenate(parts, axis=1) for parts in zip(*chosen, strict=True)))

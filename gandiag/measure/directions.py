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


def up_by_outputs(seen: Sequence[Calls], asked: Sequence[Calls], k: int) -> np.ndarray:
    """Which way is up (k,) by D's outputs alone: 1 where those that D's loss lowers are like those on G's samples.

    From -1 to 1; NaN where outputs that D's loss lowers and those that it raises are not apart by twice the standard
    error. A last resort: G's loss says nothing where its target lies in the middle of D's (Mao et al. 2017, c = 0).
    """
    ours = [answer.outputs for call in asked if call.generated for answer in call.answers.values()]
    answers = [answer for call in seen for answer in call.answers.values()]
    if not ours or not answers:
        return np.full(k, np.nan)
    outputs, pull = (np.concatenate([getattr(a, part) for a in answers], axis=1) for part in ("outputs", "pull"))
    sides = [_mean_and_error(np.where(chosen, outputs, np.nan)) for chosen in (pull > 0, pull < 0)]
    (low, low_error), (high, high_error), (own, own_error) = *sides, _mean_and_error(np.concatenate(ours, axis=1))
    clear = np.abs(high - low) > 2 * np.sqrt(low_error + high_error + own_error)
    likeness = (np.square(own - high) - np.square(own - low)) / np.square(high - low)
    return np.where(clear, np.clip(likeness, -1, 1), np.nan)


def _mean_and_error(outputs: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Mean (k,) and squared standard error of outputs (k, b), NaN left out; NaN where there are fewer than two."""
    count = np.isfinite(outputs).sum(axis=1)
    mean = np.where(count > 1, np.nansum(outputs, axis=1) / np.maximum(count, 1), np.nan)
    squares = np.nansum(np.square(outputs - mean[:, None]), axis=1)
    return mean, squares / np.maximum(count - 1, 1) / np.maximum(count, 1)

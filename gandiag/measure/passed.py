"""What G's loss lets through of its gradient to D's outputs on generated samples.

Where D is sure that a sample is generated, the saturating loss log(1 - s(f)) sends s(f) back to D's output f, next to
nothing, and the others send what they always do (Goodfellow et al. 2014). The shape of the gradient tells which it is,
not its size: weights of the loss and a scaler's factor do not matter, nor do other terms of G's loss.
"""

from __future__ import annotations

import numpy as np

from gandiag.families import CLEARLY, ENOUGH, MAX_MISFIT, logistic, misfits

TOGETHER = 32
"""Outputs that are looked at together where a step has fewer than 16 of them."""


class LetThrough:
    """The share that is let through, step by step; remembers small batches from one block of steps to the next.

    >>> f = np.linspace(-9, -7, 20)[None]
    >>> LetThrough()(f, -logistic(f) * 7), LetThrough()(f, logistic(f) - 1)
    (array([0.00040054]), array([1.]))
    """

    def __init__(self) -> None:
        self._before = np.zeros((2, 0, 0))

    def __call__(self, outputs: np.ndarray, pulls: np.ndarray, sign: float = 1.0) -> np.ndarray:
        """The mean of s(f) under the saturating loss, 1 under any other, NaN where it does not show which it is, (k,).

        Parameters
        ----------
        outputs, pulls : (k, n) D's outputs on generated samples, and the gradient of G's loss by them
        sign : -1 where a low output of D means real
        """
        both = np.stack([outputs.astype(np.float64), sign * pulls.astype(np.float64)])
        k, n = outputs.shape
        rows = 1 if n >= ENOUGH else -(-TOGETHER // max(n, 1))
        if self._before.shape[2] == n:
            both = np.concatenate([self._before, both], axis=1)
        self._before = both[:, max(both.shape[1] - rows + 1, 0) :]
        share = np.full(both.shape[1], np.nan)
        if both.shape[1] >= rows and n:
            seen = np.lib.stride_tricks.sliding_window_view(both, rows, axis=1).swapaxes(2, 3)
            f, g = seen.reshape(2, -1, rows * n)
            known = np.isfinite(f).all(axis=1) & np.isfinite(g).all(axis=1) & g.any(axis=1)
            share[rows - 1 :][known] = _share(f[known], g[known], sign, n)
        return share[len(share) - k :]


def _share(f: np.ndarray, g: np.ndarray, sign: float, n: int) -> np.ndarray:
    """Of rows (k, m) that tell the loss, and end with the n outputs whose share it is."""
    found = misfits(f, g, sign)
    ordered = np.sort(np.stack(list(found.values())), axis=0)
    told = (ordered[0] < MAX_MISFIT) & (ordered[0] < CLEARLY * ordered[1])
    share, own = np.ones(len(f)), f[:, -n:]
    for (name, probabilities), misfit in found.items():
        if name == "minimax":
            passed = (own if sign > 0 else 1 - own) if probabilities else logistic(sign * own)
            share = np.where(misfit == ordered[0], passed.mean(axis=1), share)
    return np.where(told, share, np.nan)

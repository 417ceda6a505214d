"""What the weights tell: the share at a bound, and the singular values of each matrix."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from gandiag.signals.names import parse

if TYPE_CHECKING:
    from collections.abc import Mapping

BOUND, GRAM = "bound", "gram"
"""Heads of raw keys: the share of a network's weights at their bound, and W W^T of each of its weight matrices."""


def weight_signals(raw: Mapping[str, np.ndarray]) -> dict[str, np.ndarray]:
    """Signals of the networks' weights from `bound/<net>` (k,) and `gram/<net>/<parameter>` (k, m, m).

    Of several networks in a role, `<net>` is "generator.a2b"; each has signals of its own.
    """
    signals: dict[str, np.ndarray] = {}
    spectra: dict[str, list[np.ndarray]] = {}
    for key, values in raw.items():
        name = parse(key)
        if name.family == BOUND:
            signals[f"weights/{name.net}/at_bound"] = values
        elif name.family == GRAM:
            spectra.setdefault(name.net, []).append(singular_values(values))
    for net, found in spectra.items():
        ranks = [effective_rank(v) / v.shape[1] for v in found]
        signals[f"weights/{net}/effective_rank"] = np.mean(ranks, axis=0)
        signals[f"weights/{net}/sigma_max"] = np.max([v.max(axis=1) for v in found], axis=0)
    return signals


def singular_values(products: np.ndarray) -> np.ndarray:
    """Singular values (k, m) of matrices W from (k, m, m) products W W^T; NaN where one is not finite.

    By torch: NumPy's OpenBLAS keeps its threads busy for a tenth of a second afterwards, on cores of the training.
    """
    import torch

    finite = np.isfinite(products).all(axis=(1, 2))
    values = np.full(products.shape[:2], np.nan)
    squares: np.ndarray = torch.linalg.eigvalsh(torch.from_numpy(products[finite].astype(np.float64))).numpy()
    values[finite] = np.sqrt(np.maximum(squares, 0.0))
    return values


def effective_rank(values: np.ndarray) -> np.ndarray:
    """exp(entropy of the normalised singular values), (k,) from (k, m) (Roy & Vetterli 2007).

    >>> effective_rank(np.array([[1.0, 1.0, 1.0, 1.0], [1.0, 0.0, 0.0, 0.0]]))
    array([4., 1.])
    """
    shares = values / values.sum(axis=1, keepdims=True)
    logs = np.log(shares, where=shares > 0, out=np.zeros_like(shares))
    rank: np.ndarray = np.exp(-(shares * logs).sum(axis=1))
    return rank

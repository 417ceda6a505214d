"""Scores of a classifier's certainty and variety on generated samples: Inception Score and its kin."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
import torch

from gandiag.quality.measures.features import checked_features

if TYPE_CHECKING:
    from torch import Tensor

SPLITS = 10  # of Salimans et al. 2016
SEED = 2020  # torch-fidelity's


@dataclass(frozen=True)
class ClassifierScore:
    """exp of the mutual information of sample and class, by splits.

    Attributes
    ----------
    name
        "Inception Score" or "classifier score". Values of different names are not to be compared.
    value
        Mean over the splits, in [1, K] for K classes.
    standard_deviation
        Over the splits, as published.
    n
        Number of samples: the score rises with it.
    splits
        Number of splits: the score falls with it.
    """

    name: str
    value: float
    standard_deviation: float
    n: int
    splits: int


def inception_score(logits: Tensor, splits: int = SPLITS, seed: int = SEED) -> ClassifierScore:
    """Inception Score (Salimans et al. 2016) from Inception's ImageNet logits, as torch-fidelity computes it.

    It tells nothing about images that are of no ImageNet class; for those take `classifier_score`.

    Parameters
    ----------
    logits
        (N, K) unnormalised, of any floating dtype; torch-fidelity takes the 1008 without bias.
    splits
        Number of parts whose scores are averaged.
    seed
        Of torch-fidelity's shuffle.

    Raises
    ------
    TypeError
        When the logits are no floating tensor.
    ValueError
        When they are not finite, or fewer than `splits`.

    >>> round(inception_score(100 * torch.eye(4), splits=1).value, 6)
    4.0
    """
    return _score("Inception Score", logits, splits, seed)


def classifier_score(logits: Tensor, splits: int = SPLITS, seed: int = SEED) -> ClassifierScore:
    """The formula of the Inception Score under a classifier of the data's own classes, MNIST's ten for instance.

    Not an Inception Score, and its result says so: it cannot be compared with one, nor between classifiers. Parameters
    and errors are those of `inception_score`.
    """
    return _score("classifier score", logits, splits, seed)


def _score(name: str, logits: Tensor, splits: int, seed: int) -> ClassifierScore:
    found = checked_features(logits, "logits")
    n = len(found)
    if not 1 <= splits <= n:
        raise ValueError(f"splits must lie in [1, {n}], the number of samples, found {splits}")
    order = np.random.RandomState(seed).permutation(n)
    shuffled = found[torch.from_numpy(order).to(found.device, non_blocking=True)].double()
    log_p = shuffled.log_softmax(dim=1)
    scores = [_of_split(log_p[i * n // splits : (i + 1) * n // splits]) for i in range(splits)]
    values = torch.stack(scores).cpu().numpy()
    return ClassifierScore(name, float(values.mean()), float(values.std()), n, splits)


def _of_split(log_p: Tensor) -> Tensor:
    marginal = log_p.logsumexp(dim=0) - math.log(len(log_p))  # finite where the probabilities all round to 0
    return (log_p.exp() * (log_p - marginal)).sum(dim=1).mean().exp()

"""How well D tells real from generated, estimated from what logs hold: means and spreads of its outputs, or its loss.

Where outputs are known by mean and spread, they are taken to be normal. Where only mean probabilities or a BCE loss are
known, D is taken to be as sure as it is right: its logits are then normal around +-s^2 / 2 with the standard deviation
s, the log-likelihood ratio of two shifted normal laws, and one number, s, gives the mean probabilities, the loss and
the area under the ROC curve, Phi(s / sqrt 2).
"""

from __future__ import annotations

from functools import cache

import numpy as np

WIDEST = 14.0  # s beyond which the area is 1 to all digits
LEAST_OF_A_LOSS = (
    0.6  # of areas from a loss alone: a high loss may come from a D that is sure and wrong, not from chance
)
LOG_4 = 2 * np.log(2)  # the BCE loss of a D at chance, both sides added


def auc_of_normal(real: np.ndarray, fake: np.ndarray, real_std: np.ndarray, fake_std: np.ndarray) -> np.ndarray:
    """Area (n,) from means and standard deviations (n,) of normal outputs.

    >>> float(auc_of_normal(*np.array([[1.0], [0.0], [1.0], [1.0]]))[0].round(4))
    0.7602
    """
    from scipy.special import ndtr

    with np.errstate(invalid="ignore", divide="ignore"):
        area: np.ndarray = ndtr((real - fake) / np.sqrt(real_std**2 + fake_std**2))
    return area


@cache
def _curves() -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """By s: the area, the gap of mean probabilities, and the BCE loss with both sides added, (m,) each."""
    from scipy.special import ndtr

    s = np.linspace(0, WIDEST, 561)
    nodes, weights = np.polynomial.hermite_e.hermegauss(80)
    weights = weights / weights.sum()
    logits = s[:, None] ** 2 / 2 + s[:, None] * nodes
    right = (1 / (1 + np.exp(-logits))) @ weights
    loss = 2 * (np.logaddexp(0, -logits) @ weights)
    return ndtr(s / np.sqrt(2)), 2 * right - 1, loss


def auc_of_probabilities(real: np.ndarray, fake: np.ndarray) -> np.ndarray:
    """Area (n,) from mean probabilities on real and on generated samples (n,); below one half where they are swapped.

    >>> auc_of_probabilities(np.array([0.5, 0.7, 0.99]), np.array([0.5, 0.3, 0.01])).round(3).tolist()
    [0.5, 0.864, 1.0]
    """
    area, gap, _ = _curves()
    above = np.interp(np.abs(real - fake), gap, area)
    estimate: np.ndarray = np.where(real >= fake, above, 1 - above)
    estimate[~(np.isfinite(real) & np.isfinite(fake))] = np.nan
    return estimate


def auc_of_loss(loss: np.ndarray, *, halved: bool) -> np.ndarray:
    """Area (n,) from D's BCE loss (n,): the sum over both sides, or where `halved` their mean. At least 0.6.

    >>> auc_of_loss(np.array([1.386, 0.5, 0.02]), halved=False).round(3).tolist()
    [0.6, 0.962, 1.0]
    """
    area, _, curve = _curves()
    both = 2 * loss if halved else loss
    estimate: np.ndarray = np.interp(-both, -curve, area)
    return np.where(np.isfinite(loss), np.maximum(estimate, LEAST_OF_A_LOSS), np.nan)

"""Loss families: which exist, and how one is told from D's outputs and the gradients they receive.

What L_G sends back to each output f of D is a function of f alone for the usual losses, up to the factor 1/B:

    minimax        log(1 - s(f))    gradient -s(f)
    non-saturating -log s(f)        gradient s(f) - 1
    lsgan          (f - 1)^2 / 2    gradient f - 1
    hinge, wgan    -f               gradient -1

with s the logistic function (Goodfellow et al. 2014; Mao et al. 2017; Lim & Ye 2017; Arjovsky et al. 2017).
Where D ends in a sigmoid, the same losses are functions of its output p: -1/(1-p) and -1/p.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

FAMILIES = ("minimax", "non-saturating", "lsgan", "hinge", "wgan", "wgan-gp", "relativistic", "other")
LOGISTIC = ("minimax", "non-saturating")
"""Losses of a probability that a sigmoid makes of a logit."""

ENOUGH = 16
"""Outputs of D that tell a loss."""
CLEARLY = 0.1  # of the misfit of every other loss, at most, has the one that it is
MAX_MISFIT = 1e-4  # residual share of a gradient's power: exact losses leave rounding only, 4e-6 in bfloat16


def _logistic(f: np.ndarray) -> np.ndarray:
    value: np.ndarray = 1 / (1 + np.exp(-np.clip(f, -60, 60)))
    return value


_LOGIT_SHAPES: dict[str, Callable[[np.ndarray], np.ndarray]] = {
    "minimax": lambda f: -_logistic(f),
    "non-saturating": lambda f: _logistic(f) - 1,
    "lsgan": lambda f: f - 1,
    "linear": lambda f: -np.ones_like(f),
}
_PROBABILITY_SHAPES: dict[str, Callable[[np.ndarray], np.ndarray]] = {
    "minimax": lambda p: -1 / np.maximum(1 - p, 1e-12),
    "non-saturating": lambda p: -1 / np.maximum(p, 1e-12),
}


def infer_family(evidence: Mapping[str, np.ndarray], sign: float = 1.0) -> tuple[str, bool]:
    """The family's name, and whether D's outputs are probabilities.

    Parameters
    ----------
    evidence : for "generated" (in G's step) and "real" (in D's step) samples `<kind>/outputs` and
        `<kind>/gradients`, each (calls, n), as far as seen; `penalised` 1.0 if D's step had a penalty batch, and
        `to_zero` (k,) of such penalties, 1 where it pulls D's slope to 0 (R1), 0 where it does not, NaN where that did
        not show. Calls among the "real" that D's loss pulls as G's are, older ones for instance, do not count
    sign : -1 where a low output of D means real
    """
    nothing = np.empty((0, 0))
    outputs, gradients = (evidence.get(f"generated/{k}", nothing) for k in ("outputs", "gradients"))
    family, probabilities = infer_generator_loss(outputs.reshape(-1), gradients.reshape(-1), sign)
    if family == "linear":
        on_real, pushed = (evidence.get(f"real/{k}", nothing) for k in ("outputs", "gradients"))
        as_real = pushed.sum(axis=1) * sign <= 0
        real, pull = (values[as_real].reshape(-1) * sign for values in (on_real, pushed))
        to_zero = evidence.get("to_zero", nothing)
        known = to_zero[np.isfinite(to_zero)]
        penalised = bool(evidence.get("penalised")) and not (len(known) and known.mean() > 0.5)
        family = infer_linear_family(real, pull, penalised=penalised)
    if family == "other" and evidence.get("both"):
        family = "relativistic"
    return family, probabilities


def infer_generator_loss(outputs: np.ndarray, gradients: np.ndarray, sign: float = 1.0) -> tuple[str, bool]:
    """The family whose gradient shape fits, and whether it fits D's outputs as probabilities, not logits.

    The family is "minimax", "non-saturating", "lsgan", "linear" or "other". Outputs between 0 and 1 may be either:
    the better fit decides.

    Parameters
    ----------
    outputs, gradients : (n,) outputs of D on generated samples and the gradient of L_G at each, from steps with
        the same batch size and loss scale
    sign : -1 where a low output of D means real: the loss is then one of -f, or of 1 - f where outputs have targets
    """
    keep = np.isfinite(outputs) & np.isfinite(gradients)
    f, g = outputs[keep].astype(np.float64), sign * gradients[keep].astype(np.float64)
    if len(f) < ENOUGH or not g.any():
        return "other", False
    misfits = {loss: float(values[0]) for loss, values in _misfits(f[None], g[None], sign).items()}
    best = min(misfits, key=misfits.__getitem__)
    others = min(misfit for loss, misfit in misfits.items() if loss != best)
    return best if misfits[best] < min(MAX_MISFIT, CLEARLY * others) else ("other", False)


def let_through(outputs: np.ndarray, gradients: np.ndarray, sign: float = 1.0) -> np.ndarray:
    """Share of its gradient that G's loss lets through to D's outputs on generated samples, step by step, (k,).

    The mean of s(f) under the saturating loss log(1 - s(f)), 1 under any other, NaN where it does not show which it is.
    The shape of the gradient tells, not its size: weights of the loss and a scaler's factor do not matter.

    Parameters
    ----------
    outputs, gradients, sign : as in `infer_generator_loss`, both (k, n); where n < 16 all steps are looked at together

    >>> f = np.linspace(-9, -7, 20)[None]
    >>> let_through(f, -_logistic(f) * 7), let_through(f, _logistic(f) - 1)
    (array([0.00040054]), array([1.]))
    """
    f, g = outputs.astype(np.float64), sign * gradients.astype(np.float64)
    known = (np.isfinite(f) & np.isfinite(g)).all(axis=1) & g.any(axis=1)
    share = np.full(len(f), np.nan)
    here, pulls = f[known], g[known]
    if f.shape[1] < ENOUGH:
        here, pulls = here.reshape(1, -1), pulls.reshape(1, -1)
    if here.size >= ENOUGH:
        share[known] = _let_through(here, pulls, sign)
    return share


def _let_through(f: np.ndarray, g: np.ndarray, sign: float) -> np.ndarray:
    misfits = _misfits(f, g, sign)
    ordered = np.sort(np.stack(list(misfits.values())), axis=0)
    told = (ordered[0] < MAX_MISFIT) & (ordered[0] < CLEARLY * ordered[1])
    share = np.ones(len(f))
    bounded = f if sign > 0 else 1 - f
    for (name, probabilities), misfit in misfits.items():
        if name == "minimax":
            passed = (bounded if probabilities else _logistic(sign * f)).mean(axis=1)
            share = np.where(misfit == ordered[0], passed, share)
    return np.where(told, share, np.nan)


def _misfits(f: np.ndarray, g: np.ndarray, sign: float) -> dict[tuple[str, bool], np.ndarray]:
    """By loss, and whether outputs are taken for probabilities, the misfit of each row (k,) of gradients (k, n)."""
    bounded = f if sign > 0 else 1 - f
    misfits = {
        (name, False): _misfit(shape(bounded if name == "lsgan" else sign * f), g)
        for name, shape in _LOGIT_SHAPES.items()
    }
    inside = ((bounded >= 0) & (bounded <= 1)).all(axis=1)
    if inside.any():
        within = np.clip(bounded, 0, 1)
        for name, shape in _PROBABILITY_SHAPES.items():
            misfits[name, True] = np.where(inside, _misfit(shape(within), g), np.inf)
    return misfits


def infer_linear_family(outputs: np.ndarray, gradients: np.ndarray, penalised: bool) -> str:
    """Tell hinge, wgan and wgan-gp apart by the gradient that D's loss sends to its outputs on reals.

    The hinge loss sends nothing to outputs above 1; a Wasserstein critic's is the same everywhere.
    """
    quiet = gradients == 0
    if quiet.any() and not quiet.all() and outputs[quiet].min() >= 1:
        return "hinge"
    if penalised and not quiet.any():
        return "wgan-gp"
    if quiet.any() or not len(outputs) or outputs.max() < 1:
        return "other"  # no output beyond the margin yet: the two look alike
    return "wgan"


def _misfit(shape: np.ndarray, gradient: np.ndarray) -> np.ndarray:
    """Share (k,) of the power of gradients (k, n) that no positive multiple of `shape` explains."""
    power = np.maximum(np.square(shape).sum(axis=1), np.finfo(float).tiny)
    scale = np.maximum((shape * gradient).sum(axis=1) / power, 0.0)[:, None]
    share: np.ndarray = np.square(gradient - scale * shape).sum(axis=1) / np.square(gradient).sum(axis=1)
    return share

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
LABELS = 0.5, 1.1
"""Within which a label in G's loss is a smoothed one, in place of 1: our choice around the common 0.9."""
VARIED = 0.05  # standard deviation over mean of gradients that show it: ends of many curves are lines; our choice
MAX_BEND = 1e-5  # share of a gradient's variance that a smoothed loss leaves: rounding in bfloat16
CONSTANT = 1e-10  # as MAX_MISFIT, of a gradient that is the same everywhere: any other is nearly so somewhere
MAX_MISFIT = 1e-4  # residual share of a gradient's power: exact losses leave rounding only, 4e-6 in bfloat16


def logistic(f: np.ndarray) -> np.ndarray:
    """1 / (1 + exp(-f)), of an array of any shape."""
    value: np.ndarray = 1 / (1 + np.exp(-np.clip(f, -60, 60)))
    return value


_LOGIT_SHAPES: dict[str, Callable[[np.ndarray], np.ndarray]] = {
    "minimax": lambda f: -logistic(f),
    "non-saturating": lambda f: logistic(f) - 1,
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
        not show; `both` 1.0 where G's loss pulls at D's outputs on real samples, too. Calls among the "real" that D's
        loss pulls as G's are, older ones for instance, do not count
    sign : -1 where a low output of D means real
    """
    nothing = np.empty((0, 0))
    outputs, gradients = (evidence.get(f"generated/{k}", nothing) for k in ("outputs", "gradients"))
    both = bool(evidence.get("both"))
    family, probabilities = infer_generator_loss(outputs.reshape(-1), gradients.reshape(-1), sign, smoothed=not both)
    if family == "other" and both:
        return "relativistic", False
    if family == "linear":
        on_real, pushed = (evidence.get(f"real/{k}", nothing) for k in ("outputs", "gradients"))
        as_real = pushed.sum(axis=1) * sign <= 0
        real, pull = (values[as_real].reshape(-1) * sign for values in (on_real, pushed))
        to_zero = evidence.get("to_zero", nothing)
        known = to_zero[np.isfinite(to_zero)]
        penalised = bool(evidence.get("penalised")) and not (len(known) and known.mean() > 0.5)
        if both:  # a relativistic hinge looks at how far outputs lie beyond those on generated samples
            family = infer_linear_family(real - sign * np.nanmean(outputs), pull, penalised=penalised)
            family = "relativistic" if family == "hinge" else family
        else:
            family = infer_linear_family(real, pull, penalised=penalised)
    return family, probabilities


def infer_generator_loss(
    outputs: np.ndarray, gradients: np.ndarray, sign: float = 1.0, *, smoothed: bool = True
) -> tuple[str, bool]:
    """The family whose gradient shape fits, and whether it fits D's outputs as probabilities, not logits.

    The family is "minimax", "non-saturating", "lsgan", "linear" or "other". Outputs between 0 and 1 may be either:
    the better fit decides.

    Parameters
    ----------
    outputs, gradients : (n,) outputs of D on generated samples and the gradient of L_G at each, from steps with
        the same batch size and loss scale
    sign : -1 where a low output of D means real: the loss is then one of -f, or of 1 - f where outputs have targets
    smoothed : whether its label may be another than 1, such as 0.9
    """
    keep = np.isfinite(outputs) & np.isfinite(gradients)
    f, g = outputs[keep].astype(np.float64), sign * gradients[keep].astype(np.float64)
    if len(f) < ENOUGH or not g.any():
        return "other", False
    found = {loss: float(values[0]) for loss, values in misfits(f[None], g[None], sign).items()}
    best, second = sorted(found, key=found.__getitem__)[:2]
    if found[best] < min(MAX_MISFIT, CLEARLY * found[second]):
        return best
    return _smoothed(f, g, sign) if smoothed else ("other", False)


def misfits(f: np.ndarray, g: np.ndarray, sign: float) -> dict[tuple[str, bool], np.ndarray]:
    """By loss, and whether outputs are taken for probabilities, the misfit (k,) of each row of gradients (k, n).

    `f` (k, n) are D's outputs, `g` the gradients by them times `sign`, which is as in `infer_generator_loss`.
    """
    bounded = f if sign > 0 else 1 - f
    found = {
        (name, False): _misfit(shape(bounded if name == "lsgan" else sign * f), g)
        for name, shape in _LOGIT_SHAPES.items()
    }
    found["linear", False] = np.where(found["linear", False] < CONSTANT, found["linear", False], np.inf)
    inside = ((bounded >= 0) & (bounded <= 1)).all(axis=1)
    if inside.any():
        within = np.clip(bounded, 0, 1)
        for name, shape in _PROBABILITY_SHAPES.items():
            found[name, True] = np.where(inside, _misfit(shape(within), g), np.inf)
    return found


def _smoothed(f: np.ndarray, g: np.ndarray, sign: float) -> tuple[str, bool]:
    """The loss whose label is another than 1, such as 0.9, by two terms that make up its gradient; else "other"."""
    bounded = f if sign > 0 else 1 - f
    terms = {
        ("non-saturating", False): (logistic(sign * f), np.ones_like(f)),
        ("lsgan", False): (bounded, np.ones_like(f)),
    }
    if bounded.min() > 0 and bounded.max() < 1:
        terms["non-saturating", True] = (1 / (1 - bounded), -1 / bounded)
    if g.std() < VARIED * abs(g.mean()):
        return "other", False
    bent, spread = {}, np.square(g - g.mean()).sum()
    for loss, parts in terms.items():
        weights, *_ = np.linalg.lstsq(np.stack(parts, axis=1), g, rcond=None)
        rest = np.square(g - np.stack(parts, axis=1) @ weights).sum()
        label = weights[1] / weights.sum() if loss[1] else -weights[1] / weights[0] if weights[0] else np.nan
        fits = weights[0] > 0 and (loss[0] == "lsgan" or LABELS[0] < label < LABELS[1])
        bent[loss] = rest / spread if fits else np.inf
    best, second = sorted(bent, key=bent.__getitem__)[:2]
    return best if bent[best] < min(MAX_BEND, CLEARLY * bent[second]) else ("other", False)


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

"""From raw per-step records to signals, many steps at once, in numpy.

During training only small raw vectors are kept per step (gradient norms of each parameter, outputs of D,
projections of a batch). A block of them is reduced here, away from the training thread: arrays have the step
as first axis, shape (k, ...), and every signal that comes back has shape (k,).
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from gandiag.measure.combining import combined
from gandiag.measure.pairwise import latent_signals, sample_signals, with_own_samples
from gandiag.measure.spectra import weight_signals
from gandiag.measure.wiring import optimizer_signals
from gandiag.signals.names import NETS, parse

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    Raw = Mapping[str, np.ndarray]
    Signals = dict[str, np.ndarray]

SCALAR = "scalar/"
"""Prefix of raw keys that already are signals."""
PROJECTED = 16
"""Dimensions of the random projection (Johnson-Lindenstrauss: distances keep to some 20 %)."""
MAX_PLAIN = 64
"""Samples of at most this many values are kept as they are."""
RANGE = ("min", "max", "constant")
"""What is kept of the values in a batch: the extremes, and the share of values that are equal in all samples."""
MISSING, UNUSED = -1.0, -2.0
"""In a vector of gradient norms: this parameter has none to be measured; it took no part in the loss."""


def reduce_block(raw: Raw, layers: Mapping[str, Sequence[str]], decision: float = 0.0) -> Signals:
    """All signals of k steps.

    Parameters
    ----------
    raw : mapping of raw keys to arrays of shape (k, ...)
        `grad/<net>` (k, P) norms per parameter, `update/<net>` (k, 2) norms of update and weights, `skipped/<net>`
        (k,) whether a GradScaler left the update out, `d/real` and `d/fake` (k, B) outputs of D, `d/auc` (k,) where it
        is known already, see `gandiag.measure.pooling`, `feedback` (k, B) norms per sample, `points/real` and
        `points/fake` (k, B, p) projected samples, `labels/real` and `labels/fake`
        (k, B) their classes, `latent/...` as in `latent_signals`, `range/real` and `range/fake` (k, 3) as in `RANGE`,
        `total/real` (k,) sums of real batches, `leftover/<net>` (k,) as in `optimizer_signals`,
        `penalty` (k, B) norms of D's gradient on interpolates, `held_out/...` as in `held_out_signals`, `bound/<net>`
        and `gram/<net>/<name>` as in `gandiag.measure.spectra`, `scalar/<name>` (k,).
        Where several networks share a role, each has keys of its own: `grad/generator.a2b`, `d.patch/real`.
    layers : for each net the name of the layer that each of its P parameters is the weight of, "" for others
    decision : the output above which D calls a sample real
    """
    with np.errstate(all="ignore"):  # NaN and infinities are signals here, not mistakes
        return _reduce(raw, layers, decision)


def _reduce(raw: Raw, layers: Mapping[str, Sequence[str]], decision: float) -> Signals:
    if not raw:
        return {}
    signals: Signals = {k.removeprefix(SCALAR): v for k, v in raw.items() if k.startswith(SCALAR)}
    signals["nonfinite"] = count_nonfinite(raw)
    signals |= weight_signals(raw)
    signals |= optimizer_signals(raw, signals)
    for role in NETS:
        signals |= update_signals(role, raw, layers)
    for network, own in with_own_samples(_by_network(raw)).items():
        signals |= {str(parse(name).of(network)): v for name, v in _network_signals(own, decision).items()}
    return combined(signals) | signals


def _by_network(raw: Raw) -> dict[str, Raw]:
    """Raw records of D's outputs, points and feedback, apart for each network of several, "" for the only one."""
    apart: dict[str, dict[str, np.ndarray]] = {}
    for key, values in raw.items():
        name = parse(key)
        if name.head in ("d", "points", "feedback", "range", "penalty", "labels", "latent", "held_out", "total"):
            apart.setdefault(name.network, {})[str(name.base)] = values
    return dict(apart)


def _network_signals(raw: Raw, decision: float) -> Signals:
    """What the records of one D (or the feedback to one G) tell."""
    signals: Signals = {}
    if "feedback" in raw:
        signals["feedback/norm"] = raw["feedback"].mean(axis=1)
    for kind in ("real", "fake"):
        if f"d/{kind}" in raw:
            signals |= output_signals(kind, raw[f"d/{kind}"], decision)
        if f"range/{kind}" in raw:
            signals |= {f"range/{kind}/{name}": raw[f"range/{kind}"][:, i] for i, name in enumerate(RANGE)}
    if "total/real" in raw:
        signals["range/real/nonfinite"] = (~np.isfinite(raw["total/real"])).astype(float)
    if "d/auc" in raw:
        signals["d/auc"] = raw["d/auc"]
    elif "d/real" in raw and "d/fake" in raw:
        signals["d/auc"] = auc(raw["d/real"], raw["d/fake"])
    if "penalty" in raw:
        signals["penalty/norm"] = raw["penalty"].mean(axis=1)
    return signals | held_out_signals(raw) | sample_signals(raw) | latent_signals(raw)


def held_out_signals(raw: Raw) -> Signals:
    """What D makes of real samples that it is not trained on, beside those that it is (Karras et al. 2020).

    From `held_out/own`, `held_out/train` and `held_out/fake` (k, B): outputs of one D, in one mode, on held-out and
    training samples and on generated ones.
    """
    if not all(f"held_out/{kind}" in raw for kind in ("own", "train", "fake")):
        return {}
    own, train, fake = (raw[f"held_out/{kind}"].astype(np.float64) for kind in ("own", "train", "fake"))
    means = [outputs.mean(axis=1) for outputs in (own, train, fake)]
    return {
        "d/held_out/mean": means[0],
        "d/held_out/auc": auc(train, own),
        "d/held_out/gap": (means[1] - means[0]) / (means[1] - means[2]),
    }


def count_nonfinite(raw: Raw) -> np.ndarray:
    """How many records of each step hold NaN or infinity; of logged scalars only the losses count.

    Gradients of an update that a GradScaler skipped do not count: nothing became of them. It is NaN where nothing was
    recorded that would not be finite after an overflow: such a step says neither that it came nor that it is over.
    """
    watched = [k for k in raw if not k.startswith(SCALAR) or k.startswith(f"{SCALAR}loss/")]
    bad = [~np.isfinite(raw[k].reshape(len(raw[k]), -1)).all(axis=1) & ~_skipped(raw, k) for k in watched]
    steps = len(next(iter(raw.values())))
    count = np.stack(bad).sum(axis=0, dtype=np.float64) if bad else np.zeros(steps)
    telling = any(not key.startswith(("bound/", "gram/")) for key in watched)
    return count if telling else np.where(count > 0, count, np.nan)


def _skipped(raw: Raw, key: str) -> np.ndarray:
    """Whether a record belongs to an update that was skipped, (k,)."""
    name = parse(key)
    if name.head == "feedback":
        found = [v for k, v in raw.items() if parse(k).head == "skipped/generator"]
        return np.any([v > 0 for v in found], axis=0) if found else np.zeros(len(raw[key]), dtype=bool)
    none = np.zeros(len(raw[key]))
    return np.asarray(raw.get(f"skipped/{name.net}", none) if name.family in ("grad", "update") else none) > 0


def update_signals(role: str, raw: Raw, layers: Mapping[str, Sequence[str]]) -> Signals:
    """Norms of gradients and updates of all networks in a role, and of each where there are several."""
    nets = [net for net in layers if parse(net).role == role]
    signals: Signals = {}
    squares, moved = [], []
    for net in nets:
        skipped = raw.get(f"skipped/{net}")
        if skipped is not None:
            signals[f"skipped/{net}"] = skipped
        if f"grad/{net}" in raw:
            norms = raw[f"grad/{net}"].astype(np.float64)
            norms = np.where(np.isnan(norms), np.inf, norms)  # NaN says that an update was skipped
            if skipped is not None:
                norms = np.where(skipped[:, None] > 0, np.nan, norms)
            signals |= gradient_signals(net, norms, layers[net])
            squares.append(np.square(signals[f"grad/{net}/norm"]))
        if f"update/{net}" in raw:
            moved.append(np.square(raw[f"update/{net}"].astype(np.float64)))
            signals[f"update/{net}/ratio"] = update_ratio(raw[f"update/{net}"])
    if nets != [role]:
        found = [signals[k] for n in nets if (k := f"grad/{n}/nonfinite") in signals]
        if found:
            signals |= {f"grad/{role}/norm": np.sqrt(sum(squares)), f"grad/{role}/nonfinite": np.asarray(sum(found))}
        missed = [signals[k] for n in nets if (k := f"skipped/{n}") in signals]
        if missed:
            signals[f"skipped/{role}"] = np.max(missed, axis=0)
    if moved:
        signals[f"update/{role}/ratio"] = update_ratio(np.sqrt(sum(moved)))
    return signals


def gradient_signals(net: str, norms: np.ndarray, names: Sequence[str]) -> Signals:
    """Global norm, number of non-finite tensors, and the norm of each named layer; `norms` is (k, P) float64.

    The norm of a gradient that holds NaN is infinite here: a row that is NaN stands for one that was not recorded.
    Parameters that are MISSING (frozen, say) do not count. Nor do UNUSED ones, such as those of a
    stage that a growing network has not reached: their layers have no norm where others have, and 0 where none has.
    """
    idle = ~((norms > 0) | np.isnan(norms)).any(axis=1, keepdims=True)
    norms = np.where(norms == UNUSED, np.where(idle, 0.0, MISSING), norms)
    present = norms != MISSING
    unrecorded = np.isnan(norms).all(axis=1)
    counted = np.where(present, norms, 0.0)
    signals = {
        f"grad/{net}/norm": np.where(unrecorded, np.nan, np.sqrt(np.square(counted).sum(axis=1))),
        f"grad/{net}/nonfinite": np.where(unrecorded, np.nan, (~np.isfinite(counted)).sum(axis=1)),
    }
    if len(names) != norms.shape[1]:  # the network has grown since
        return signals
    own = parse(net)
    layers = f"grad/{own.role}/layer/{own.network}." if own.network else f"grad/{own.role}/layer/"
    shown = np.where(present & ~unrecorded[:, None], norms, np.nan)
    return signals | {f"{layers}{name}": shown[:, i] for i, name in enumerate(names) if name}


def update_ratio(norms: np.ndarray) -> np.ndarray:
    """||dw|| / ||w|| from (k, 2) norms; 0 where the weights are zero and did not move."""
    moved, weights = norms[:, 0].astype(np.float64), norms[:, 1].astype(np.float64)
    return np.where(moved == 0, 0.0, moved / weights)


def output_signals(kind: str, outputs: np.ndarray, decision: float = 0.0) -> Signals:
    """Mean, spread, range of D's (k, B) outputs and the share it calls real."""
    wide = outputs.astype(np.float64)
    return {
        f"d/{kind}/mean": wide.mean(axis=1),
        f"d/{kind}/std": wide.std(axis=1),
        f"d/{kind}/min": wide.min(axis=1),
        f"d/{kind}/max": wide.max(axis=1),
        f"d/{kind}/positive": (wide > decision).mean(axis=1),
    }


def auc(real: np.ndarray, fake: np.ndarray) -> np.ndarray:
    """P(D(real) > D(fake)), ties half, for (k, B) and (k, C) outputs; NaN where an output is NaN.

    The area under the ROC curve as the Mann-Whitney statistic (Hanley & McNeil 1982).

    >>> auc(np.array([[1.0, 2.0]]), np.array([[0.0, 1.0]]))
    array([0.875])
    """
    bad = np.isnan(real).any(axis=1) | np.isnan(fake).any(axis=1)
    pairs = real[:, :, None], fake[:, None, :]
    wins = [np.count_nonzero(beats(*pairs), axis=(1, 2)) for beats in (np.greater, np.greater_equal)]
    value: np.ndarray = np.where(bad, np.nan, (wins[0] + wins[1]) / (2 * real.shape[1] * fake.shape[1]))
    return value

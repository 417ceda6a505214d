"""Which of gandiag's labellers would fit the data, said once to whoever attached without `modes=`."""

from __future__ import annotations

import logging
from typing import TYPE_CHECKING

import numpy as np

from gandiag.modes.mixtures import PRESETS, preset
from gandiag.record.terminal import say

if TYPE_CHECKING:
    from gandiag.record.stages import Signals
    from gandiag.rundir.recorder import Recorder

IMAGES = {
    (1, 28, 28): ("28x28 grey images", "they are digits as in MNIST", "mnist"),
    (28, 28): ("28x28 grey images", "they are digits as in MNIST", "mnist"),
    (784,): ("784 values, as 28x28 images have", "they are digits as in MNIST", "mnist"),
    (3, 28, 28): ("28x28 images of three channels", "each channel is a digit, as in stacked MNIST", "stacked_mnist"),
    (1, 8, 8): ("8x8 grey images", "they are scikit-learn's digits", "digits"),
    (8, 8): ("8x8 grey images", "they are scikit-learn's digits", "digits"),
    (64,): ("64 values, as 8x8 images have", "they are scikit-learn's digits", "digits"),
}
"""By the shape of one sample: what it looks like, what it may be, and the labeller of that."""
ENOUGH = 200  # real points, before a mixture is named
FITS = 0.95  # of them lie within three standard deviations of a mode; a mixture's own do in 98.9 % of cases
REACHED = 0.9  # of the modes have one of them
TOLD = 'gandiag: samples are {look}; if {kind}, attach(..., modes="{name}") also names lost modes'


class Suggestion:
    """Says at most one sentence, as a line and as an event of the run."""

    def __init__(self, recorder: Recorder, *, wanted: bool, alerts: bool) -> None:
        self._recorder, self._alerts = recorder, alerts
        self._waits = wanted
        self._points: list[np.ndarray] = []

    def of_samples(self, samples: np.ndarray) -> None:
        """A generated batch (B, ...)."""
        if self._waits and (found := IMAGES.get(samples.shape[1:])):
            self._tell(*found)

    def __call__(self, signals: Signals) -> None:
        """Real points of two dimensions, in a block of rows: a mixture of `gandiag.modes` that they are drawn from."""
        for _, raw in signals.raw if self._waits else ():
            points = raw.get("points/real")
            if points is not None and points.shape[-1] == 2:
                self._points.append(points.reshape(-1, 2))
        if sum(map(len, self._points)) < ENOUGH:
            return
        every = np.concatenate(self._points)
        self._waits, self._points = False, []
        if name := fitting(every[np.isfinite(every).all(axis=1)]):
            self._tell("points that lie on it", "it is their law", name)

    def _tell(self, look: str, kind: str, name: str) -> None:
        self._waits = False
        sentence = TOLD.format(look=look, kind=kind, name=name)
        self._recorder.event("suggestion", modes=name, message=sentence)
        if self._alerts:
            say(logging.INFO, sentence)


def fitting(points: np.ndarray) -> str:
    """The preset whose modes these points (n, 2) lie on, "" for none.

    >>> fitting(preset("ring8_pacgan").sample(400, np.random.default_rng(0))[0])
    'ring8_pacgan'
    >>> fitting(np.random.default_rng(0).normal(size=(400, 2)))
    ''
    """
    best, closest = "", np.inf
    for name in PRESETS:
        mixture = preset(name)
        if mixture.centres.shape[1] != points.shape[1] or len(points) < ENOUGH:
            continue
        labels = mixture.label(points)
        near = labels >= 0
        if near.mean() >= FITS and len(np.unique(labels[near])) >= REACHED * len(mixture.prior):
            spread = float(np.mean(mixture.scales))
            if spread < closest:  # of two that fit the narrower says more
                best, closest = name, spread
    return best

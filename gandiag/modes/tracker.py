"""Mode histograms of the generated batches of a training, from the batches that flow by."""

from __future__ import annotations

from collections import deque
from types import MappingProxyType
from typing import TYPE_CHECKING, Any

import numpy as np

from gandiag.modes.classifier import ImageLabeller, Labeller
from gandiag.modes.coverage import ModeCoverage, coverage_of_labels
from gandiag.modes.digits import digits_classifier
from gandiag.modes.mixtures import PRESETS, Mixture, preset
from gandiag.modes.mnist import mnist_classifier
from gandiag.modes.mode_statistics import effective, total_variation
from gandiag.modes.stacked import stacked_mnist
from gandiag.modes.value_range import decided_range

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from numpy.typing import ArrayLike, NDArray

    Labels = NDArray[np.int64]


RECENT = 8
"""Histograms behind `modes/recent_effective`: enough for a generator that cycles through as many modes."""

MOST_SHARES = 32
"""Modes whose shares are recorded each; of more of them the histogram alone tells."""

_CLASSIFIERS: Mapping[str, Callable[[], Labeller]] = MappingProxyType(
    {"digits": digits_classifier, "mnist": mnist_classifier, "stacked_mnist": stacked_mnist}
)


def resolve(modes: object) -> Labeller:
    """The labeller that a `modes=` argument stands for.

    Parameters
    ----------
    modes
        The name of a preset mixture, "digits" (8×8 images), "mnist" (28×28), "stacked_mnist" (three channels of
        28×28), a `Mixture`, a `Classifier` or any other `Labeller`. By name, images are read in [-1, 1] until
        their range is known: `reading` gives the same for another one.

    Raises
    ------
    ValueError
        For an unknown name; the message lists the known ones.
    TypeError
        For anything else.
    """
    if isinstance(modes, str):
        if modes in _CLASSIFIERS:
            return _CLASSIFIERS[modes]()
        if modes in PRESETS:
            return preset(modes)
        raise ValueError(f"modes={modes!r} is unknown, known names are {', '.join((*PRESETS, *_CLASSIFIERS))}")
    if isinstance(modes, Labeller) and not isinstance(modes, type):
        return modes
    names = "a preset name, 'digits', 'mnist', 'stacked_mnist'"
    objects = "a Mixture, a Classifier or another Labeller (name, prior, n, label)"
    raise TypeError(f"modes must be {names}, {objects}, found {type(modes).__name__}")


class ModeTracker:
    """Keeps the labels of the last n generated samples and judges their histogram.

    Parameters
    ----------
    labeller
        What tells the modes apart.
    n
        Samples behind each evaluation, at least 1; the labeller's own number by default. A batch larger than
        that counts with its last n samples.
    range_known
        False where a labeller of images is still to be told their range, by `tell_range`.

    Attributes
    ----------
    waits
        Whether no sample can be labelled before `tell_range`.

    Raises
    ------
    ValueError
        When n is below 1.

    >>> ring = preset("ring8_pacgan")
    >>> tracker = ModeTracker(ring, n=200)
    >>> for step in range(1, 5):
    ...     tracker.update(step, ring.sample(64, np.random.default_rng(step))[0])
    >>> signals, histogram = tracker.evaluate()
    >>> signals["modes/captured"], signals["modes/samples"], histogram.shape
    (8.0, 200.0, (8,))
    """

    def __init__(self, labeller: Labeller, n: int | None = None, *, range_known: bool = True) -> None:
        self.labeller = labeller
        self.waits = isinstance(labeller, ImageLabeller) and not range_known
        self.n = labeller.n if n is None else n
        if self.n < 1:
            raise ValueError(f"n must be at least 1, found {self.n}")
        self._batches: deque[tuple[int, Labels]] = deque()  # oldest first, (m, 2) labels as of `_both`, n in all
        self._held = 0
        self._recent: deque[NDArray[np.float64]] = deque(maxlen=RECENT)  # shares of the nearest modes

    def tell_range(self, lowest: float, highest: float) -> None:
        """Have images read in the range that the lowest and the highest value of real ones show.

        Raises ValueError when these do not show it, see `gandiag.modes.value_range.decided_range`.
        """
        if isinstance(self.labeller, ImageLabeller):
            name = _CLASSIFIERS[self.labeller.name].__name__ if self.labeller.name in _CLASSIFIERS else "..."
            asked = f"modes=gandiag.modes.{name}(value_range=(low, high))"
            self.labeller = self.labeller.reading(decided_range(lowest, highest, asked))
        self.waits = False

    def update(self, step: int, samples: ArrayLike) -> None:
        """Label a generated batch (B, ...) of a step and forget what lies more than n samples back.

        A step below the last one means that the training went back to a checkpoint: the labels from that step
        on are forgotten.

        Raises
        ------
        ValueError
            When the labeller cannot take the samples' shape.
        """
        labels = self._both(np.asarray(samples))[-self.n :]
        if self._batches and step < self._batches[-1][0]:
            self._batches = deque(batch for batch in self._batches if batch[0] < step)
        if labels.size:
            self._batches.append((step, labels.copy()))
        self._held = sum(len(batch) for _, batch in self._batches)
        while self._held > self.n:
            first, oldest = self._batches.popleft()
            excess = min(self._held - self.n, len(oldest))
            if excess < len(oldest):
                self._batches.appendleft((first, oldest[excess:]))
            self._held -= excess

    def _both(self, samples: NDArray[Any]) -> Labels:
        """Two columns (B, 2): the labels, and the nearest modes, which all finite samples of a mixture have."""
        labels = nearest = np.asarray(self.labeller.label(samples))
        if isinstance(self.labeller, Mixture):
            distances, nearest = self.labeller.distance(samples)
            nearest = np.where(np.isfinite(distances), nearest, -1)
        return np.stack([labels, nearest], axis=1)

    def evaluate(self) -> tuple[dict[str, float], Labels] | None:
        """Signals named as in `gandiag.signals` and the histogram (K,) int64 of the last n samples.

        None until n samples have been seen. `modes/high_quality` is there for mixtures only, and for all else
        `modes/unrecognised`. When not one of the n samples was recognised, `modes/kl`, `modes/tv` and
        `modes/missing` are undefined and left out. `modes/turnover` compares with the evaluation before.
        """
        if self._held < self.n:
            return None
        labels = np.concatenate([batch for _, batch in self._batches])
        found = coverage_of_labels(labels[:, 0], self.labeller.prior)
        signals: dict[str, float] = {
            "modes/captured": found.captured,
            "modes/robust": found.robust,
            "modes/effective": found.effective,
            "modes/expected_effective": found.expected_effective,
            "modes/samples": found.n,
        }
        if isinstance(self.labeller, Mixture):
            signals["modes/high_quality"] = found.high_quality
        else:
            signals["modes/unrecognised"] = 1 - found.high_quality
        if found.captured:
            signals |= {"modes/kl": found.kl, "modes/tv": found.tv, "modes/missing": found.missing}
        signals |= self._of_nearest(coverage_of_labels(labels[:, 1], self.labeller.prior))
        return {name: float(value) for name, value in signals.items()}, found.histogram

    def _of_nearest(self, found: ModeCoverage) -> dict[str, float]:
        """What the histogram of the nearest modes shows, and how it moves from one evaluation to the next."""
        if not found.captured:
            return {}
        before = self._recent[-1] if self._recent else None
        self._recent.append(found.histogram / found.histogram.sum())
        signals: dict[str, float] = {
            "modes/nearest/effective": found.effective,
            "modes/nearest/missing": found.missing,
            "modes/recent_effective": float(effective(np.mean(self._recent, axis=0))),
        }
        if len(self._recent[-1]) <= MOST_SHARES:
            signals |= {f"modes/share/{k}": float(share) for k, share in enumerate(self._recent[-1])}
        if before is not None:
            signals["modes/turnover"] = float(total_variation(self._recent[-1], before))
        return signals

    def describe(self) -> dict[str, Any]:
        """What a run's record says of the measurement, ready for JSON: name, K, n and prior."""
        prior = [float(share) for share in self.labeller.prior]
        return {"name": self.labeller.name, "K": len(prior), "n": self.n, "prior": prior}

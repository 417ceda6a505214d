"""Mode histograms of the generated batches of a training, from the batches that flow by."""

from __future__ import annotations

from collections import deque
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Protocol, runtime_checkable

import numpy as np

from gandiag.modes import statistics
from gandiag.modes.coverage import coverage_of_labels
from gandiag.modes.digits import digits_classifier
from gandiag.modes.mixtures import PRESETS, Mixture, preset

if TYPE_CHECKING:
    from collections.abc import Callable

    from numpy.typing import ArrayLike, NDArray

    Floats = NDArray[np.float64]
    Labels = NDArray[np.int64]


@runtime_checkable
class Labeller(Protocol):
    """Anything that tells which of K modes a sample belongs to."""

    @property
    def name(self) -> str:
        """What reports call it."""

    @property
    def prior(self) -> Floats:
        """Label distribution of a perfect generator, (K,) positive shares that sum to 1."""

    @property
    def n(self) -> int:
        """Number of samples per evaluation."""

    def label(self, samples: NDArray[Any], /) -> Labels:
        """Mode indices (B,) int64 of samples (B, ...), -1 for a sample of no mode."""


@dataclass(frozen=True, eq=False)
class Classifier:
    """A `Labeller` made of a function of your own.

    Parameters
    ----------
    predict
        Takes samples (B, ...) as a numpy array. Returns labels (B,), whole numbers in [-1, K) with -1 for
        "none", or scores (B, K) such as probabilities, of which the largest counts.
    prior
        (K,) positive weights of any scale: how often each label occurs among real samples. Measure it with
        `predict` on held-out real data, or pass `statistics.predicted_prior(class_counts, confusion)`.
    name
        What reports call it.
    n
        Samples per evaluation, at least 1.

    Raises
    ------
    TypeError
        When `predict` cannot be called.
    ValueError
        When the prior or n is not as described.

    >>> signs = Classifier(lambda x: (x[:, 0] > 0).astype(int), prior=[1, 1], name="sign")
    >>> signs.label(np.array([[-2.0], [3.0]])).tolist()
    [0, 1]
    """

    predict: Callable[[NDArray[Any]], ArrayLike]
    prior: Floats
    name: str = "custom"
    n: int = 1000

    def __post_init__(self) -> None:
        if not callable(self.predict):
            raise TypeError(f"predict must be a function of samples, found {type(self.predict).__name__}")
        if self.n < 1:
            raise ValueError(f"n must be at least 1, found {self.n}")
        object.__setattr__(self, "prior", statistics.normalised(self.prior))

    def label(self, samples: NDArray[Any], /) -> Labels:
        """Labels (B,) int64 of samples (B, ...), -1 where `predict` gave -1 or scores with a NaN.

        Raises
        ------
        ValueError
            When `predict` returns neither labels (B,) nor scores (B, K).
        """
        found = np.asarray(self.predict(samples))
        size, modes = len(samples), len(self.prior)
        if found.shape == (size, modes):
            unclear = np.isnan(found).any(axis=1)
            return np.where(unclear, -1, np.where(unclear[:, None], 0, found).argmax(axis=1))
        if found.shape != (size,):
            expected = f"({size},) or ({size}, {modes})"
            raise ValueError(f"predict of {self.name} must return shape {expected}, found {found.shape}")
        return statistics.checked_labels(found, modes)


def resolve(modes: object) -> Labeller:
    """The labeller that a `modes=` argument stands for.

    Parameters
    ----------
    modes
        The name of a preset mixture, "digits" (8×8 images in [-1, 1]), a `Mixture`, a `Classifier` or any
        other `Labeller`.

    Raises
    ------
    ValueError
        For an unknown name; the message lists the known ones.
    TypeError
        For anything else.
    """
    if isinstance(modes, str):
        if modes == "digits":
            return digits_classifier()
        if modes in PRESETS:
            return preset(modes)
        raise ValueError(f"modes={modes!r} is unknown, known names are {', '.join((*PRESETS, 'digits'))}")
    if isinstance(modes, Labeller) and not isinstance(modes, type):
        return modes
    accepted = "a preset name, 'digits', a Mixture, a Classifier or another Labeller (name, prior, n, label)"
    raise TypeError(f"modes must be {accepted}, found {type(modes).__name__}")


class ModeTracker:
    """Keeps the labels of the last n generated samples and judges their histogram.

    Parameters
    ----------
    labeller
        What tells the modes apart.
    n
        Samples behind each evaluation, at least 1; the labeller's own number by default. A batch larger than
        that counts with its last n samples.

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

    def __init__(self, labeller: Labeller, n: int | None = None) -> None:
        self.labeller = labeller
        self.n = labeller.n if n is None else n
        if self.n < 1:
            raise ValueError(f"n must be at least 1, found {self.n}")
        self._batches: deque[tuple[int, Labels]] = deque()  # oldest first, n labels in all
        self._held = 0

    def update(self, step: int, samples: ArrayLike) -> None:
        """Label a generated batch (B, ...) of a step and forget what lies more than n samples back.

        A step below the last one means that the training went back to a checkpoint: the labels from that step
        on are forgotten.

        Raises
        ------
        ValueError
            When the labeller cannot take the samples' shape.
        """
        labels = np.asarray(self.labeller.label(np.asarray(samples)))[-self.n :]
        if self._batches and step < self._batches[-1][0]:
            self._batches = deque(batch for batch in self._batches if batch[0] < step)
        if labels.size:
            self._batches.append((step, labels.copy()))
        self._held = sum(batch.size for _, batch in self._batches)
        while self._held > self.n:
            first, oldest = self._batches.popleft()
            excess = min(self._held - self.n, oldest.size)
            if excess < oldest.size:
                self._batches.appendleft((first, oldest[excess:]))
            self._held -= excess

    def evaluate(self) -> tuple[dict[str, float], Labels] | None:
        """Signals named as in `gandiag.signals` and the histogram (K,) int64 of the last n samples.

        None until n samples have been seen. `modes/high_quality` is there for mixtures only. When not one of
        the n samples was recognised, `modes/kl`, `modes/tv` and `modes/missing` are undefined and left out.
        """
        if self._held < self.n:
            return None
        found = coverage_of_labels(np.concatenate([batch for _, batch in self._batches]), self.labeller.prior)
        signals: dict[str, float] = {
            "modes/captured": found.captured,
            "modes/robust": found.robust,
            "modes/effective": found.effective,
            "modes/expected_effective": found.expected_effective,
            "modes/samples": found.n,
        }
        if isinstance(self.labeller, Mixture):
            signals["modes/high_quality"] = found.high_quality
        if found.captured:
            signals |= {"modes/kl": found.kl, "modes/tv": found.tv, "modes/missing": found.missing}
        return {name: float(value) for name, value in signals.items()}, found.histogram

    def describe(self) -> dict[str, Any]:
        """What a run's record says of the measurement, ready for JSON: name, K, n and prior."""
        prior = [float(share) for share in self.labeller.prior]
        return {"name": self.labeller.name, "K": len(prior), "n": self.n, "prior": prior}

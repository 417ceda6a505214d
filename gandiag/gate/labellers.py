"""What tells modes apart in a check: a mixture's nearest mode, a classifier, or a function of the user's."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from gandiag.modes import Classifier, Labeller, Mixture
from gandiag.quality.labels import labeller_of
from gandiag.quality.reference_files import holds_statistics
from gandiag.quality.sources.generators import named_function

if TYPE_CHECKING:
    from numpy.typing import NDArray


class Nearest:
    """A mixture whose labeller gives every sample to its nearest mode: spread within modes is a rule of its own."""

    def __init__(self, mixture: Mixture) -> None:
        self.mixture, self.name, self.prior, self.n = mixture, mixture.name, mixture.prior, mixture.n

    def label(self, samples: Any, /) -> NDArray[np.int64]:
        """The nearest mode of each sample (B, d), -1 for one that is not finite."""
        distances, nearest = self.mixture.distance(samples)
        return np.where(np.isfinite(distances), nearest, -1)


def labeller_for(
    modes: Any, reference: Any, mixture: Mixture | None, *, images: bool
) -> tuple[Labeller | None, NDArray[np.float64] | None]:
    """What tells modes apart, and the shares that are known without looking at real samples.

    `images` says whether the samples are images, which are read as bytes.

    Raises ValueError for a name that cannot be imported, and for a function without real samples.
    """
    if mixture is not None and modes is None:
        return Nearest(mixture), mixture.prior
    if modes is None:
        return None, None
    if isinstance(modes, str) and ":" in modes:
        modes = named_function(modes, "--modes")
    if callable(modes) and not isinstance(modes, Labeller):
        if reference is None or holds_statistics(reference):
            raise ValueError(
                "--modes: a function tells classes but not how often each occurs; pass real samples as --reference, "
                "or a gandiag.modes.Classifier with its prior"
            )
        return Predicting(modes), None
    made = labeller_of(modes, in_bytes=images or isinstance(modes, str))
    return (Nearest(made) if isinstance(made, Mixture) else made), made.prior


class Predicting:
    """A function of samples as a labeller whose classes are those that it finds among real samples."""

    def __init__(self, predict: Any) -> None:
        self._predict = predict
        self.name = str(getattr(predict, "__name__", type(predict).__name__))
        self.n = 1
        self.prior = np.ones(1)
        self.classes = 0

    def label(self, samples: Any, /) -> NDArray[np.int64]:
        """Labels (B,) of samples."""
        try:
            found = np.asarray(self._predict(samples))
        except (Exception, SystemExit) as error:
            raise ValueError(f"--modes {self.name}: calling it failed: {type(error).__name__}: {error}") from error
        if found.ndim == 2 and len(found) == len(samples):
            self.classes = max(self.classes, found.shape[1])
            return Classifier(lambda _: found, np.ones(found.shape[1]), self.name).label(samples)
        if found.shape != (len(samples),) or found.dtype.kind not in "iu":
            raise ValueError(
                f"--modes {self.name}: must return whole numbers ({len(samples)},) or scores ({len(samples)}, K), "
                f"found {found.dtype} {found.shape}"
            )
        return found.astype(np.int64)


def classes_of(labeller: Labeller) -> int:
    """How many classes a labeller tells apart, as far as it has seen samples."""
    return labeller.classes if isinstance(labeller, Predicting) else len(labeller.prior)

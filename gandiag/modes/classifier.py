"""What tells modes apart: the interface of a labeller, and one made of a classifier of your own."""

from __future__ import annotations

import sys
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Protocol, runtime_checkable

import numpy as np

from gandiag.modes import mode_statistics

if TYPE_CHECKING:
    from collections.abc import Callable

    from numpy.typing import ArrayLike, NDArray

    Floats = NDArray[np.float64]
    Labels = NDArray[np.int64]

CHUNK = 1024  # samples that a torch module sees at a time


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

    def label(self, samples: Any, /) -> Labels:
        """Mode indices (B,) int64 of samples (B, ...), -1 for a sample of no mode."""


@runtime_checkable
class ImageLabeller(Labeller, Protocol):
    """A labeller of images that must be told which range their values lie in."""

    def reading(self, value_range: tuple[float, float]) -> Labeller:
        """The same for images whose values lie in another range."""


@dataclass(frozen=True, eq=False)
class Classifier:
    """A `Labeller` made of a function or a torch module of your own.

    Parameters
    ----------
    predict
        Returns labels (B,), whole numbers in [-1, K) with -1 for "none", or scores (B, K) such as probabilities or
        logits, of which the largest counts, as an array or a tensor. A function takes samples (B, ...) as a numpy
        array. A torch module, in evaluation mode, takes them as a tensor on its own device, floating values in its
        own type, at most 1024 at a time, without gradients.
    prior
        (K,) positive weights of any scale. Without `confusion`: how often each label occurs among real samples,
        measured with `predict` on held-out real data. With it: how often each class occurs.
    name
        What reports call it.
    n
        Samples per evaluation, at least 1.
    confusion
        (K, K), row i holds P(label j | true class i), see `measure_confusion`. The attribute `prior` is then the
        given one seen through it.

    Raises
    ------
    TypeError
        When `predict` cannot be called.
    ValueError
        When the prior, n or the confusion matrix is not as described.

    >>> signs = Classifier(lambda x: (x[:, 0] > 0).astype(int), prior=[1, 1], name="sign")
    >>> signs.label(np.array([[-2.0], [3.0]])).tolist()
    [0, 1]
    """

    predict: Callable[[Any], Any]
    prior: Floats
    name: str = "custom"
    n: int = 1000
    confusion: ArrayLike | None = None

    def __post_init__(self) -> None:
        if not callable(self.predict):
            raise TypeError(f"predict must be a function of samples, found {type(self.predict).__name__}")
        if self.n < 1:
            raise ValueError(f"n must be at least 1, found {self.n}")
        object.__setattr__(self, "prior", mode_statistics.predicted_prior(self.prior, self.confusion))

    def label(self, samples: Any, /) -> Labels:
        """Labels (B,) int64 of samples (B, ...), -1 where `predict` gave -1 or scores with a NaN.

        Raises
        ------
        ValueError
            When `predict` returns neither labels (B,) nor scores (B, K), or is a module in training mode.
        """
        found = _predicted(self.predict, samples, self.name)
        size, modes = len(samples), len(self.prior)
        if found.shape == (size, modes):
            unclear = np.isnan(found).any(axis=1)
            return np.where(unclear, -1, np.where(unclear[:, None], 0, found).argmax(axis=1))
        if found.shape != (size,):
            expected = f"({size},) or ({size}, {modes})"
            raise ValueError(f"predict of {self.name} must return shape {expected}, found {found.shape}")
        return mode_statistics.checked_labels(found, modes)


def measure_confusion(predict: Callable[[Any], Any], samples: Any, labels: ArrayLike, classes: int) -> Floats:
    """P(label j | true class i) of a classifier, from real samples that it was not trained on.

    Parameters
    ----------
    predict
        As in `Classifier`; a sample that it gives no class, label -1, is left out of the shares.
    samples
        (n, ...) real samples.
    labels
        (n,) their true classes, whole numbers in [0, classes), each class at least once.
    classes
        Number K of classes.

    Returns
    -------
    (K, K) float64 with rows that sum to 1, what `class_histogram` and `Classifier` take as `confusion`.

    Raises
    ------
    ValueError
        When labels and samples differ in number, or when a class has no recognised sample.

    >>> measure_confusion(lambda x: (x > 0).astype(int), np.array([-1.0, 1.0, 2.0, 3.0]), [0, 0, 1, 1], 2).tolist()
    [[0.5, 0.5], [0.0, 1.0]]
    """
    true = mode_statistics.checked_labels(labels, classes)
    if len(true) != len(samples):
        raise ValueError(f"labels must be as many as the {len(samples)} samples, found {len(true)}")
    if (true < 0).any():
        raise ValueError(f"labels must lie in [0, {classes - 1}], found {true.min()}")
    found = Classifier(predict, np.ones(classes)).label(samples)
    counts = np.zeros((classes, classes))
    np.add.at(counts, (true[found >= 0], found[found >= 0]), 1)
    if not counts.any(axis=1).all():
        empty = np.flatnonzero(~counts.any(axis=1)).tolist()
        raise ValueError(f"every class must have a recognised sample, classes {empty} have none")
    return np.asarray(counts / counts.sum(axis=1, keepdims=True))


def _predicted(predict: Callable[[Any], Any], samples: Any, name: str) -> NDArray[Any]:
    torch = sys.modules.get("torch")  # without torch in the process there is neither a module nor a tensor
    if torch is None:
        return np.asarray(predict(samples))
    if not isinstance(predict, torch.nn.Module):
        given = samples.detach().cpu().numpy() if isinstance(samples, torch.Tensor) else samples
        found = predict(given)
        return found.detach().cpu().numpy() if isinstance(found, torch.Tensor) else np.asarray(found)
    if predict.training:
        raise ValueError(f"predict of {name} must be in evaluation mode, found a module in training mode: call .eval()")
    own = next((p for p in predict.parameters() if p.is_floating_point()), torch.empty(0))
    given = samples.detach() if isinstance(samples, torch.Tensor) else torch.from_numpy(np.array(samples))
    with torch.no_grad():
        parts = [
            predict(part.to(own.device, own.dtype if part.is_floating_point() else part.dtype)).cpu()
            for part in given.split(CHUNK)
        ]
    return torch.cat(parts).numpy()  # type: ignore[no-any-return]

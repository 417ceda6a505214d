"""What checkpoints are held against, read once for all of them: real samples, statistics, a mixture, a classifier."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any

import numpy as np

from gandiag.gate.cells import RealCells
from gandiag.gate.likeness import RealSplits
from gandiag.modes import PRESETS, Classifier, Labeller, Mixture, preset
from gandiag.quality.collect import FEATURES, Collected
from gandiag.quality.extractors.registry import extractor as make_extractor
from gandiag.quality.labels import labeller_of
from gandiag.quality.metrics import GENERATOR, REFERENCE, Metric, chosen
from gandiag.quality.plan import Plan, Reference
from gandiag.quality.reference import holds_statistics
from gandiag.quality.sources.arrays import ArraySource
from gandiag.quality.sources.generators import named_function
from gandiag.quality.sources.open import open_source

if TYPE_CHECKING:
    from collections.abc import Sequence

    import torch
    from numpy.typing import NDArray

    from gandiag.quality.plan import Tell

MIXTURE_SAMPLES = 10_000  # drawn from a mixture, to be held against
SHAPES = {"digits": (1, 8, 8), "mnist": (1, 28, 28), "stacked_mnist": (3, 28, 28)}
RESERVED = {"fid": "frechet", "kid": "kernel_distance", "is": "classifier_score"}
"""Names that are kept for Inception's features, and what the same is called with others."""

KEEP = Metric(name="features", says="kept for the gate's own rules", compute=lambda _: (), keep=frozenset({FEATURES}))


class Nearest:
    """A mixture whose labeller gives every sample to its nearest mode: spread within modes is a rule of its own."""

    def __init__(self, mixture: Mixture) -> None:
        self.mixture, self.name, self.prior, self.n = mixture, mixture.name, mixture.prior, mixture.n

    def label(self, samples: Any, /) -> NDArray[np.int64]:
        """The nearest mode of each sample (B, d), -1 for one that is not finite."""
        distances, nearest = self.mixture.distance(samples)
        return np.where(np.isfinite(distances), nearest, -1)


@dataclass(eq=False)
class Known:
    """What there is to judge by.

    Attributes
    ----------
    name
        What messages call it.
    plan
        Extractor, metrics and labeller.
    real
        Real samples with their features, or only their statistics; None without a reference.
    prior
        (K,) label shares of a perfect generator where they are known exactly, or as exactly as need be.
    counts
        (K,) labels of the real samples, where the shares are taken from them.
    mixture
        The labelled mixture, if it is one.
    """

    name: str
    plan: Plan
    real: Collected | None = None
    prior: NDArray[np.float64] | None = None
    counts: NDArray[np.int64] | None = None
    mixture: Mixture | None = None
    shape: tuple[int, ...] | None = None
    memo: dict[str, Any] = field(default_factory=dict)  # what rules worked out of the real samples
    _splits: dict[int, RealSplits] = field(default_factory=dict)
    _cells: RealCells | None = None

    @property
    def features(self) -> torch.Tensor | None:
        """(M, D) of the real samples."""
        return self.real.features if self.real else None

    def splits(self, size: int) -> RealSplits:
        """Splits of the real samples into halves of a size."""
        assert self.features is not None  # noqa: S101 - rules that need it are not asked without
        if size not in self._splits:
            self._splits[size] = RealSplits(self.features, size, self.plan.seed)
        return self._splits[size]

    def cells(self) -> RealCells:
        """Cells of the real samples."""
        assert self.features is not None  # noqa: S101
        if self._cells is None:
            self._cells = RealCells(self.features, self.plan.seed)
        return self._cells


@dataclass(frozen=True, kw_only=True)
class Given:
    """What a user says of the reference and of how features are made; see `gandiag.check`."""

    reference: Any = None
    modes: Any = None
    extractor: Any = None
    extractor_weights: Any = None
    metrics: tuple[str, ...] = ()
    device: torch.device
    batch_size: int = 256
    seed: int = 0
    reference_range: tuple[float, float] | None = None
    skip_corrupt: bool = False


def known(given: Given, *, images: bool, latents: bool, tell: Tell | None = None) -> Known:
    """Read the reference.

    Parameters
    ----------
    given
        What the user said.
    images, latents
        Whether the samples are images, and whether there is a generator to draw from.
    tell
        As for `Plan.collect`.

    Raises
    ------
    ValueError
        When the reference cannot be read, or something that was asked for cannot be judged by it.
    """
    reference = given.reference
    mixture = reference if isinstance(reference, Mixture) else None
    if isinstance(reference, str) and reference in PRESETS:
        mixture = preset(reference)
    labeller, prior = _labeller(given, mixture)
    there = {REFERENCE} if reference is not None else set()
    plan = _plan(given, labeller, images=images, there=frozenset(there | ({GENERATOR} if latents else set())))
    shape = SHAPES.get(given.modes) if isinstance(given.modes, str) else None
    found = Known(name=mixture.name if mixture else _named(reference), plan=plan, mixture=mixture, prior=prior,
                  shape=shape)  # fmt: skip
    if mixture is not None:
        points, _ = mixture.sample(MIXTURE_SAMPLES, np.random.default_rng(given.seed + 1))
        found.real = plan.collect(ArraySource(points, mixture.name), real=True)
    elif reference is not None:
        found.real = _read(reference, plan, given, tell)
        found.shape = _shape_of(reference) or shape
    if labeller is not None and mixture is None:
        _from_real(found, _classes(labeller))
    return found


def _read(reference: Any, plan: Plan, given: Given, tell: Tell | None) -> Collected:
    if holds_statistics(reference):
        plan = replace(plan, metrics=tuple(m for m in plan.metrics if m is not KEEP), labeller=None)
    return Reference(reference, plan, tell, skip_corrupt=given.skip_corrupt).collected()


def _shape_of(reference: Any) -> tuple[int, ...] | None:
    """Shape of an image of the reference, None for vectors and statistics."""
    if holds_statistics(reference):
        return None
    first = next(open_source(reference).batches(1))
    return tuple(first.shape[1:]) if first.ndim > 2 else None


def _named(reference: Any) -> str:
    return "" if reference is None else str(reference) if isinstance(reference, str) else type(reference).__name__


def _labeller(given: Given, mixture: Mixture | None) -> tuple[Labeller | None, NDArray[np.float64] | None]:
    """What tells modes apart, and the shares that are known without looking at real samples."""
    modes = given.modes
    if mixture is not None and modes is None:
        return Nearest(mixture), mixture.prior
    if modes is None:
        return None, None
    if isinstance(modes, str) and ":" in modes:
        modes = named_function(modes, "--modes")
    if callable(modes) and not isinstance(modes, Labeller):
        if given.reference is None or holds_statistics(given.reference):
            raise ValueError(
                "--modes: a function tells classes but not how often each occurs; pass real samples as --reference, "
                "or a gandiag.modes.Classifier with its prior"
            )
        return _Predicting(modes), None
    made = labeller_of(modes)
    return (Nearest(made) if isinstance(made, Mixture) else made), made.prior


class _Predicting:
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


def _classes(labeller: Labeller) -> int:
    return labeller.classes if isinstance(labeller, _Predicting) else len(labeller.prior)


def _from_real(found: Known, classes: int) -> None:
    """Take the classes' shares from real samples where there are any."""
    seen = found.real.seen if found.real else None
    if seen is None:
        return
    labels = seen[seen >= 0].cpu().numpy()
    found.counts = np.bincount(labels, minlength=classes).astype(np.int64)
    found.prior = None


def _plan(given: Given, labeller: Labeller | None, *, images: bool, there: frozenset[str]) -> Plan:
    wanted = tuple(dict.fromkeys(given.metrics))
    made = make_extractor(
        _extractor(given, images=images, wanted=wanted), weights=given.extractor_weights, device=given.device
    )
    inception = made.name.startswith("inception")
    for name in wanted:
        if name in RESERVED and not inception:
            raise ValueError(f"{name} is a name for Inception's features; with {made.name} it is {RESERVED[name]}")
    metrics = chosen(wanted, made, there) if wanted else ()
    return Plan(
        extractor=made, metrics=(KEEP, *metrics), device=given.device, batch_size=given.batch_size, seed=given.seed,
        reference_range=given.reference_range, labeller=labeller, together=False,
    )  # fmt: skip


def _extractor(given: Given, *, images: bool, wanted: Sequence[str]) -> Any:
    """What makes features unless told: Inception where its metrics are asked for, else what needs no download."""
    if given.extractor is not None:
        return given.extractor
    if not images:
        return "identity"
    if any(name in RESERVED for name in wanted):
        return "inception-v3-compat"
    return given.modes if given.modes in ("mnist", "digits") else "pixels"

"""What checkpoints are held against, read once for all of them: real samples, statistics, a mixture, a classifier."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any

import numpy as np

from gandiag.gate.cells import RealCells
from gandiag.gate.labellers import classes_of, labeller_for
from gandiag.gate.likeness import RealSplits
from gandiag.gate.parts import RealParts
from gandiag.modes import PRESETS, ImageLabeller, Mixture, preset
from gandiag.quality.collect import FEATURES, Collected
from gandiag.quality.extractors.registry import extractor as make_extractor
from gandiag.quality.metrics import GENERATOR, REFERENCE, Metric, chosen
from gandiag.quality.plan import Plan, ReferenceSet
from gandiag.quality.reference_files import holds_statistics
from gandiag.quality.sources.arrays import ArraySource
from gandiag.quality.sources.open import open_source

if TYPE_CHECKING:
    from collections.abc import Sequence

    import torch
    from numpy.typing import NDArray

    from gandiag.modes import Labeller
    from gandiag.quality.plan import Tell

MIXTURE_SAMPLES = 10_000  # drawn from a mixture, to be held against
SHAPES = {"digits": (1, 8, 8), "mnist": (1, 28, 28), "stacked_mnist": (3, 28, 28)}
RESERVED = {"fid": "frechet", "kid": "kernel_distance", "is": "classifier_score"}
"""Names that are kept for Inception's features, and what the same is called with others."""

KEEP = Metric(name="features", says="kept for the gate's own rules", compute=lambda _: (), keep=frozenset({FEATURES}))


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
    _parts: RealParts | None = None

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

    def parts(self) -> RealParts:
        """Parts of the real samples."""
        assert self.features is not None  # noqa: S101
        if self._parts is None:
            self._parts = RealParts(self.features, self.plan.seed)
        return self._parts


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
    labeller, prior = labeller_for(given.modes, reference, mixture, images=images)
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
        _from_real(found, classes_of(labeller))
    return found


def _read(reference: Any, plan: Plan, given: Given, tell: Tell | None) -> Collected:
    if holds_statistics(reference):
        plan = replace(plan, metrics=tuple(m for m in plan.metrics if m is not KEEP), labeller=None)
    return ReferenceSet(reference, plan, tell, skip_corrupt=given.skip_corrupt).collected()


def _shape_of(reference: Any) -> tuple[int, ...] | None:
    """Shape of an image of the reference, None for vectors and statistics."""
    if holds_statistics(reference):
        return None
    first = next(open_source(reference).batches(1))
    return tuple(first.shape[1:]) if first.ndim > 2 else None


def _named(reference: Any) -> str:
    return "" if reference is None else str(reference) if isinstance(reference, str) else type(reference).__name__


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
        labels_bytes=images and made.takes == "vectors" and isinstance(labeller, ImageLabeller),
    )  # fmt: skip


def _extractor(given: Given, *, images: bool, wanted: Sequence[str]) -> Any:
    """What makes features unless told: Inception where its metrics are asked for, else what needs no download."""
    if given.extractor is not None:
        return given.extractor
    if not images:
        return "identity"
    if any(name in RESERVED for name in wanted):
        return "inception-v3-compat"
    return "mnist" if isinstance(given.modes, str) and given.modes == "mnist" else "pixels"

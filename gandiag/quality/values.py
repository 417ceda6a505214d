"""From collected sets to values: each metric's numbers, its interval, what a perfect model would score, notes."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import torch

from gandiag.quality.measures import classifier_scores, finite_sample, frechet, jackknife, kernel, neighbours
from gandiag.quality.measures.distances import Distinct
from gandiag.quality.measures.features import mark
from gandiag.quality.protocol import Measurement, Protocol

if TYPE_CHECKING:
    from collections.abc import Iterator

    from gandiag.quality.collect import Collected
    from gandiag.quality.extractors.base import FeatureExtractor
    from gandiag.quality.sources.open import Source

INCEPTIONS = ("inception-v3-compat/2048", "inception-v3-clean/2048")
"""The features with which a Fréchet distance is an FID and a kernel distance a KID, by either resizing."""

NEIGHBOURS = 10_000  # samples per set for neighbour metrics, as Naeem et al. 2020 use
MANIFOLD_K, COVERAGE_K = 3, 5  # Kynkäänniemi et al. 2019; Naeem et al. 2020
T_95 = 2.262  # Student's t of 9 degrees of freedom
SOFTMAX = "the classifier gives probabilities and not logits, so the score is far too low: leave its softmax out"
BLOCKS = 10  # for the standard error of a kernel distance


@dataclass(frozen=True, eq=False, kw_only=True)
class Inputs:
    """What a metric is computed from; `reference` is None where no metric needs one."""

    generated: Collected
    reference: Collected | None
    extractor: FeatureExtractor
    held_out: Collected | None = None
    source: Source | None = None
    seed: int = 0

    @property
    def inception(self) -> bool:
        """Whether the values may carry the names that are reserved for Inception's features."""
        return self.extractor.name in INCEPTIONS

    @property
    def real(self) -> Collected:
        """The reference; a plan has seen to it that there is one."""
        if self.reference is None:
            raise ValueError("this metric needs a reference")
        return self.reference

    def protocol(self, n: int | None = None, reference_n: int | None = None, **settings: float | str) -> Protocol:
        """The protocol of a value, of all samples unless told otherwise."""
        known = self.reference
        return Protocol(
            extractor=self.extractor.name,
            extractor_hash=self.extractor.hash,
            resize=self.extractor.resize,
            n=n or self.generated.n or 0,
            reference_n=reference_n or (known.n if known else None),
            reference_hash=known.content_hash if known else "",
            settings=settings,
        )


def features_of(collected: Collected) -> torch.Tensor:
    """The features (N, D) that a metric asked to be kept."""
    if collected.features is None:
        raise ValueError(f"{collected.name}: holds no features")
    return collected.features


def frechet_values(inputs: Inputs) -> Iterator[Measurement]:
    """Fréchet distance with its interval, its finite-sample bias, and the value without that."""
    generated, real = inputs.generated, inputs.real
    reference = real.frechet
    if generated.features is not None:
        found = frechet.frechet_distance_from_features(generated.features, reference)
    else:
        found = frechet.frechet_distance(generated.statistics, reference)
    n = generated.n or 0
    expected = finite_sample.expected_distance(reference.eigenvalues, n, real.n)
    notes = [f"what a perfect model would score is not known: {expected.reason}"] if expected.reason else []
    if found.deficient:
        notes.append(_deficiency(found.rank, len(real.statistics.mean), n))
    if found.value < 0:
        notes.append("below 0 by rounding alone: the two sets have the same mean and covariance")
    interval = _interval(generated, reference)
    yield Measurement(
        name="fid" if inputs.inception else "frechet",
        value=found.value,
        better="lower",
        low=interval.low if interval else None,
        high=interval.high if interval else None,
        interval=f"{interval.method}; the bias of a finite sample is not in it" if interval else "",
        perfect=expected.value,
        details=_infinity(inputs, reference),
        notes=tuple(notes),
        protocol=inputs.protocol(),
    )


def _deficiency(rank: int, dimensions: int, n: int) -> str:
    found = f"the covariance of the generated features has rank {rank:,} of {dimensions:,}"
    if n <= dimensions:
        return f"{found}: {n:,} samples are too few for so many features, and the distance is biased upwards"
    return f"{found}: the samples lie in a subspace, as copies or constant features do"


def _interval(generated: Collected, reference: frechet.ReferenceStatistics) -> jackknife.Interval | None:
    """None where there are too few samples for one."""
    groups = generated.groups
    if generated.features is not None and len(generated.features) >= jackknife.GROUPS:
        groups = tuple(jackknife.grouped_moments(generated.features))
    try:
        return jackknife.frechet_interval(groups, reference)
    except ValueError:  # too few samples for the dimensions, or batches that make unequal groups
        return None


def _infinity(inputs: Inputs, reference: frechet.ReferenceStatistics) -> dict[str, float]:
    """FID-infinity, where there are features of enough samples."""
    features, n = inputs.generated.features, inputs.generated.n or 0
    if features is None or n < 2 * finite_sample.SMALLEST or features.shape[1] >= finite_sample.SMALLEST:
        return {}
    found = finite_sample.frechet_infinity(features, reference, seed=inputs.seed)
    return {"at infinitely many samples": found.value}


def kernel_values(inputs: Inputs) -> Iterator[Measurement]:
    """Kernel distance as published; its interval by the standard error of disjoint blocks."""
    ours, theirs = features_of(inputs.generated), features_of(inputs.real)
    size = min(kernel.SUBSET_SIZE, len(ours), len(theirs))
    found = kernel.kernel_distance(ours, theirs, subset_size=size)
    spread = {"standard deviation over subsets": found.standard_deviation}
    if size == max(len(ours), len(theirs)):  # each subset is all samples: only rounding tells their values apart
        spread = {}
    reach = None
    if min(len(ours), len(theirs)) >= 2 * BLOCKS:
        block = kernel.block_kernel_distance(ours, theirs, block_size=max(len(ours), len(theirs)) // BLOCKS)
        reach = T_95 * block.standard_error
    yield Measurement(
        name="kid" if inputs.inception else "kernel_distance",
        value=found.value,
        better="lower",
        low=None if reach is None else found.value - reach,
        high=None if reach is None else found.value + reach,
        interval="" if reach is None else f"standard error of {BLOCKS} disjoint blocks",
        perfect=0.0,
        details=spread,
        protocol=inputs.protocol(subsets=found.subsets, subset_size=found.subset_size),
    )


def score_values(inputs: Inputs) -> Iterator[Measurement]:
    """Inception Score, or the same formula under a classifier of the data's own classes."""
    logits = inputs.generated.logits
    if logits is None:
        raise ValueError(f"{inputs.generated.name}: the extractor {inputs.extractor.name} gave no logits")
    score = classifier_scores.inception_score if inputs.inception else classifier_scores.classifier_score
    found = score(logits)
    yield Measurement(
        name="is" if inputs.inception else "classifier_score",
        value=found.value,
        better="higher",
        details={"standard deviation over splits": found.standard_deviation},
        notes=(SOFTMAX,) if _are_probabilities(logits) else (),
        protocol=inputs.protocol(splits=found.splits),
    )


def _are_probabilities(logits: torch.Tensor) -> bool:
    """Whether each row lies in [0, 1] and sums to 1, as no logits of a trained classifier do."""
    sums = (logits.double().sum(dim=1) - 1).abs().max()
    return bool((logits.amin() >= 0) & (sums < 1e-2))


def neighbour_values(inputs: Inputs) -> Iterator[Measurement]:
    """Precision and recall as Kynkäänniemi et al. 2019, density and coverage as Naeem et al. 2020, of 10,000 each."""
    ours, theirs = (spread(features_of(c), NEIGHBOURS) for c in (inputs.generated, inputs.real))
    near = neighbours.Neighbourhood(theirs, (MANIFOLD_K, COVERAGE_K))
    found = neighbours.prdc(ours, near, COVERAGE_K, manifold_k=MANIFOLD_K, closed=True)
    perfect = {"density": 1.0, "coverage": neighbours.expected_coverage(len(ours), len(theirs), COVERAGE_K)}
    if inputs.held_out is not None:
        unseen = spread(features_of(inputs.held_out), len(ours))
        same = neighbours.prdc(unseen, near, COVERAGE_K, manifold_k=MANIFOLD_K, closed=True)
        perfect |= {"precision": same.precision, "recall": same.recall}
    repeated = _repeated(theirs, COVERAGE_K)
    for name in ("precision", "recall", "density", "coverage"):
        k = MANIFOLD_K if name in ("precision", "recall") else COVERAGE_K
        yield Measurement(
            name=name,
            value=getattr(found, name),
            better="neither" if name == "density" else "higher",
            perfect=perfect.get(name),
            notes=repeated if name in ("density", "coverage") else (),
            protocol=inputs.protocol(len(ours), len(theirs), k=k),
        )


def _repeated(real: torch.Tensor, k: int) -> tuple[str, ...]:
    """What is to be known of a reference with rows that occur more than k times: their neighbourhoods are points."""
    distinct = Distinct.of(real)
    if distinct.rows is real:
        return ()
    weights = distinct.weights
    points = int(torch.where(weights > k, weights, 0).sum())
    if not points:
        return ()
    found = f"{points:,} of {len(real):,} real samples occur more than {k} times"
    return (f"{found}: their neighbourhoods have no size, and nothing but another copy lies in them",)


def spread(rows: torch.Tensor, most: int) -> torch.Tensor:
    """At most so many rows, evenly over all of them: a reference may be sorted by class."""
    if len(rows) <= most:
        return rows
    return mark(rows[torch.linspace(0, len(rows) - 1, most, device=rows.device).round().long()], "finite")

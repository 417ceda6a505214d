"""What the metrics need of one set of samples, collected in a single pass over it."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING

import torch

from gandiag.quality import distributed
from gandiag.quality.measures import jackknife
from gandiag.quality.measures.features import mark
from gandiag.quality.measures.frechet import ReferenceStatistics
from gandiag.quality.measures.moments import Moments

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from gandiag.modes import Labeller
    from gandiag.quality.extractors.base import FeatureExtractor
    from gandiag.quality.extractors.preprocessing import Preprocessing
    from gandiag.quality.measures.moments import Statistics
    from gandiag.quality.sources.open import Source

WAITING = 50  # batches on a GPU that a labeller, which reads arrays, gets together
IMAGES_KEPT = 512  # for similarities of pairs
FEATURES, LOGITS, IMAGES, GROUPS, SEEN = "features", "logits", "images", "groups", "seen"


@dataclass(frozen=True, eq=False)
class Collected:
    """One set of samples as the metrics see it.

    Attributes
    ----------
    name
        What the set is called.
    n
        Number of samples, None where a file of statistics does not say.
    statistics
        Mean and covariance of the features.
    features
        (N, D), None unless a metric needs them.
    logits
        (N, K), None unless a metric needs them.
    images
        (M, C, H, W) uint8, at most 512 that lie evenly over the set; None unless a metric needs them.
    groups
        Moments of ten parts of the samples, for an interval; empty unless a metric needs them.
    labels
        (N,) int64, None unless the source has them.
    seen
        (N,) int64, the mode that a labeller sees in each sample, -1 for none; None without a labeller.
    content_hash
        Hash of the samples themselves.
    notes
        What was left out or converted while reading.
    """

    name: str
    n: int | None
    statistics: Statistics
    features: torch.Tensor | None = None
    logits: torch.Tensor | None = None
    images: torch.Tensor | None = None
    groups: tuple[Moments, ...] = ()
    labels: torch.Tensor | None = None
    seen: torch.Tensor | None = None
    content_hash: str = ""
    notes: tuple[str, ...] = ()

    @cached_property
    def frechet(self) -> ReferenceStatistics:
        """These moments as what distances are measured from: factored once for all evaluations."""
        return ReferenceStatistics(self.statistics, self.features)


@dataclass(frozen=True, kw_only=True)
class Reading:
    """How a set of samples is read: `keep` says what is kept beside the moments, a subset of the names above."""

    extractor: FeatureExtractor
    device: torch.device
    batch_size: int = 64
    keep: frozenset[str] = frozenset()
    together: bool = True  # the processes of torch.distributed share the work, and all of them are here
    labeller: Labeller | None = None  # tells modes apart
    label_bytes: Preprocessing | None = None  # makes bytes of samples for it where the extractor takes vectors
    tell: Callable[[int], None] = lambda _: None  # called with the number of samples of each batch


def collect(source: Source, n: int, reading: Reading, preprocessing: Preprocessing | None) -> Collected:
    """Read the first n samples of a source once; with several processes that work together each reads its share.

    Moments are accumulated in float64 and need the same memory for any n; features are kept only on demand.

    Raises
    ------
    ValueError
        For samples that the preprocessing or the extractor cannot take, and for fewer than 2 samples.
    """
    start, stop = distributed.share(n, reading.batch_size) if reading.together else (0, n)
    pass_ = _Pass(reading, preprocessing, start, stride=max(1, -(-n // IMAGES_KEPT)))
    for batch in source.batches(reading.batch_size, start, stop):
        try:
            pass_.take(batch)
        except ValueError as error:
            raise ValueError(f"{source.name}: {error}") from error
    try:
        statistics, groups = pass_.finished()
    except ValueError as error:
        raise ValueError(f"{source.name}: {error}") from error
    features, labels = pass_.joined(FEATURES), source.labels
    return Collected(
        name=source.name,
        n=n,
        statistics=statistics,
        groups=groups,
        features=None if features is None else mark(features, "finite"),
        logits=pass_.joined(LOGITS),
        images=pass_.joined(IMAGES),
        seen=pass_.joined(SEEN),
        labels=None if labels is None else labels[:n],
        content_hash=source.content_hash(),
        notes=tuple(_notes(source, preprocessing)),
    )


def _notes(source: Source, preprocessing: Preprocessing | None) -> Iterator[str]:
    """What was left out or converted while reading."""
    for note in getattr(source, "notes", ()):
        yield f"{source.name}: {note}"
    found = preprocessing.describe() if preprocessing else {}
    for what in ("clipped_values", "opaque_alpha_dropped", "grey_rgb_reduced"):
        if found.get(what):
            yield f"{source.name}: {what.replace('_', ' ')}: {found[what]:,}"


class _Pass:
    """Accumulates one process's share, which begins at the sample `start`."""

    def __init__(self, reading: Reading, preprocessing: Preprocessing | None, start: int, stride: int) -> None:
        self._reading, self._preprocessing = reading, preprocessing
        self._reached, self._stride = start, stride
        self._moments: list[Moments] = []  # batches in turn: of whose parts an interval can be made
        self._kept: dict[str, list[torch.Tensor]] = {name: [] for name in sorted(reading.keep - {GROUPS})}
        if reading.labeller is not None:
            self._kept[SEEN] = []
        self._unlabelled: list[torch.Tensor] = []

    def take(self, batch: torch.Tensor) -> None:
        """Extract one batch of samples."""
        batch = batch.to(self._reading.device, non_blocking=True)
        if self._preprocessing is not None:
            batch = self._preprocessing(batch)
        found = self._reading.extractor(batch)
        self._part(found.features).update(found.features)
        first = -self._reached % self._stride
        kept = {
            FEATURES: found.features,
            LOGITS: found.logits,
            IMAGES: batch[first :: self._stride],
        }
        for name, part in kept.items():
            if name in self._kept and part is not None:
                self._kept[name].append(part)
        if self._reading.labeller is not None:
            self._unlabelled.append(self._for_labels(batch))
            if batch.device.type == "cpu" or len(self._unlabelled) >= WAITING:
                self._label()
        self._reached += len(batch)
        self._reading.tell(len(batch))

    def _for_labels(self, batch: torch.Tensor) -> torch.Tensor:
        """A batch as the labeller reads it."""
        label_bytes = self._reading.label_bytes
        return batch if label_bytes is None else label_bytes.of_values(batch)

    def _label(self) -> None:
        """Let the labeller tell the modes of what waits for it."""
        samples, self._unlabelled = self._unlabelled, []
        if samples and self._reading.labeller is not None:
            found = torch.as_tensor(self._reading.labeller.label(torch.cat(samples).cpu().numpy()))
            self._kept[SEEN].append(found.to(samples[0].device, non_blocking=True))

    def _part(self, features: torch.Tensor) -> Moments:
        """The moments to which this batch belongs."""
        if not self._moments:
            count = jackknife.GROUPS if GROUPS in self._reading.keep else 1
            self._moments = [Moments(features.shape[1], device=features.device) for _ in range(count)]
        return self._moments[self._reached // self._reading.batch_size % len(self._moments)]

    def finished(self) -> tuple[Statistics, tuple[Moments, ...]]:
        """Moments of all samples of all processes, and their parts where these were asked for.

        Raises ValueError where samples on a GPU were not what they should be: only now that is asked for.
        """
        for prepared in (self._preprocessing, self._reading.label_bytes):
            if prepared is not None:
                prepared.settle()
        self._label()
        if not self._moments:
            raise ValueError("no samples were read")
        for part in self._moments if self._reading.together else ():
            part.all_reduce()
        if len(self._moments) == 1:
            return self._moments[0].statistics(), ()
        whole = Moments(self._moments[0].dimensions, device=self._moments[0].device)
        for part in self._moments:
            whole.merge(part)
        return whole.statistics(), tuple(self._moments)

    def joined(self, name: str) -> torch.Tensor | None:
        """What was kept under a name, of all processes; None when nothing was."""
        parts = self._kept.get(name)
        if not parts:
            return None
        rows = torch.cat(parts)
        return distributed.gathered(rows) if self._reading.together else rows

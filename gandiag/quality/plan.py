"""What is measured and with what: extractor, metrics, reference, and how a set of samples is read for them."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import torch

from gandiag.modes import ImageLabeller
from gandiag.quality import distributed, reference_files
from gandiag.quality.collect import FEATURES, GROUPS, Collected, Reading, collect
from gandiag.quality.extractors.preprocessing import Preprocessing
from gandiag.quality.extractors.registry import extractor as make_extractor
from gandiag.quality.labels import labeller_of
from gandiag.quality.metrics import REFERENCE, Inputs, Metric, chosen
from gandiag.quality.sources.open import open_source

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Sequence
    from os import PathLike

    from gandiag.modes import Labeller
    from gandiag.quality.extractors.base import FeatureExtractor
    from gandiag.quality.protocol import Measurement
    from gandiag.quality.sources.open import Source

    Compute = Callable[[Inputs], Iterable[Measurement]]
    Tell = Callable[[str, int, int], None]


FEW = 2048  # samples whose features are kept whatever the metrics need: those of Inception take 16 MiB


@dataclass(frozen=True, kw_only=True)
class Plan:
    """What is measured, and with what: shared by the generated and the reference set."""

    extractor: FeatureExtractor
    metrics: tuple[Metric, ...]
    device: torch.device
    batch_size: int = 64
    n: int | None = None
    seed: int = 0
    value_range: tuple[float, float] | None = None
    reference_range: tuple[float, float] | None = None
    labeller: Labeller | None = None
    labels_bytes: bool = False  # the labeller reads bytes, and the extractor takes samples as they are
    together: bool = True  # the processes of torch.distributed share the work
    lenient: bool = False  # a metric that cannot be computed is left out with a note

    def preprocessing(self, *, real: bool = False) -> Preprocessing | None:
        """What makes bytes of images; None where the extractor takes vectors."""
        if self.extractor.takes == "vectors":
            return None
        return Preprocessing(self._range(real=real), self.extractor.channels)

    def _range(self, *, real: bool) -> tuple[float, float] | None:
        return self.reference_range if real else self.value_range

    def kept(self, n: int, *, real: bool = False) -> frozenset[str]:
        """What of n samples is kept beside the moments: what the metrics need, and of few samples their features.

        Features make groups, too, and distances of fewer samples than features take a fraction of the time.
        """
        wanted: frozenset[str] = frozenset().union(*(m.keep for m in self.metrics))
        if GROUPS in wanted and n <= FEW:
            wanted |= {FEATURES}
        return wanted - {GROUPS} if FEATURES in wanted or real else wanted

    def values_by_source(self) -> dict[Compute, list[str]]:
        """The names of the values that each computation is to give: some give several metrics at once."""
        wanted: dict[Compute, list[str]] = {}
        for metric in self.metrics:
            wanted.setdefault(metric.compute, []).extend(metric.values(self.extractor))
        return wanted

    def inputs(
        self,
        generated: Collected,
        real: Collected | None,
        held_out: Collected | None = None,
        source: Source | None = None,
    ) -> Inputs:
        """What the metrics are computed from."""
        return Inputs(
            generated=generated,
            reference=real,
            extractor=self.extractor,
            held_out=held_out,
            source=source,
            seed=self.seed,
        )

    def collect(
        self, source: Source, *, n: int | None = None, real: bool = False, tell: Tell | None = None
    ) -> Collected:
        """Features and what else the metrics need of the first n samples, by default of all.

        `real` says that they are no generated samples; `tell` is called with the source's name, the samples that
        were read since, and their total.
        """
        total = min(n or len(source), len(source))
        if n is not None and n > len(source):
            raise ValueError(f"{source.name}: holds {len(source):,} samples, fewer than the {n:,} asked for")
        label_bytes = Preprocessing(self._range(real=real)) if self.labels_bytes else None
        reading = Reading(
            extractor=self.extractor,
            device=self.device,
            batch_size=self.batch_size,
            together=self.together,
            labeller=self.labeller,
            label_bytes=self._agreed(source, label_bytes, flat=True),
            keep=self.kept(total, real=real),
            tell=(lambda read: tell(source.name, read, total)) if tell else lambda _: None,
        )
        with torch.inference_mode():
            return collect(source, total, reading, self._agreed(source, self.preprocessing(real=real)))

    def _agreed(self, source: Source, found: Preprocessing | None, *, flat: bool = False) -> Preprocessing | None:
        """As it is; processes that work together all take the range that the first samples decide."""
        if found is None or found.value_range is not None or not (self.together and distributed.active()):
            return found
        channels = found.channels
        if distributed.rank() == 0:
            (found.of_values if flat else found)(next(source.batches(self.batch_size)))
        return Preprocessing(distributed.of_the_first(found.value_range), channels)


class ReferenceSet:
    """The reference set of a plan, read when it is first asked for and kept on disk for the next time.

    Parameters
    ----------
    spec
        Whatever `open_source` takes, or a file of mean and covariance.
    plan
        What is measured.
    tell, key, skip_corrupt
        As for `Plan.collect` and `open_source`.

    Raises
    ------
    ValueError
        When the reference cannot be read, or is a file of statistics alone and a metric needs features.
    """

    def __init__(
        self, spec: Any, plan: Plan, tell: Tell | None = None, *, key: str | None = None, skip_corrupt: bool = False
    ) -> None:
        self._plan, self._tell = plan, tell
        self._spec = spec
        self._collected: Collected | None = None
        self._source: Source | None = None
        needing = [m.name for m in plan.metrics if REFERENCE in m.needs and FEATURES in m.keep]
        held = reference_files.held_by(spec) if key is None else "samples"
        if held == "statistics" and needing:
            raise ValueError(
                f"{spec}: a file of statistics serves a Fréchet distance alone; {', '.join(needing)} need samples"
            )
        if held == "samples" or needing:
            self._source = open_source(spec, key=key, skip_corrupt=skip_corrupt)
        else:
            self._collected = reference_files.from_statistics(spec, plan.device)

    def collected(self) -> Collected:
        """The reference set; read from disk where it was collected before in the same way."""
        if self._collected is None:
            assert self._source is not None  # noqa: S101 - one of the two is there
            plan = self._plan
            facts = {
                "content": self._source.content_hash(),
                "extractor": [plan.extractor.name, plan.extractor.hash, plan.extractor.resize],
                "range": plan.reference_range,
                "keep": sorted(plan.kept(len(self._source), real=True)),
                "labels": plan.labeller.name if plan.labeller else "",
            }
            name = reference_files.key(facts)
            cheap = plan.extractor.takes == "vectors"  # the samples are their own features, or nearly so
            found = None if cheap else reference_files.load(name, plan.device)
            if found is None:
                found = plan.collect(self._source, real=True, tell=self._tell)
                if not cheap and not (plan.together and distributed.rank()):
                    reference_files.save(name, found)
            self._collected = found
        return self._collected


def planned(  # noqa: PLR0913 - all but the first have defaults
    *,
    extractor: Any,
    metrics: Sequence[str] | str | None = None,
    given: frozenset[str] = frozenset({REFERENCE}),
    extractor_weights: str | PathLike[str] | None = None,
    checksum: str | None = None,
    device: torch.device | str = "cpu",
    batch_size: int = 64,
    n: int | None = None,
    seed: int = 0,
    value_range: tuple[float, float] | None = None,
    reference_range: tuple[float, float] | None = None,
    compiled: bool = False,
    modes: Any = None,
    together: bool = True,
    lenient: bool = False,
) -> Plan:
    """A plan from what a user gives; see `gandiag.quality.evaluate` for the arguments and for what is raised.

    `given` says what there is beside generated samples, `together` whether processes share the work,
    `lenient` whether a metric that cannot be computed is left out; it is where the metrics are not named.
    """
    made = make_extractor(extractor, weights=extractor_weights, checksum=checksum, device=str(device), compile=compiled)
    in_bytes = made.takes == "images" or isinstance(modes, str)  # of a labeller as it is, the user chose the range
    labeller = None if modes is None else labeller_of(modes, in_bytes=in_bytes)
    return Plan(
        extractor=made,
        metrics=chosen(metrics, made, given),
        lenient=lenient or metrics in (None, "all"),
        device=torch.device(device),
        batch_size=batch_size,
        n=n,
        seed=seed,
        value_range=value_range,
        reference_range=reference_range,
        labeller=labeller,
        labels_bytes=in_bytes and made.takes == "vectors" and isinstance(labeller, ImageLabeller),
        together=together,
    )


def measure(plan: Plan, inputs: Inputs) -> tuple[list[Measurement], list[str]]:
    """The values of a plan's metrics, in the order of the plan, and notes on what a lenient plan could not compute.

    Raises
    ------
    ValueError
        For sets that a metric cannot be computed from, unless the plan is lenient: too few samples, features of
        different sizes.
    """
    found: list[Measurement] = []
    notes = []
    for compute, names in plan.values_by_source().items():
        try:
            found += [m for m in compute(inputs) if m.name in names]
        except ValueError as error:
            if not plan.lenient:
                raise ValueError(f"{' and '.join(names)} cannot be measured: {error}") from error
            notes.append(f"{' and '.join(names)} cannot be measured: {error}")
    order = [name for metric in plan.metrics for name in metric.values(plan.extractor)]
    return sorted(found, key=lambda m: order.index(m.name)), notes

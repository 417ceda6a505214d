"""One evaluation: a generated and a reference set, the features of both, and the metrics on them."""

from __future__ import annotations

import time
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from gandiag.findings import json_ready
from gandiag.quality import distributed
from gandiag.quality.labels import Modes, modes_of
from gandiag.quality.metrics import GENERATOR, HELD_OUT, REFERENCE
from gandiag.quality.plan import ReferenceSet, measure, planned
from gandiag.quality.sources.generators import GeneratorSource
from gandiag.quality.sources.open import open_source

if TYPE_CHECKING:
    from collections.abc import Sequence
    from os import PathLike

    import torch

    from gandiag.quality.collect import Collected
    from gandiag.quality.plan import Plan, Tell
    from gandiag.quality.protocol import Measurement
    from gandiag.quality.sources.open import Source
    from gandiag.quality.values import Inputs


FEW = 100  # samples below which no metric here tells one generator from another


@dataclass(frozen=True, kw_only=True)
class Evaluation:
    """What `evaluate` found.

    Attributes
    ----------
    generated, reference
        Names of the two sets; an empty reference where no metric needs one.
    measurements
        The values, each with its protocol.
    seconds
        How long it took.
    modes
        What the labels show, None unless modes were asked for.
    notes
        What was left out or converted while reading.
    """

    generated: str
    reference: str
    measurements: tuple[Measurement, ...]
    seconds: float
    modes: Modes | None = None
    notes: tuple[str, ...] = ()

    def __getitem__(self, name: str) -> Measurement:
        """The measurement of a metric; KeyError when it was not measured."""
        for measured in self.measurements:
            if measured.name == name:
                return measured
        known = ", ".join(m.name for m in self.measurements)
        raise KeyError(f"{name} was not measured, only {known}")

    def to_dict(self) -> dict[str, Any]:
        """The evaluation as plain data, ready for JSON."""
        plain: dict[str, Any] = json_ready(
            {
                "generated": self.generated,
                "reference": self.reference,
                "measurements": [m.to_dict() for m in self.measurements],
                "notes": self.notes,
                "seconds": self.seconds,
            }
            | ({"modes": self.modes.to_dict()} if self.modes else {})
        )
        return plain


def evaluate(  # noqa: PLR0913 - all but the first have defaults
    generated: Any,
    reference: Any = None,
    *,
    metrics: Sequence[str] | str | None = None,
    extractor: Any = "inception-v3-compat",
    held_out: Any = None,
    modes: Any = None,
    n: int | None = None,
    batch_size: int = 64,
    device: torch.device | str = "cpu",
    value_range: tuple[float, float] | None = None,
    reference_range: tuple[float, float] | None = None,
    extractor_weights: str | PathLike[str] | None = None,
    checksum: str | None = None,
    seed: int = 0,
    compiled: bool = False,
    key: str | None = None,
    reference_key: str | None = None,
    skip_corrupt: bool = False,
    together: bool = True,
    tell: Tell | None = None,
) -> Evaluation | None:
    """Measure the quality of generated samples, computed on a device, each value with its protocol.

    Within `torch.distributed` all processes must call this: each reads a share of the samples, the first one computes
    the metrics, the others get None. With `together=False` one process evaluates alone.

    Parameters
    ----------
    generated
        Generated samples: anything `open_source` takes, or a `Source`.
    reference
        Real samples, or a file of their mean and covariance. None for metrics that need none.
    metrics
        Names from `gandiag.quality.METRICS`, as a sequence or separated by commas; "all"; None for the usual ones.
    extractor
        A name, a module or a `FeatureExtractor`, see `gandiag.quality.extractor`.
    held_out
        Real samples that the generator never saw, for the metric "copying"; the reference is then what it learnt from.
    modes
        What tells modes or classes apart, to count them: "mnist", a preset, a `Classifier`, see
        `gandiag.modes.resolve`. Where both sets have labels, each class is judged.
    n
        How many generated samples to use, by default all.
    batch_size
        Samples per batch.
    device
        Where to compute.
    value_range, reference_range
        Values of a black and a white pixel in the generated and in the real samples; each decided by its first batch
        when None.
    extractor_weights, checksum
        A file of the extractor's weights and its SHA-256.
    seed
        Of random subsets.
    compiled
        Compile the extractor first.
    key, reference_key
        The array that holds the samples, of files that hold several, in the generated and in the reference set.
    skip_corrupt
        Leave out images that cannot be read, and note how many.
    together
        Whether the processes of `torch.distributed` share the work.
    tell
        Called with a set's name, the samples read since, and their total.

    Raises
    ------
    ValueError
        With one sentence, for samples that cannot be read and for metrics that cannot be computed from them.

    >>> import torch
    >>> points = torch.randn(500, 2, generator=torch.Generator().manual_seed(0))
    >>> found = evaluate(points, points + 3, extractor="identity", metrics="fid")
    >>> round(found["frechet"].value, 6)
    18.0
    """
    started = time.monotonic()
    plan = planned(
        extractor=extractor, metrics=metrics, given=_given(generated, reference, held_out),
        extractor_weights=extractor_weights, checksum=checksum, device=device, batch_size=batch_size, n=n, seed=seed,
        value_range=value_range, reference_range=reference_range, compiled=compiled, modes=modes, together=together,
    )  # fmt: skip
    source = open_source(generated, key=key, skip_corrupt=skip_corrupt)
    known = None
    if reference is not None:
        known = ReferenceSet(reference, plan, tell, key=reference_key, skip_corrupt=skip_corrupt)
    unseen = None if held_out is None else open_source(held_out, skip_corrupt=skip_corrupt)
    inputs = _read(plan, source, known, unseen, tell)
    return None if together and distributed.rank() else _evaluated(plan, inputs, started)


def _read(
    plan: Plan, source: Source, reference: ReferenceSet | None, held_out: Source | None, tell: Tell | None
) -> Inputs:
    """What the metrics are computed from; every set was opened before one is read, so that errors come early."""
    fake = plan.collect(source, n=plan.n, tell=tell)
    real = reference.collected() if reference else None
    apart = plan.collect(held_out, real=True, tell=tell) if held_out else None
    return plan.inputs(fake, real, apart, source)


def _given(generated: Any, reference: Any, held_out: Any) -> frozenset[str]:
    """What there is for metrics that need more than samples."""
    there = {REFERENCE: reference is not None, HELD_OUT: held_out is not None}
    there[GENERATOR] = isinstance(generated, GeneratorSource)
    return frozenset(name for name, is_there in there.items() if is_there)


def _evaluated(plan: Plan, inputs: Inputs, started: float) -> Evaluation:
    """The values of sets that were read, and the notes on them, of an evaluation that began at a time."""
    fake, real = inputs.generated, inputs.reference
    measurements, unmeasured = measure(plan, inputs)
    of_sets = (note for each in (fake, real, inputs.held_out) if each is not None for note in each.notes)
    return Evaluation(
        generated=fake.name,
        reference=real.name if real else "",
        measurements=tuple(measurements),
        modes=modes_of(fake, real, plan.labeller) if plan.labeller else None,
        notes=(*_few(fake), *unmeasured, *of_sets),
        seconds=time.monotonic() - started,
    )


def _few(generated: Collected) -> tuple[str, ...]:
    """What is to be known of values from a handful of samples."""
    n = generated.n or 0
    if n >= FEW:
        return ()
    return (f"{n} generated samples are too few for these values to mean much: thousands are usual",)

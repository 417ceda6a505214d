"""Targets that are judged by their samples: the reference once, then each on its device, spread over ranks."""

from __future__ import annotations

import time
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import torch

from gandiag.gate.bounds import read_baseline, values_of, write_baseline
from gandiag.gate.checkpoints import Drawing, generator_source
from gandiag.gate.grid import with_grid
from gandiag.gate.judge import judged, read_case, with_findings
from gandiag.gate.look import LookedAt, Unusable
from gandiag.gate.reference import Given, Known, known
from gandiag.gate.results import FAILED, unreadable
from gandiag.quality import distributed
from gandiag.quality.extractors.base import usable_device
from gandiag.quality.sources.open import open_source

if TYPE_CHECKING:
    from gandiag.gate.bounds import Kept
    from gandiag.gate.case import Case
    from gandiag.gate.check import Options, Tell
    from gandiag.gate.results import TargetResult
    from gandiag.gate.settings import Settings
    from gandiag.gate.targets import Target
    from gandiag.quality.sources.open import Source

SAMPLES = 10_000
BASELINE_METRIC = "frechet"
BASELINE_TESTS = 10  # by which the false alarms are shared in a baseline's intervals: about as many rules are asked


def judged_samples(
    targets: list[Target], options: Options, settings: Settings, tell: Tell | None
) -> tuple[dict[str, TargetResult], tuple[str, ...]]:
    """Results by target's name, on every rank; and what a reader should know of the check as a whole.

    Raises ValueError for a reference or a baseline that cannot be used.
    """
    baseline = read_baseline(Path(options.baseline)) if options.baseline is not None else None
    if options.write_baseline is not None and len(targets) > 1:
        raise ValueError(f"--write-baseline takes one target, found {len(targets)}")
    wanted = usable_device(options.device or ("cuda" if torch.cuda.is_available() else "cpu"))
    with distributed.started(wanted) as device:
        mine = targets[distributed.rank() :: distributed.world_size()]
        check = _Check(options, settings, baseline, device, tell)
        found = {target.name: check.judged(target) for target in mine}
        gathered = distributed.all_of(found)
        ordered = {target.name: gathered[target.name] for target in targets}
    return ordered, ()


class _Check:
    """What all targets share; the reference is read when the first one shows what kind of samples there are."""

    def __init__(
        self, options: Options, settings: Settings, baseline: dict[str, Kept] | None, device: torch.device,
        tell: Tell | None,
    ) -> None:  # fmt: skip
        self._options, self._settings, self._baseline, self._tell = options, settings, baseline, tell
        self._device = device
        self._known: dict[bool, Known] = {}
        metrics = [bound.metric for bound in settings.bounds]
        if baseline:
            metrics += [name for name in baseline if name not in ("pairwise", "nearest", "coverage_ratio")]
        elif options.write_baseline is not None and not metrics:
            metrics = [BASELINE_METRIC] if options.reference is not None else []
        self._metrics = tuple(dict.fromkeys(metrics))

    def judged(self, target: Target) -> TargetResult:
        """One target's result; what is wrong with the reference is raised, with the target itself it is said."""
        started = time.monotonic()
        try:
            source, notes = self._source(target)
            images = _images(source, self._options.value_range)
        except (ValueError, TypeError, OSError) as error:
            return unreadable(target, error)
        reference = self._reference(source, images=images)
        try:
            case = read_case(source, reference, self._settings, n=self._stored(source), tell=self._tell,
                             value_range=self._options.value_range)  # fmt: skip
            result = judged(case, target.name, target.kind, self._baseline, str(self._options.baseline))
        except (ValueError, TypeError, OSError) as error:
            return unreadable(target, error)
        if self._options.write_baseline is not None:
            notes = [*notes, self._written(target, case, failed=result.exit_code == FAILED)]
        result = with_findings(replace(
            result, step=target.step, series=target.series, notes=(*notes, *result.notes),
            seconds=time.monotonic() - started,
        ))  # fmt: skip
        return with_grid(result, source, Path(self._options.report)) if self._options.report is not None else result

    def _written(self, target: Target, case: Case, *, failed: bool) -> str:
        """Write the baseline, unless there is nothing to keep up with; what was done, in words."""
        path = Path(str(self._options.write_baseline))
        if failed:
            return f"{path} was not written: what fails is no baseline"
        write_baseline(path, target.name, values_of(case, self._settings.false_alarms / BASELINE_TESTS))
        return f"baseline: {path}"

    def _source(self, target: Target) -> tuple[Source, list[str]]:
        options = self._options
        if target.kind == "checkpoint":
            drawing = Drawing(
                factory=options.generator, key=options.key, latent=options.latent, labels=options.labels,
                n=options.n or SAMPLES, seed=options.seed, trust=options.trust, device=self._device,
            )  # fmt: skip
            return generator_source(target.what, drawing)
        return open_source(target.what, skip_corrupt=options.skip_corrupt), []

    def _stored(self, source: Source) -> int | None:
        """How many samples are used; all of a generator's."""
        n = self._options.n
        return None if n is None or n == len(source) else n

    def _reference(self, source: Source, *, images: bool) -> Known:
        from gandiag.quality.sources.generators import GeneratorSource

        options = self._options
        if images not in self._known:
            given = Given(
                reference=options.reference, modes=options.modes, extractor=options.extractor,
                extractor_weights=options.extractor_weights, metrics=self._metrics, device=self._device,
                batch_size=options.batch_size, seed=options.seed, reference_range=options.reference_range,
                skip_corrupt=options.skip_corrupt,
            )  # fmt: skip
            latents = isinstance(source, GeneratorSource)
            self._known[images] = known(given, images=images or _flat_images(given), latents=latents, tell=self._tell)
        return self._known[images]


def _images(source: Source, value_range: tuple[float, float] | None) -> bool:
    """Whether samples are images, by the first of them."""
    try:
        return LookedAt(source, value_range).images
    except Unusable:
        return True


def _flat_images(given: Given) -> bool:
    """Whether flat samples are images: where the classifier, or the reference, is one of images."""
    from gandiag.gate.reference import SHAPES, _shape_of

    if isinstance(given.modes, str) and given.modes in SHAPES:
        return True
    reference: Any = given.reference
    if not isinstance(reference, (str, Path)) or not Path(reference).exists():
        return hasattr(reference, "shape") and len(reference.shape) > 2
    return _shape_of(reference) is not None

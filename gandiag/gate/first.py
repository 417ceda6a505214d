"""Rules of the first look: finite, varied, within range; and whether latents and labels matter."""

from __future__ import annotations

from typing import TYPE_CHECKING

from gandiag.gate.measured import Measured
from gandiag.gate.statistics import lower_share, upper_share
from gandiag.nets.frozen import forked_rng, generate
from gandiag.quality.measures.sensitivity import latent_sensitivity
from gandiag.quality.sources.generators import GeneratorSource

if TYPE_CHECKING:
    from torch import Tensor

    from gandiag.gate.case import Case

LATENTS = 256
IGNORED = 0.1  # of the distance between any two samples, which two latents of the same label make; ours
CONDITIONAL = 0.01  # level below which no level of a test of classes needs to go: effect sizes make it rarer
OUTSIDE = 0.001  # share of samples with a value beyond the range, which fails


def finite_values(case: Case, level: float) -> Measured:  # noqa: ARG001 - rules are called alike
    """Samples with a NaN or an infinity."""
    bad, n = case.seen.not_finite, case.seen.samples
    return Measured(
        value=bad, bound=0, side="above", n=n, violated=bad > 0, decided=True,
        sentence=f"{bad:,} of {n:,} samples hold NaN or infinity" if bad else "all samples are finite",
    )  # fmt: skip


def constant_output(case: Case, level: float) -> Measured:  # noqa: ARG001
    """All samples the same, down to the last bit."""
    seen = case.seen
    constant = seen.constant and seen.samples > 1
    varied = "samples differ" if seen.samples > 1 else "a single sample differs from nothing"
    return Measured(
        n=seen.samples, violated=constant, decided=seen.samples > 1, needed=2 if seen.samples < 2 else None,
        sentence=f"all {seen.samples:,} samples are the same" if constant else varied,
    )  # fmt: skip


def value_range(case: Case, level: float) -> Measured:
    """Samples with a value beyond the range of the images, by more than rounding and resampling make."""
    seen = case.seen
    share = seen.outside / max(seen.samples, 1)
    limit = case.settings.limit("value-range", OUTSIDE)
    return Measured(
        value=share, bound=limit, side="above", low=float(lower_share(seen.outside, seen.samples, level)),
        high=float(upper_share(seen.outside, seen.samples, level)), interval="Clopper-Pearson", n=seen.samples,
        violated=share > limit, decided=True,
        sentence=f"values lie in [{seen.low:.4g}, {seen.high:.4g}]"
        + (f": {seen.outside:,} of {seen.samples:,} samples leave the range" if seen.outside else ""),
    )  # fmt: skip


def latents(case: Case, level: float) -> Measured:  # noqa: ARG001
    """How far two latents of the same label are apart in their samples, over how far any two samples are."""
    source = case.source
    assert isinstance(source, GeneratorSource)  # noqa: S101 - not asked of stored samples
    try:
        drawn = source.latents(LATENTS)
    except ValueError as error:
        return Measured(n=0, violated=False, decided=False, sentence=str(error))
    classes = None if source.labels is None else source.labels[:LATENTS].to(drawn.device)

    def made(z: Tensor) -> Tensor:
        return generate(source.generator, (z,) if classes is None else (z, classes[: len(z)]), {})

    found = latent_sensitivity(made, drawn, seed=case.settings.seed)
    with forked_rng(drawn.device, case.settings.seed):
        first = next(source.batches(min(LATENTS, len(source)))).double()
    between = float((first - first.roll(1, 0)).abs().mean())
    ratio = found.distance / between if between else 0.0
    limit = case.settings.limit("latents", IGNORED)
    return Measured(
        value=ratio, bound=limit, side="below", n=found.pairs, violated=ratio < limit, decided=True,
        sentence=f"two latents{' of one label' if classes is not None else ''} make samples {ratio:.2g} times as far "
        "apart as any two are",
    )  # fmt: skip


def _conditional(case: Case, level: float) -> Measured:
    from gandiag.gate.alike import too_few
    from gandiag.modes import Conditioned, conditional_coverage

    real, generated = case.known.real, case.collected
    assert real is not None  # noqa: S101 - not asked without
    assert real.labels is not None  # noqa: S101
    assert generated.labels is not None  # noqa: S101
    parts = []
    for part in (generated, real):
        assert part.labels is not None  # noqa: S101
        asked = part.labels.cpu().numpy()
        seen = asked if part.seen is None else part.seen.cpu().numpy()
        parts.append(Conditioned(asked, seen, part.features))
    classes = int(max(parts[0].asked.max(), parts[1].asked.max())) + 1
    if int(parts[0].asked.max()) > int(parts[1].asked.max()):
        return too_few(0, 0, f"real samples of class {int(parts[0].asked.max())}")
    found = conditional_coverage(*parts, alpha=min(level, CONDITIONAL))
    return Measured(
        value=float(len(found.collapsed)), bound=0, side="above", n=len(parts[0].asked),
        violated=bool(found.collapsed), decided=not found.not_assessed,
        needed=None if not found.not_assessed else 2 * classes * 60, sentence="",
        details={
            "collapsed": list(found.collapsed), "ignored": list(found.ignored),
            "not_assessed": list(found.not_assessed), "accuracy": found.accuracy.tolist(),
            "effective": found.effective.tolist(), "classes": classes,
        },
    )  # fmt: skip


def tight_classes(case: Case, level: float) -> Measured:
    """Classes asked for that stopped varying."""
    from dataclasses import replace

    found = _conditional(case, level)
    if not found.details:
        return found
    collapsed = found.details["collapsed"]
    said = f"classes {', '.join(map(str, collapsed))} stopped varying" if collapsed else "every class varies"
    return replace(found, sentence=said)


def ignored_classes(case: Case, level: float) -> Measured:
    """Classes asked for that a classifier does not see."""
    from dataclasses import replace

    found = _conditional(case, level)
    if not found.details:
        return found
    ignored = found.details["ignored"]
    said = f"classes {', '.join(map(str, ignored))} are not what was asked for" if ignored else "every label is heeded"
    return replace(found, value=float(len(ignored)), violated=bool(ignored), sentence=said)

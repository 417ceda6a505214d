"""The catalogue of rules, and how one case is judged by those that can be asked of it."""

from __future__ import annotations

from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING

from gandiag.gate import alike, first, labelled
from gandiag.gate.bounds import held, worse
from gandiag.quality.sources.generators import GeneratorSource

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping

    from gandiag.gate.bounds import Kept
    from gandiag.gate.case import Case
    from gandiag.gate.measured import Measured
    from gandiag.gate.settings import Level


@dataclass(frozen=True, kw_only=True)
class Rule:
    """One question.

    Attributes
    ----------
    name
        What a policy and a table call it.
    code
        The failure that it finds, as `gandiag explain` knows it where it does.
    level
        What a violation does unless a policy says otherwise.
    says
        What is asked.
    judge
        Answers, at a level.
    lacks
        What the case lacks for the question; empty when nothing.
    tests
        Whether the answer is a test at a level: such rules share the false alarms that are allowed.
    collapse
        Whether it may stand for "has this generator collapsed?": one of these must be judged.
    """

    name: str
    code: str
    level: Level = "fail"
    says: str
    judge: Callable[[Case, float], Measured]
    lacks: Callable[[Case], str]
    tests: bool = True
    collapse: bool = False


def _always(case: Case) -> str:  # noqa: ARG001 - called alike
    return ""


def _used(case: Case) -> str:
    return "" if case.generated is not None else "the samples are not finite, or all the same"


def _labels(case: Case) -> str:
    if case.known.prior is None and case.known.counts is None:
        return "labels of modes or classes: --modes, or a labelled mixture as --reference"
    return _used(case)


def _mixture(case: Case) -> str:
    return _used(case) if case.known.mixture is not None else "a labelled mixture as --reference"


def _real(case: Case) -> str:
    return _used(case) if case.known.features is not None else "real samples as --reference"


def _generator(case: Case) -> str:
    return _used(case) if isinstance(case.source, GeneratorSource) else "a generator, not stored samples"


def _conditional(case: Case) -> str:
    real = case.known.real
    if case.source.labels is None or real is None or real.labels is None or real.features is None:
        return "labels of generated and of real samples: --labels, and a reference with a folder for each class"
    return _used(case)


def _classified(case: Case) -> str:
    lacking = _conditional(case)
    if not lacking and case.known.plan.labeller is None:
        return "a classifier: --modes"
    return lacking


def _ranged(case: Case) -> str:
    return "" if case.value_range is not None else "images of floats, or --value-range"


RULES: tuple[Rule, ...] = (
    Rule(name="finite-values", code="non-finite", says="no NaN, no infinity", judge=first.finite_values, lacks=_always,
         tests=False),
    Rule(name="constant-output", code="sample-collapse", says="samples differ", judge=first.constant_output,
         lacks=_always, tests=False),
    Rule(name="value-range", code="value-range", says="values lie in the range of the images", judge=first.value_range,
         lacks=_ranged, tests=False),
    Rule(name="latents", code="sample-collapse", says="samples follow the latents", judge=first.latents,
         lacks=_generator, tests=False),
    Rule(name="lost-modes", code="mode-collapse", says="every mode or class is there", judge=labelled.lost_modes,
         lacks=_labels, collapse=True),
    Rule(name="mode-shares", code="mode-collapse", level="warn", says="every mode or class has its share",
         judge=labelled.mode_shares, lacks=_labels),
    Rule(name="tight-modes", code="sample-collapse", says="modes keep their spread", judge=labelled.tight_modes,
         lacks=_mixture),
    Rule(name="pairwise-distance", code="sample-collapse", says="samples differ as real ones do",
         judge=partial(alike.diversity, "pairwise"), lacks=_real, collapse=True),
    Rule(name="nearest-distance", code="sample-collapse", says="samples keep the distance of real ones to the next",
         judge=partial(alike.diversity, "nearest"), lacks=_real, collapse=True),
    Rule(name="lost-parts", code="mode-collapse", says="every part of the data is there", judge=alike.lost_parts,
         lacks=_real, collapse=True),
    Rule(name="cell-shares", code="mode-collapse", level="warn", says="parts of the data have their shares (NDB)",
         judge=alike.cell_shares, lacks=_real),
    Rule(name="coverage", code="mode-collapse", level="warn", says="real samples are covered as by real ones",
         judge=partial(alike.diversity, "coverage"), lacks=_real),
    Rule(name="duplicates", code="sample-collapse", says="no sample repeats another", judge=alike.duplicates,
         lacks=_real),
    Rule(name="tight-classes", code="class-collapse", says="every class asked for varies", judge=first.tight_classes,
         lacks=_conditional),
    Rule(name="ignored-classes", code="class-collapse", says="every class asked for is what is made",
         judge=first.ignored_classes, lacks=_classified),
)  # fmt: skip
"""In the order of the table."""


def asked(case: Case, baseline: Mapping[str, Kept] | None = None) -> Iterator[tuple[Rule, str]]:
    """Every rule, with what the case lacks for it; empty where it is asked."""
    for rule in RULES:
        yield rule, rule.lacks(case)
    for bound in case.settings.bounds:
        yield Rule(name=str(bound), code="quality-bound", says=f"{bound.metric} keeps its bound",
                   judge=partial(held, bound), lacks=_used), _used(case)  # fmt: skip
    for name, kept in (baseline or {}).items():
        yield Rule(name=f"baseline {name}", code="quality-regression", says=f"{name} is no worse than the baseline",
                   judge=partial(worse, name, kept), lacks=_used), _used(case)  # fmt: skip


def rule_named(name: str) -> Rule | None:
    """A rule of the catalogue; None when there is none."""
    return next((rule for rule in RULES if rule.name == name), None)

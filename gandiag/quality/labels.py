"""Modes of a collected set: which are covered, whether the histogram fits, and whether labels are heeded."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from gandiag.modes import (
    ClassHistogram,
    ConditionalCoverage,
    Conditioned,
    ImageLabeller,
    Mixture,
    ModeCoverage,
    class_histogram,
    conditional_coverage,
    coverage_of_labels,
    resolve,
)

if TYPE_CHECKING:
    from gandiag.modes import Labeller
    from gandiag.quality.collect import Collected

BYTES = (0.0, 255.0)
MAX_CLASSES = 100  # beyond, single classes are too rare for a test of each


@dataclass(frozen=True, kw_only=True)
class Modes:
    """What the labels of generated samples show.

    Attributes
    ----------
    name
        Of what told the modes apart.
    coverage
        Modes reached, and how evenly.
    histogram
        Tests against the prior, None for more than 100 modes or where no sample was recognised.
    conditional
        Per class asked for, None unless generated and real samples have labels.
    """

    name: str
    coverage: ModeCoverage
    histogram: ClassHistogram | None
    conditional: ConditionalCoverage | None

    def to_dict(self) -> dict[str, Any]:
        """The main numbers as plain data."""
        c, h, asked = self.coverage, self.histogram, self.conditional
        found: dict[str, Any] = {
            "labelled_by": self.name,
            "n": c.n,
            "modes": len(c.prior),
            "captured": c.captured,
            "robust": c.robust,
            "effective": c.effective,
            "expected_effective": c.expected_effective,
            "recognised": c.high_quality,
            "kl": c.kl,
            "tv": c.tv,
            "histogram": c.histogram.tolist(),
        }
        if h is not None:
            found |= {"missing": list(h.missing), "chi2_p": h.chi2_p, "class_p": h.z_p.tolist()}
        if asked is not None:
            classes = {"ignored": asked.ignored, "collapsed": asked.collapsed, "not_assessed": asked.not_assessed}
            found["conditional"] = {name: list(which) for name, which in classes.items()} | {
                "accuracy": asked.accuracy.tolist(),
                "effective": asked.effective.tolist(),
            }
        return found


def labeller_of(modes: object, *, in_bytes: bool) -> Labeller:
    """The labeller that a `modes` argument stands for; with `in_bytes` it reads images as bytes where it reads images.

    Raises as `resolve` does.
    """
    found = resolve(modes)
    return found.reading(BYTES) if in_bytes and isinstance(found, ImageLabeller) else found


def modes_of(generated: Collected, real: Collected | None, labeller: Labeller) -> Modes:
    """Judge the labels of a collected set."""
    assert generated.seen is not None  # noqa: S101 - the plan has a labeller
    seen = generated.seen.cpu().numpy()
    coverage = coverage_of_labels(seen, labeller.prior)
    tested = len(labeller.prior) <= MAX_CLASSES and not isinstance(labeller, Mixture) and coverage.captured > 0
    return Modes(
        name=labeller.name,
        coverage=coverage,
        histogram=class_histogram(coverage.histogram, labeller.prior) if tested else None,
        conditional=_conditional(generated, real),
    )


def _conditional(generated: Collected, real: Collected | None) -> ConditionalCoverage | None:
    if real is None or generated.labels is None or real.labels is None:
        return None
    parts = []
    for collected in (generated, real):
        assert collected.labels is not None  # noqa: S101
        assert collected.seen is not None  # noqa: S101
        features = None if collected.features is None else collected.features.cpu().numpy()
        parts.append(Conditioned(np.asarray(collected.labels), collected.seen.cpu().numpy(), features))
    if (parts[0].features is None) != (parts[1].features is None):
        parts = [Conditioned(part.asked, part.seen) for part in parts]
    return conditional_coverage(*parts)

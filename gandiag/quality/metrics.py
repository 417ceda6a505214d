"""The catalogue of metrics: what each needs of the two sets, and under which names its values go."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from gandiag.quality import values
from gandiag.quality.collect import FEATURES, GROUPS, IMAGES, LOGITS
from gandiag.quality.values import INCEPTION, Inputs

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Sequence

    from gandiag.quality.extractors import FeatureExtractor
    from gandiag.quality.protocol import Measurement

__all__ = ["DEFAULT_METRICS", "METRICS", "Inputs", "Metric", "chosen"]


@dataclass(frozen=True, kw_only=True)
class Metric:
    """One entry of the catalogue.

    Attributes
    ----------
    name
        What a user asks for; also the name of its value under Inception's pool features.
    says
        What it tells, in a few words.
    compute
        Makes its values, perhaps with those of its kin.
    own
        The name of its value under another extractor, where `name` is reserved for Inception.
    makes
        The names of its values, where they are more than one.
    keep
        What is to be kept of each sample beside the moments.
    reference, held_out, classifies, images
        Whether it needs real samples, a second set of them, an extractor that gives logits, images.
    usual
        Whether it is measured unless told otherwise.
    """

    name: str
    says: str
    compute: Callable[[Inputs], Iterable[Measurement]]
    own: str = ""
    makes: tuple[str, ...] = ()
    keep: frozenset[str] = field(default_factory=frozenset)
    reference: bool = True
    held_out: bool = False
    classifies: bool = False
    images: bool = False
    usual: bool = True

    def values(self, extractor: FeatureExtractor) -> tuple[str, ...]:
        """The names of its values under an extractor."""
        inception = extractor.name == INCEPTION
        return self.makes or ((self.name,) if inception or not self.own else (self.own,))


METRICS: tuple[Metric, ...] = (
    Metric(
        name="fid", own="frechet", says="Fréchet distance of Gaussians with the features' moments",
        compute=values.frechet_values, keep=frozenset({GROUPS}),
    ),
    Metric(
        name="is", own="classifier_score", says="how sure and how varied a classifier is on the samples",
        compute=values.score_values, keep=frozenset({LOGITS}), reference=False, classifies=True,
    ),
    Metric(
        name="kid", own="kernel_distance", says="unbiased kernel distance of the features",
        compute=values.kernel_values, keep=frozenset({FEATURES}),
    ),
    Metric(
        name="precision", says="share of generated samples among real ones",
        compute=values.neighbour_values, keep=frozenset({FEATURES}),
    ),
    Metric(
        name="recall", says="share of real samples among generated ones",
        compute=values.neighbour_values, keep=frozenset({FEATURES}),
    ),
    Metric(
        name="density", says="how many real neighbourhoods hold a generated sample",
        compute=values.neighbour_values, keep=frozenset({FEATURES}),
    ),
    Metric(
        name="coverage", says="share of real neighbourhoods that hold a generated sample",
        compute=values.neighbour_values, keep=frozenset({FEATURES}),
    ),
    Metric(
        name="vendi", says="effective number of different generated samples",
        compute=values.vendi_values, keep=frozenset({FEATURES}), reference=False, usual=False,
    ),
    Metric(
        name="ndb", says="share of bins in which generated and real proportions differ",
        compute=values.bin_values, keep=frozenset({FEATURES}), usual=False,
    ),
    Metric(
        name="support", says="number of different samples, by the birthday paradox",
        compute=values.support_values, keep=frozenset({FEATURES}), usual=False,
    ),
    Metric(
        name="ms_ssim", says="similarity of pairs of generated images beside that of real ones",
        compute=values.similarity_values, keep=frozenset({IMAGES}), images=True, usual=False,
    ),
    Metric(
        name="copying", says="whether samples lie closer to the training data than held-out ones",
        compute=values.copying_values, makes=("c_t", "authpct"), keep=frozenset({FEATURES}), held_out=True, usual=False,
    ),
)  # fmt: skip
"""In the order in which values are shown."""

DEFAULT_METRICS = ("fid", "kid", "precision", "recall", "density", "coverage")
"""What `Quality` measures in training unless told otherwise."""


def chosen(
    wanted: Sequence[str] | str | None, extractor: FeatureExtractor, *, reference: bool = True
) -> tuple[Metric, ...]:
    """The metrics that a user asks for, by their own names or those of their values.

    Parameters
    ----------
    wanted
        Names, or one string of names separated by commas; "all"; None for the usual ones. The last two leave out
        what the extractor cannot serve, or what needs real samples where there are none.
    extractor
        What makes the features.
    reference
        Whether there are real samples.

    Raises
    ------
    ValueError
        For an unknown name, and for a metric that the extractor cannot serve.
    """
    if wanted is None or wanted == "all":
        offered = (m for m in METRICS if wanted == "all" or m.usual)
        return tuple(
            m for m in offered if not (_unserved(m, extractor) or m.held_out or (m.reference and not reference))
        )
    names = [name.strip() for name in (wanted.split(",") if isinstance(wanted, str) else wanted)]
    known = {alias: metric for metric in METRICS for alias in (metric.name, metric.own, *metric.makes) if alias}
    if unknown := [name for name in names if name not in known]:
        raise ValueError(f"metrics: {unknown[0]!r} is unknown; known are {', '.join(m.name for m in METRICS)}")
    if not names:
        raise ValueError(f"metrics: none was named; known are {', '.join(m.name for m in METRICS)}")
    found = tuple(dict.fromkeys(known[name] for name in names))
    for metric in found:
        if reason := _unserved(metric, extractor, sure=False):
            raise ValueError(
                f"metrics: {metric.name} needs {reason}, which the extractor {extractor.name} does not give"
            )
    return found


def _unserved(metric: Metric, extractor: FeatureExtractor, *, sure: bool = True) -> str:
    """What the metric lacks with an extractor; empty when nothing, or unless `sure` when that is not known yet."""
    if metric.classifies and not (extractor.classifies or (sure is False and extractor.classifies is None)):
        return "logits"
    return "images" if metric.images and extractor.takes != "images" else ""

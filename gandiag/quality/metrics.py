"""The catalogue of metrics: what each needs of the two sets, and under which names its values go."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from gandiag.quality import diversity, further, values
from gandiag.quality.collect import FEATURES, GROUPS, IMAGES, LOGITS
from gandiag.quality.values import INCEPTIONS, Inputs

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Sequence

    from gandiag.quality.extractors.base import FeatureExtractor
    from gandiag.quality.protocol import Measurement

__all__ = ["DEFAULT_METRICS", "METRICS", "Inputs", "Metric", "chosen"]


REFERENCE, HELD_OUT, GENERATOR = "reference", "held_out", "generator"
WANTED = {
    REFERENCE: "real samples: pass a reference",
    HELD_OUT: "real samples that the generator never saw: pass held_out",
    GENERATOR: "a saved generator, not samples",
}
"""What a metric may need beside generated samples, and how to say so."""


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
    needs
        Which sets beside the generated samples: REFERENCE, HELD_OUT, or the GENERATOR itself.
    classifies, images
        Whether it needs an extractor that gives logits, or images.
    embeddings
        How the names of the extractors begin that it is defined for; empty for any.
    usual
        Whether it is measured unless told otherwise.
    """

    name: str
    says: str
    compute: Callable[[Inputs], Iterable[Measurement]]
    own: str = ""
    makes: tuple[str, ...] = ()
    keep: frozenset[str] = field(default_factory=frozenset)
    needs: frozenset[str] = frozenset({REFERENCE})
    classifies: bool = False
    images: bool = False
    embeddings: str = ""
    usual: bool = True

    def values(self, extractor: FeatureExtractor) -> tuple[str, ...]:
        """The names of its values under an extractor."""
        inception = extractor.name in INCEPTIONS
        return self.makes or ((self.name,) if inception or not self.own else (self.own,))


METRICS: tuple[Metric, ...] = (
    Metric(
        name="fid", own="frechet", says="Fréchet distance of Gaussians with the features' moments",
        compute=values.frechet_values, keep=frozenset({GROUPS}),
    ),
    Metric(
        name="is", own="classifier_score", says="how sure and how varied a classifier is on the samples",
        compute=values.score_values, keep=frozenset({LOGITS}), needs=frozenset(), classifies=True,
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
        name="mifid", says="FID, made worse where samples lie too near to real ones",
        compute=further.memorisation_values, keep=frozenset({FEATURES}), embeddings="inception-v3", usual=False,
    ),
    Metric(
        name="mind", own="sliced_wasserstein", says="sliced Wasserstein distance of the features",
        compute=further.sliced_values, keep=frozenset({FEATURES}), usual=False,
    ),
    Metric(
        name="cmmd", says="distance of CLIP's embeddings by a Gaussian kernel",
        compute=further.cmmd_values, keep=frozenset({FEATURES}), embeddings="clip-", usual=False,
    ),
    Metric(
        name="vendi", says="effective number of different generated samples",
        compute=diversity.vendi_values, keep=frozenset({FEATURES}), needs=frozenset(), usual=False,
    ),
    Metric(
        name="ndb", says="share of bins in which generated and real proportions differ",
        compute=diversity.bin_values, keep=frozenset({FEATURES}), usual=False,
    ),
    Metric(
        name="support", says="number of different samples, by the birthday paradox",
        compute=diversity.support_values, keep=frozenset({FEATURES}), usual=False,
    ),
    Metric(
        name="ms_ssim", says="similarity of pairs of generated images beside that of real ones",
        compute=diversity.similarity_values, keep=frozenset({IMAGES}), images=True, usual=False,
    ),
    Metric(
        name="copying", says="whether samples lie closer to the training data than held-out ones",
        compute=diversity.copying_values, makes=("c_t", "authpct", "copies"), keep=frozenset({FEATURES}),
        needs=frozenset({REFERENCE, HELD_OUT}), usual=False,
    ),
    Metric(
        name="sensitivity", says="how far samples move with the latent, over how far real ones lie apart",
        compute=diversity.sensitivity_values, makes=("latent_ratio", "latent_jacobian"), needs=frozenset({GENERATOR}),
        usual=False,
    ),
)  # fmt: skip
"""In the order in which values are shown."""

DEFAULT_METRICS = ("fid", "kid", "precision", "recall", "density", "coverage")
"""What `Quality` measures in training unless told otherwise."""


def chosen(
    wanted: Sequence[str] | str | None, extractor: FeatureExtractor, given: frozenset[str]
) -> tuple[Metric, ...]:
    """The metrics that a user asks for, by their own names or those of their values.

    Parameters
    ----------
    wanted
        Names, or one string of names separated by commas; "all"; None for the usual ones. The last two leave out
        what the extractor cannot serve and what needs more than is given.
    extractor
        What makes the features.
    given
        Which of REFERENCE, HELD_OUT and GENERATOR there are.

    Raises
    ------
    ValueError
        For an unknown name, and for a metric that the extractor cannot serve or that needs more than is given.
    """
    if wanted is None or wanted == "all":
        offered = [m for m in METRICS if wanted == "all" or m.usual]
        served = tuple(m for m in offered if m.needs <= given and not _unserved(m, extractor))
        if served:
            return served
        raise ValueError(f"{offered[0].name} needs {WANTED[REFERENCE]}")
    names = [name.strip() for name in (wanted.split(",") if isinstance(wanted, str) else wanted)]
    known = {alias: metric for metric in METRICS for alias in (metric.name, metric.own, *metric.makes) if alias}
    if unknown := [name for name in names if name not in known]:
        raise ValueError(f"metrics: {unknown[0]!r} is unknown; known are {', '.join(m.name for m in METRICS)}")
    if not names:
        raise ValueError(f"metrics: none was named; known are {', '.join(m.name for m in METRICS)}")
    found = tuple(dict.fromkeys(known[name] for name in names))
    for metric in found:
        if lacking := sorted(metric.needs - given):
            raise ValueError(f"{metric.name} needs {WANTED[lacking[0]]}")
        if not extractor.name.startswith(metric.embeddings):
            raise ValueError(
                f"{metric.name} is defined for features of {metric.embeddings}... alone, found the extractor "
                f"{extractor.name}"
            )
        if reason := _unserved(metric, extractor, sure=False):
            raise ValueError(
                f"metrics: {metric.name} needs {reason}, which the extractor {extractor.name} does not give"
            )
    return found


def _unserved(metric: Metric, extractor: FeatureExtractor, *, sure: bool = True) -> str:
    """What an extractor does not give that the metric needs, or "". With `sure=False` what is not yet known counts as
    given.
    """
    if not extractor.name.startswith(metric.embeddings):
        return "its embeddings"
    if metric.classifies and not (extractor.classifies or (sure is False and extractor.classifies is None)):
        return "logits"
    return "images" if metric.images and extractor.takes != "images" else ""

"""Which signals share a chart, and how to read that chart."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import TYPE_CHECKING

from gandiag.signals.names import parse

if TYPE_CHECKING:
    from collections.abc import Iterable

BESIDE = "(/(low|high|perfect))?"  # what a quality value has beside it
NET = "(generator|discriminator)"


@dataclass(frozen=True)
class Group:
    """Signals that are drawn together, those of each network and of all. `ordered` ones are layers, in one hue.

    `even_constant` groups are drawn even if nothing in them ever changes.
    """

    title: str
    pattern: str
    caption: str = ""
    ordered: bool = False
    even_constant: bool = True


GROUPS: tuple[Group, ...] = (
    Group("Losses", r"loss/.+", "As logged by the loop. A GAN's losses alone say little about its samples."),
    Group("D outputs: mean", r"d/(real|fake|held_out)/mean", "How far apart D holds real and generated samples."),
    Group("D outputs: spread within the batch", r"d/(real|fake)/std"),
    Group("D outputs: smallest and largest", r"d/(real|fake)/(min|max)"),
    Group("Share that D calls real", r"d/(real|fake)/positive"),
    Group("D's separation of real and generated (AUC)", r"d/auc", "0.5 is guessing, 1 is always right."),
    Group("Steepness of D", r"d/lipschitz", "At least so steep D is between a real and a generated sample."),
    Group(
        "D on held-out samples",
        r"d/held_out/(auc|gap)",
        "AUC 0.5 and gap 0: D knows its training data no better than others.",
    ),
    Group("D's gradient where a penalty takes it", r"penalty/norm", "WGAN-GP aims at 1, R1 at 0."),
    Group("What a penalty asks for", "penalty/(along|undefined|alone)", even_constant=False),
    Group("Gradient norms", f"grad/{NET}/norm"),
    Group("Gradient norms by layer: generator", r"grad/generator/layer/.+", ordered=True),
    Group("Gradient norms by layer: discriminator", r"grad/discriminator/layer/.+", ordered=True),
    Group("Gradients that are not finite", f"grad/{NET}/nonfinite", even_constant=False),
    Group("Updates that a GradScaler skipped", f"skipped/{NET}"),
    Group("Recorded values that are not finite", "nonfinite", even_constant=False),
    Group("Where values are not finite", "nonfinite/.+", even_constant=False),
    Group("Feedback from D to G", r"feedback/.+", "What D tells G about each sample. Near 0, G learns nothing."),
    Group("Update size relative to the weights", f"update/{NET}/ratio"),
    Group("Updates per step", f"updates/{NET}", even_constant=False),
    Group("Updates of D per update of G", "pace/discriminator", even_constant=False),
    Group("Learning rates", f"rate/{NET}", even_constant=False),
    Group("Updates with gradients of before", f"leftover/{NET}", even_constant=False),
    Group("Parameters that no optimizer holds", f"unheld/{NET}", even_constant=False),
    Group("Optimizers that hold what others hold", "optimizers/crossed", even_constant=False),
    Group("G's input is that of before", "input/repeated", even_constant=False),
    Group("How the losses pull at D's outputs", "pull/(agreement|apart)", even_constant=False),
    Group(
        "What G's loss lets through to D's outputs",
        "pull/passed",
        "The saturating loss as much as D takes generated samples for real, any other all of its gradient.",
        even_constant=False,
    ),
    Group(
        "Labels of G against those of the data", r"condition/(lost|foreign)", "Above 0, G lacks some, or has others."
    ),
    Group("Generated samples whose label D is told", r"condition/agreement", even_constant=False),
    Group("Copies in place of a network", f"copied/{NET}", even_constant=False),
    Group("Training mode", f"mode/{NET}/.+", "Of layers such as BatchNorm, in both updates.", even_constant=False),
    Group("Diversity within the batch", r"diversity/(fake|real)"),
    Group("Diversity, generated over real", r"diversity/.*ratio", "1 is as diverse as the data, 0 is one sample."),
    Group("Distance of samples over that of their latents", r"diversity/latent", "0 where G ignores its latents."),
    Group("Diversity within each class, generated over real", "diversity/class/.+"),
    Group("Distance to the real batch", r"distance/energy", "Energy distance, about 0 for a perfect model."),
    Group("Centre of the generated batch", r"centre/fake/.", "Along two fixed directions; a circling G swings."),
    Group("Range of what D is given", r"range/(real|fake)/(min|max)"),
    Group("Real batches with values that are not finite", "range/real/nonfinite", even_constant=False),
    Group("Values equal in the whole batch", r"range/(real|fake)/constant", even_constant=False),
    Group(
        "Parts of the data that are covered",
        "bins/(effective|recent_effective|lost|unreached|unreached_groups)",
        "Cells of the real samples, without labels.",
    ),
    Group("A category that is left out", "columns/unreached", "The share of real samples that have it."),
    Group("Where the category that is left out is", "columns/unreached_(column|value)", even_constant=False),
    Group("Samples behind D's outputs", "samples/(real|fake)", even_constant=False),
    Group("Modes", "modes/(captured|robust|(nearest/|expected_|recent_)?effective|(nearest/)?missing)"),
    Group("How much of the histogram moves", "(modes|bins)/turnover", "A G that hops replaces most of it."),
    Group("Mode balance", "modes/kl", "Distance of the mode histogram from the prior, 0 is perfect."),
    Group("Share of samples in each mode or class", "modes/share/.+", "Every sample counts for its nearest mode."),
    Group("Quality and balance of the modes", "modes/(high_quality|tv)"),
    Group("Samples behind the mode counts", "modes/samples", even_constant=False),
    Group("FID", f"quality/fid{BESIDE}", "Of Inception features; lower is better, 0 only in the limit."),
    Group("Fréchet distance", f"quality/frechet{BESIDE}", "Lower is better; comparable for one extractor and n."),
    Group("KID", f"quality/kid{BESIDE}", "Unbiased: about 0 for a perfect model, and often below."),
    Group("Kernel distance", f"quality/kernel_distance{BESIDE}", "Unbiased: about 0 for a perfect model."),
    Group("MiFID", f"quality/mifid{BESIDE}", "FID, made worse where samples lie too near to training samples."),
    Group("MIND, CMMD and their kin", f"quality/(mind|sliced_wasserstein|cmmd){BESIDE}", "Lower is better."),
    Group("Inception Score", f"quality/is{BESIDE}", "Higher is better, for images of ImageNet's classes."),
    Group("Classifier score", f"quality/classifier_score{BESIDE}", "At most the number of classes; higher is better."),
    Group(
        "Precision, recall, density, coverage",
        f"quality/(precision|recall|density|coverage){BESIDE}",
        "Recall and coverage fall when modes are lost, precision and density when samples are bad.",
    ),
    Group("Weights at their bound", "weights/.*at_bound.*"),
    Group("Effective rank of the weights", "weights/.*effective_rank.*", ordered=True),
    Group("Largest singular value of the weights", "weights/.*sigma_max.*", ordered=True),
)
"""In the order of the report; a signal belongs to the first group whose pattern it matches whole."""


def group_of(name: str) -> Group | None:
    """The group of a signal; None for one that gets a chart of its own."""
    base = str(parse(name).base)
    return next((f for f in GROUPS if re.fullmatch(f.pattern, base, re.DOTALL)), None)


def grouped(names: Iterable[str]) -> list[tuple[Group, list[str]]]:
    """Signals by group in the order of the report, then quality metrics, then what the user logged."""
    shared: dict[str, list[str]] = {}
    alone: list[str] = []
    for name in names:
        group = group_of(name)
        if group is None:
            alone.append(name)
        else:
            shared.setdefault(group.title, []).append(name)
    alone.sort(key=lambda name: parse(name).head != "quality")
    groups = [(group, shared[group.title]) for group in GROUPS if group.title in shared]
    return groups + [(Group(name, "", even_constant=False), [name]) for name in alone]

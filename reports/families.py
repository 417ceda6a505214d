"""Which signals share a chart, and how to read that chart."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterable

OWN = r"(\.\w+)?"  # of several networks in one role, each has signals of its own
BESIDE = "(/(low|high|perfect))?"  # what a quality value has beside it
NET = f"(generator|discriminator){OWN}"


@dataclass(frozen=True)
class Family:
    """Signals that are drawn together. `ordered` ones are layers: first to last in one hue.

    `even_constant` families are drawn even if nothing in them ever changes.
    """

    title: str
    pattern: str
    caption: str = ""
    ordered: bool = False
    even_constant: bool = True


FAMILIES: tuple[Family, ...] = (
    Family("Losses", r"loss/.+", "As logged by the loop. A GAN's losses alone say little about its samples."),
    Family(
        "D outputs: mean", rf"d{OWN}/(real|fake|held_out)/mean", "How far apart D holds real and generated samples."
    ),
    Family("D outputs: spread within the batch", rf"d{OWN}/(real|fake)/std"),
    Family("D outputs: smallest and largest", rf"d{OWN}/(real|fake)/(min|max)"),
    Family("Share that D calls real", rf"d{OWN}/(real|fake)/positive"),
    Family("D's separation of real and generated (AUC)", rf"d{OWN}/auc", "0.5 is guessing, 1 is always right."),
    Family("Steepness of D", rf"d{OWN}/lipschitz", "At least so steep D is between a real and a generated sample."),
    Family(
        "D on held-out samples",
        rf"d{OWN}/held_out/(auc|gap)",
        "AUC 0.5 and gap 0: D knows its training data no better than others.",
    ),
    Family("D's gradient where a penalty takes it", rf"penalty{OWN}/norm", "WGAN-GP aims at 1, R1 at 0."),
    Family("Gradient norms", f"grad/{NET}/norm"),
    Family("Gradient norms by layer: generator", r"grad/generator/layer/.+", ordered=True),
    Family("Gradient norms by layer: discriminator", r"grad/discriminator/layer/.+", ordered=True),
    Family("Gradients that are not finite", f"grad/{NET}/nonfinite", even_constant=False),
    Family("Updates that a GradScaler skipped", f"skipped/{NET}"),
    Family("Recorded values that are not finite", "nonfinite", even_constant=False),
    Family("Feedback from D to G", rf"feedback{OWN}/.+", "What D tells G about each sample. Near 0, G learns nothing."),
    Family("Update size relative to the weights", f"update/{NET}/ratio"),
    Family("Diversity within the batch", rf"diversity{OWN}/(fake|real)"),
    Family(
        "Diversity, generated over real", rf"diversity{OWN}/.*ratio", "1 is as diverse as the data, 0 is one sample."
    ),
    Family(
        "Distance of samples over that of their latents", rf"diversity{OWN}/latent", "0 where G ignores its latents."
    ),
    Family("Diversity within each class, generated over real", "diversity/class/.+"),
    Family("Distance to the real batch", rf"distance{OWN}/energy", "Energy distance, about 0 for a perfect model."),
    Family("Centre of the generated batch", rf"centre{OWN}/fake/.", "Along two fixed directions; a circling G swings."),
    Family("Range of what D is given", rf"range{OWN}/(real|fake)/(min|max)"),
    Family("Values equal in the whole batch", rf"range{OWN}/(real|fake)/constant", even_constant=False),
    Family("Parts of the data that are covered", "bins/(effective|lost)", "Cells of the real samples, without labels."),
    Family("Samples behind D's outputs", "samples/(real|fake)", even_constant=False),
    Family("Modes", "modes/(captured|robust|(nearest/|expected_|recent_)?effective|(nearest/)?missing)"),
    Family("How much of the histogram moves", "(modes|bins)/turnover", "A G that hops replaces most of it."),
    Family("Mode balance", "modes/kl", "Distance of the mode histogram from the prior, 0 is perfect."),
    Family("Share of samples in each mode or class", "modes/share/.+", "Every sample counts for its nearest mode."),
    Family("Quality and balance of the modes", "modes/(high_quality|tv)"),
    Family("Samples behind the mode counts", "modes/samples", even_constant=False),
    Family("FID", f"quality/fid{BESIDE}", "Of Inception features; lower is better, 0 only in the limit."),
    Family("Fréchet distance", f"quality/frechet{BESIDE}", "Lower is better; comparable for one extractor and n."),
    Family("KID", f"quality/kid{BESIDE}", "Unbiased: about 0 for a perfect model, and often below."),
    Family("Kernel distance", f"quality/kernel_distance{BESIDE}", "Unbiased: about 0 for a perfect model."),
    Family("Inception Score", f"quality/is{BESIDE}", "Higher is better, for images of ImageNet's classes."),
    Family("Classifier score", f"quality/classifier_score{BESIDE}", "At most the number of classes; higher is better."),
    Family(
        "Precision, recall, density, coverage",
        f"quality/(precision|recall|density|coverage){BESIDE}",
        "Recall and coverage fall when modes are lost, precision and density when samples are bad.",
    ),
    Family("Weights at their bound", "weights/.*at_bound.*"),
    Family("Effective rank of the weights", "weights/.*effective_rank.*", ordered=True),
    Family("Largest singular value of the weights", "weights/.*sigma_max.*", ordered=True),
)
"""In the order of the report; a signal belongs to the first family whose pattern it matches whole."""


def family_of(name: str) -> Family | None:
    """The family of a signal; None for one that gets a chart of its own."""
    return next((f for f in FAMILIES if re.fullmatch(f.pattern, name, re.DOTALL)), None)


def grouped(names: Iterable[str]) -> list[tuple[Family, list[str]]]:
    """Signals by family in the order of the report, then quality metrics, then what the user logged."""
    shared: dict[str, list[str]] = {}
    alone: list[str] = []
    for name in names:
        family = family_of(name)
        if family is None:
            alone.append(name)
        else:
            shared.setdefault(family.title, []).append(name)
    alone.sort(key=lambda name: not name.startswith("quality/"))
    groups = [(family, shared[family.title]) for family in FAMILIES if family.title in shared]
    return groups + [(Family(name, "", even_constant=False), [name]) for name in alone]

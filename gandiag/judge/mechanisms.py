"""Which failure is known to lead to which: the table that stories are told from."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Mechanism:
    """How one failure brings about another, and who described it."""

    cause: str
    effect: str
    sentence: str
    source: str


_ARJOVSKY = "Arjovsky & Bottou 2017"
_FEW = "With hardly any gradient nothing brings variety back: G stays stuck at the outputs it was driven to."
_CUT_OFF = "If a layer of G passes nothing on, the latents no longer reach the samples, which then all look alike."
_SLOW = "A D that is slow to answer lets G move all latents to what D rates best at the moment."
_MOVES_ON = "D learns to reject the few outputs, and G moves on to others, all at once."
_RANK = "D's weights lose rank and see only a few directions of the data, so D asks nothing else of G."
_THROWN = "A step that was too large throws G to where all latents give much the same."
_WORSE = "Samples that miss most of the data score worse."
_RULES = "the rules of the game, Goodfellow et al. 2014"
_COPIES = "A G that repeats some of its training samples leaves out the rest of the data."
_SAME = "Both see one collapse: by labels, by distances between samples, or class by class."

MISTAKES = {
    "stale-copy": "A network that plays against a frozen copy learns nothing of what its opponent has learned since.",
    "not-learning": "What does not learn cannot answer its opponent; whatever comes after follows from that.",
    "same-direction": "Losses that do not oppose each other make no adversarial game; the rest follows from that.",
    "shared-update": "A network updated by its opponent's loss, or by old gradients, does not minimise its own.",
    "input-mismatch": "Values that only one of the two kinds can have give it away; NaN in the data spoils all.",
    "repeated-latents": "A G that only ever gets the same few latents learns those, and nothing in between.",
    "double-sigmoid": "With two sigmoids in a row D can never be sure, and what reaches G is a small, wrong gradient.",
    "mode-switch": "In the other mode BatchNorm and Dropout make it another network than the one being trained.",
    "label-mismatch": "With labels that do not belong to the samples D spots generated ones, or G ignores them.",
    "penalty-error": "With a wrong or missing penalty nothing constrains the critic, and its gradient misleads G.",
    "learning-rates": "If one network learns a hundred times as fast, or starts over, the other cannot keep up.",
    "update-ratio": "Where one network is updated many times before the other one is, the other cannot answer.",
}
"""Mistakes in the loop, in the order in which one accounts for another: they come before all that they bring about."""

_COLLAPSES = ("sample-collapse", "mode-collapse", "class-collapse")

_GAME = (
    *("non-finite", "exploding-gradients", "vanishing-gradients", "dead-layer", "discriminator-dominance"),
    *("discriminator-too-weak", "discriminator-overfitting", "mode-collapse", "sample-collapse", "class-collapse"),
    *("mode-hopping", "spectral-collapse", "oscillation", "divergence", "memorisation", "critic-constraint"),
    *("stagnation", "quality-regression"),
)
"""What can go wrong in a game that is played right."""

MECHANISMS: tuple[Mechanism, ...] = (
    *(Mechanism(m, e, sentence, _RULES) for m, sentence in MISTAKES.items() for e in _GAME),
    *(
        Mechanism(first, later, MISTAKES[first], _RULES)
        for place, first in enumerate(MISTAKES)
        for later in list(MISTAKES)[place + 1 :]
    ),
    Mechanism(
        "discriminator-overfitting",
        "discriminator-dominance",
        "A D that knows its training samples by heart tells them from generated ones whatever G does.",
        "Karras et al. 2020",
    ),
    Mechanism(
        "discriminator-overfitting",
        "memorisation",
        "For a D that knows its training samples by heart, copies of them are the best that G can make.",
        "Goodfellow et al. 2014, proposition 2, with the training set as the data's distribution",
    ),
    Mechanism(
        "memorisation",
        "discriminator-dominance",
        "Training samples so few that G can repeat them are few enough for D to know them by heart.",
        "Karras et al. 2020",
    ),
    Mechanism(
        "discriminator-overfitting",
        "quality-regression",
        "What D tells G is about its training samples, not about the data.",
        "Karras et al. 2020",
    ),
    Mechanism(
        "discriminator-dominance",
        "vanishing-gradients",
        "Where D is sure, the loss that G follows is flat, and hardly any gradient reaches G.",
        _ARJOVSKY,
    ),
    Mechanism(
        "dead-layer", "vanishing-gradients", "A layer of D that passes no gradient cuts off G's feedback.", "chain rule"
    ),
    Mechanism("dead-layer", "stagnation", "Layers before one that passes no gradient do not learn.", "chain rule"),
    *(Mechanism("dead-layer", c, _CUT_OFF, "chain rule") for c in _COLLAPSES),
    Mechanism("vanishing-gradients", "stagnation", "Without a gradient G stands still.", _ARJOVSKY),
    Mechanism("vanishing-gradients", "sample-collapse", _FEW, f"our reading of {_ARJOVSKY}"),
    Mechanism("vanishing-gradients", "mode-collapse", _FEW, f"our reading of {_ARJOVSKY}"),
    *(Mechanism("discriminator-too-weak", c, _SLOW, "Metz et al. 2017; Heusel et al. 2017") for c in _COLLAPSES),
    *(Mechanism("spectral-collapse", c, _RANK, "Liu et al. 2019") for c in _COLLAPSES),
    *(Mechanism("exploding-gradients", c, _THROWN, "Brock et al. 2019") for c in _COLLAPSES),
    *(Mechanism("memorisation", c, _COPIES, "definition") for c in _COLLAPSES),
    *(Mechanism(a, b, _SAME, "definition") for a in _COLLAPSES for b in _COLLAPSES if a != b),
    *(Mechanism(c, "mode-hopping", _MOVES_ON, "Metz et al. 2017") for c in _COLLAPSES),
    *(Mechanism(c, "quality-regression", _WORSE, "Heusel et al. 2017") for c in _COLLAPSES),
    Mechanism(
        "critic-constraint",
        "vanishing-gradients",
        "Clipped weights make gradients shrink from layer to layer.",
        "Gulrajani et al. 2017, figure 1",
    ),
    Mechanism(
        "critic-constraint",
        "exploding-gradients",
        "Clipped weights make gradients grow from layer to layer, or a critic without a bound is ever steeper.",
        "Gulrajani et al. 2017, figure 1",
    ),
    Mechanism(
        "critic-constraint",
        "divergence",
        "A critic whose Lipschitz constraint fails raises its outputs without end.",
        "Gulrajani et al. 2017",
    ),
    Mechanism(
        "exploding-gradients", "dead-layer", "One large step can push units to where no input reaches them.",
        "Lu et al. 2019",
    ),
    Mechanism(
        "exploding-gradients",
        "divergence",
        "A step that was too large takes both networks where the next is larger still.",
        "Pascanu et al. 2013",
    ),
    Mechanism(
        "exploding-gradients", "non-finite", "What grows by orders of magnitude overflows.", "Micikevicius et al. 2018"
    ),
    Mechanism("divergence", "non-finite", "What grows without end overflows.", "Micikevicius et al. 2018"),
    Mechanism(
        "divergence", "quality-regression", "Samples get worse while outputs grow.", "Mescheder et al. 2018"
    ),
    Mechanism(
        "oscillation", "divergence", "Circles that grow with every turn end in divergence.", "Mescheder et al. 2018"
    ),
    Mechanism(
        "oscillation",
        "mode-hopping",
        "As G and D circle each other, G visits one part of the data after the other.",
        "Metz et al. 2017",
    ),
    Mechanism(
        "oscillation", "stagnation", "The steps lead around the equilibrium, not into it.", "Mescheder et al. 2018"
    ),
    Mechanism("non-finite", "stagnation", "Weights that are NaN no longer learn.", "arithmetic"),
)  # fmt: skip
"""Apart from the three collapses, which see one thing and go either way, nothing here leads back to itself."""

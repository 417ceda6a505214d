"""What a diagnosis should say for each cause, written before any run was judged.

Roots are the failures that may be named first; remedies those that fit the cause if they are offered first. For
mistakes in the loop they are the changes that ended such reports in public threads; for dynamics what such threads and
the papers of the failures bear out.
"""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Cause:
    """The codes that may stand at the beginning, and the remedies that may come first."""

    roots: frozenset[str]
    remedies: frozenset[str]


def _cause(roots: str, remedies: str) -> Cause:
    return Cause(frozenset(roots.split()), frozenset(remedies.split()))


CAUSES: dict[str, Cause] = {
    "G outruns D": _cause(
        "learning-rates discriminator-too-weak mode-collapse sample-collapse mode-hopping",
        "rates-of-one-scale set-rate faster-discriminator more-discriminator-steps roll-back",
    ),
    "D stopped": _cause(
        "not-learning learning-rates discriminator-too-weak",
        "set-rate step-each-optimizer rates-of-one-scale faster-discriminator test-d-alone",
    ),
    "saturating loss": _cause(
        "vanishing-gradients learning-rates", "non-saturating-loss wgan-gp train-d-less rates-of-one-scale"
    ),
    "a weight not finite": _cause("non-finite", "roll-back safe-norm logits-loss bfloat16"),
    "rates too high": _cause(
        "divergence exploding-gradients learning-rates", "rates-as-before lower-learning-rates roll-back"
    ),
    "few latents": _cause("repeated-latents sample-collapse", "fresh-latents"),
    "critic without a bound": _cause(
        "penalty-error critic-constraint", "bound-the-critic wgan-gp spectral-norm clip-bound"
    ),
    "dead layer": _cause("dead-layer", "fresh-layer leaky-relu normalise-layer roll-back"),
    "rates too low": _cause("stagnation learning-rates not-learning", "raise-learning-rate set-rate restore-schedule"),
    "D outruns G": _cause(
        "discriminator-dominance learning-rates vanishing-gradients",
        "rates-of-one-scale set-rate train-d-less r1-penalty spectral-norm wgan-gp instance-noise",
    ),
    "too few samples": _cause(
        "discriminator-overfitting memorisation", "augmentation r1-penalty early-stop roll-back train-d-less"
    ),
    "no noise": _cause("class-collapse repeated-latents", "fresh-latents mode-seeking projection-discriminator"),
    "not-learning": _cause("not-learning", "step-each-optimizer one-optimizer-each set-rate detach-for-d-only"),
    "stale-copy": _cause("stale-copy", "one-instance"),
    "same-direction": _cause("same-direction", "generator-target discriminator-targets"),
    "shared-update": _cause("shared-update", "clear-gradients one-optimizer-each"),
    "input-mismatch": _cause("input-mismatch", "scale-data match-inputs"),
    "repeated-latents": _cause("repeated-latents", "fresh-latents"),
    "double-sigmoid": _cause("double-sigmoid", "one-sigmoid logits-loss"),
    "mode-switch": _cause("mode-switch", "same-mode"),
    "label-mismatch": _cause("label-mismatch", "same-labels labels-of-the-data"),
    "penalty-error": _cause("penalty-error", "norm-per-sample"),
    "learning-rates": _cause("learning-rates", "rates-of-one-scale set-rate"),
    "update-ratio": _cause("update-ratio", "count-updates critic-updates"),
}
"""By what configurations of the corpus call it."""

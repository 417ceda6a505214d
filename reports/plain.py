"""What each failure is in one clause that anybody who trains GANs understands."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from gandiag.findings import Finding

CLAUSES = {
    "not-learning": "one of the networks stopped learning",
    "stale-copy": "one network played against an old copy of the other",
    "same-direction": "the two losses pulled in the same direction",
    "shared-update": "one network was updated by the other one's loss",
    "input-mismatch": "real and generated batches differed in their range of values",
    "repeated-latents": "G was given the same latents again and again",
    "double-sigmoid": "D's output went through two sigmoids",
    "mode-switch": "a network was in training mode in one update and in evaluation mode in the other",
    "label-mismatch": "the labels no longer belonged to the samples",
    "penalty-error": "the gradient penalty was wrong or missing",
    "learning-rates": "the two learning rates were too far apart",
    "update-ratio": "one network was updated far more often than the other",
    "non-finite": "values became NaN or infinite",
    "exploding-gradients": "the gradients exploded",
    "vanishing-gradients": "G's gradients vanished",
    "dead-layer": "a layer stopped learning",
    "discriminator-dominance": "D won so clearly that G could learn nothing from it",
    "discriminator-too-weak": "D could no longer tell real samples from generated ones",
    "discriminator-overfitting": "D began to memorise its training data",
    "memorisation": "G began to copy training samples",
    "mode-collapse": "G covered only a part of the data",
    "sample-collapse": "G's samples lost most of their variety",
    "class-collapse": "G's samples lost most of their variety within a class",
    "mode-hopping": "G jumped from one small group of modes to the next",
    "spectral-collapse": "the weights lost most of their directions",
    "oscillation": "G and D began to circle each other",
    "divergence": "the training diverged",
    "stagnation": "the samples stopped getting better",
    "quality-regression": "the samples got worse than they had been",
    "critic-constraint": "the critic broke its constraint",
}


def clause(finding: Finding) -> str:
    """The failure as a clause in the past tense; of a detector that is not ours its code."""
    known = CLAUSES.get(finding.code, f"{finding.code} was found")
    return f"{known} ({finding.network})" if finding.network else known

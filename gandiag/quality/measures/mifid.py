"""MiFID: a Fréchet distance that samples too near to training samples make worse."""

from __future__ import annotations

from dataclasses import dataclass

import torch

from gandiag.quality.measures.features import checked_rows
from gandiag.quality.measures.products import product

THRESHOLD = 0.1  # of Bai et al. 2021 for Inception features: farther apart than that nothing is memorised
SMALLEST = 1e-8  # distances below it count as none, as in torchmetrics
ENTRIES = 2**22  # cosines that are held at a time


@dataclass(frozen=True)
class MemorisationInformed:
    """What MiFID is made of.

    Attributes
    ----------
    value
        The Fréchet distance over the penalty, 0 where there is no distance.
    distance
        Mean cosine distance of a generated sample to the real one that is nearest by it, in [0, 1].
    penalty
        That distance where it is below the threshold, else 1.
    """

    value: float
    distance: float
    penalty: float


def memorisation_informed(
    frechet: float, generated: torch.Tensor, reference: torch.Tensor, *, threshold: float = THRESHOLD
) -> MemorisationInformed:
    """MiFID (Bai et al. 2021) of a Fréchet distance that is known.

    The distance of two samples is 1 - |cos| of their features. Rows of zeros have no direction and are left out.

    Parameters
    ----------
    frechet
        The distance of the two sets.
    generated, reference
        (N, D) and (M, D), of any floating dtype, on the same device; the reference is what the generator learnt from.
    threshold
        In (0, 1]: the mean distance from which nothing counts as memorised.

    Raises
    ------
    TypeError, ValueError
        When the features are no finite (N, D), differ in D or are all zeros.

    >>> eye = torch.eye(3)
    >>> round(memorisation_informed(2.0, eye[:2], eye[2:]).value, 6)
    2.0
    """
    found = []
    for rows, name in ((generated, "generated"), (reference, "reference")):
        given = checked_rows(rows, name)
        wide = given.to(torch.promote_types(given.dtype, torch.float32))
        norms = torch.linalg.vector_norm(wide, dim=1, keepdim=True)
        some = (norms[:, 0] > 0).nonzero().squeeze(1)
        if not len(some):
            raise ValueError(f"{name} must have a direction for the cosine distance, found rows of zeros alone")
        found.append(wide[some] / norms[some])
    near, real = found
    if near.shape[1] != real.shape[1]:
        raise ValueError(f"reference must have shape (N, {near.shape[1]}), found {tuple(real.shape)}")
    cosines = [
        _cosine(part, real[product(part, real).abs_().argmax(dim=1)])
        for part in near.split(max(1, ENTRIES // len(real)))
    ]
    distance = float((1 - torch.cat(cosines)).clamp_(min=0).mean())
    penalty = distance if distance < threshold else 1.0
    value = frechet / (penalty + 1e-14) if frechet > SMALLEST else 0.0
    return MemorisationInformed(value, distance, penalty)


def _cosine(x: torch.Tensor, y: torch.Tensor) -> torch.Tensor:
    """|cos| of rows and their nearest ones (N,) float64: of copies a float32 product leaves nothing but rounding."""
    x, y = torch.nn.functional.normalize(x.double()), torch.nn.functional.normalize(y.double())
    return (x * y).sum(dim=1).abs()

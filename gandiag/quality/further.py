"""Values of further distances: MiFID, MIND, and CMMD of CLIP's embeddings."""

from __future__ import annotations

from typing import TYPE_CHECKING

import torch

from gandiag.quality.measures import frechet, kernel, kernel_sums, mifid, sliced
from gandiag.quality.protocol import Measurement
from gandiag.quality.values import Inputs, features_of

if TYPE_CHECKING:
    from collections.abc import Iterator

CMMD_NOTE = "biased by about 1/n: compare values of equal n"


def memorisation_values(inputs: Inputs) -> Iterator[Measurement]:
    """MiFID; beside it the cosine distance of held-out samples where there are any."""
    ours, theirs = features_of(inputs.generated), features_of(inputs.real)
    apart = frechet.frechet_distance_from_features(ours, inputs.real.frechet).value
    found = mifid.memorisation_informed(apart, ours, theirs)
    details = {"cosine distance to the nearest real sample": found.distance}
    if inputs.held_out is not None:
        unseen = mifid.memorisation_informed(apart, features_of(inputs.held_out), theirs)
        details["that of held-out samples"] = unseen.distance
    memorised = (f"nearer than {mifid.THRESHOLD:g} to real samples on average: the distance is made worse by that",)
    yield Measurement(
        name="mifid",
        value=found.value,
        better="lower",
        details=details,
        notes=memorised if found.penalty < 1 else (),
        protocol=inputs.protocol(threshold=mifid.THRESHOLD),
    )


def sliced_values(inputs: Inputs) -> Iterator[Measurement]:
    """MIND, or the same of other features."""
    ours, theirs = features_of(inputs.generated), features_of(inputs.real)
    yield Measurement(
        name="mind" if inputs.inception else "sliced_wasserstein",
        value=sliced.mind(ours, theirs),
        better="lower",
        protocol=inputs.protocol(directions=sliced.DIRECTIONS),
    )


def cmmd_values(inputs: Inputs) -> Iterator[Measurement]:
    """CMMD of embeddings of unit length."""
    ours, theirs = (torch.nn.functional.normalize(features_of(c)) for c in (inputs.generated, inputs.real))
    yield Measurement(
        name="cmmd",
        value=kernel.cmmd(ours, theirs),
        better="lower",
        notes=(CMMD_NOTE,),
        protocol=inputs.protocol(sigma=kernel_sums.CMMD_SIGMA),
    )

"""Values on diversity and copying: Vendi, NDB, support, similarity of pairs, copying tests, latent sensitivity."""

from __future__ import annotations

from typing import TYPE_CHECKING

from gandiag.quality.measures import birthday, sensitivity, vendi
from gandiag.quality.measures import copying as memorisation
from gandiag.quality.measures import ms_ssim as similarity
from gandiag.quality.measures import ndb as bins
from gandiag.quality.protocol import Measurement
from gandiag.quality.sources.generators import GeneratorSource
from gandiag.quality.values import NEIGHBOURS, Inputs, features_of, spread

if TYPE_CHECKING:
    from collections.abc import Iterator

VENDI_N = 5000  # samples for a Vendi score, which grows with them and takes N x N numbers where they are fewer than D
BINS = 100  # at most, as they take
SAMPLES_PER_BIN = 500  # real samples per bin of NDB (Richardson & Weiss 2018)
LATENTS = 256  # whose consecutive pairs show how a generator follows them
NORMAL_95 = 1.960


def vendi_values(inputs: Inputs) -> Iterator[Measurement]:
    """Vendi score, beside that of as many real samples where there are any."""
    rows = spread(features_of(inputs.generated), VENDI_N)
    known = inputs.reference
    enough = known is not None and known.features is not None and len(known.features) >= len(rows)
    real = spread(features_of(inputs.real), len(rows)) if enough else None
    yield Measurement(
        name="vendi",
        value=vendi.vendi_score(rows),
        better="higher",
        perfect=None if real is None else vendi.vendi_score(real),
        protocol=inputs.protocol(len(rows)),
    )


def bin_values(inputs: Inputs) -> Iterator[Measurement]:
    """Share of bins whose proportions differ; its null is the significance level, not 0."""
    ours, theirs = features_of(inputs.generated), features_of(inputs.real)
    count = max(2, min(BINS, len(theirs) // SAMPLES_PER_BIN))
    found = bins.ndb(ours, theirs, count, seed=inputs.seed)
    yield Measurement(
        name="ndb",
        value=found.different / found.bins,
        better="lower",
        perfect=found.alpha,
        details={"p of so many by chance": found.p_value, "Jensen-Shannon": found.js, "its floor": found.js_floor},
        protocol=inputs.protocol(bins=found.bins, alpha=found.alpha),
    )


def support_values(inputs: Inputs) -> Iterator[Measurement]:
    """Support by the birthday paradox, with the distance at which real samples count as the same."""
    rows = features_of(inputs.generated)
    threshold = birthday.duplicate_threshold(spread(features_of(inputs.real), NEIGHBOURS))
    largest = max(2, min(2048, len(rows) // 2))
    found = birthday.birthday(birthday.resampled(rows, inputs.seed), threshold, largest=largest)
    unbounded = f"more than {found.estimate:,.0f}: half of the batches of {largest:,} samples hold no two alike"
    yield Measurement(
        name="support",
        value=found.estimate,
        better="higher",
        details={"batch with a duplicate in half of all": found.batch_size},
        notes=("an upper bound: one sample that comes often lowers it",) if found.bounded else (unbounded,),
        protocol=inputs.protocol(threshold=threshold, largest=largest),
    )


def similarity_values(inputs: Inputs) -> Iterator[Measurement]:
    """Similarity of pairs of generated images, beside that of real pairs where there are any."""
    ours, known = inputs.generated, inputs.reference
    assert ours.images is not None  # noqa: S101 - the plan kept them
    found = similarity.pair_similarity(ours.images, seed=inputs.seed)
    real = known.images if known is not None else None
    reach = None if found.standard_error is None else NORMAL_95 * found.standard_error
    few = f"computed as {found.name}: the images are too small for five scales"
    yield Measurement(
        name="ms_ssim",
        value=found.value,
        better="lower",
        low=None if reach is None else found.value - reach,
        high=None if reach is None else found.value + reach,
        interval="" if reach is None else "standard error over pairs",
        perfect=None if real is None else similarity.pair_similarity(real, seed=inputs.seed).value,
        notes=() if found.name == "ms-ssim" else (few,),
        protocol=inputs.protocol(pairs=found.pairs, measure=found.name),
    )


def copying_values(inputs: Inputs) -> Iterator[Measurement]:
    """C_T, AuthPct and the share nearer than nearly all held-out samples, calibrated on held-out real samples."""
    assert inputs.held_out is not None  # noqa: S101 - the plan has seen to it
    held_out = features_of(inputs.held_out)
    found = memorisation.copying(features_of(inputs.generated), features_of(inputs.real), held_out, seed=inputs.seed)
    protocol = inputs.protocol(held_out_n=len(held_out))
    copies = found.copies / len(features_of(inputs.generated))
    notes: tuple[str, ...] = (found.sentence,)
    if found.shared:
        notes += (
            f"{found.shared:,} of {len(held_out):,} held-out samples also are in the reference and were left out",
        )
    closest = {} if found.c_t_closest is None else {"of the closest tenth": found.c_t_closest}
    yield Measurement(
        name="c_t", value=found.c_t, better="neither", perfect=0.0, details=closest, notes=notes,
        protocol=protocol,
    )  # fmt: skip
    yield Measurement(
        name="authpct", value=found.authpct, better="neither", perfect=found.authpct_of_held_out, protocol=protocol
    )
    yield Measurement(name="copies", value=copies, better="lower", perfect=found.copies_by_chance, protocol=protocol)


def sensitivity_values(inputs: Inputs) -> Iterator[Measurement]:
    """How a saved generator follows its latents: the mode-seeking ratio and the size of its Jacobian."""
    assert isinstance(inputs.source, GeneratorSource)  # noqa: S101 - the plan has seen to it
    found = sensitivity.latent_sensitivity(inputs.source.generator, inputs.source.latents(LATENTS), seed=inputs.seed)
    protocol = inputs.protocol(found.pairs)
    note = "near 0 where latents are ignored; compare it with checkpoints of the same generator"
    yield Measurement(
        name="latent_ratio", value=found.ratio, better="neither",
        details={"5 % of pairs": found.low, "median": found.median}, notes=(note,), protocol=protocol,
    )  # fmt: skip
    if found.jacobian is not None:
        yield Measurement(name="latent_jacobian", value=found.jacobian, better="neither", protocol=protocol)

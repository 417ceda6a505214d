"""What the user is told, once, when a loop hides something that gandiag needs."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections import Counter

PATIENCE = 20  # updates of a network before it is said that something was not seen

SWAPPED = (
    "the generator was given the discriminator's output: are the two swapped? "
    "the call is attach(generator, discriminator, run_dir=...)"
)
RECONSTRUCTION = (
    "{network} returns a tensor shaped like its input, a reconstruction; say how it is to be judged, higher for more "
    "real: attach(..., score=lambda output, batch: -(output - batch).square().flatten(1).mean(1))"
)
AMBIGUOUS = (
    "D was trained for over {steps} steps on batches of which none could be traced to the generator (augmented or "
    "mixed with older ones between G and D?), so D's outputs are not attributed; pass them: "
    "callback.observe(real=d_out_real, fake=d_out_fake)"
)
UNSEEN = (
    "D was trained for {steps} steps and none of its forward passes was seen; if torch.compile came after attaching, "
    "attach to the compiled modules; if the loop calls parts of D, attach to these: "
    "discriminator={{'name': part, ...}}; else pass D's outputs: callback.observe(real=d_out_real, fake=d_out_fake)"
)
NEVER_CALLED = (
    "G was trained for {steps} steps and none of its forward passes was seen, so D's outputs are not attributed; if "
    "torch.compile came after attaching, attach to the compiled modules; if the loop calls parts of G, attach to "
    "these: generator={{'name': part, ...}}; else pass D's outputs: "
    "callback.observe(real=d_out_real, fake=d_out_fake)"
)
UNKNOWN_RANGE = (
    "D was shown no real batch that tells which range the images lie in, so modes are not counted; pass it with the "
    "classifier, such as modes=gandiag.modes.digits_classifier(value_range=(0, 1))"
)
NO_UPDATE = (
    "no optimizer step on the generator's parameters was seen; without torch optimizers call callback.step() after "
    "each generator update"
)


def missing_attribution(network: str, counts: Counter[str], generator_calls: int) -> str | None:
    """A sentence when the D `network` has been trained for long and never on a batch traced to G."""
    steps = counts[f"{network} steps"]
    if steps < PATIENCE or counts[f"{network}: generated"]:
        return None
    if not generator_calls:
        return NEVER_CALLED.format(steps=steps)
    seen = sum(counts[f"{network}: {kind}"] for kind in ("real", "penalty", "compared"))
    return (AMBIGUOUS if seen else UNSEEN).format(steps=steps)

"""What the user is told, once, when a loop hides something that gandiag needs."""

from __future__ import annotations

from gandiag import findings

SWAPPED = f"{findings.SWAPPED}: are the two swapped? the call is attach(generator, discriminator, run_dir=...)"
RECONSTRUCTION = (
    "{network} returns a tensor shaped like its input, a reconstruction; say how it is to be judged, higher for more "
    "real: attach(..., score=lambda output, batch: -(output - batch).square().flatten(1).mean(1))"
)
UNSEEN = (
    "D was trained for {steps} steps and none of its forward passes was seen; if torch.compile came after attaching, "
    "attach to the compiled modules; call D(x) itself, not D.forward(x); if the loop calls parts of D, attach to "
    "these: discriminator={{'name': part, ...}}; else pass D's outputs: "
    "callback.observe(real=d_out_real, fake=d_out_fake)"
)
NEVER_CALLED = (
    "G was trained for {steps} steps and none of its forward passes was seen, so D's outputs are not attributed; if "
    "torch.compile came after attaching, attach to the compiled modules; call G(z) itself, not G.forward(z); if the "
    "loop calls parts of G, attach to these: generator={{'name': part, ...}}; else pass D's outputs: "
    "callback.observe(real=d_out_real, fake=d_out_fake)"
)
NO_UPDATE = (
    "no optimizer step on the generator's parameters was seen{seen}; without torch optimizers call callback.step() "
    "after each generator update"
)
FEEDBACK = ", though gradients came back to its samples {times} times"
STRANGERS = "; other optimizers stepped ({names}): do they hold the parameters of another copy of it?"
COMPLEX = (
    "complex numbers are not supported: what is complex of {network} is not recorded; where D judges by a real number, "
    "attach to the part that returns it"
)
NOT_UNDERSTOOD = (
    "the outputs of {network} are not understood: in {calls} calls it returned no tensor of floating-point numbers, "
    "nor a tuple, list, dictionary or dataclass that holds one, but {seen}; {advice}"
)
SAMPLES_ADVICE = "have it return its samples as a tensor, or in one of these"
OUTPUTS_ADVICE = "pass D's outputs: callback.observe(real=d_out_real, fake=d_out_fake)"
NOT_MET = (
    "no module that is the {roles} was called, so nothing was recorded of it; the first modules that were called "
    "are of the classes: {classes}"
)
MAX_CLASSES = 12  # classes that are named

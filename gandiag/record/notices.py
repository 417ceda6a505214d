"""What the user is told, once, when D's outputs cannot be told apart."""

from __future__ import annotations

PATIENCE = 20  # updates of a network before it is said that something was not seen
AMBIGUOUS = (
    "D was trained for over {steps} steps on batches of which none could be traced to the generator (augmented or "
    "mixed with older ones between G and D?), so D's outputs are not attributed; pass them: "
    "callback.observe(real=d_out_real, fake=d_out_fake)"
)
UNKNOWN_RANGE = (
    "D was shown no real batch that tells which range the images lie in, so modes are not counted; pass it with the "
    "classifier, such as modes=gandiag.modes.digits_classifier(value_range=(0, 1))"
)

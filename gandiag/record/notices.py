"""What the user is told, once, when D's outputs cannot be told apart, and when it is time to say so."""

from __future__ import annotations

import time

PATIENCE = 20  # updates of a network before it is said that something was not seen
OPEN = (
    "in over {steps} steps it could not be told which batches of D were real and which were generated: none could be "
    "traced to the generator, and D's loss does not pull its outputs on them apart in a way that tells; D's outputs "
    "are not recorded; pass them, and the samples: callback.observe(real=d_out_real, fake=d_out_fake, real_samples=x, "
    "fake_samples=y)"
)
NO_DIRECTION = (
    "in over {steps} steps D's loss pulled its outputs on all batches the same way, so it does not teach D to tell "
    "real from generated: are both given the same target, or is one of the two terms missing? if D's outputs are right "
    "as they are, pass them: callback.observe(real=d_out_real, fake=d_out_fake)"
)
UNKNOWN_RANGE = (
    "D was shown no real batch that tells which range the images lie in, so modes are not counted; pass it with the "
    "classifier, such as modes=gandiag.modes.digits_classifier(value_range=(0, 1))"
)
ENOUGH_TIMES, ENOUGH_SECONDS = 50, 10.0


class Patience:
    """Whether something has been so for long enough to be said: fifty times, or for ten seconds.

    >>> patience = Patience()
    >>> [patience.is_over() for _ in range(50)].index(True)
    49
    """

    def __init__(self) -> None:
        self.times = 0
        self._since = 0.0

    def is_over(self) -> bool:
        """It is so once more."""
        now = time.monotonic()
        if not self.times:
            self._since = now
        self.times += 1
        return self.times >= ENOUGH_TIMES or now - self._since >= ENOUGH_SECONDS

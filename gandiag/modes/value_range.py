"""The range that images lie in, decided from the values of some of them."""

from __future__ import annotations

TOLERANCE = 0.025  # of the range's width: overshoot of resampling and of rounding, ±1.05 for [-1, 1]
DARK = 64.0  # a maximum below it does not tell [0, 255] from standardised values


def decided_range(lowest: float, highest: float, asked: str = "value_range=(low, high)") -> tuple[float, float]:
    """The range of images between the lowest and the highest value, if there is no doubt.

    Parameters
    ----------
    lowest, highest
        Of the first batch.
    asked
        What the user is to pass where the batch does not tell.

    Raises
    ------
    ValueError
        When the values fit neither [-1, 1] nor [0, 1] nor [0, 255], or more than one of them.

    >>> decided_range(-0.98, 1.0)
    (-1.0, 1.0)
    """
    doubt = (
        f"the range of the images' values is unclear from the first batch, which lies in [{lowest:.4g}, {highest:.4g}]"
    )
    pass_ = f"pass {asked}, for example (-1, 1), (0, 1) or (0, 255)"
    overshoots = -0.1 < lowest < -0.01 and highest > 0.9  # resampled [0, 1], or bright images of [-1, 1]
    if lowest == highest or overshoots:
        raise ValueError(f"{doubt}; {pass_}")
    if lowest >= -0.01 and highest <= 1 + TOLERANCE:
        return 0.0, 1.0
    if max(-lowest, highest) <= 1 + 2 * TOLERANCE:
        return -1.0, 1.0
    if lowest >= -255 * TOLERANCE and DARK < highest <= 255 * (1 + TOLERANCE):
        return 0.0, 255.0
    raise ValueError(f"{doubt}: neither [-1, 1] nor [0, 1] nor [0, 255] (standardised images?); {pass_}")

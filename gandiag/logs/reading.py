"""One meaning of a logged name."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

Kind = Literal[
    "signal", "held-out", "part of G's loss", "part of D's loss", "one side of D's loss", "penalty", "path length",
    "spread of a metric", "gap of D's outputs", "learning rate", "gradient of a part", "accuracy of D", "other",
]  # fmt: skip
Transform = Literal["", "sign", "share", "wrong", "root"]
"""How a value becomes that of the signal: (1 + x) / 2; percents as shares; 1 - x; the square root."""

ROLES = {"generator": "loss/generator", "discriminator": "loss/discriminator"}


@dataclass(frozen=True)
class Reading:
    """One meaning of a name. `signal` is "" where gandiag has none for it; `sure` is False where there are others.

    `side` is real or fake for what concerns one side of D's loss; `family` a loss family that the name tells of.
    """

    kind: Kind
    signal: str = ""
    sure: bool = True
    why: str = ""
    transform: Transform = ""
    role: str = ""
    own: str = ""
    side: str = ""
    family: str = ""
    rank: int = 0  # of several names of one signal the lowest is the best

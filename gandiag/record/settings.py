"""What is learned of a training while it is watched."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from gandiag.measure.detail import PLANS

if TYPE_CHECKING:
    from gandiag.sinks.base import Sink


@dataclass
class Settings:
    """What the background thread needs to know of the training; filled in by whoever watches it.

    `loss_family` is the one that was given, None where it is to be inferred.
    """

    layers: dict[str, list[str]] = field(default_factory=dict)
    decision: float = 0.0
    loss_family: str | None = None
    family_found: bool = False
    image_shape: tuple[int, ...] | None = None
    alerts: bool = True
    fixed_latents: bool = True  # snapshots show what G makes of the same input
    layer_every: int = PLANS[0]["layers"]  # rounds between two records of each layer's gradient norm
    round_steps: int = 1
    upright: bool = False  # D's outputs are the user's own score, higher for more real
    sinks: list[Sink] = field(default_factory=list)  # where records and findings go besides the run directory
    weighed: bool = False  # several processes train: the sizes of their batches count

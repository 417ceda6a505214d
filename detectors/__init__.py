"""One file per failure: what is judged, on what, and from where on.

`DETECTORS` is the catalogue in report order, with default thresholds. To change one, pass
`dataclasses.replace(detector, field=value)` to `gandiag.diagnose` or `gandiag.attach(detectors=...)`, or set it in a
policy file, see `gandiag.policy`.
"""

from __future__ import annotations

from .discriminator_dominance import DiscriminatorDominance
from .divergence import Divergence
from .exploding_gradients import ExplodingGradients
from .mode_collapse import ModeCollapse
from .non_finite import NonFinite
from .oscillation import Oscillation
from .protocol import Detector
from .sample_collapse import SampleCollapse
from .specification import specification
from .vanishing_gradients import VanishingGradients

DETECTORS: tuple[Detector, ...] = (
    NonFinite(),
    ExplodingGradients(),
    VanishingGradients(),
    DiscriminatorDominance(),
    ModeCollapse(),
    SampleCollapse(),
    Oscillation(),
    Divergence(),
)

__all__ = ["DETECTORS", "Detector", "specification"]

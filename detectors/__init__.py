"""One file per failure: what is judged, on what, and from where on.

`DETECTORS` is the catalogue in report order, with default thresholds. To change one, pass
`dataclasses.replace(detector, field=value)` to `gandiag.diagnose` or `gandiag.attach(detectors=...)`.
"""

from __future__ import annotations

from .class_collapse import ClassCollapse
from .discriminator_dominance import DiscriminatorDominance
from .divergence import Divergence
from .exploding_gradients import ExplodingGradients
from .mode_collapse import ModeCollapse
from .mode_hopping import ModeHopping
from .non_finite import NonFinite
from .oscillation import Oscillation
from .protocol import Detector
from .quality_regression import QualityRegression
from .sample_collapse import SampleCollapse
from .specification import specification
from .spectral_collapse import SpectralCollapse
from .stagnation import Stagnation
from .vanishing_gradients import VanishingGradients

DETECTORS: tuple[Detector, ...] = (
    NonFinite(),
    ExplodingGradients(),
    VanishingGradients(),
    DiscriminatorDominance(),
    ModeCollapse(),
    SampleCollapse(),
    ClassCollapse(),
    ModeHopping(),
    SpectralCollapse(),
    Oscillation(),
    Divergence(),
    Stagnation(),
    QualityRegression(),
)

__all__ = ["DETECTORS", "Detector", "specification"]

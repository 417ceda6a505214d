"""One file per failure: what is judged, on what, and from where on.

`DETECTORS` is the catalogue in report order, with default thresholds. To change one, pass
`dataclasses.replace(detector, field=value)` to `gandiag.diagnose` or `gandiag.attach(detectors=...)`, or set it in a
policy file, see `gandiag.judge.policy`.
"""

from __future__ import annotations

from .base import Detector
from .class_collapse import ClassCollapse
from .critic_constraint import CriticConstraint
from .dead_layer import DeadLayer
from .discriminator_dominance import DiscriminatorDominance
from .discriminator_overfitting import DiscriminatorOverfitting
from .discriminator_too_weak import DiscriminatorTooWeak
from .divergence import Divergence
from .double_sigmoid import DoubleSigmoid
from .exploding_gradients import ExplodingGradients
from .input_mismatch import InputMismatch
from .label_mismatch import LabelMismatch
from .learning_rates import LearningRates
from .memorisation import Memorisation
from .mode_collapse import ModeCollapse
from .mode_hopping import ModeHopping
from .mode_switch import ModeSwitch
from .non_finite import NonFinite
from .not_learning import NotLearning
from .oscillation import Oscillation
from .penalty_error import PenaltyError
from .quality_regression import QualityRegression
from .repeated_latents import RepeatedLatents
from .same_direction import SameDirection
from .sample_collapse import SampleCollapse
from .shared_update import SharedUpdate
from .specification import specification
from .spectral_collapse import SpectralCollapse
from .stagnation import Stagnation
from .stale_copy import StaleCopy
from .update_ratio import UpdateRatio
from .vanishing_gradients import VanishingGradients

DETECTORS: tuple[Detector, ...] = (
    NotLearning(),
    StaleCopy(),
    SameDirection(),
    SharedUpdate(),
    InputMismatch(),
    RepeatedLatents(),
    DoubleSigmoid(),
    ModeSwitch(),
    LabelMismatch(),
    PenaltyError(),
    LearningRates(),
    UpdateRatio(),
    NonFinite(),
    ExplodingGradients(),
    VanishingGradients(),
    DeadLayer(),
    DiscriminatorDominance(),
    DiscriminatorTooWeak(),
    ModeCollapse(),
    SampleCollapse(),
    ClassCollapse(),
    ModeHopping(),
    SpectralCollapse(),
    Oscillation(),
    Divergence(),
    DiscriminatorOverfitting(),
    Memorisation(),
    CriticConstraint(),
    Stagnation(),
    QualityRegression(),
)

__all__ = ["DETECTORS", "Detector", "specification"]

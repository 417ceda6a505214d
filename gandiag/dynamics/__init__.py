"""How a game moves, from checkpoints after the training: which way it goes, what its Jacobian says, how far it is.

`path_angle` looks at the way between two checkpoints, `game_spectrum` at the neighbourhood of one, `duality_gap` at
how much each player could still gain there. All take a `GameField`: two networks and a function of their losses.
"""

from __future__ import annotations

from gandiag.dynamics.checkpoints import Checkpoint
from gandiag.dynamics.duality import DualityGap, duality_gap
from gandiag.dynamics.field import GameField
from gandiag.dynamics.path import PathAngle, path_angle
from gandiag.dynamics.signature import Signature, SignatureRules, classify
from gandiag.dynamics.spectrum import GameSpectrum, game_spectrum

__all__ = [
    "Checkpoint",
    "DualityGap",
    "GameField",
    "GameSpectrum",
    "PathAngle",
    "Signature",
    "SignatureRules",
    "classify",
    "duality_gap",
    "game_spectrum",
    "path_angle",
]

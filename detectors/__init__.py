"""One file per failure."""

from .protocol import Detector as Detector

DETECTORS: tuple[Detector, ...] = ()

"""Modes of the target distribution: which of them a generator reaches, and how evenly.

A labeller tells samples apart: a labelled Gaussian mixture, the 8×8 digits classifier that ships with
gandiag, or a function of your own. `mode_coverage` and `class_histogram` judge one set of samples,
`ModeTracker` the batches of a training. Needs numpy and scipy alone.
"""

from __future__ import annotations

from gandiag.modes.coverage import ModeCoverage, coverage_of_labels, expected_high_quality, mode_coverage
from gandiag.modes.digits import DigitsClassifier, digits_card, digits_classifier
from gandiag.modes.histogram import MNIST_TRAIN_COUNTS, ClassHistogram, class_histogram
from gandiag.modes.mixtures import PRESETS, Mixture, preset
from gandiag.modes.statistics import count_labels, predicted_prior
from gandiag.modes.tracker import Classifier, Labeller, ModeTracker, resolve

__all__ = [
    "MNIST_TRAIN_COUNTS",
    "PRESETS",
    "ClassHistogram",
    "Classifier",
    "DigitsClassifier",
    "Labeller",
    "Mixture",
    "ModeCoverage",
    "ModeTracker",
    "class_histogram",
    "count_labels",
    "coverage_of_labels",
    "digits_card",
    "digits_classifier",
    "expected_high_quality",
    "mode_coverage",
    "predicted_prior",
    "preset",
    "resolve",
]

"""Modes of the target distribution: which of them a generator reaches, and how evenly.

A labeller tells samples apart: a labelled Gaussian mixture, the classifiers of 8×8 digits and of MNIST that ship
with gandiag, stacked MNIST's 1000 triples of digits, or a function or module of your own. `mode_coverage`,
`sample_histogram`, `stacked_mnist_coverage` and `conditional_coverage` judge one set of samples, `ModeTracker` the
batches of a training. Needs numpy and scipy alone, and torch for MNIST.
"""

from __future__ import annotations

from gandiag.modes.classifier import Classifier, ImageLabeller, Labeller, measure_confusion
from gandiag.modes.conditional import ConditionalCoverage, Conditioned, conditional_coverage
from gandiag.modes.coverage import ModeCoverage, coverage_of_labels, expected_high_quality, mode_coverage
from gandiag.modes.digits import DigitsClassifier, digits_card, digits_classifier
from gandiag.modes.histogram import MNIST_TRAIN_COUNTS, ClassHistogram, class_histogram, sample_histogram
from gandiag.modes.mixtures import PRESETS, Mixture, preset
from gandiag.modes.mnist import MnistClassifier, mnist_card, mnist_classifier
from gandiag.modes.mode_statistics import count_labels, predicted_prior
from gandiag.modes.stacked import StackedCoverage, StackedMnist, stack_digits, stacked_mnist, stacked_mnist_coverage
from gandiag.modes.tracker import ModeTracker, resolve

__all__ = [
    "MNIST_TRAIN_COUNTS",
    "PRESETS",
    "ClassHistogram",
    "Classifier",
    "ConditionalCoverage",
    "Conditioned",
    "DigitsClassifier",
    "ImageLabeller",
    "Labeller",
    "Mixture",
    "MnistClassifier",
    "ModeCoverage",
    "ModeTracker",
    "StackedCoverage",
    "StackedMnist",
    "class_histogram",
    "conditional_coverage",
    "count_labels",
    "coverage_of_labels",
    "digits_card",
    "digits_classifier",
    "expected_high_quality",
    "measure_confusion",
    "mnist_card",
    "mnist_classifier",
    "mode_coverage",
    "predicted_prior",
    "preset",
    "resolve",
    "sample_histogram",
    "stack_digits",
    "stacked_mnist",
    "stacked_mnist_coverage",
]

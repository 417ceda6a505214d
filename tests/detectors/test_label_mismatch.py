"""Labels that do not belong to the samples."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from gandiag import synthetic
from gandiag.detectors.label_mismatch import LabelMismatch
from gandiag.measure.conditions import Labels

CERTAIN_AFTER = 120

DETECT = LabelMismatch()


def run_with(seed=0, at=1, **values):
    run = synthetic.healthy(seed)
    frame = run.scalars.copy()
    for which, value in values.items():
        frame.loc[frame.index >= at, f"condition/{which}"] = value
    return replace(run, scalars=frame)


def FAILING(seed=0):  # noqa: N802 - the name that the contract looks for
    return run_with(seed, at=1000, lost=0.9)


@pytest.mark.parametrize(
    ("values", "severity", "first", "words"),
    [
        ({"lost": 0.9}, "failure", "labels-of-the-data", "labels of 90% of the real samples"),
        ({"lost": 0.1}, "warning", "labels-of-the-data", "labels of 10% of the real samples"),
        ({"foreign": 0.5}, "warning", "labels-of-the-data", "No real sample has the labels of 50%"),
        ({"agreement": 0.1}, "failure", "same-labels", "for 10% of the samples only"),
    ],
)
def test_each_is_told_within_100_steps_with_its_own_line_to_change(values, severity, first, words):
    """From the first step on."""
    (found,) = DETECT(run_with(**values).until(100))
    assert (found.severity, found.remedies[0].name) == (severity, first)
    assert words in found.summary


RENUMBERED = {"agreement": 0.0, "foreign": 0.1, "lost": 0.04}  # classes 1 to 10 are those of 0 to 9


@pytest.mark.parametrize("values", [{"lost": 0.03}, {"foreign": 0.2}, {"agreement": 0.9}, RENUMBERED])
def test_what_may_be_meant_is_no_mistake(values):
    """A rare class, a label that is changed now and then, labels that D numbers in its own way."""
    assert DETECT(run_with(**values)) == []


def track(real, *given):
    raw = {"labels/real": np.array([real], dtype=float)}
    raw |= {f"condition/{i}": np.array([labels], dtype=float) for i, labels in enumerate(given)}
    found = Labels().track(1, [([0], raw)])
    return float(found["condition/lost"][0]), float(found["condition/foreign"][0])


def test_labels_of_one_set_that_never_agree_are_shifted():
    """D is told the next class with every sample, say."""
    (found,) = DETECT(run_with(agreement=0.0).until(120))
    assert (found.severity, found.remedies[0].name) == ("failure", "same-labels")
    assert "for every sample" in found.summary


def test_labels_are_compared_by_what_is_missing():
    """Of each call of G for itself; what is no label does not count."""
    rng = np.random.default_rng(0)
    classes = rng.integers(4, size=400)
    assert track(classes, rng.permutation(classes)) == (0.0, 0.0)
    assert track(classes, classes, classes % 2)[0] == pytest.approx((classes > 1).mean(), abs=0.01)
    assert track(classes % 2, classes)[1] == pytest.approx((classes > 1).mean(), abs=0.01)
    assert np.isnan(track(classes, np.full(400, -1))[0])
    assert np.isnan(track(classes, classes[:50])[0])


def test_a_class_too_rare_to_be_seen_is_not_missed():
    """A thousand classes, of which three hundred labels show a quarter."""
    rng = np.random.default_rng(1)
    assert track(rng.integers(1000, size=300), rng.integers(1000, size=300))[0] < 0.05

"""Inception Score and classifier score: torch-fidelity's numbers, known extremes, and names that keep them apart."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch_fidelity.metric_isc import KEY_METRIC_ISC_MEAN, KEY_METRIC_ISC_STD, isc_features_to_metric

from gandiag.quality.measures.classifier_scores import classifier_score, inception_score


def logits(n: int, classes: int, seed: int = 0) -> torch.Tensor:
    return 4 * torch.randn(n, classes, generator=torch.Generator().manual_seed(seed))


@pytest.mark.parametrize(("n", "splits", "seed"), [(1000, 10, 2020), (103, 10, 2020), (57, 3, 1), (12, 12, 0)])
def test_the_score_equals_torch_fidelitys(n: int, splits: int, seed: int) -> None:
    """Mean and spread over its splits of its shuffle, also where the splits differ in size."""
    found = inception_score(logits(n, 50), splits, seed)
    expected = isc_features_to_metric(logits(n, 50), splits, True, seed)
    assert found.value == pytest.approx(expected[KEY_METRIC_ISC_MEAN], rel=1e-6)
    assert found.standard_deviation == pytest.approx(expected[KEY_METRIC_ISC_STD], rel=1e-6, abs=1e-12)
    assert (found.n, found.splits) == (n, splits)


@pytest.mark.parametrize("classes", [1, 4, 10])
def test_certain_and_even_labels_score_the_number_of_classes(classes: int) -> None:
    """The upper end, where probabilities round to 0 and 1: no NaN comes of log 0."""
    found = classifier_score(5000 * torch.eye(classes).repeat(30, 1), splits=1)
    assert found.value == pytest.approx(classes, rel=1e-9)


def test_one_class_or_no_certainty_scores_one() -> None:
    """The lower end, by collapse and by doubt; the score cannot tell them apart."""
    assert inception_score(logits(1, 10).repeat(100, 1)).value == pytest.approx(1)
    assert inception_score(torch.zeros(100, 10)).value == pytest.approx(1)
    absent = torch.tensor([[0.0, -2000.0, -3000.0]]).repeat(40, 1)
    assert inception_score(absent).value == pytest.approx(1)


@settings(max_examples=25, deadline=None)
@given(st.integers(0, 2**31), st.integers(10, 200), st.integers(2, 12))
def test_the_score_lies_between_one_and_the_number_of_classes(seed: int, n: int, classes: int) -> None:
    """And neither a constant added to a row nor the order of the classes matters."""
    found = logits(n, classes, seed)
    score = inception_score(found).value
    assert 1 - 1e-9 <= score <= classes + 1e-9
    assert inception_score(found.double() + 3).value == pytest.approx(score, rel=1e-6)
    assert inception_score(found.flip(1)).value == pytest.approx(score, rel=1e-9)


def test_fewer_classes_score_less() -> None:
    """Dropping half of the classes takes half of the score."""
    whole = classifier_score(30 * torch.eye(10).repeat(100, 1)).value
    assert classifier_score(30 * torch.eye(10)[:5].repeat(200, 1)).value == pytest.approx(whole / 2, rel=0.05)


def test_a_classifier_score_is_never_called_inception_score() -> None:
    """The same formula under two names, which their results carry."""
    ours, theirs = classifier_score(logits(100, 10)), inception_score(logits(100, 10))
    assert (ours.name, theirs.name) == ("classifier score", "Inception Score")
    assert ours.value == theirs.value
    assert ours != theirs


def test_the_score_depends_on_its_seed_alone() -> None:
    """The global random state is neither read nor moved."""
    before = np.random.get_state()[1].copy()  # noqa: NPY002 - is it untouched?
    one, same, other = (inception_score(logits(100, 10), seed=seed).value for seed in (1, 1, 2))
    assert one == same != other
    assert np.array_equal(before, np.random.get_state()[1])  # noqa: NPY002


def test_bad_input_is_named() -> None:
    """Fewer samples than splits, no splits, non-finite logits, labels instead of logits."""
    with pytest.raises(ValueError, match=r"splits must lie in \[1, 9\], the number of samples, found 10"):
        inception_score(logits(9, 3))
    with pytest.raises(ValueError, match="found 0"):
        classifier_score(logits(9, 3), splits=0)
    with pytest.raises(ValueError, match="logits must be finite, found NaN or infinity in 1 of 10 rows"):
        inception_score(torch.where(torch.arange(10)[:, None] == 4, torch.nan, logits(10, 3)))
    with pytest.raises(ValueError, match=r"logits must have shape \(N, D\), found \(9,\)"):
        classifier_score(torch.zeros(9))
    with pytest.raises(TypeError, match=r"logits must be a tensor of floating numbers, found torch\.int64"):
        classifier_score(torch.zeros(9, 3, dtype=torch.int64))

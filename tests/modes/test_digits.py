"""The digits classifier: it is as good as its card says, and refuses what it cannot read."""

from __future__ import annotations

from importlib import resources
from types import SimpleNamespace
from typing import TYPE_CHECKING

import numpy as np
import pytest

from benchmarks.classifiers import train_digits
from gandiag.modes import ModeTracker, class_histogram, count_labels, digits_card, digits_classifier

if TYPE_CHECKING:
    from pathlib import Path


@pytest.fixture(scope="module")
def split() -> train_digits.Split:
    """The digits as they were split for training."""
    return train_digits.load()


def test_accuracy_on_the_test_part_is_that_of_the_card(split: train_digits.Split) -> None:
    """Recomputed from the shipped weights, with the whole confusion matrix; at least 98.5 %."""
    card, (images, digits) = digits_card(), split.test
    labels = digits_classifier(value_range=(0, 1)).label(images)
    assert (labels == digits).mean() == pytest.approx(card["test_accuracy"], abs=1e-6)
    assert card["test_accuracy"] >= 0.985
    assert card["test_images"] == len(digits) == 450
    for digit, row in enumerate(card["confusion"]):
        assert count_labels(labels[digits == digit], 10) / (digits == digit).sum() == pytest.approx(row)


def test_card_counts_the_data(split: train_digits.Split) -> None:
    """Class counts of the training part and of all images, the prior's source."""
    card = digits_card()
    assert np.bincount(split.train[1]).tolist() == card["train_class_counts"]
    assert np.bincount(np.concatenate([split.train[1], split.test[1]])).tolist() == card["class_counts"]
    expected = np.array(card["class_counts"]) @ np.array(card["confusion"])
    assert digits_classifier().prior == pytest.approx(expected / expected.sum())


def test_recipe_is_the_best_of_cross_validation() -> None:
    """The test part chose nothing: the candidates' scores within the training part did."""
    card = digits_card()
    best = max(card["candidates"], key=lambda c: c["cross_validated_accuracy"])
    assert {k: v for k, v in best.items() if k in card["recipe"]} == card["recipe"]


def test_weights_are_small() -> None:
    """They travel with every installation."""
    assert len((resources.files("gandiag.modes") / "digits.npz").read_bytes()) < 300_000


@pytest.mark.parametrize("part", ["train", "test"])
def test_real_digits_pass_their_own_histogram_test(split: train_digits.Split, part: str) -> None:
    """A perfect generator must not be called biased, through the same classifier and prior."""
    card, (images, _) = digits_card(), getattr(split, part)
    counts = count_labels(digits_classifier(value_range=(0, 1)).label(images), 10)
    found = class_histogram(counts, card["class_counts"], card["confusion"])
    assert found.chi2_p > 0.05
    assert found.missing == ()


def test_one_digit_only_fails_the_histogram_test(split: train_digits.Split) -> None:
    """A thousand threes lack the other nine."""
    card, (images, digits) = digits_card(), split.train
    threes = np.random.default_rng(18).choice(images[digits == 3], size=1000)
    counts = count_labels(digits_classifier(value_range=(0, 1)).label(threes), 10)
    found = class_histogram(counts, card["class_counts"], card["confusion"])
    assert found.chi2_p < 1e-9
    assert found.effective < 1.5
    assert counts.argmax() == 3
    assert len(found.missing) >= 8


def test_shapes_and_ranges_of_the_same_images_agree(split: train_digits.Split) -> None:
    """Flat, (8, 8) and (1, 8, 8); [0, 1], [-1, 1] and [0, 16]; float32 as well."""
    images = split.test[0][:100]
    wanted = digits_classifier(value_range=(0, 1)).label(images)
    assert wanted.dtype == np.int64
    assert np.array_equal(digits_classifier().label((2 * images - 1).reshape(-1, 8, 8)), wanted)
    tensor = (16 * images).reshape(-1, 1, 8, 8).astype(np.float32)
    assert np.array_equal(digits_classifier(value_range=(0, 16)).label(tensor), wanted)


def test_values_beyond_the_range_are_clipped(split: train_digits.Split) -> None:
    """As a viewer shows them: stretching the contrast of a binary image changes nothing."""
    binary = np.where(split.test[0][:50] > 0.5, 1.0, -1.0)
    classifier = digits_classifier()
    assert np.array_equal(classifier.probabilities(binary), classifier.probabilities(7 * binary))


def test_probabilities_sum_to_one_and_unreadable_images_get_none(split: train_digits.Split) -> None:
    """An image with a NaN or an infinity has label -1 and does not disturb its neighbours."""
    images = split.test[0][:4].copy()
    classifier = digits_classifier(value_range=(0, 1))
    clean = classifier.label(images)
    images[1, 30], images[2, 0] = np.nan, np.inf
    assert classifier.label(images).tolist() == [clean[0], -1, -1, clean[3]]
    assert np.isnan(classifier.probabilities(images)[1:3]).all()
    assert classifier.probabilities(images)[[0, 3]].sum(axis=1) == pytest.approx([1, 1])
    assert classifier.label(np.full((3, 64), np.nan)).tolist() == [-1, -1, -1]
    assert classifier.label(np.empty((0, 8, 8))).shape == (0,)


@pytest.mark.parametrize("shape", [(5, 28, 28), (5, 3, 8, 8), (7, 8), (64,), (), (5, 8, 8, 1)])
def test_images_of_a_wrong_shape_are_refused(shape: tuple[int, ...]) -> None:
    """The message names the accepted and the found shape; a single image is no batch."""
    with pytest.raises(ValueError, match=r"\(n, 8, 8\), \(n, 1, 8, 8\) or \(n, 64\), found \("):
        digits_classifier().label(np.zeros(shape))


@pytest.mark.parametrize("value_range", [(1.0, 1.0), (1.0, -1.0), (0.0, np.inf), (np.nan, 1.0)])
def test_impossible_value_ranges_are_refused(value_range: tuple[float, float]) -> None:
    """Two finite rising values."""
    with pytest.raises(ValueError, match="two finite rising values"):
        digits_classifier(value_range=value_range)


def test_tracker_sees_a_digit_vanish(split: train_digits.Split) -> None:
    """From all digits to all but the eights, through the classifier."""
    images, digits = split.train
    tracker = ModeTracker(digits_classifier(value_range=(0, 1)))
    rng = np.random.default_rng(12)
    for pool in (images, images[digits != 8]):
        tracker.update(1, rng.choice(pool, size=tracker.n))
        found = tracker.evaluate()
        assert found is not None
        assert found[0]["modes/missing"] == (0 if pool is images else 1)
        assert (found[0]["modes/effective"] > 9.5) == (pool is images)


@pytest.mark.slow
def test_retraining_reproduces_the_shipped_accuracy(split: train_digits.Split) -> None:
    """The recipe on the card gives the accuracy on the card, to a few of 450 images: sums in another order add up."""
    card = digits_card()
    retrained = train_digits.fit(*split.train, train_digits.Settings(**card["recipe"]))
    assert train_digits.accuracy(retrained, *split.test) == pytest.approx(card["test_accuracy"], abs=5 / 450)


def test_training_program_writes_what_the_loader_reads(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """With two tiny recipes: both files, the better recipe chosen, and its progress on stderr."""
    candidates = (
        train_digits.Settings(units=8, epochs=1),
        train_digits.Settings(units=32, epochs=5, networks=2),
    )
    monkeypatch.setattr(train_digits, "CANDIDATES", candidates)
    train_digits.main(["--out", str(tmp_path)])
    assert {path.name for path in tmp_path.iterdir()} == {"digits.npz", "digits.json"}
    package = SimpleNamespace(files=lambda _: tmp_path)
    monkeypatch.setattr("gandiag.modes.digits.resources", package)
    card = digits_card()
    assert card["recipe"]["networks"] == 2
    assert {"data", "split", "seed", "training_command", "test_accuracy", "confusion"} <= set(card)
    images, digits = train_digits.load().test
    assert (digits_classifier((0, 1)).label(images) == digits).mean() == pytest.approx(card["test_accuracy"])
    assert "cross-validated accuracy" in capsys.readouterr().err


def test_training_program_wants_an_existing_folder(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """A wrong --out is a usage error before any training."""
    with pytest.raises(SystemExit) as stopped:
        train_digits.main(["--out", str(tmp_path / "nowhere")])
    assert stopped.value.code == 2
    assert "no folder" in capsys.readouterr().err

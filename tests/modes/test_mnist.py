"""The MNIST classifier: it is as good as its card says, reads what generators make, and refuses what it cannot read."""

from __future__ import annotations

import hashlib
import subprocess
import sys
from importlib import resources
from typing import TYPE_CHECKING

import numpy as np
import pytest
import torch
from scipy import stats
from sklearn.datasets import load_digits

from gandiag.modes import (
    MNIST_TRAIN_COUNTS,
    MnistClassifier,
    ModeTracker,
    class_histogram,
    count_labels,
    measure_confusion,
    mnist,
    mnist_card,
    mnist_classifier,
    resolve,
    sample_histogram,
)

if TYPE_CHECKING:
    from gandiag.modes.mnist_data import Data

ALPHA = 1e-3


def handwriting(n: int = 200) -> tuple[torch.Tensor, np.ndarray]:
    """scikit-learn's digits as MNIST would show them, (n, 1, 28, 28) in [0, 1], and what they are."""
    digits = load_digits()
    pixels = torch.tensor(digits.images[:n] / 16, dtype=torch.float32)[:, None]
    scaled = torch.nn.functional.interpolate(pixels, size=(20, 20), mode="bilinear")
    return torch.nn.functional.pad(scaled, (4, 4, 4, 4)), digits.target[:n]


@pytest.fixture(scope="module")
def read(mnist_read: np.ndarray) -> np.ndarray:
    """Labels of MNIST's test images."""
    return mnist_read.argmax(axis=1)


def test_accuracy_on_the_test_images_is_that_of_the_card(mnist: Data, read: np.ndarray) -> None:
    """Recomputed from the shipped weights, with the whole confusion matrix; at least 99.2 %."""
    card, digits = mnist_card(), mnist.test[1]
    assert np.array_equal(mnist_classifier().label(mnist.test[0][:500]), read[:500])
    accuracy = (read == digits).mean()
    assert accuracy == pytest.approx(card["test_accuracy"], abs=2e-4)  # sums in another order may turn a close one
    assert accuracy >= 0.992
    assert card["test_accuracy_wilson_95"][0] <= accuracy <= card["test_accuracy_wilson_95"][1]
    for digit, row in enumerate(card["confusion"]):
        assert count_labels(read[digits == digit], 10) / (digits == digit).sum() == pytest.approx(row, abs=2e-3)


def test_card_describes_the_data_and_the_file(mnist: Data) -> None:
    """Class counts, checksums of the data and of the weights, and the prior that follows."""
    card = mnist_card()
    assert tuple(card["class_counts"]) == MNIST_TRAIN_COUNTS == tuple(np.bincount(mnist.train[1]))
    assert card["test_class_counts"] == np.bincount(mnist.test[1]).tolist()
    for checksum, part in zip(card["values_sha256"].values(), (*mnist.train, *mnist.test), strict=True):
        assert hashlib.sha256(part.tobytes()).hexdigest() == checksum


def test_weights_are_small_and_those_of_the_card() -> None:
    """Under 1 MB, no pickles in it, and the checksum fits."""
    raw = (resources.files("gandiag.modes") / "mnist.npz").read_bytes()
    assert len(raw) < 1_000_000
    assert hashlib.sha256(raw).hexdigest() == mnist_card()["weights_sha256"]
    with (resources.files("gandiag.modes") / "mnist.npz").open("rb") as file, np.load(file, allow_pickle=False) as data:
        assert {data[name].dtype for name in data.files} == {np.dtype(np.float16)}


def test_prior_is_that_of_the_training_data_or_of_other_data() -> None:
    """Class counts seen through the confusion matrix."""
    card = mnist_card()
    expected = np.array(MNIST_TRAIN_COUNTS) @ np.array(card["confusion"])
    assert mnist_classifier().prior == pytest.approx(expected / expected.sum())
    own = mnist_classifier(class_counts=[1] * 9 + [11]).prior
    assert own == pytest.approx(np.array([0.05] * 9 + [0.55]) @ np.array(card["confusion"]))


def test_other_peoples_digits_are_read_too() -> None:
    """Blurred European handwriting with crossed sevens, never seen in training."""
    images, digits = handwriting(1000)
    assert (mnist_classifier((0, 1)).label(images) == digits).mean() > 0.75


def test_shapes_types_and_ranges_of_the_same_images_agree() -> None:
    """Flat, padded, with and without channel; uint8, halves, doubles, tensors, lists, read-only arrays."""
    whole = (255 * handwriting(100)[0]).round().to(torch.uint8)
    wanted = mnist_classifier().label(whole)
    assert wanted.dtype == np.int64
    unit = whole.float() / 255
    plain, unit_range = mnist_classifier(), mnist_classifier((0, 1))
    frozen = whole.numpy().copy()
    frozen.setflags(write=False)
    for same in (whole.numpy(), whole[:, 0], whole.flatten(1), frozen, 2 * unit - 1, (2 * unit - 1).double().numpy()):
        assert np.array_equal(plain.label(same), wanted)
    for same in (unit, unit.numpy()[:, 0].astype(">f8"), unit.squeeze(1).tolist(), unit.requires_grad_()):
        assert np.array_equal(unit_range.label(same), wanted)
    padded = torch.nn.functional.pad(whole, (2, 2, 2, 2))
    assert np.array_equal(plain.label(padded), wanted)
    assert np.array_equal(plain.label(padded[:, 0].numpy()), wanted)
    assert np.array_equal(mnist_classifier((0, 255)).label(whole.float()), wanted)


def test_values_beyond_the_range_are_clipped() -> None:
    """As a viewer shows them: stretching the contrast of a binary image changes nothing."""
    binary = torch.where(handwriting(50)[0] > 0.5, 1.0, -1.0)
    classifier = mnist_classifier()
    assert torch.equal(classifier.logits(binary), classifier.logits(7 * binary))


def test_logits_are_linear_in_the_features_and_probabilities_are_their_softmax() -> None:
    """Features (n, 128) from 0 without gradient, of float32 even under autocast."""
    images, classifier = handwriting(30)[0].requires_grad_(), mnist_classifier((0, 1))
    features, logits = classifier.features(images), classifier.logits(images)
    assert features.shape == (30, 128)
    assert (features.dtype, features.requires_grad) == (torch.float32, False)
    assert features.min() >= 0
    last = classifier.arrays()
    assert np.allclose(features.numpy() @ last["weight4"].T + last["bias4"], logits.numpy(), atol=1e-4)
    assert np.allclose(classifier.probabilities(images), logits.double().softmax(dim=1).numpy())
    with torch.autocast("cpu", dtype=torch.bfloat16):
        assert torch.equal(classifier.features(images), features)


def test_unreadable_images_have_no_label_and_do_not_disturb_their_neighbours() -> None:
    """A NaN or an infinity gives -1 and rows of NaN."""
    images, classifier = handwriting(4)[0], mnist_classifier((0, 1))
    clean = classifier.label(images)
    images[1, 0, 3, 3], images[2, 0, 0, 0] = torch.nan, torch.inf
    assert classifier.label(images).tolist() == [clean[0], -1, -1, clean[3]]
    assert classifier.features(images).isnan().all(dim=1).tolist() == [False, True, True, False]
    assert np.isnan(classifier.probabilities(images.numpy())[1:3]).all()
    assert classifier.label(np.empty((0, 28, 28))).shape == (0,)
    assert classifier.features(torch.empty(0, 1, 28, 28)).shape == (0, 128)


def test_chunks_change_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    """Many images at a time or few, to the rounding of sums in another order."""
    images, classifier = handwriting(100)[0], mnist_classifier((0, 1))
    whole = classifier.features(images)
    monkeypatch.setattr(mnist, "CHUNK", 7)
    assert torch.allclose(classifier.features(images), whole, rtol=1e-4, atol=1e-5)


@pytest.mark.parametrize("shape", [(5, 8, 8), (5, 3, 28, 28), (28, 28), (784,), (), (5, 28, 28, 1), (2, 32, 28)])
def test_images_of_a_wrong_shape_are_refused(shape: tuple[int, ...]) -> None:
    """The message names the accepted and the found shape, for arrays and for tensors; a single image is no batch."""
    for images in (np.zeros(shape), torch.zeros(shape)):
        with pytest.raises(ValueError, match=r"must have shape \(n, 28, 28\), .* or \(n, 1, 32, 32\), found \("):
            mnist_classifier().label(images)


@pytest.mark.parametrize(
    "images", [np.zeros((1, 28, 28), complex), np.full((1, 28, 28), "a"), torch.zeros(1, 784) + 0j]
)
def test_what_is_no_image_is_refused(images: object) -> None:
    """Complex numbers and text."""
    with pytest.raises(ValueError, match="must be real numbers, found"):
        mnist_classifier().logits(images)


@pytest.mark.parametrize("value_range", [(1.0, 1.0), (1.0, -1.0), (0.0, np.inf), (np.nan, 1.0)])
def test_impossible_value_ranges_are_refused(value_range: tuple[float, float]) -> None:
    """Two finite rising values."""
    with pytest.raises(ValueError, match="two finite rising values"):
        mnist_classifier(value_range)


@pytest.mark.skipif(not torch.cuda.is_available(), reason="needs a GPU")
def test_tensors_are_classified_where_they_are() -> None:
    """Features stay on the images' device; labels agree with those of the CPU."""
    images, classifier = handwriting()[0], mnist_classifier((0, 1))
    assert classifier.features(images.cuda()).device.type == "cuda"
    assert (classifier.label(images.cuda()) == classifier.label(images)).mean() > 0.98


def test_nothing_of_torch_is_loaded_before_the_classifier_is() -> None:
    """The package serves training loops of other frameworks."""
    program = "import sys; from gandiag.modes import mnist_card, resolve; mnist_card(); print('torch' in sys.modules)"
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "False"


def test_a_training_is_judged_by_name() -> None:
    """resolve("mnist") serves a tracker: [-1, 1], 2000 samples, a share without digit."""
    labeller = resolve("mnist")
    assert isinstance(labeller, MnistClassifier)
    assert (labeller.name, labeller.n, len(labeller.prior)) == ("mnist", 2000, 10)
    tracker = ModeTracker(labeller, n=100)
    images = 2 * handwriting(100)[0].numpy() - 1
    images[:5] = np.nan
    tracker.update(1, images)
    found = tracker.evaluate()
    assert found is not None
    assert found[0]["modes/unrecognised"] == pytest.approx(0.05)
    assert found[0]["modes/captured"] == 10


def p_values(labels: np.ndarray, prior: np.ndarray, n: int, seed: int) -> np.ndarray:
    """Of the chi-square test on 200 sets of n labels drawn with replacement."""
    rng = np.random.default_rng(seed)
    draws = (count_labels(rng.choice(labels, n), 10) for _ in range(200))
    return np.array([class_histogram(counts, prior).chi2_p for counts in draws])


@pytest.mark.parametrize("n", [1000, 2000])
def test_real_test_images_pass_their_own_histogram_test_at_the_nominal_rate(read: np.ndarray, n: int) -> None:
    """200 resamples against the shipped prior: at most 3 rejections at 0.001, and p values spread evenly.

    Drawn with replacement, so that the counts are multinomial as the test assumes. The shipped prior is that of the
    training images. The test images differ from it by less than chance allows (p = .945), but as one fixed set: that
    moves the mean p value from .50 to .47 at 1000 and .46 at 2000 samples, and
    the rate of rejections to .003 (6 of 2000).
    """
    found = p_values(read, mnist_classifier().prior, n, seed=n)
    assert (found < ALPHA).sum() <= 3  # P(more | rate .001) = 6e-5
    assert 0.4 < found.mean() < 0.56
    assert stats.kstest(found, "uniform").pvalue > 1e-3


def test_histogram_test_holds_with_a_confusion_matrix_measured_on_other_images(mnist: Data, read: np.ndarray) -> None:
    """Errors measured on one half of the test images, resamples of the other: nothing is tested on itself."""
    digits = mnist.test[1]
    confusion = measure_confusion(lambda chosen: read[chosen], np.arange(0, 10_000, 2), digits[::2], 10)
    prior = np.bincount(digits[1::2]) @ confusion
    found = p_values(read[1::2], prior, 1000, seed=5)
    assert (found < ALPHA).sum() <= 3
    assert stats.kstest(found, "uniform").pvalue > 1e-3


def test_real_images_against_a_wrong_prior_fail(mnist: Data, read: np.ndarray) -> None:
    """The test has power: with half of the fours left out, nearly every set of 2000 is rejected."""
    kept = (mnist.test[1] != 4) | (np.arange(10_000) % 2 == 0)
    assert (p_values(read[kept], mnist_classifier().prior, 2000, seed=6) < ALPHA).mean() > 0.97


def test_histogram_of_images_is_that_of_their_labels(mnist: Data) -> None:
    """Images in, test out; images with a NaN are counted beside it."""
    images = mnist.test[0][:1000].astype(np.float32)
    images[:3] = np.nan
    classifier = mnist_classifier((0, 255))
    found = sample_histogram(images, classifier)
    assert (found.n, found.unrecognised) == (997, 3)
    assert found.chi2_p > ALPHA
    assert found.expected == pytest.approx(classifier.prior)
    sevens = sample_histogram(mnist.test[0][mnist.test[1] == 7], classifier)
    assert sevens.chi2_p < 1e-100
    assert sevens.missing == (0, 1, 2, 3, 4, 5, 6, 8, 9)
    with pytest.raises(ValueError, match="at least one sample"):
        sample_histogram(images[:3], classifier)

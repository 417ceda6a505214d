"""Stacked MNIST: a perfect sampler, a collapsed one, and triples that nobody can read."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

import numpy as np
import pytest
import torch

from gandiag.modes import (
    MNIST_TRAIN_COUNTS,
    ModeTracker,
    StackedMnist,
    coverage_of_labels,
    mode_statistics,
    resolve,
    stack_digits,
    stacked_mnist,
    stacked_mnist_coverage,
)
from gandiag.modes.stacked import triple_prior

if TYPE_CHECKING:
    from gandiag.modes.mnist_data import Data

UNIFORM = np.full(1000, 1e-3)


def test_perfect_sampler_scores_what_the_sheet_says(mnist: Data) -> None:
    """Balanced triples of real digits: as many modes as chance allows, KL at its floor, few unrecognised."""
    images, labels = stack_digits(*mnist.test, 2600, seed=0, balanced=True)
    found = stacked_mnist_coverage(images)
    assert found.published.n == 2600
    assert found.published.captured == pytest.approx(925.6, abs=30)
    assert found.published.expected_captured == pytest.approx(925.6, abs=0.3)
    assert found.published.kl == pytest.approx(0.213, abs=0.04)
    assert abs(found.published.kl_corrected) < 0.06
    assert found.unrecognised == pytest.approx(0.04, abs=0.02)
    read, confidence = stacked_mnist().read(images)
    assert (read == labels).mean() > 0.97  # 0.995 cubed
    sure = confidence >= 0.9
    assert (read == labels)[sure].mean() > 0.995
    assert found.unrecognised == pytest.approx((~sure).mean())
    assert found.recognised.high_quality == pytest.approx(sure.mean())


class Known:
    """Stands in for the classifier where images hold numbers of test images, each of which was read once."""

    def __init__(self, read: np.ndarray) -> None:
        self.read = read

    def probabilities(self, images: np.ndarray) -> np.ndarray:
        return self.read[images[:, 0, 0, 0]]


def test_perfect_sampler_at_the_published_size(mnist: Data, mnist_read: np.ndarray) -> None:
    """26,000 samples of MNIST's own frequencies: all 1000 modes, KL .0235, which is .0043 after the correction."""
    numbers = np.broadcast_to(np.arange(10_000, dtype=np.int16)[:, None, None], mnist.test[0].shape)
    labeller = replace(stacked_mnist(), classifier=Known(mnist_read))  # type: ignore[arg-type]
    found = stacked_mnist_coverage(stack_digits(numbers, mnist.test[1], 26_000, seed=1)[0], labeller)
    assert (found.published.captured, found.recognised.captured, found.recognised.missing) == (1000, 1000, 0)
    assert found.published.robust == 1000
    assert found.published.kl == pytest.approx(0.0235, abs=0.003)
    assert found.published.kl_corrected == pytest.approx(0.0043, abs=0.003)


def test_digit_frequencies_move_a_perfect_generator_from_the_uniform_prior() -> None:
    """MNIST itself is 0.0043 nats away, a perfect generator 0.0235 at 26,000 samples; with its own prior the floor."""
    prior = triple_prior(MNIST_TRAIN_COUNTS)
    assert mode_statistics.kl(prior, UNIFORM) == pytest.approx(0.0043, abs=5e-5)
    counts = np.random.default_rng(2).multinomial(26_000, prior, size=50)
    labels = [np.repeat(np.arange(1000), row) for row in counts]
    assert np.mean([coverage_of_labels(row, UNIFORM).kl for row in labels]) == pytest.approx(0.0235, abs=5e-4)
    own = [coverage_of_labels(row, prior) for row in labels]
    assert np.mean([found.kl for found in own]) == pytest.approx(0.0194, abs=5e-4)
    assert np.mean([found.kl_corrected for found in own]) == pytest.approx(0, abs=5e-4)


@pytest.mark.parametrize(
    ("modes", "kl"),
    [
        *((99.0, 3.40), (16.0, 5.40), (48.7, 4.32), (150.0, 2.95), (78.9, 4.50), (1000.0, 0.06)),
        *((30.6, 5.99), (236.4, 4.67), (628.0, 2.58), (817.4, 1.43), (487.7, 2.24), (866.6, 0.90)),
    ],
)
def test_published_rows_respect_the_bound_that_ours_attains(modes: float, kl: float) -> None:
    """KL >= ln(1000 / modes) for Tables 2 and 3 of Lin et al. 2018; equal shares on so many modes attain it."""
    found = coverage_of_labels(np.repeat(np.arange(round(modes)), 26), UNIFORM)
    assert found.captured == round(modes)
    assert found.kl == pytest.approx(np.log(1000 / round(modes)), abs=1e-12)
    assert kl >= np.log(1000 / modes)


def test_a_collapsed_generator_is_seen_through_all_its_variants(mnist: Data) -> None:
    """One triple in many handwritings: misread digits add published modes; KL and the recognised ones tell."""
    images, digits = mnist.test
    one = digits == 5
    found = stacked_mnist_coverage(stack_digits(images[one], digits[one], 2000, seed=3)[0])
    assert found.published.captured > 3
    assert found.published.kl > 6.5
    assert found.recognised.captured <= found.published.captured
    assert found.recognised.effective < found.published.effective < 1.5
    assert found.recognised.robust <= 4
    assert found.recognised.missing == 0 or found.recognised.missing > 990
    assert found.recognised.histogram.argmax() == 555


def test_blends_of_two_digits_are_not_recognised(mnist: Data) -> None:
    """What mode-averaging generators make: the published count has a triple for each, most of which are unsure."""
    first, second = (stack_digits(*mnist.test, 500, seed=s)[0].astype(np.float32) for s in (20, 21))
    found = stacked_mnist_coverage((first + second) / 255 - 1)
    assert found.published.high_quality == 1
    assert found.unrecognised > 0.4


def test_noise_looks_collapsed() -> None:
    """Confidence does not tell digits from what is none: noise has few triples and a KL near its bound."""
    noise = np.random.default_rng(4).uniform(-1, 1, (300, 3, 28, 28)).astype(np.float32)
    assert stacked_mnist_coverage(noise).recognised.kl > 6


def test_channels_are_hundreds_tens_and_ones(mnist: Data) -> None:
    """In the order of the channels, for arrays and tensors, (28, 28) and padded, uint8 and [-1, 1]."""
    images, labels = stack_digits(*mnist.train, 60, seed=5)
    labeller = stacked_mnist(confidence=0)
    found = labeller.label(images)
    assert (found == labels).mean() > 0.9
    scaled = images.astype(np.float32) / 127.5 - 1
    padded = torch.nn.functional.pad(torch.from_numpy(images), (2, 2, 2, 2))
    for same in (torch.from_numpy(images), scaled, padded, scaled.tolist()):
        assert np.array_equal(labeller.label(same), found)
    swapped = labeller.label(images[:, ::-1])
    assert np.array_equal(swapped, found % 10 * 100 + found // 10 % 10 * 10 + found // 100)


def test_unreadable_images_have_no_label(mnist: Data) -> None:
    """A NaN in one channel is enough; both counts leave the image out, and its neighbours stay."""
    images = stack_digits(*mnist.train, 20, seed=6)[0].astype(np.float32) / 127.5 - 1
    clean = stacked_mnist(confidence=0).label(images)
    images[4, 2, 0, 0] = np.nan
    labels, confidence = stacked_mnist().read(images)
    assert (labels[4], confidence[4]) == (-1, -1)
    assert np.array_equal(np.delete(labels, 4), np.delete(clean, 4))
    assert stacked_mnist_coverage(images).published.histogram.sum() == 19
    assert stacked_mnist().label(np.empty((0, 3, 28, 28))).shape == (0,)


def test_tracker_reports_the_share_without_a_label(mnist: Data) -> None:
    """resolve("stacked_mnist") in training, of 26,000 samples by default; modes/unrecognised beside the modes."""
    labeller = resolve("stacked_mnist")
    assert isinstance(labeller, StackedMnist)
    assert (labeller.n, len(labeller.prior), labeller.name) == (26_000, 1000, "stacked_mnist")
    assert labeller.prior == pytest.approx(UNIFORM)
    tracker = ModeTracker(labeller, n=200)
    images = stack_digits(*mnist.test, 200, seed=7)[0].astype(np.float32) / 127.5 - 1
    images[:50] = np.nan
    tracker.update(1, images)
    found = tracker.evaluate()
    assert found is not None
    assert 0.25 <= found[0]["modes/unrecognised"] < 0.4
    assert found[0]["modes/captured"] > 100


def test_prior_of_digits_is_that_of_the_classifier_cubed() -> None:
    """Uniform by default, as published; else the product of the digits' shares."""
    labeller = stacked_mnist(prior="digits")
    digits = labeller.classifier.prior
    assert labeller.prior[273] == pytest.approx(digits[2] * digits[7] * digits[3])
    assert labeller.prior.sum() == pytest.approx(1)


def test_balanced_draws_make_all_triples_equally_likely() -> None:
    """From data of unequal classes; without it, the data's shares; the same seed draws the same."""
    digits = np.repeat(np.arange(10), np.arange(1, 11))
    images = np.broadcast_to(digits[:, None, None].astype(np.uint8), (55, 28, 28))
    for balanced, shares in ((True, np.full(10, 0.1)), (False, np.arange(1, 11) / 55)):
        stacked, labels = stack_digits(images, digits, 20_000, seed=8, balanced=balanced)
        assert stacked.shape == (20_000, 3, 28, 28)
        assert stacked.dtype == np.uint8
        assert np.array_equal(stacked[:, :, 0, 0].astype(int) @ [100, 10, 1], labels)
        assert np.bincount(labels // 100) / 20_000 == pytest.approx(shares, abs=0.015)
    assert np.array_equal(stack_digits(images, digits, 50, seed=9)[1], stack_digits(images, digits, 50, seed=9)[1])


@pytest.mark.parametrize("shape", [(4, 28, 28), (4, 1, 28, 28), (3, 28, 28), (4, 28, 28, 3), ()])
def test_images_without_three_channels_are_refused(shape: tuple[int, ...]) -> None:
    """The message names the accepted and the found shape."""
    with pytest.raises(ValueError, match=r"must have shape \(n, 3, 28, 28\) or \(n, 3, 32, 32\), found \("):
        stacked_mnist().label(np.zeros(shape))


def test_impossible_arguments_are_refused() -> None:
    """A prior by an unknown name, a confidence that no probability reaches, digits that do not fit their images."""
    with pytest.raises(ValueError, match="prior must be 'uniform' or 'digits', found 'real'"):
        stacked_mnist(prior="real")  # type: ignore[arg-type]
    with pytest.raises(ValueError, match=r"confidence must lie in \[0, 1\), found 1"):
        stacked_mnist(confidence=1)
    with pytest.raises(ValueError, match=r"with a digit 0 to 9 each, found images \(2, 28, 28\) and digits \(3,\)"):
        stack_digits(np.zeros((2, 28, 28)), [1, 2, 3], 5, seed=0)
    with pytest.raises(ValueError, match=r"each of 0 to 9, found none of \[0, 1, 4"):
        stack_digits(np.zeros((2, 28, 28)), [2, 3], 5, seed=0, balanced=True)

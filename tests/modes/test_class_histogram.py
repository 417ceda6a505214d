"""The class histogram test: MNIST's known numbers, its error rates, and the direction of each statistic."""

from __future__ import annotations

import numpy as np
import pytest
from scipy import stats

from gandiag.modes import MNIST_TRAIN_COUNTS, class_histogram

MNIST_TEST_COUNTS = (980, 1135, 1032, 1010, 982, 892, 958, 1028, 974, 1009)
UNIFORM = (1,) * 10
ALPHA = 1e-3


def rejections(n: int, truth: np.ndarray, prior: np.ndarray | tuple[int, ...], repeats: int = 500) -> float:
    """Share of generators with these class shares that the chi-square test rejects at ALPHA."""
    counts = np.random.default_rng(10).multinomial(n, truth, size=repeats)
    return float(np.mean([class_histogram(c, prior).chi2_p < ALPHA for c in counts]))


def test_mnist_prior_has_its_known_distance_from_uniform() -> None:
    """TV .0190, KL .00143 and 9.986 effective classes: real data is not uniform."""
    found = class_histogram(MNIST_TRAIN_COUNTS, UNIFORM)
    assert found.n == 60_000
    assert found.tv == pytest.approx(0.0190, abs=5e-5)
    assert found.kl == pytest.approx(0.00143, abs=5e-6)
    assert found.effective == pytest.approx(9.986, abs=5e-4)


def test_mnist_test_labels_fit_the_training_prior_and_not_the_uniform_one() -> None:
    """Chi-square p values .945 and 6e-5, TV .0076."""
    found = class_histogram(MNIST_TEST_COUNTS, MNIST_TRAIN_COUNTS)
    assert found.tv == pytest.approx(0.0076, abs=5e-5)
    assert found.chi2_p == pytest.approx(0.945, abs=5e-4)
    assert found.z_p.min() > 0.5
    assert class_histogram(MNIST_TEST_COUNTS, UNIFORM).chi2_p == pytest.approx(6e-5, abs=5e-6)


@pytest.mark.parametrize(("n", "rate"), [(1_000, 0.010), (2_000, 0.037), (5_000, 0.28), (10_000, 0.80), (50_000, 1.0)])
def test_uniform_null_rejects_a_perfect_generator(n: int, rate: float) -> None:
    """Why the prior is the data's own: at 10,000 samples four of five perfect generators would fail."""
    truth = np.array(MNIST_TRAIN_COUNTS) / sum(MNIST_TRAIN_COUNTS)
    assert rejections(n, truth, UNIFORM) == pytest.approx(rate, abs=4 * np.sqrt(rate * (1 - rate) / 500) + 5e-3)
    assert rejections(n, truth, MNIST_TRAIN_COUNTS) <= 0.01


@pytest.mark.parametrize(
    ("left", "fair", "good"),
    [
        (0.0, 260, 440),
        (0.1, 320, 540),
        (0.25, 470, 780),
        (0.5, 1_040, 1_740),
        (0.75, 4_150, 6_950),
        (0.9, 25_920, 43_400),
    ],
)
def test_the_loss_of_a_class_is_found_with_the_stated_power(left: float, fair: int, good: int) -> None:
    """One class down to a fraction of its share, the others equally up: power .80 and .99 at these sample sizes.

    The table follows the noncentral chi-square law. A lost class has no variance, so real power is above it.
    """
    truth = np.full(10, 0.1 + 0.1 * (1 - left) / 9)
    truth[4] = 0.1 * left
    distance = class_histogram(np.round(truth * 10**9), UNIFORM).chi2 / 10**9
    for n, power, spread in ((fair, 0.80, 0.10), (good, 0.99, 0.03)):
        assert stats.ncx2.sf(stats.chi2.ppf(1 - ALPHA, 9), 9, n * distance) == pytest.approx(power, abs=0.015)
        found = rejections(n, truth, UNIFORM, repeats=250)
        assert found > power - spread
        assert left < 0.9 or found < power + spread


@pytest.mark.parametrize(("n", "tv", "tv99", "kl99"), [(1_000, 0.037, 0.062, 0.011), (10_000, 0.012, 0.0195, 0.0011)])
def test_perfect_generator_has_the_known_null(n: int, tv: float, tv99: float, kl99: float) -> None:
    """Mean and 99 % point of TV, 99 % point of KL."""
    truth = np.array(MNIST_TRAIN_COUNTS) / sum(MNIST_TRAIN_COUNTS)
    counts = np.random.default_rng(11).multinomial(n, truth, size=1000)
    found = [class_histogram(c, MNIST_TRAIN_COUNTS) for c in counts]
    assert np.mean([f.tv for f in found]) == pytest.approx(tv, rel=0.05)
    assert np.quantile([f.tv for f in found], 0.99) == pytest.approx(tv99, rel=0.08)
    assert np.quantile([f.kl for f in found], 0.99) == pytest.approx(kl99, rel=0.12)


def test_statistics_agree_with_scipy() -> None:
    """Pearson's chi-square and G with df = K - 1; G is 2 n KL; z is the binomial one."""
    counts, prior = np.array([10, 0, 25, 65]), np.array([0.1, 0.05, 0.25, 0.6])
    found = class_histogram(counts, prior)
    g = stats.power_divergence(counts, 100 * prior, lambda_="log-likelihood")
    assert (found.g, found.g_p) == pytest.approx((g.statistic, g.pvalue))
    assert found.g == pytest.approx(2 * found.n * found.kl)
    assert found.chi2 == pytest.approx(((counts - 100 * prior) ** 2 / (100 * prior)).sum())
    assert found.chi2_p == pytest.approx(stats.chi2.sf(found.chi2, 3))
    assert found.z[3] == pytest.approx(5 / np.sqrt(24))
    assert found.effective_simpson == pytest.approx(1 / (0.01 + 0.0625 + 0.4225))


def test_a_lost_class_stands_out_alone() -> None:
    """It is the missing one, has the most negative z, and is significant after Holm's correction."""
    counts = np.full(10, 111)
    counts[7] = 0
    found = class_histogram(counts, UNIFORM)
    assert found.missing == (7,)
    assert found.z.argmin() == 7
    assert found.z_p[7] < 1e-20
    assert found.upper_share[7] == pytest.approx(1 - 0.01 ** (1 / 999))
    assert found.effective == pytest.approx(9)
    assert found.tv == pytest.approx(0.1)


def test_a_single_class_is_as_bad_as_it_gets() -> None:
    """Nine of ten classes missing, one effective class, KL ln 10."""
    found = class_histogram([0, 0, 1000, 0, 0, 0, 0, 0, 0, 0], UNIFORM)
    assert found.missing == (0, 1, 3, 4, 5, 6, 7, 8, 9)
    assert found.effective == pytest.approx(1)
    assert found.kl == pytest.approx(np.log(10))
    assert found.chi2_p < 1e-300


def test_confusion_matrix_explains_what_the_classifier_does() -> None:
    """A classifier that reads a fifth of class 0 as class 1 makes a perfect generator look biased."""
    confusion = [[0.8, 0.2], [0.0, 1.0]]
    counts = [4000, 6000]
    assert class_histogram(counts, [1, 1]).chi2_p < 1e-50
    found = class_histogram(counts, [1, 1], confusion)
    assert found.chi2_p == pytest.approx(1)
    assert found.expected == pytest.approx([0.4, 0.6])


@pytest.mark.parametrize(
    ("counts", "prior", "message"),
    [
        ([1, 2, 3], [1, 1], r"counts must have shape \(2,\) like the prior, found \(3,\)"),
        ([1, -2], [1, 1], "whole numbers from 0"),
        ([1, 0.5], [1, 1], "whole numbers from 0"),
        ([1, np.nan], [1, 1], "whole numbers from 0"),
        ([0, 0], [1, 1], "at least one sample"),
        ([5], [1], "at least 2 classes, found 1"),
        ([5, 5], [1, np.inf], "finite and positive"),
    ],
)
def test_impossible_histograms_are_refused(counts: list[float], prior: list[float], message: str) -> None:
    """The message says what was found and what is expected."""
    with pytest.raises(ValueError, match=message):
        class_histogram(counts, prior)

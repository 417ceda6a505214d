"""The formulas on mode histograms, against closed forms, scipy and published floors."""

from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import stats

from gandiag.modes import mode_statistics

COUNTS = st.lists(st.integers(0, 500), min_size=2, max_size=30).filter(any)


@given(COUNTS)
@settings(deadline=None)
def test_kl_is_at_least_what_the_number_of_modes_forces(counts: list[int]) -> None:
    """KL from uniform cannot be below ln(K / modes), whatever the histogram on those modes."""
    found = np.array(counts)
    kl = mode_statistics.kl(found / found.sum(), np.full(len(found), 1 / len(found)))
    assert kl >= math.log(len(found) / (found > 0).sum()) - 1e-12


@given(COUNTS, st.integers(0, 2**32 - 1))
@settings(deadline=None)
def test_divergences_keep_within_their_bounds(counts: list[int], seed: int) -> None:
    """0 <= JSD <= ln 2, 0 <= TV <= 1, 1 <= effective <= modes, and Pinsker's inequality."""
    p = np.array(counts) / sum(counts)
    q = np.random.default_rng(seed).dirichlet(np.ones(len(p))) * 0.999 + 0.001 / len(p)
    kl, tv = mode_statistics.kl(p, q), mode_statistics.total_variation(p, q)
    assert -1e-12 <= mode_statistics.jensen_shannon(p, q) <= math.log(2) + 1e-12
    assert 0 <= tv <= 1 + 1e-12
    assert 2 * tv**2 <= kl + 1e-12
    assert 1 - 1e-12 <= mode_statistics.effective(p) <= (p > 0).sum() + 1e-9


@given(COUNTS)
@settings(deadline=None)
def test_entropy_and_kl_agree_with_scipy(counts: list[int]) -> None:
    """scipy.stats.entropy is both, by an implementation of its own."""
    p = np.array(counts) / sum(counts)
    q = (np.arange(len(p)) + 1.0) / (np.arange(len(p)) + 1.0).sum()
    assert mode_statistics.entropy(p) == pytest.approx(stats.entropy(p), abs=1e-12)
    assert mode_statistics.kl(p, q) == pytest.approx(stats.entropy(p, q), abs=1e-12)


def test_disjoint_histograms_are_as_far_apart_as_can_be() -> None:
    """JSD ln 2, TV 1 and an infinite KL."""
    p, q = [1.0, 0.0], [0.0, 1.0]
    assert mode_statistics.jensen_shannon(p, q) == pytest.approx(math.log(2))
    assert mode_statistics.total_variation(p, q) == 1
    assert mode_statistics.kl(p, q) == math.inf


def test_upper_bounds_are_those_of_clopper_and_pearson() -> None:
    """The exact binomial interval of scipy is the oracle, at no hit and at all hits as well."""
    counts = np.array([0, 1, 17, 250])
    expected = [
        stats.binomtest(int(c), 268, alternative="less").proportion_ci(0.99, method="exact").high for c in counts
    ]
    assert mode_statistics.upper_share(counts) == pytest.approx(expected)
    assert mode_statistics.upper_share([5, 0])[0] == 1
    assert mode_statistics.upper_share([0, 0]).tolist() == [1, 1]


@pytest.mark.parametrize(("modes", "samples"), [(8, 120), (25, 418), (1000, 20_713)])
def test_samples_needed_to_see_every_healthy_mode(modes: int, samples: int) -> None:
    """A mode of equal shares is missed with a probability below 1e-6 in all; one mode is seen at once."""
    assert mode_statistics.samples_to_see(np.ones(modes)) == samples
    assert modes * (1 - 1 / modes) ** samples < 1e-6 <= modes * (1 - 1 / modes) ** (samples - 1)
    assert mode_statistics.samples_to_see([5.0]) == 1


@pytest.mark.parametrize("confidence", [0.95, 0.99])
def test_interval_of_a_share_is_that_of_wilson(confidence: float) -> None:
    """scipy's is the oracle, of many shares at once."""
    hits, n = np.array([0, 10, 3, 1, 9951]), np.array([10, 10, 7, 1, 10_000])
    wanted = [
        stats.binomtest(int(h), int(m)).proportion_ci(confidence, method="wilson") for h, m in zip(hits, n, strict=True)
    ]
    low, high = mode_statistics.wilson(hits, n, confidence)
    assert low == pytest.approx([w.low for w in wanted], abs=1e-12)
    assert high == pytest.approx([w.high for w in wanted], abs=1e-12)


def test_ends_of_the_interval_of_a_share_are_exact() -> None:
    """None is surely possible where nothing was hit, all where all were, and both where nothing was sampled."""
    n = np.arange(1000)
    assert not mode_statistics.wilson(np.zeros(1000), n)[0].any()
    assert (mode_statistics.wilson(n, n)[1] == 1).all()
    assert [float(bound) for bound in mode_statistics.wilson(0, 0)] == [0, 1]


def test_a_mode_is_missing_only_with_enough_evidence() -> None:
    """No hit in 50 samples is no proof for one mode of eight, no hit in 500 is."""
    prior = np.full(8, 1 / 8)
    assert not mode_statistics.missing([0, 8, 7, 7, 7, 7, 7, 7], prior).any()
    assert np.flatnonzero(mode_statistics.missing([0, 72, 71, 71, 71, 71, 72, 72], prior)).tolist() == [0]


def test_holm_corrects_step_by_step_and_keeps_the_order() -> None:
    """The textbook example: sorted p values times K, K - 1, ..., never falling."""
    assert mode_statistics.holm([0.04, 0.01, 0.03, 0.005]) == pytest.approx([0.06, 0.03, 0.06, 0.02])
    assert mode_statistics.holm([0.9, 0.8]).tolist() == [1, 1]


def test_prior_moves_through_the_confusion_matrix() -> None:
    """A tenth of class 0 read as class 1 moves a tenth of its share."""
    pushed = mode_statistics.predicted_prior([1, 1], [[0.9, 0.1], [0.0, 1.0]])
    assert pushed == pytest.approx([0.45, 0.55])
    assert mode_statistics.predicted_prior([3, 1], None) == pytest.approx([0.75, 0.25])


@pytest.mark.parametrize(
    ("prior", "confusion", "message"),
    [
        ([1, 1], np.eye(3), r"confusion must have shape \(2, 2\), found \(3, 3\)"),
        ([1, 1], [[9, 1], [0, 10]], "rows of shares that sum to 1"),
        ([1, 0], None, "finite and positive"),
        ([[1, 1]], None, r"shape \(K,\), found \(1, 2\)"),
    ],
)
def test_wrong_priors_and_matrices_are_refused(prior: object, confusion: object, message: str) -> None:
    """The message says what was found and what is expected."""
    with pytest.raises(ValueError, match=message):
        mode_statistics.predicted_prior(prior, confusion)  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("labels", "message"),
    [
        ([0.0, 1.0], "whole numbers"),
        ([[0]], r"shape \(1, 1\)"),
        ([3], r"lie in \[-1, 2\], found 3 to 3"),
        ([-2], "-2"),
    ],
)
def test_wrong_labels_are_refused(labels: list[object], message: str) -> None:
    """Labels are whole numbers of shape (n,) in [-1, K)."""
    with pytest.raises(ValueError, match=message):
        mode_statistics.count_labels(labels, 3)  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("n", "kl", "tv", "jsd", "modes"),
    [
        (2_600, 0.213, 0.250, 0.0595, 925.6),
        (26_000, 0.0194, 0.078, 0.0049, 1000.0),
        (100_000, 0.0050, 0.040, 0.0012, 1000.0),
    ],
)
def test_perfect_sampler_of_a_thousand_modes_has_the_known_floors(
    n: int, kl: float, tv: float, jsd: float, modes: float
) -> None:
    """The mean of each statistic under uniform sampling of K = 1000 modes, as in stacked MNIST."""
    prior = np.full(1000, 1e-3)
    counts = np.random.default_rng(1).multinomial(n, prior, size=200)
    assert mode_statistics.kl(counts / n, prior).mean() == pytest.approx(kl, rel=0.01)
    assert mode_statistics.total_variation(counts / n, prior).mean() == pytest.approx(tv, rel=0.01)
    assert mode_statistics.jensen_shannon(counts / n, prior).mean() == pytest.approx(jsd, rel=0.02, abs=6e-5)
    assert (counts > 0).sum(axis=1).mean() == pytest.approx(modes, abs=2)
    assert mode_statistics.expected_modes(n, prior) == pytest.approx(1000 * (1 - (1 - 1e-3) ** n))
    assert mode_statistics.expected_modes(n, prior) == pytest.approx(modes, abs=0.3)
    floors = [mode_statistics.kl_floor(row) for row in counts]
    assert np.mean(floors) == pytest.approx((modes - 1) / (2 * n), rel=0.01)
    if n > 10_000:  # with few samples per mode the floor is more than its first term
        assert mode_statistics.kl(counts / n, prior).mean() - np.mean(floors) == pytest.approx(0, abs=2e-4)


@pytest.mark.parametrize(
    ("error", "modes", "robust", "kl"),
    [(0.0075, 32, 28, 6.73), (0.01, 37, 28, 6.67), (0.02, 57, 28, 6.49), (0.05, 160, 28, 5.99)],
)
def test_classifier_errors_inflate_the_count_of_modes_of_a_collapsed_generator(
    error: float, modes: float, robust: float, kl: float
) -> None:
    """One triple of digits, each digit misread now and then: many "modes", yet KL near 6.91.

    The published counts come from single simulations, whose standard deviation is below 4; the mean over
    many has a closed form: of each of the 1,000 triples, the probability to be seen at all.
    """
    rng, n, repeats = np.random.default_rng(2), 26_000, 20
    shift = np.where(rng.random((repeats, n, 3)) < error, rng.integers(1, 10, (repeats, n, 3)), 0)
    triples = (7 + shift) % 10 @ np.array([100, 10, 1])
    counts = np.stack([mode_statistics.count_labels(labels, 1000) for labels in triples])
    wrong = np.arange(4)  # digits of a triple that were misread
    seen = 1 - (1 - (error / 9) ** wrong * (1 - error) ** (3 - wrong)) ** n
    expected = float(seen @ [1, 27, 243, 729])
    assert (counts > 0).sum(axis=1).mean() == pytest.approx(expected, abs=4 * 8 / math.sqrt(repeats))
    assert expected == pytest.approx(modes, abs=4)
    assert (counts >= 5).sum(axis=1).mean() == pytest.approx(robust, abs=1)
    assert mode_statistics.kl(counts / n, np.full(1000, 1e-3)).mean() == pytest.approx(kl, abs=0.01)
